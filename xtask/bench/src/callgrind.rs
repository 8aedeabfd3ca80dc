//! Instructions of an invocation, counted by `valgrind --tool=callgrind`: the same on a busy machine
//! as on a quiet one, so that a budget can be held.

use crate::instance::Instance;
use crate::measure::{Lab, check};
use crate::scenario::{CASES, Case};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Warm invocations that are counted together.
const WARM: u64 = 10;
/// Times that a function is counted at most. Where a machine is so busy that a time limit passes
/// under the profiler, a connection is opened once more; that is not the function's doing.
const COUNTS: usize = 3;

/// Instructions of a function.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Instructions {
    /// From the start of the program to the end of the first invocation.
    pub(crate) start: u64,
    /// Of a later invocation.
    pub(crate) warm: u64,
}

impl Instructions {
    fn least(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), warm: self.warm.min(other.warm) }
    }
}

/// Counts for every function, and keeps the profiles when there is a folder for them. What is not
/// `fine` is counted again, and the least counts.
///
/// # Errors
/// When valgrind is missing, or a function fails.
pub(crate) async fn count(
    lab: &mut Lab,
    keep: Option<&Path>,
    fine: impl Fn(&str, Instructions) -> bool,
) -> Result<BTreeMap<String, Instructions>> {
    let found = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    ensure!(
        found.is_ok_and(|status| status.success()),
        "valgrind counts the instructions and is missing: install it (`apt-get install valgrind`)"
    );
    let temporary = tempfile::tempdir().context("cannot make a folder for the profiles")?;
    let folder = keep.unwrap_or_else(|| temporary.path());
    std::fs::create_dir_all(folder).context("cannot make a folder for the profiles")?;
    let mut counted = BTreeMap::new();
    for case in CASES.iter().filter(|it| it.is_timed()) {
        eprintln!("counting instructions of {}", case.function);
        let mut least = once(lab, case, folder).await?;
        for _ in 1..COUNTS {
            if fine(case.function, least) {
                break;
            }
            least = least.least(once(lab, case, folder).await?);
        }
        counted.insert(case.function.to_owned(), least);
    }
    Ok(counted)
}

async fn once(lab: &mut Lab, case: &Case, folder: &Path) -> Result<Instructions> {
    let start = run(lab, case, 1, folder).await?;
    let more = run(lab, case, 1 + WARM, folder).await?;
    Ok(Instructions { start, warm: more.saturating_sub(start) / WARM })
}

/// The instructions of a process that serves a number of invocations.
async fn run(lab: &mut Lab, case: &Case, invocations: u64, folder: &Path) -> Result<u64> {
    let profile = folder.join(format!("{}-{invocations}", case.name));
    let mut launch = lab.launch(case.function)?;
    launch.wrapper = vec![
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", profile.display()),
    ];
    let mut function = Instance::start(&launch, None).await?;
    for _ in 0..invocations {
        let invoked = function.invoke(&lab.event(case)).await?;
        check(case, invoked.status, &invoked.body)?;
    }
    function.terminate().await?;
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
