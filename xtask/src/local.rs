//! `cargo xtask local`: builds the functions and the embedded cloud, then becomes the latter.

mod partitions;

use crate::{cargo, project};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the API listens unless told otherwise.
pub(crate) const PORT: u16 = 4510;

/// Arguments of `local`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port of the API on this machine; 0 picks a free one.
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// Where the data lies. Default: `.local/data` in the project.
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data: Option<PathBuf>,
    /// Keep all data in memory; nothing survives the end.
    #[arg(long)]
    ephemeral: bool,
    /// Build with optimisations.
    #[arg(long)]
    release: bool,
    /// Another caller, besides `test` with secret `test`. With `=METHOD/PATH,...` (`*` stands for
    /// anything) it may call only these, as a policy with execute-api:Invoke would have it.
    #[arg(long, value_name = "ID:SECRET[=METHOD/PATH,...]")]
    principal: Vec<String>,
    /// The stage of stages.toml whose template to run.
    #[arg(long, default_value = "dev")]
    stage: String,
    /// How old the lists of users are, as the indexes of DynamoDB may lag behind a write.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    index_lag: u64,
    /// `json` prints the ready block as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// End when standard input ends, which is when the program that holds its other end does.
    #[arg(long)]
    end_with_stdin: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Where a running local stack tells `cargo xtask call` its address. `USERS_LOCAL_READY_FILE` names
/// another file, so that tests can have a stack beside the one that somebody uses.
pub(crate) fn ready_file() -> PathBuf {
    match std::env::var_os("USERS_LOCAL_READY_FILE").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => users_support::project::root().join(".local").join("ready.json"),
    }
}

/// What the local stack that was started last tells of itself, unless it has ended in order.
pub(crate) fn ready() -> Option<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(ready_file()).ok()?).ok()
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let built = build(&arguments.stage, arguments.release, &[])?;
    let mut command = built.command();
    command.args(["--port", &arguments.port.to_string()]);
    command.arg("--ready-file").arg(ready_file());
    if arguments.ephemeral {
        command.arg("--ephemeral");
    } else {
        let default = || users_support::project::root().join(".local").join("data");
        let data = arguments.data.clone().unwrap_or_else(default);
        partitions::check(&data, &users_template::files::stage(None, &arguments.stage)?)?;
        command.arg("--data").arg(data);
    }
    command.args(["--index-lag", &arguments.index_lag.to_string()]);
    for principal in &arguments.principal {
        command.args(["--principal", principal]);
    }
    if arguments.output == Output::Json {
        command.args(["--output", "json"]);
    }
    if arguments.end_with_stdin {
        command.arg("--end-with-stdin");
    }
    become_it(command)
}

/// Replaces this program, so that signals and the exit status are the stack's own.
#[cfg(unix)]
fn become_it(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).context("cannot start the local stack")
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result<()> {
    let status = command.status().context("cannot start the local stack")?;
    std::process::exit(status.code().unwrap_or(1));
}

/// What was built for the local stack.
#[derive(Debug)]
pub(crate) struct Built {
    /// The embedded cloud.
    pub(crate) program: PathBuf,
    /// The directory of the functions.
    pub(crate) functions: PathBuf,
    /// The template to run.
    pub(crate) template: PathBuf,
}

impl Built {
    /// The embedded cloud, with what was built.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--template").arg(&self.template);
        command.arg("--functions").arg(&self.functions);
        command
    }
}

/// Builds functions, embedded cloud and template; with `more` packages in the same go, so that
/// what they share is compiled once.
pub(crate) fn build(stage: &str, release: bool, more: &[&str]) -> Result<Built> {
    let stage = users_template::files::stage(None, stage)?;
    let profile = if release { "release" } else { "debug" };
    eprintln!("Building the functions and the local stack ({profile}) ...");
    let mut command = cargo::cargo();
    command.args(["build", "--package", "users-functions", "--package", "local-stack"]);
    for package in more {
        command.args(["--package", package]);
    }
    if release {
        command.arg("--release");
    }
    cargo::run(&mut command)?;

    let target = project::target()?;
    let functions = target.join(profile);
    let directory = target.join("local");
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let template = directory.join(users_template::template_file_name(&stage.name));
    write(&template, &users_template::render_template(&stage))?;
    let program = functions.join(format!("local-stack{}", std::env::consts::EXE_SUFFIX));
    Ok(Built { program, functions, template })
}

/// Replaces a file as a whole: another command may be reading it.
fn write(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_extension(std::process::id().to_string());
    std::fs::write(&unfinished, text)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
