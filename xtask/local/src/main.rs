//! Runs a template locally: `local-stack --template FILE --functions DIR`.

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, ValueEnum};
use local_stack::{DataLocation, Options, Principal, Stack};
use serde_json::json;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::oneshot;

/// Gives freed memory back to the system: after an attack the C library's allocator kept four times
/// what the stack had before.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs a CloudFormation template and its functions on this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The CloudFormation template, JSON.
    #[arg(long, value_name = "FILE")]
    template: PathBuf,
    /// The directory of the functions' binaries.
    #[arg(long, value_name = "DIR")]
    functions: PathBuf,
    /// The port; 0 takes a free one.
    #[arg(long, value_name = "N", default_value_t = 4510)]
    port: u16,
    /// The directory of the data.
    #[arg(long, value_name = "DIR", required_unless_present = "ephemeral")]
    data: Option<PathBuf>,
    /// Keep the data in memory and discard it at the end.
    #[arg(long, conflicts_with = "data")]
    ephemeral: bool,
    /// A caller besides test:test: ID:SECRET, or ID:SECRET=METHOD/path,... to allow only these calls
    /// (with the wildcards * and ?). Can be repeated.
    #[arg(long = "principal", value_name = "ID:SECRET[=METHOD/PATH,...]")]
    principals: Vec<Principal>,
    /// A parameter of the template. Can be repeated.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// An environment variable of every function. Can be repeated.
    #[arg(long = "function-variable", value_name = "NAME=VALUE", value_parser = parameter)]
    variables: Vec<(String, String)>,
    /// The lag of reads of an index behind the last write, as on AWS.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    index_lag: u64,
    /// The output on stdout once the stack is ready.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// A file with the same line of JSON while the stack is up, for other programs.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// End when standard input ends, which is when the parent program ends.
    #[arg(long)]
    end_with_stdin: bool,
    /// The maximum number of requests, invocations, log lines and traces in memory, each. The default
    /// is some thousands.
    #[arg(long, value_name = "N")]
    history: Option<usize>,
    /// The AWS Region.
    #[arg(long, default_value = "us-east-1", value_parser = NonEmptyStringValueParser::new())]
    region: String,
    /// The AWS account.
    #[arg(long, default_value = "000000000000", value_parser = NonEmptyStringValueParser::new())]
    account: String,
}

const UNWRITABLE: &str = "cannot write to standard output";

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Output {
    /// Nothing; people read stderr.
    Text,
    /// One line of JSON.
    Json,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be NAME=VALUE".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    local_stack::raise_descriptor_limit();
    local_stack::keep_files_private();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result =
        runtime.context("cannot start").and_then(|runtime| runtime.block_on(run(arguments)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Installed first: a signal during the start must leave nothing behind.
    let mut signals = Signals::new(arguments.end_with_stdin)?;
    let mut principals = vec![Principal::new("test", "test")];
    principals.extend(arguments.principals);
    let data = match arguments.data {
        Some(directory) => DataLocation::Directory(directory),
        None => DataLocation::Ephemeral,
    };
    let kept = matches!(data, DataLocation::Directory(_));
    let options = Options {
        port: arguments.port,
        data,
        principals,
        region: arguments.region,
        account: arguments.account,
        parameters: arguments.parameters.into_iter().collect(),
        variables: arguments.variables.into_iter().collect(),
        index_lag: Duration::from_millis(arguments.index_lag),
        history: arguments.history.unwrap_or(usize::MAX),
        ..Options::new(arguments.template, arguments.functions)
    };
    let stack = tokio::select! {
        started = local_stack::start(options) => started?,
        () = signals.wait() => {
            say("stopped while starting");
            return Ok(());
        }
    };
    say(&ready_block(&stack, kept));
    let line = ready_line(&stack);
    // Before the line on stdout: its reader may open the file at once.
    let ready_file = arguments.ready_file.as_deref();
    if let Some(path) = ready_file {
        local_stack::write_atomically(path, line.as_bytes())?;
    }
    if arguments.output == Output::Json {
        let written = print(&line);
        if let Err(error) = written {
            if let Some(path) = ready_file {
                forget(path, &line);
            }
            stack.shutdown().await;
            // A broken pipe means that the reader has gone.
            let is_quiet = error.kind() == ErrorKind::BrokenPipe;
            return if is_quiet { Ok(()) } else { Err(error).context(UNWRITABLE) };
        }
    }
    signals.wait().await;
    say("stopping");
    if let Some(path) = ready_file {
        forget(path, &line);
    }
    stack.shutdown().await;
    say("stopped");
    Ok(())
}

fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}

fn ready_line(stack: &Stack) -> String {
    let ready = json!({
        "url": stack.url(),
        "region": stack.region(),
        "data": stack.data(),
        "control": stack.control_url(),
        "console": stack.console_url(),
    });
    format!("{ready}\n")
}

/// Removes the ready file, unless another stack has written it since.
fn forget(path: &Path, line: &str) {
    if std::fs::read(path).is_ok_and(|content| content == line.as_bytes()) {
        // Should this fail, the file names a stack that does not answer.
        let _ = std::fs::remove_file(path);
    }
}

fn ready_block(stack: &Stack, kept: bool) -> String {
    let mut lines = vec![
        String::new(),
        format!("  ready        {}", stack.url()),
        format!("  region       {}", stack.region()),
        "  credentials  access key test, secret test".to_owned(),
        format!(
            "  data         {} ({})",
            stack.data().display(),
            if kept { "kept" } else { "discarded at the end" }
        ),
        format!("  control      {}", stack.control_url()),
        format!("  console      {}", stack.console_url()),
    ];
    lines.extend(stack.left_out().iter().map(|left_out| format!("  left out     {left_out}")));
    if !stack.limits_memory() {
        lines.push("  left out     memory limits of functions (not on this system)".to_owned());
    }
    lines.extend(
        [
            "",
            "  try          cargo xtask call POST /users --data '{\"email\": \"ada@example.com\"}'",
            "               cargo xtask call GET /users",
            "               cargo xtask call GET '/users?email=ada@example.com'",
            "",
        ]
        .map(str::to_owned),
    );
    lines.join("\n")
}

fn say(text: &str) {
    local_stack::write_to_stderr(&format!("{text}\n"));
}

/// The signals that end the stack: Ctrl-C, the end of standard input on request, and on Unix SIGTERM
/// and SIGHUP, the end of the terminal.
#[derive(Debug)]
struct Signals {
    input_ended: Option<oneshot::Receiver<()>>,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
    /// Never waited for. With a listener, a file at its size limit is an error of its write, like a
    /// full disk, and does not end the process.
    #[cfg(unix)]
    _file_size: tokio::signal::unix::Signal,
}

impl Signals {
    fn new(end_with_stdin: bool) -> anyhow::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        let input_ended = end_with_stdin.then(|| {
            let (sender, receiver) = oneshot::channel();
            // An error means that a signal came first.
            users_support::tied::when_stdin_ends(move || {
                let _ = sender.send(());
            });
            receiver
        });
        Ok(Self {
            input_ended,
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            #[cfg(unix)]
            hang_up: signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?,
            #[cfg(unix)]
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))
                .context("cannot listen for SIGXFSZ")?,
        })
    }

    async fn wait(&mut self) {
        let input_ended = &mut self.input_ended;
        let input_ended = async {
            match input_ended {
                // An error means that the receiver is gone.
                Some(ended) => {
                    let _ = ended.await;
                }
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        tokio::select! {
            () = input_ended => {}
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
        #[cfg(not(unix))]
        tokio::select! {
            () = input_ended => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
