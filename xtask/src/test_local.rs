//! `cargo xtask test-local`: the black-box tests, against an embedded stack that is started for them
//! on a free port and taken down afterwards ([`embedded`]), or at an emulator of AWS to which
//! everything is deployed first ([`emulator`]). [`place`] says which.

mod emulator;
mod place;

use crate::{cargo, local, project};
use anyhow::{Context, Result, bail};
use place::Place;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use users_support::Scratch;

/// Arguments of `test-local`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Where the tests run: where --endpoint-url or --localstack says; at AWS_ENDPOINT_URL when that is \
set; at an emulator that answers on port 4566; else, and whenever an option of the embedded stack \
is given, at the embedded stack.

At an emulator the service is deployed as `cargo xtask deploy` does it, tested, changed, broken on \
purpose, and destroyed.

Exit status: 0 passed, 1 failed, 2 for a command line that cannot be understood, 3 when the \
emulator is at fault.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    embedded: Embedded,
    #[command(flatten)]
    emulator: Emulator,
}

/// Options of the embedded stack.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of the embedded stack")]
struct Embedded {
    /// Build with optimisations.
    #[arg(long)]
    release: bool,
    /// Only this suite; can be given several times.
    #[arg(long, value_enum)]
    suite: Vec<Suite>,
    /// How many users the suite `volume` registers.
    #[arg(long, default_value_t = DEFAULT_USERS)]
    users: u32,
    /// How many random sequences of calls the suite `stack` makes.
    #[arg(long, default_value_t = DEFAULT_SEQUENCES)]
    sequences: u32,
    /// How many calls a random sequence has.
    #[arg(long, default_value_t = DEFAULT_STEPS)]
    steps: u32,
    /// Only the tests whose names contain this.
    filter: Option<String>,
    /// Print the log lines of the functions.
    #[arg(long)]
    logs: bool,
}

/// Options of an emulator of AWS.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Options of an emulator")]
struct Emulator {
    /// The address of LocalStack, MiniStack, fakecloud or Floci.
    #[arg(long, value_name = "URL", conflicts_with_all = EMBEDDED)]
    endpoint_url: Option<String>,
    /// Start LocalStack in Docker, with LOCALSTACK_AUTH_TOKEN, and stop it afterwards.
    #[arg(long, conflicts_with = "endpoint_url", conflicts_with_all = EMBEDDED)]
    localstack: bool,
    /// The archives of the functions. Default: they are built, for this machine's architecture.
    #[arg(long, value_name = "DIR", conflicts_with_all = EMBEDDED)]
    bundles: Option<PathBuf>,
    /// Leave everything as it is at the end.
    #[arg(long, conflicts_with_all = EMBEDDED)]
    keep: bool,
}

/// The options that only the embedded stack has.
const EMBEDDED: [&str; 7] = ["release", "suite", "users", "sequences", "steps", "filter", "logs"];

/// Callers that the suite needs besides `test`; it knows their names.
const PRINCIPALS: &[&str] = &["other:other-secret", "reader:reader-secret=GET/users*"];

/// Enough to make every list many pages long, and few enough to wait for.
const DEFAULT_USERS: u32 = 2_000;
/// A few seconds' worth.
const DEFAULT_SEQUENCES: u32 = 12;
const DEFAULT_STEPS: u32 = 60;

/// What the stack says, in the scratch folder.
const LOG: &str = "local-stack.log";

/// The suites, in their order: `stack` looks at the whole table again and again, so it comes before
/// `volume` fills it; `lifecycle` has stacks of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Suite {
    Api,
    Stack,
    Volume,
    Lifecycle,
}

impl Suite {
    const ALL: &[Self] = &[Self::Api, Self::Stack, Self::Volume, Self::Lifecycle];

    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Stack => "stack",
            Self::Volume => "volume",
            Self::Lifecycle => "lifecycle",
        }
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self {
            release: false,
            suite: Vec::new(),
            users: DEFAULT_USERS,
            sequences: DEFAULT_SEQUENCES,
            steps: DEFAULT_STEPS,
            filter: None,
            logs: false,
        }
    }
}

/// What the stack prints when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    region: String,
    control: String,
}

/// A running stack, ended when dropped.
struct Stack {
    child: Child,
    /// The stack ends when this is closed, also by the end of this program.
    _held: Option<ChildStdin>,
    ready: Ready,
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Its functions end with it: they notice that their Runtime API is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the tests where they are to run.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let place = place::choose(arguments, |name| std::env::var(name).ok(), emulator::answering)?;
    eprintln!("{place}");
    match place {
        Place::Embedded { .. } => run_embedded(&arguments.embedded).map(|()| ExitCode::SUCCESS),
        Place::Emulator { endpoint, .. } => {
            emulator::run(&["--endpoint-url", &endpoint], &arguments.emulator)
        }
        Place::LocalStack => emulator::run(&["--localstack"], &arguments.emulator),
    }
}

/// Runs all tests at the embedded stack, whatever else answers.
pub(crate) fn embedded() -> Result<()> {
    run_embedded(&Embedded::default())
}

fn run_embedded(arguments: &Embedded) -> Result<()> {
    let suites = if arguments.suite.is_empty() { Suite::ALL } else { &arguments.suite };
    let built = build(arguments.release, suites.contains(&Suite::Lifecycle))?;
    if suites.contains(&Suite::Lifecycle) {
        // The runbook's steps run it, and compiling it takes longer than a test has patience.
        cargo::run(cargo::cargo().args(["build", "--package", "users-aws", "--locked"]))?;
    }
    let scratch = Scratch::new("users-test-local")?;
    let stack = start(built.command(), arguments.logs, &scratch)?;
    eprintln!("The embedded stack answers at {}", stack.ready.url);
    let result = suites.iter().try_for_each(|suite| {
        let mut command = cargo::cargo();
        command.args(["test", "--package", "users-tests", "--locked", "--test", suite.name()]);
        if arguments.release {
            command.arg("--release");
        }
        if let Some(filter) = &arguments.filter {
            command.arg(filter);
        }
        command
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
        eprintln!("What the stack printed is in {}", path.display());
    }
    result
}

/// Builds the stack and the tests; for the suite `lifecycle` also the commands that it interrupts,
/// which are never optimised.
fn build(release: bool, with_commands: bool) -> Result<local::Built> {
    let commands = ["users-tests", "users-faults"];
    if with_commands && release {
        local::build("dev", false, &commands)?;
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
    // It prints one line when it is ready and none when it fails, so this never waits for long.
    BufReader::new(output).read_line(&mut line).context("cannot read from the local stack")?;
    let Ok(ready) = serde_json::from_str(&line) else {
        let _ = child.kill();
        let status = child.wait().context("cannot wait for the local stack")?;
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        bail!("the local stack did not start ({status}):\n{said}");
    };
    Ok(Stack { _held: child.stdin.take(), child, ready })
}
