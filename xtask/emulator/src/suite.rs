//! The black-box suite, against the deployed API.

use crate::principals::Principals;
use crate::process;
use crate::steps::report;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use users_emulator::facts::LeftOut;

/// The API that the suite calls.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) program: &'a Path,
    pub(crate) url: &'a str,
    pub(crate) api_stage: &'a str,
    pub(crate) region: &'a str,
    pub(crate) principals: &'a Principals,
}

/// Runs all tests but those that are left out; all must pass.
pub(crate) async fn run(target: &Target<'_>, left_out: &[LeftOut]) -> Result<()> {
    let skips = left_out.iter().flat_map(|it| ["--skip", it.test]);
    let (verdicts, text) = tests(target, skips).await?;
    let failed: Vec<_> = names(&verdicts, false);
    if !failed.is_empty() {
        eprintln!("{text}");
        bail!("{} of {} tests failed: {}", failed.len(), verdicts.len(), failed.join(", "));
    }
    if verdicts.is_empty() {
        eprintln!("{text}");
        bail!("the suite ran no test");
    }
    report(format!("{} tests passed, {} are left out", verdicts.len(), left_out.len()));
    Ok(())
}

/// Runs the tests that are left out; all must fail, or they need not be left out.
pub(crate) async fn still_wrong(target: &Target<'_>, left_out: &[LeftOut]) -> Result<()> {
    let (verdicts, text) = tests(target, left_out.iter().map(|it| it.test)).await?;
    if verdicts.len() != left_out.len() {
        eprintln!("{text}");
        bail!("{} of the {} tests that are left out ran", verdicts.len(), left_out.len());
    }
    let passed = names(&verdicts, true);
    if !passed.is_empty() {
        bail!(
            "the emulator passes tests that it is known to fail: {}; remove them from \
             xtask/emulator/src/facts.rs",
            passed.join(", ")
        );
    }
    report(format!("all {} still fail", verdicts.len()));
    Ok(())
}

fn names(verdicts: &BTreeMap<String, bool>, passed: bool) -> Vec<&str> {
    verdicts.iter().filter(|(_, it)| **it == passed).map(|(name, _)| name.as_str()).collect()
}

/// Whether each test passed, and the whole output.
async fn tests<'a>(
    target: &Target<'_>,
    arguments: impl Iterator<Item = &'a str>,
) -> Result<(BTreeMap<String, bool>, String)> {
    let mut command = process::program(target.program);
    command.args(["--format", "pretty", "--exact"]).args(arguments);
    command
        .env("USERS_API_URL", target.url)
        .env("USERS_API_BASE_PATH", format!("/{}", target.api_stage))
        .env("USERS_API_REGION", target.region)
        .env_remove("USERS_API_SESSION_TOKEN")
        .env_remove("USERS_API_CORS_ORIGIN")
        .env_remove("RUST_BACKTRACE");
    for (credentials, id, secret) in [
        (&target.principals.caller, "USERS_API_ACCESS_KEY_ID", "USERS_API_SECRET_ACCESS_KEY"),
        (&target.principals.other, "USERS_API_OTHER_KEY_ID", "USERS_API_OTHER_SECRET"),
        (&target.principals.reader, "USERS_API_READER_KEY_ID", "USERS_API_READER_SECRET"),
    ] {
        command.env(id, credentials.access_key_id()).env(secret, credentials.secret_access_key());
    }
    let output = command.output().await.context("cannot run the suite")?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok((verdicts(&text), text))
}

/// Reads `test NAME ... ok` and `test NAME ... FAILED`.
fn verdicts(text: &str) -> BTreeMap<String, bool> {
    text.lines()
        .filter_map(|line| {
            let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
            match verdict {
                "ok" => Some((name.to_owned(), true)),
                "FAILED" => Some((name.to_owned(), false)),
                _ => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{names, verdicts};

    #[test]
    fn verdicts_are_read_from_the_output_of_the_runner() {
        let verdicts = verdicts(
            "running 3 tests\ntest a::one ... ok\ntest a::two ... FAILED\ntest b::three ... ok\n\n\
             failures:\n    a::two\n\ntest result: FAILED. 2 passed; 1 failed; 0 ignored\n",
        );
        assert_eq!(names(&verdicts, true), ["a::one", "b::three"]);
        assert_eq!(names(&verdicts, false), ["a::two"]);
    }
}
