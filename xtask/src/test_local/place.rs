//! Where the tests run.

use super::{Arguments, DEFAULT_SEQUENCES, DEFAULT_STEPS, DEFAULT_USERS, Embedded};
use anyhow::{Result, bail};
use std::fmt;

/// The variable by which every AWS tool is sent to an emulator.
const VARIABLE: &str = "AWS_ENDPOINT_URL";

/// Where emulators listen, unless told otherwise.
pub(super) const USUAL: &str = "http://127.0.0.1:4566";

/// Where the tests run, and why there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// At a stack that is started for them.
    Embedded {
        /// Why there.
        reason: &'static str,
    },
    /// At an emulator that runs.
    Emulator {
        /// Its address.
        endpoint: String,
        /// Why there.
        reason: &'static str,
    },
    /// At LocalStack, which is started for them.
    LocalStack,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded { reason } => {
                write!(formatter, "Testing at the embedded stack: {reason}")
            }
            Self::Emulator { endpoint, reason } => {
                write!(formatter, "Testing at the emulator at {endpoint}: {reason}")
            }
            Self::LocalStack => write!(formatter, "Testing at LocalStack in Docker"),
        }
    }
}

/// Chooses by arguments, then environment, then by what answers on the usual port.
pub(super) fn choose(
    arguments: &Arguments,
    variable: impl Fn(&str) -> Option<String>,
    answering: impl Fn(&str) -> bool,
) -> Result<Place> {
    let emulator = &arguments.emulator;
    if emulator.localstack {
        return Ok(Place::LocalStack);
    }
    if let Some(endpoint) = emulator.endpoint_url.clone() {
        return Ok(Place::Emulator { endpoint, reason: "--endpoint-url says so" });
    }
    if has_options(&arguments.embedded) {
        return Ok(Place::Embedded { reason: "an option that only it has is given" });
    }
    if let Some(endpoint) = variable(VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(Place::Emulator { endpoint, reason: "AWS_ENDPOINT_URL says so" });
    }
    if answering(USUAL) {
        let reason = "it answers on the usual port";
        return Ok(Place::Emulator { endpoint: USUAL.to_owned(), reason });
    }
    if emulator.keep || emulator.bundles.is_some() {
        bail!(
            "--keep and --bundles are for an emulator, and there is none: give --endpoint-url, or \
             start one on port 4566"
        );
    }
    Ok(Place::Embedded { reason: "no address is given, and no emulator answers on port 4566" })
}

fn has_options(embedded: &Embedded) -> bool {
    let Embedded { release, suite, users, sequences, steps, filter, logs } = embedded;
    *release
        || !suite.is_empty()
        || *users != DEFAULT_USERS
        || *sequences != DEFAULT_SEQUENCES
        || *steps != DEFAULT_STEPS
        || filter.is_some()
        || *logs
}

#[cfg(test)]
mod tests {
    use super::super::Arguments;
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

    fn emulator(place: Result<Place, String>) -> String {
        match place {
            Ok(Place::Emulator { endpoint, .. }) => endpoint,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_comes_first() {
        let given = Some("http://variable");
        let place_at = |line| place(line, given, true);
        assert_eq!(emulator(place_at("--endpoint-url http://flag")), "http://flag");
        assert_eq!(place_at("--localstack").unwrap(), Place::LocalStack);
        for line in ["--release", "--suite api", "--users 5", "--steps 9", "--logs", "a_test"] {
            assert!(matches!(place_at(line), Ok(Place::Embedded { .. })), "{line}");
        }
    }

    #[test]
    fn then_the_environment_then_the_usual_port_then_the_embedded_stack() {
        assert_eq!(emulator(place("", Some("http://variable"), true)), "http://variable");
        assert_eq!(emulator(place("--keep --bundles b", None, true)), USUAL);
        assert_eq!(emulator(place("", Some(""), true)), USUAL);
        let embedded = place("", None, false).unwrap();
        assert_eq!(
            embedded.to_string(),
            "Testing at the embedded stack: no address is given, and no emulator answers on port 4566"
        );
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
