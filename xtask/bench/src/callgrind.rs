//! Instructions of an invocation, counted by `valgrind --tool=callgrind`: the same on a busy machine
//! as on a quiet one, so that a budget can be held.

use crate::cases::{CASES, Case};
use crate::function::Function;
use crate::measure::Lab;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// Warm invocations that are counted together.
const WARM: u64 = 10;
/// The most counts of a function. On a busy machine a time limit may pass under the profiler, and one
/// more connection is opened; that is not the function's doing.
const COUNTS: usize = 3;

/// Instructions of a function.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Instructions {
    /// From the start of the program to the end of the first invocation.
    pub(crate) start: u64,
    /// Of a later invocation.
    pub(crate) warm: u64,
}

/// Counts for every function, and keeps the profiles when there is a folder for them. A function that
/// is not `fine` is counted again, and the least of each figure is taken.
pub(crate) fn count(
    lab: &mut Lab,
    keep: Option<&Path>,
    fine: impl Fn(&str, Instructions) -> bool,
) -> Result<BTreeMap<String, Instructions>> {
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    ensure!(
        found.is_ok_and(|status| status.success()),
        "valgrind counts the instructions and is missing: install it (`apt-get install valgrind`)"
    );
    let temporary = tempfile::tempdir().context("cannot create a folder for the profiles")?;
    let folder = keep.unwrap_or_else(|| temporary.path());
    std::fs::create_dir_all(folder).context("cannot create a folder for the profiles")?;
    let mut counted = BTreeMap::new();
    for case in CASES.iter().filter(|it| it.is_timed()) {
        eprintln!("counting instructions of {}", case.function);
        let mut least = Instructions { start: u64::MAX, warm: u64::MAX };
        for _ in 0..COUNTS {
            let start = run(lab, case, 1, folder)?;
            let more = run(lab, case, 1 + WARM, folder)?;
            let warm = more.saturating_sub(start) / WARM;
            least = Instructions { start: least.start.min(start), warm: least.warm.min(warm) };
            if fine(case.function, least) {
                break;
            }
        }
        counted.insert(case.function.to_owned(), least);
    }
    Ok(counted)
}

/// The instructions of a process that serves a number of invocations.
fn run(lab: &mut Lab, case: &Case, invocations: u64, folder: &Path) -> Result<u64> {
    let profile = folder.join(format!("{}-{invocations}", case.name));
    let mut launch = lab.launch(case)?;
    let output = format!("--callgrind-out-file={}", profile.display());
    let valgrind = ["valgrind", "--quiet", "--tool=callgrind", &output];
    launch.command.splice(..0, valgrind.map(OsString::from));
    let function = Function::start(&launch, None)?;
    for _ in 0..invocations {
        lab.invoke(case, &function)?;
    }
    function.terminate()?;
    let text = std::fs::read_to_string(&profile).context("valgrind left no profile")?;
    total(&text).context("the profile has no total")
}

fn total(profile: &str) -> Option<u64> {
    profile.lines().rev().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_is_the_last_of_the_profile() {
        assert_eq!(total("version: 1\nsummary: 12\n\ntotals: 4711\n"), Some(4711));
        assert_eq!(total("version: 1\n"), None);
    }
}
