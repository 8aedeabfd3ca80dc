//! `cargo xtask local`: builds the functions and the local stack, then runs the stack.

mod partitions;

use crate::{cargo, delegate, project};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use xtask_cli::Output;

/// The default port of the API.
pub(crate) const PORT: u16 = 4510;

/// Arguments of `local`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Port of the API on this machine; 0 picks a free one.
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// The directory of the data. Default: `.local/data` in the project.
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data: Option<PathBuf>,
    /// Keep all data in memory; nothing survives a restart.
    #[arg(long)]
    ephemeral: bool,
    /// Build with optimisations.
    #[arg(long)]
    release: bool,
    /// Another caller, besides `test` with secret `test`. With `=METHOD/PATH,...` (`*` matches
    /// anything) it may make only these calls, as with a policy for execute-api:Invoke.
    #[arg(long, value_name = "ID:SECRET[=METHOD/PATH,...]")]
    principal: Vec<String>,
    /// The stage of stages.toml whose template to run.
    #[arg(long, default_value = "dev")]
    stage: String,
    /// The age of the lists of users, since the indexes of DynamoDB may lag behind a write.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    index_lag: u64,
    /// `json` prints the ready block as one line of JSON on standard output.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Stop when standard input ends, such as with the process that holds its other end.
    #[arg(long)]
    end_with_stdin: bool,
}

/// The file with the address of the running local stack. `USERS_LOCAL_READY_FILE` names another, so
/// that tests can have stacks of their own.
fn ready_file() -> PathBuf {
    match std::env::var_os("USERS_LOCAL_READY_FILE").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => users_support::project::root().join(".local").join("ready.json"),
    }
}

/// The ready file of the local stack that was started last; a stack removes its file when it stops.
pub(crate) fn ready() -> Option<serde_json::Value> {
    serde_json::from_slice(&std::fs::read(ready_file()).ok()?).ok()
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
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
    delegate::exec(command)
}

/// The files of a local stack.
#[derive(Debug)]
pub(crate) struct Built {
    /// The program.
    pub(crate) program: PathBuf,
    /// The directory of the functions.
    pub(crate) functions: PathBuf,
    /// The template to run.
    pub(crate) template: PathBuf,
}

impl Built {
    /// The program with its template and functions.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--template").arg(&self.template);
        command.arg("--functions").arg(&self.functions);
        command
    }
}

/// Builds functions, local stack and template, and `more` packages in the same run of cargo, so that
/// shared dependencies are compiled once.
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
    let program = functions.join(project::executable("local-stack"));
    Ok(Built { program, functions, template })
}

/// Replaces a file as a whole, since another command may be reading it.
fn write(path: &Path, text: &str) -> Result<()> {
    let unfinished = path.with_extension(std::process::id().to_string());
    std::fs::write(&unfinished, text)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
