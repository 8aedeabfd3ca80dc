//! The options of `test-local`.

use clap::ValueEnum;
use std::path::PathBuf;

/// Arguments of `test-local`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The tests run at --endpoint-url or --localstack; else at AWS_ENDPOINT_URL when that is set; else at an \
emulator that answers on port 4566; else, and with any option of the embedded stack, at the embedded \
stack.

At an emulator the service is deployed as `cargo xtask deploy` does it, tested, changed, broken on \
purpose, and destroyed.

Exit status: 0 passed, 1 failed, 2 for a command line that cannot be understood, 3 when the \
emulator is at fault.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) embedded: Embedded,
    #[command(flatten)]
    pub(super) emulator: Emulator,
}

/// Options of the embedded stack.
#[derive(Debug, Eq, PartialEq, clap::Args)]
#[command(next_help_heading = "Options of the embedded stack")]
pub(super) struct Embedded {
    /// Build with optimisations.
    #[arg(long)]
    pub(super) release: bool,
    /// Only this suite; can be given several times.
    #[arg(long, value_enum)]
    pub(super) suite: Vec<Suite>,
    /// The number of users that the suite `volume` registers.
    #[arg(long, default_value_t = Self::USERS)]
    pub(super) users: u32,
    /// The number of random sequences of calls in the suite `stack`.
    #[arg(long, default_value_t = Self::SEQUENCES)]
    pub(super) sequences: u32,
    /// The number of calls in a random sequence.
    #[arg(long, default_value_t = Self::STEPS)]
    pub(super) steps: u32,
    /// Only the tests whose names contain this.
    pub(super) filter: Option<String>,
    /// Print the log lines of the functions.
    #[arg(long)]
    pub(super) logs: bool,
}

/// Options of an emulator of AWS.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of an emulator")]
pub(super) struct Emulator {
    /// The address of LocalStack, MiniStack, fakecloud or Floci.
    #[arg(long, value_name = "URL", conflicts_with_all = EMBEDDED)]
    pub(super) endpoint_url: Option<String>,
    /// Start LocalStack in Docker, with LOCALSTACK_AUTH_TOKEN, and stop it afterwards.
    #[arg(long, conflicts_with = "endpoint_url", conflicts_with_all = EMBEDDED)]
    pub(super) localstack: bool,
    /// The archives of the functions. Default: they are built, for this machine's architecture.
    #[arg(long, value_name = "DIR", conflicts_with_all = EMBEDDED)]
    pub(super) bundles: Option<PathBuf>,
    /// Leave everything deployed at the end.
    #[arg(long, conflicts_with_all = EMBEDDED)]
    pub(super) keep: bool,
}

/// The options that only the embedded stack has.
const EMBEDDED: [&str; 7] = ["release", "suite", "users", "sequences", "steps", "filter", "logs"];

/// The suites, in their order: `stack` checks the whole table again and again, so it comes before
/// `volume` fills it; `lifecycle` starts its own stacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Suite {
    Api,
    Stack,
    Volume,
    Lifecycle,
}

impl Suite {
    /// The name of its test target, as on the command line.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Embedded {
    /// Enough for many pages of every list, and few enough to wait for.
    const USERS: u32 = 2_000;
    /// A few seconds' worth.
    const SEQUENCES: u32 = 12;
    const STEPS: u32 = 60;

    /// Whether any option differs from its default.
    pub(super) fn is_chosen(&self) -> bool {
        *self != Self::default()
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self {
            release: false,
            suite: Vec::new(),
            users: Self::USERS,
            sequences: Self::SEQUENCES,
            steps: Self::STEPS,
            filter: None,
            logs: false,
        }
    }
}
