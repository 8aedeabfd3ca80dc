//! The figures of a run, and their limits.

use crate::cases::{CASES, Kind};
use crate::cpu::Cpu;
use crate::samples::Timed;
use crate::usage::Usage;
use serde::Serialize;
use std::collections::BTreeMap;

/// The limit of memory, as a ratio to the floor.
const MEMORY_LIMIT: f64 = 1.2;

/// One run.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Processors of the machine.
    pub(crate) processors: usize,
    /// Sizes of the archives.
    pub(crate) archive_bytes: BTreeMap<String, u64>,
    /// Times, by CPU setting and case.
    pub(crate) times: BTreeMap<Cpu, BTreeMap<String, Timed>>,
    /// Why the times at the share are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) share_left_out: Option<String>,
    /// The AWS usage of each case.
    #[serde(rename = "asks")]
    pub(crate) usage: BTreeMap<String, Usage>,
}

impl Report {
    /// The report for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{} processors\n", self.processors);
        for (cpu, times) in &self.times {
            text += &format!(
                "\n{:16} {:>8} {:>15} {:>15} {:>9} {:>15}\n",
                cpu.as_str(),
                "init, ms",
                "start, ms",
                "warm, ms",
                "warm p99",
                "memory, MiB"
            );
            for (name, it) in times {
                let ratios = it.by_floor.map(|it| [it.start, it.warm, it.memory]);
                let [start, warm, memory] =
                    ratios.unwrap_or([1.0; 3]).map(|ratio| format!("({ratio:.2})"));
                text += &format!(
                    "{name:16} {:>8.2} {:>8.2} {start:>6} {:>8.3} {warm:>6} {:>9.3} {:>8.1} {memory:>6}\n",
                    it.initialisation_ms.p50,
                    it.start_ms.p50,
                    it.warm_ms.p50,
                    it.warm_ms.p99,
                    it.memory_kib / 1024.0,
                );
            }
        }
        if let Some(reason) = &self.share_left_out {
            text += &format!("\nnot measured at the {}: {reason}\n", Cpu::Share256.as_str());
        }
        if !self.usage.is_empty() {
            text += &format!(
                "\n{:16} {:>8} {:>11} {:>10} {:>11} {:>10} {:>8}\n",
                "asked of AWS",
                "requests",
                "round trips",
                "read units",
                "write units",
                "items read",
                "returned"
            );
        }
        for (name, it) in &self.usage {
            text += &format!(
                "{name:16} {:>8} {:>11} {:>10} {:>11} {:>10} {:>8}\n",
                it.requests,
                it.round_trips,
                it.read_units,
                it.write_units,
                it.items_read,
                it.items_returned
            );
        }
        if !self.archive_bytes.is_empty() {
            text += "\narchives, MiB\n";
        }
        for (name, bytes) in &self.archive_bytes {
            text += &format!("{name:23} {:.2}\n", *bytes as f64 / (1024.0 * 1024.0));
        }
        text += "\nratios in parentheses are to floor-get-item\n";
        for it in self.over_limits() {
            text += &format!("OVER ITS LIMIT: {it}\n");
        }
        text
    }

    /// The ratios that are over their limits.
    fn over_limits(&self) -> Vec<String> {
        let mut over = Vec::new();
        for (cpu, times) in &self.times {
            for case in CASES {
                let ratios = times.get(case.name).and_then(|it| it.by_floor);
                let Some(ratios) = ratios else { continue };
                let (start, warm) = match case.kind {
                    Kind::ReadById => (1.25, 1.2),
                    Kind::List => (1.25, f64::INFINITY),
                    Kind::Write => (1.5, 2.0),
                    Kind::Relay | Kind::Floor => (f64::INFINITY, f64::INFINITY),
                };
                for (figure, ratio, limit) in [
                    ("start", ratios.start, start),
                    ("warm", ratios.warm, warm),
                    ("memory", ratios.memory, MEMORY_LIMIT),
                ] {
                    if ratio > limit {
                        let (name, cpu) = (case.name, cpu.as_str());
                        over.push(format!(
                            "{figure} of {name} at {cpu}: {ratio:.2}, limit {limit}"
                        ));
                    }
                }
            }
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::{Cpu, Report};
    use crate::samples::{Ratios, Timed};
    use std::collections::BTreeMap;

    #[test]
    fn ratios_have_limits_at_each_cpu_setting() {
        let of = |name: &str, [start, warm, memory]: [f64; 3]| {
            let by_floor = Some(Ratios { start, warm, memory });
            (name.to_owned(), Timed { by_floor, ..Timed::default() })
        };
        let times = |get, update| BTreeMap::from([of("get", get), of("update", update)]);
        let mut report = Report::default();
        report.times.insert(Cpu::Full, times([1.25, 1.2, 1.2], [1.5, 2.0, 1.2]));
        assert_eq!(report.over_limits(), Vec::<String>::new());
        report.times.insert(Cpu::Share256, times([1.26, 1.3, 1.21], [1.5, 2.1, 0.9]));
        assert_eq!(
            report.over_limits(),
            [
                "start of get at 256 MB share: 1.26, limit 1.25",
                "warm of get at 256 MB share: 1.30, limit 1.2",
                "memory of get at 256 MB share: 1.21, limit 1.2",
                "warm of update at 256 MB share: 2.10, limit 2",
            ]
        );
    }
}
