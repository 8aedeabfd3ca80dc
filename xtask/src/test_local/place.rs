//! The choice of the place where the tests run.

use super::options::Arguments;
use anyhow::{Result, bail};
use std::fmt;

/// The variable that sends every AWS tool to an emulator.
const VARIABLE: &str = "AWS_ENDPOINT_URL";

/// The default address of emulators.
pub(super) const USUAL: &str = "http://127.0.0.1:4566";

/// The place where the tests run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// A stack that is started for the tests.
    Embedded,
    /// The emulator at an address.
    Emulator(String),
    /// LocalStack, which is started for the tests.
    LocalStack,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => formatter.write_str("the embedded stack"),
            Self::Emulator(endpoint) => write!(formatter, "the emulator at {endpoint}"),
            Self::LocalStack => formatter.write_str("LocalStack in Docker"),
        }
    }
}

/// Chooses by arguments, then by the environment, then by the answer on the usual port.
pub(super) fn choose(
    arguments: &Arguments,
    variable: impl Fn(&str) -> Option<String>,
    answers: impl Fn(&str) -> bool,
) -> Result<Place> {
    let emulator = &arguments.emulator;
    if emulator.localstack {
        return Ok(Place::LocalStack);
    }
    if let Some(endpoint) = emulator.endpoint_url.clone() {
        return Ok(Place::Emulator(endpoint));
    }
    if arguments.embedded.is_chosen() {
        return Ok(Place::Embedded);
    }
    if let Some(endpoint) = variable(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(Place::Emulator(endpoint));
    }
    if answers(USUAL) {
        return Ok(Place::Emulator(USUAL.to_owned()));
    }
    if emulator.keep || emulator.bundles.is_some() {
        bail!(
            "--keep and --bundles are for an emulator, and there is none: give --endpoint-url, or \
             start one on port 4566"
        );
    }
    Ok(Place::Embedded)
}

#[cfg(test)]
mod tests {
    use super::super::options::Arguments;
    use super::{Place, USUAL, choose};
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn place(line: &str, variable: Option<&str>, answers: bool) -> Result<Place, String> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        let variable = |name: &str| {
            assert_eq!(name, "AWS_ENDPOINT_URL");
            variable.map(str::to_owned)
        };
        choose(&line.arguments, variable, |_| answers).map_err(|error| error.to_string())
    }

    fn emulator(endpoint: &str) -> Result<Place, String> {
        Ok(Place::Emulator(endpoint.to_owned()))
    }

    #[test]
    fn the_command_line_comes_first() {
        let given = Some("http://variable");
        let place_at = |line| place(line, given, true);
        assert_eq!(place_at("--endpoint-url http://flag"), emulator("http://flag"));
        assert_eq!(place_at("--localstack"), Ok(Place::LocalStack));
        for line in ["--release", "--suite api", "--users 5", "--steps 9", "--logs", "a_test"] {
            assert_eq!(place_at(line), Ok(Place::Embedded), "{line}");
        }
    }

    #[test]
    fn then_the_environment_then_the_usual_port_then_the_embedded_stack() {
        assert_eq!(place("", Some("http://variable"), true), emulator("http://variable"));
        assert_eq!(place("--keep --bundles b", None, true), emulator(USUAL));
        assert_eq!(place("", Some(""), true), emulator(USUAL));
        assert_eq!(place("", None, false), Ok(Place::Embedded));
    }

    #[test]
    fn options_that_do_not_fit_are_refused() {
        for line in [
            "--endpoint-url http://h --localstack",
            "--endpoint-url http://h --suite api",
            "--endpoint-url http://h --users 2000",
            "--localstack --release",
            "--keep --logs",
            "--keep",
            "--bundles b",
        ] {
            assert!(place(line, None, false).is_err(), "{line}");
        }
    }
}
