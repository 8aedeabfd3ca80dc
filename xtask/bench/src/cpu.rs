//! The CPU that a function gets: all of a core, or the share that Lambda gives 256 MB.
//!
//! The share is a quota of the kernel's scheduler (a control group of either version) with Lambda's
//! observed period of 20 ms, of which a function may run for 2.9.

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The scheduler's period, in microseconds.
const PERIOD_US: u64 = 20_000;
/// The CPU time of 256 MB in a period: Lambda gives 1769 MB one core.
const QUOTA_US: u64 = PERIOD_US * 256 / 1769;

/// A CPU setting.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cpu {
    /// All of a core.
    Full,
    /// The share that Lambda gives 256 MB.
    Share256,
}

impl Cpu {
    /// For people.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full CPU",
            Self::Share256 => "256 MB share",
        }
    }
}

/// A control group with the quota, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    group: PathBuf,
}

impl Share {
    /// Creates the group, which takes root.
    pub(crate) fn new() -> Result<Self> {
        let name = format!("users-bench-{}", std::process::id());
        let first = Path::new("/sys/fs/cgroup/cpu");
        if first.join("cpu.cfs_quota_us").exists() {
            let share = Self::made(first.join(name))?;
            share.set("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            share.set("cpu.cfs_quota_us", &QUOTA_US.to_string())?;
            return Ok(share);
        }
        let share = Self::made(Path::new("/sys/fs/cgroup").join(name))?;
        share.set("cpu.max", &format!("{QUOTA_US} {PERIOD_US}"))?;
        Ok(share)
    }

    fn made(group: PathBuf) -> Result<Self> {
        fs::create_dir(&group).with_context(|| {
            format!("cannot make the control group {} (root can)", group.display())
        })?;
        Ok(Self { group })
    }

    /// Waits until the quota is unused again, as in a new environment.
    pub(crate) fn rest(&self) {
        std::thread::sleep(2 * Duration::from_micros(PERIOD_US));
    }

    /// Puts a process under the quota, on one processor: the kernel hands the quota out to processors
    /// in slices, and a process that moves to another processor loses the rest of its slice.
    pub(crate) fn add(&self, process: u32) -> Result<()> {
        let process = process.to_string();
        let pinned = Command::new("taskset").args(["--cpu-list", "--pid", "0", &process]).output();
        let pinned = pinned.context("cannot run taskset, which is part of util-linux")?;
        ensure!(pinned.status.success(), "{}", String::from_utf8_lossy(&pinned.stderr));
        self.set("cgroup.procs", &process)
    }

    fn set(&self, file: &str, value: &str) -> Result<()> {
        let path = self.group.join(file);
        fs::write(&path, value).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A group that is left behind does no harm.
        let _ = fs::remove_dir(&self.group);
    }
}
