//! `cargo xtask call METHOD PATH`: a signed call, its answer readable, its success in the exit
//! status.

mod target;

use anyhow::{Context, Result, bail};
use http::Method;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use users_client::Response;

/// Arguments of `call`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 for 2xx and 3xx, 4 for 4xx, 5 for 5xx, 1 when no answer came, 2 for a command line \
that cannot be understood.

Examples:
  cargo xtask call POST /users --data '{\"email\": \"ada@example.com\"}' --idempotency-key signup-1
  cargo xtask call GET '/users?status=active&limit=10'
  cargo xtask call GET /users --url https://abc.execute-api.eu-west-1.amazonaws.com/prod")]
pub(crate) struct Arguments {
    /// The HTTP method.
    method: Method,
    /// The path below the API stage, percent-encoded, with its query if it has one.
    path: String,
    /// The body: text, `@FILE`, or `-` for standard input.
    #[arg(long, short)]
    data: Option<String>,
    /// A header, `NAME: VALUE`; can be given several times.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The `Idempotency-Key` header.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Print the status line and the headers too.
    #[arg(long, short)]
    include: bool,
    #[command(flatten)]
    target: target::Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.target.client()?;
    if !arguments.path.starts_with('/') {
        bail!("the path must begin with `/`, like /users");
    }
    let (path, query) = match arguments.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (arguments.path.as_str(), None),
    };
    let mut call = client.call(arguments.method.clone(), path);
    for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|it| !it.is_empty()) {
        call = call.raw_query(pair);
    }
    let mut typed = false;
    for header in &arguments.header {
        let (name, value) = header
            .split_once(':')
            .with_context(|| "--header must be `NAME: VALUE`, like `If-Match: \"3\"`")?;
        typed |= name.trim().eq_ignore_ascii_case("content-type");
        call = call.header(name.trim(), value.trim());
    }
    if let Some(key) = &arguments.idempotency_key {
        call = call.idempotency_key(key);
    }
    if let Some(data) = &arguments.data {
        if !typed {
            call = call.header("content-type", "application/json");
        }
        call = call.body(body(data)?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start an asynchronous runtime")?;
    let response = runtime.block_on(call.send()).with_context(|| arguments.target.hint())?;
    print(&response, arguments.include)?;
    Ok(ExitCode::from(match response.status.as_u16() {
        400..=499 => 4,
        500..=599 => 5,
        _ => 0,
    }))
}

fn body(data: &str) -> Result<Vec<u8>> {
    if data == "-" {
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body).context("cannot read standard input")?;
        return Ok(body);
    }
    match data.strip_prefix('@') {
        Some(file) => std::fs::read(file).with_context(|| format!("cannot read {file}")),
        None => Ok(data.as_bytes().to_vec()),
    }
}

fn print(response: &Response, include: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = (|| {
        if include {
            writeln!(out, "HTTP/1.1 {}", response.status)?;
            for (name, value) in &response.headers {
                writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
            }
            writeln!(out)?;
        }
        match pretty(&response.body) {
            Some(pretty) => writeln!(out, "{pretty}"),
            None => {
                out.write_all(&response.body)?;
                let ended = response.body.last().is_none_or(|last| *last == b'\n');
                if !ended && out.is_terminal() { writeln!(out) } else { Ok(()) }
            }
        }
    })();
    match written {
        // A reader that had enough, like `head`, is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// JSON with line breaks, its members in the order they came in; `None` when it is no JSON.
fn pretty(body: &[u8]) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut writer = serde_json::Serializer::pretty(Vec::new());
    serde_transcode::transcode(&mut reader, &mut writer).ok()?;
    reader.end().ok()?;
    String::from_utf8(writer.into_inner()).ok()
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn members_keep_their_order() {
        let text = pretty(br#"{"b":1,"a":[]}"#);
        assert_eq!(text.as_deref(), Some("{\n  \"b\": 1,\n  \"a\": []\n}"));
        assert_eq!(pretty(b"{} x"), None);
        assert_eq!(pretty(b""), None);
    }
}
