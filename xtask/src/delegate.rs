//! Commands that are programs of their own, because of what has to be compiled for them: `users-aws`
//! for the SDK of AWS, `users-faults` for load and faults, `users-bench` because few need it. Here their names are known, and what has to be built before; options, help
//! and exit status are the program's.

use crate::{build, cargo, project};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// What follows the name of such a command.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// As `cargo xtask <command> --help` says.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

impl Arguments {
    /// The words as they were given.
    pub(crate) fn words(&self) -> &[OsString] {
        &self.arguments
    }

    /// The value of an option, as `--name value` or `--name=value`.
    pub(crate) fn value_of(&self, name: &str) -> Option<String> {
        value_of(&self.arguments, name)
    }

    /// Whether only help is wanted. What a run needs does not have to be built for it.
    pub(crate) fn ask_for_help(&self) -> bool {
        helps(&self.arguments)
    }
}

/// Runs a command of `users-aws` as it is.
pub(crate) fn aws(name: &str, arguments: &Arguments) -> Result<ExitCode> {
    let mut command = command("users-aws", &[])?;
    command.arg(name).args(&arguments.arguments);
    finish(command)
}

/// Runs a command of `users-aws` that needs the archives of the functions, which are built before
/// unless `--bundles` says where they are.
pub(crate) fn aws_with_bundles(name: &str, arguments: &Arguments) -> Result<ExitCode> {
    let mut command = command("users-aws", &[])?;
    command.arg(name).args(&arguments.arguments);
    if let Some(stage) = stage_to_build(&arguments.arguments) {
        let file = value_of(&arguments.arguments, "--stages");
        let stage = users_template::files::stage(file.as_deref().map(Path::new), &stage)?;
        let architecture = build::Arch::from(stage.architecture);
        build::build(architecture)?;
        let bundles = project::target()?.join("bundles").join(architecture.as_str());
        command.arg("--bundles").arg(bundles);
    }
    finish(command)
}

/// The program of a package, built with these options.
pub(crate) fn command(package: &str, options: &[&str]) -> Result<Command> {
    let mut build = cargo::cargo();
    build.args(["build", "--quiet", "--package", package]).args(options);
    cargo::run_silently(&mut build)?;
    let profile = if options.contains(&"--release") { "release" } else { "debug" };
    let program = format!("{package}{}", std::env::consts::EXE_SUFFIX);
    Ok(Command::new(project::target()?.join(profile).join(program)))
}

/// Becomes the program, so that Ctrl-C and the exit status are its own.
#[cfg(unix)]
pub(crate) fn finish(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    Err(command.stdin(Stdio::inherit()).exec()).context("cannot run the program")
}

#[cfg(not(unix))]
pub(crate) fn finish(mut command: Command) -> Result<ExitCode> {
    let status = command.stdin(Stdio::inherit()).status().context("cannot run cargo")?;
    Ok(match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) => ExitCode::from(code),
        None => ExitCode::FAILURE,
    })
}

/// The stage to build for; none when the archives are named, or when the command will not get as
/// far as to need them.
fn stage_to_build(arguments: &[OsString]) -> Option<String> {
    if helps(arguments) || value_of(arguments, "--bundles").is_some() {
        return None;
    }
    value_of(arguments, "--stage")
}

fn helps(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--help" || argument == "-h")
}

/// The value of an option, as `--name value` or `--name=value`.
fn value_of(arguments: &[OsString], name: &str) -> Option<String> {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix(name) {
            Some("") => return arguments.next().map(str::to_owned),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].to_owned()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{stage_to_build, value_of};
    use std::ffi::OsString;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn options_are_found_in_both_spellings() {
        for text in ["--yes --stage dev", "--stage=dev --yes"] {
            assert_eq!(value_of(&words(text), "--stage").as_deref(), Some("dev"), "{text}");
        }
        assert_eq!(value_of(&words("--stages file"), "--stage"), None);
        assert_eq!(value_of(&words("--stage"), "--stage"), None);
    }

    #[test]
    fn nothing_is_built_for_help_or_when_the_archives_are_named() {
        assert_eq!(stage_to_build(&words("--stage dev --yes")).as_deref(), Some("dev"));
        assert_eq!(stage_to_build(&words("--stage dev --help")), None);
        assert_eq!(stage_to_build(&words("--stage dev --bundles target/b")), None);
    }
}
