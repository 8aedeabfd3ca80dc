//! The configuration of telemetry, and its report of a crash.

use super::Telemetry;
use crate::clock::Entropy;
use crate::config::TelemetryConfig;
use serde_json::Value;
use std::io::Write;
use std::process::Command;
use tracing::level_filters::LevelFilter;

/// Always the same bits.
#[derive(Debug)]
struct Bits(u128);

impl Entropy for Bits {
    fn bits(&self) -> u128 {
        self.0
    }
}

fn config(variables: &[(&str, &str)]) -> TelemetryConfig {
    TelemetryConfig::from_env(&|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn a_share_is_a_number_from_0_to_1() {
    for (text, expected) in [
        ("0.25", 0.25),
        ("1", 1.0),
        ("0", 0.0),
        ("1.5", 0.0),
        ("-1", 0.0),
        ("NaN", 0.0),
        ("x", 0.0),
    ] {
        let config = config(&[("POWERTOOLS_LOGGER_SAMPLE_RATE", text)]);
        assert_eq!(config.debug_share, expected, "{text}");
    }
    assert_eq!(config(&[]).debug_share, 0.0);
}

#[test]
fn the_share_of_invocations_is_drawn_from_random_bits() {
    let telemetry = Telemetry::to("s", Box::new(|_| {}), Box::new(|_| {}));
    assert_eq!(telemetry.level(&Bits(0)), LevelFilter::INFO);
    let telemetry = telemetry.with_debug_share(0.25);
    let quarter = u128::from(u32::MAX / 4);
    assert_eq!(telemetry.level(&Bits(quarter - 1)), LevelFilter::DEBUG);
    assert_eq!(telemetry.level(&Bits(quarter + 1)), LevelFilter::INFO);
    assert_eq!(telemetry.with_debug_share(1.0).level(&Bits(7)), LevelFilter::DEBUG);
}

#[test]
fn only_the_first_invocation_is_cold() {
    let telemetry = Telemetry::to("s", Box::new(|_| {}), Box::new(|_| {}));
    assert!(telemetry.is_cold());
    assert!(!telemetry.is_cold());
}

#[test]
fn calls_of_aws_are_recorded_unless_nothing_is_reported() {
    let recorded =
        |variables: &[(&str, &str)]| Telemetry::without_log(config(variables)).recorder().is_some();
    assert!(!recorded(&[("LOG_LEVEL", "off")]));
    assert!(recorded(&[]), "lines are written by default");
    for (name, value) in [
        ("METRICS_STACK", "users"),
        ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
        ("POWERTOOLS_LOGGER_SAMPLE_RATE", "0.1"),
    ] {
        assert!(recorded(&[("LOG_LEVEL", "off"), (name, value)]), "{name}");
    }
}

/// Makes the test below the function that panics.
const CRASH: &str = "USERS_TEST_CRASH";

#[test]
fn a_panic_ends_the_process_and_its_text_is_not_written() {
    if std::env::var_os(CRASH).is_some() {
        let _telemetry =
            Telemetry::new(config(&[("AWS_LAMBDA_FUNCTION_NAME", "users-profile-get")]));
        std::io::stdout().write_all(b"the last line\n").unwrap();
        panic!("no place for mark-mail@example.com");
    }
    let name = "telemetry::tests::a_panic_ends_the_process_and_its_text_is_not_written";
    let output = Command::new(std::env::current_exe().expect("a test program has a path"))
        .args([name, "--exact", "--nocapture"])
        .env(CRASH, "1")
        .output()
        .expect("a test program can be run");
    // Neither caught nor an orderly end: there is no exit status.
    assert_eq!(output.status.code(), None, "{output:?}");
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    // The test program has begun the first line with its own words.
    let lines: Vec<_> = stdout.lines().skip_while(|line| !line.contains("the last line")).collect();
    let [_, line] = lines[..] else { panic!("{stdout}") };
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["message"], "panicked");
    assert_eq!((&line["level"], &line["service"]), (&"ERROR".into(), &"users".into()));
    assert_eq!(line["function_name"], "users-profile-get");
    assert!(line["place"].as_str().is_some_and(|place| place.contains("telemetry/tests.rs")));
    assert!(!stdout.contains("mark-mail") && !stderr.contains("mark-mail"), "{stdout}{stderr}");
}
