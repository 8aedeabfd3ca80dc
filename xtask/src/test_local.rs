//! `cargo xtask test-local`: the black-box tests, against an embedded stack that is started for them
//! on a free port ([`embedded`]), or at an emulator of AWS to which everything is deployed first
//! ([`emulator`]). [`place`] chooses.

mod emulator;
mod options;
mod place;

pub(crate) use options::Arguments;

use crate::{cargo, local, project};
use anyhow::{Context, Result, bail};
use clap::ValueEnum as _;
use options::{Embedded, Suite};
use place::Place;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use users_support::Scratch;

/// Callers that the suite needs besides `test`; it knows their names.
const PRINCIPALS: &[&str] = &["other:other-secret", "reader:reader-secret=GET/users*"];

/// The file of the stack's output, in the scratch folder.
const LOG: &str = "local-stack.log";

/// The line that the stack prints when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    region: String,
    control: String,
}

/// A running stack, stopped when dropped.
struct Stack {
    child: Child,
    /// The stack stops when this is closed, also by the end of this program.
    _stdin: Option<ChildStdin>,
    ready: Ready,
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Its functions end when their Runtime API is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the tests at the chosen place.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let place = place::choose(arguments, |name| std::env::var(name).ok(), emulator::answers)?;
    eprintln!("Testing at {place}.");
    match place {
        Place::Embedded => run_embedded(&arguments.embedded).map(|()| ExitCode::SUCCESS),
        Place::Emulator(endpoint) => {
            emulator::run(&["--endpoint-url", &endpoint], &arguments.emulator)
        }
        Place::LocalStack => emulator::run(&["--localstack"], &arguments.emulator),
    }
}

/// Runs all tests at the embedded stack, even when an emulator answers.
pub(crate) fn embedded() -> Result<()> {
    run_embedded(&Embedded::default())
}

fn run_embedded(arguments: &Embedded) -> Result<()> {
    let suites = match &arguments.suite[..] {
        [] => Suite::value_variants(),
        chosen => chosen,
    };
    let built = build(arguments.release, suites.contains(&Suite::Lifecycle))?;
    let scratch = Scratch::new("users-test-local")?;
    let stack = start(built.command(), arguments.logs, &scratch)?;
    eprintln!("The embedded stack answers at {}", stack.ready.url);
    let result = suites.iter().try_for_each(|suite| {
        let mut command = cargo::cargo();
        command.args(["test", "--package", "users-tests", "--locked", "--test", &suite.name()]);
        if arguments.release {
            command.arg("--release");
        }
        command
            .args(&arguments.filter)
            .env("USERS_API_URL", &stack.ready.url)
            .env("USERS_API_REGION", &stack.ready.region)
            .env("USERS_API_CONTROL_URL", &stack.ready.control)
            .env("USERS_API_VOLUME", arguments.users.to_string())
            .env("USERS_API_SEQUENCES", arguments.sequences.to_string())
            .env("USERS_API_STEPS", arguments.steps.to_string())
            .env("USERS_LOCAL_STACK", &built.program)
            .env("USERS_LOCAL_FUNCTIONS", &built.functions)
            .env("USERS_LOCAL_TEMPLATE", &built.template)
            .env("USERS_XTASK", project::program()?);
        cargo::run(&mut command)
    });
    if result.is_err()
        && !arguments.logs
        && let Ok(path) = scratch.keep(LOG)
    {
        eprintln!("The output of the stack is in {}", path.display());
    }
    result
}

/// Builds the stack and the tests; for the suite `lifecycle` also the commands that it interrupts,
/// which are never optimised.
fn build(release: bool, with_commands: bool) -> Result<local::Built> {
    let commands = ["users-tests", "users-faults"];
    if with_commands {
        // The steps of the runbook run it, and compiling it would exceed the timeout of a test.
        cargo::run(cargo::cargo().args(["build", "--package", "users-aws", "--locked"]))?;
        if release {
            local::build("dev", false, &commands)?;
        }
    }
    local::build("dev", release, &commands[..if with_commands { commands.len() } else { 1 }])
}

fn start(mut command: Command, logs: bool, scratch: &Scratch) -> Result<Stack> {
    command.args(["--port", "0", "--ephemeral", "--output", "json", "--end-with-stdin"]);
    for principal in PRINCIPALS {
        command.args(["--principal", principal]);
    }
    let log = scratch.path().join(LOG);
    let errors = if logs {
        Stdio::inherit()
    } else {
        Stdio::from(File::create(&log).context("cannot write a temporary file")?)
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .context("cannot start the local stack")?;
    let mut line = String::new();
    let output = child.stdout.take().context("the local stack has no output")?;
    // The stack prints one line when it is ready, or ends without one.
    BufReader::new(output).read_line(&mut line).context("cannot read from the local stack")?;
    let Ok(ready) = serde_json::from_str(&line) else {
        let _ = child.kill();
        let status = child.wait().context("cannot wait for the local stack")?;
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        bail!("the local stack did not start ({status}):\n{said}");
    };
    Ok(Stack { _stdin: child.stdin.take(), child, ready })
}
