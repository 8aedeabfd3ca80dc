//! `cargo xtask call METHOD PATH`: makes a signed call and prints the response; the exit status says
//! whether it succeeded.

mod target;

use crate::screen;
use anyhow::{Context, Result};
use http::Method;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use users_client::{Header, Response, Target, TypedError};
use users_support::log_line::{escaped, escaped_json};

/// Arguments of `call`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 for 2xx and 3xx, 4 for 4xx, 5 for 5xx, 1 when no answer came, 2 for a command line \
that cannot be understood.

The path and its query are completed as far as a URL needs it. Percent-encoding that is there is kept, \
letters beyond ASCII become UTF-8, and a `+` in the query is a plus (`%2B`), as in an address: for a \
space write `%20`.

Examples:
  cargo xtask call POST /users --data '{\"email\": \"ada@example.com\"}' --idempotency-key signup-1
  cargo xtask call GET '/users?status=active&limit=10'
  cargo xtask call GET '/users?email=ada+news@example.com'
  cargo xtask call GET /users --url https://abc.execute-api.eu-west-1.amazonaws.com/prod")]
pub(crate) struct Arguments {
    /// The HTTP method; capital letters are not needed.
    #[arg(value_parser = method)]
    method: Method,
    /// The path below the API stage, with its query if it has one.
    path: Target,
    /// The body: text, `@FILE`, or `-` for standard input.
    #[arg(long, short)]
    data: Option<String>,
    /// A header, `NAME: VALUE`, in ASCII; can be given several times. Those of the connection and
    /// of the signature are set by themselves.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    header: Vec<Header>,
    /// The `Idempotency-Key` header.
    #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
    idempotency_key: Option<Header>,
    /// Print the status line and the headers too.
    #[arg(long, short)]
    include: bool,
    #[command(flatten)]
    target: target::Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let client = arguments.target.client()?;
    let mut call = client.call(arguments.method.clone(), &arguments.path.path);
    for pair in &arguments.path.query {
        call = call.raw_query(pair);
    }
    for Header { name, value } in arguments.header.iter().chain(&arguments.idempotency_key) {
        call = call.header(name.as_str(), value);
    }
    if let Some(data) = &arguments.data {
        if !arguments.header.iter().any(|header| header.name == http::header::CONTENT_TYPE) {
            call = call.header("content-type", "application/json");
        }
        call = call.body(body(data)?);
    }
    let response = screen::block_on(async {
        call.send().await.map_err(|error| match error.is_lost() {
            true => anyhow::Error::new(error).context(arguments.target.hint()),
            false => error.into(),
        })
    })?;
    print(&response, arguments.include)?;
    Ok(ExitCode::from(match response.status.as_u16() {
        400..=499 => 4,
        500..=599 => 5,
        _ => 0,
    }))
}

fn method(text: &str) -> Result<Method, &'static str> {
    match text.to_ascii_uppercase().parse() {
        Ok(Method::CONNECT) => Err("is for proxies only"),
        Ok(method) => Ok(method),
        Err(_) => Err("a method is a word of ASCII letters, like GET"),
    }
}

fn idempotency_key(text: &str) -> Result<Header, TypedError> {
    Header::new(users_contract::header::IDEMPOTENCY_KEY, text)
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
                writeln!(out, "{name}: {}", escaped(&String::from_utf8_lossy(value.as_bytes())))?;
            }
            writeln!(out)?;
        }
        match pretty(&response.body) {
            Some(pretty) => writeln!(out, "{pretty}"),
            None if out.is_terminal() => {
                let text = String::from_utf8_lossy(&response.body);
                text.lines().try_for_each(|line| writeln!(out, "{}", escaped(line)))
            }
            None => out.write_all(&response.body),
        }
    })();
    match written {
        // A reader that stops early, like `head`, is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Indented JSON with its members in their order, and without characters that control a terminal;
/// `None` for other text.
fn pretty(body: &[u8]) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut writer = serde_json::Serializer::pretty(Vec::new());
    serde_transcode::transcode(&mut reader, &mut writer).ok()?;
    reader.end().ok()?;
    let text = String::from_utf8(writer.into_inner()).ok()?;
    Some(escaped_json(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Arguments, pretty};
    use clap::Parser;
    use rstest::rstest;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Line::try_parse_from(["call"].iter().chain(words)).map(|line| line.arguments)
    }

    #[test]
    fn members_keep_their_order() {
        let text = pretty(br#"{"b":1,"a":[]}"#);
        assert_eq!(text.as_deref(), Some("{\n  \"b\": 1,\n  \"a\": []\n}"));
        assert_eq!(pretty(b"{} x"), None);
        assert_eq!(pretty(b""), None);
    }

    #[test]
    fn control_characters_in_an_answer_do_not_reach_the_terminal() {
        let text = pretty("{\"a\": \"\u{9b}2J\u{202e}\"}".as_bytes());
        assert_eq!(text.as_deref(), Some("{\n  \"a\": \"\\u009b2J\\u202e\"\n}"));
    }

    #[rstest]
    #[case("get", "GET")]
    #[case("Post", "POST")]
    #[case("PATCH", "PATCH")]
    #[case("options", "OPTIONS")]
    #[case("purge", "PURGE")]
    fn a_method_needs_no_capitals(#[case] typed: &str, #[case] sent: &str) {
        assert_eq!(parse(&[typed, "/users"]).unwrap().method.as_str(), sent);
    }

    #[rstest]
    #[case(&["G T", "/users"], "'<METHOD>': a method is a word of ASCII letters")]
    #[case(&["", "/users"], "'<METHOD>'")]
    #[case(&["connect", "/users"], "'<METHOD>': is for proxies only")]
    #[case(&["GET", "/a b"], "'<PATH>': the path has a space")]
    #[case(&["GET", "/users", "-H", ": 1"], "'--header <NAME: VALUE>': the header has no name")]
    #[case(&["GET", "/users", "-H", "Host: x"], "'--header <NAME: VALUE>': the header Host")]
    #[case(&["GET", "/users", "--idempotency-key", "é"], "'--idempotency-key <KEY>': the value")]
    fn a_refusal_names_the_argument(#[case] words: &[&str], #[case] expected: &str) {
        let error = parse(words).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
