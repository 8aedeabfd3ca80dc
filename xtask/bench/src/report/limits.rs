//! Limits of the project, and the figures of a run that they are for.

use super::Report;
use crate::scenario::{CASES, Kind};

/// Bytes that an archive may have.
const ARCHIVE_BYTES: f64 = 3.0 * 1024.0 * 1024.0;
/// Memory that a function may need, by the floor's.
const MEMORY_LIMIT: f64 = 1.2;
/// Units and time that a page among 100,000 users may take, by those among 1,000.
const PAGE_GROWTH_LIMIT: f64 = 1.2;
/// Items that a page may read for each that it returns.
const ITEMS_READ_LIMIT: f64 = 2.5;
/// CPU and time that an invocation may take, by one that tells nothing.
const TELLING_LIMIT: f64 = 1.1;
/// Milliseconds that `synth` and `--help` may take.
const COMMAND_LIMIT_MS: f64 = 50.0;
/// Signed reads a second that the local stack has to serve.
const READS_PER_SECOND_LIMIT: f64 = 1000.0;

/// A figure with its limit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) what: String,
    pub(super) figure: f64,
    pub(super) limit: f64,
    /// Whether more is better.
    at_least: bool,
}

impl Judged {
    fn at_most(what: String, figure: f64, limit: f64) -> Self {
        Self { what, figure, limit, at_least: false }
    }

    /// Whether the limit is kept.
    pub(super) fn is_met(&self) -> bool {
        if self.at_least { self.figure >= self.limit } else { self.figure <= self.limit }
    }
}

impl Report {
    /// All figures that have a limit.
    pub(super) fn judged(&self) -> Vec<Judged> {
        let mut all = Vec::new();
        for (name, bytes) in &self.archive_bytes {
            if name.starts_with("users-") {
                let size = *bytes as f64 / ARCHIVE_BYTES * 3.0;
                all.push(Judged::at_most(format!("archive of {name}, MiB"), size, 3.0));
            }
        }
        for (cpu, times) in &self.times {
            for case in CASES {
                let Some(by_floor) = times.get(case.name).and_then(|it| it.by_floor) else {
                    continue;
                };
                let (start, warm) = match case.kind {
                    Kind::ReadById => (Some(1.25), Some(1.2)),
                    Kind::List => (Some(1.25), None),
                    Kind::Write => (Some(1.5), Some(2.0)),
                    Kind::Relay | Kind::Floor => (None, None),
                };
                let place = format!("{} at {}", case.name, cpu.as_str());
                if let Some(limit) = start {
                    let what = format!("start to answer of {place}");
                    all.push(Judged::at_most(what, by_floor.start, limit));
                }
                if let Some(limit) = warm {
                    let what = format!("warm time of {place}");
                    all.push(Judged::at_most(what, by_floor.warm, limit));
                }
                let what = format!("memory of {place}");
                all.push(Judged::at_most(what, by_floor.memory, MEMORY_LIMIT));
            }
        }
        for (name, it) in &self.telling {
            for (what, raised) in [("lines and metrics", it.lines), ("and traces", it.traces)] {
                for (of, figure) in [("CPU", raised.cpu), ("warm time", raised.warm)] {
                    let what = format!("{of} of {name} with {what}, by without");
                    all.push(Judged::at_most(what, figure, TELLING_LIMIT));
                }
            }
        }
        self.judge_pages(&mut all);
        for (command, time) in &self.command_ms {
            if command != "check" {
                all.push(Judged::at_most(format!("{command}, ms"), *time, COMMAND_LIMIT_MS));
            }
        }
        if let Some(figure) = self.reads_per_second {
            all.push(Judged {
                what: "signed reads a second of the local stack".to_owned(),
                figure,
                limit: READS_PER_SECOND_LIMIT,
                at_least: true,
            });
        }
        all
    }

    fn judge_pages(&self, all: &mut Vec<Judged>) {
        for page in &self.pages {
            if page.read_for_each > 0.0 {
                let what = format!("items read for each by {} among {}", page.name, page.users);
                all.push(Judged::at_most(what, page.read_for_each, ITEMS_READ_LIMIT));
            }
            let few = self.pages.iter().find(|few| few.users == 1_000 && few.name == page.name);
            let Some(few) = few.filter(|_| page.users > 1_000) else { continue };
            let place = format!("{} among {} users by 1000", page.name, page.users);
            let units = page.read_units / few.read_units;
            all.push(Judged::at_most(format!("units of {place}"), units, PAGE_GROWTH_LIMIT));
            let time = page.page_ms.p50 / few.page_ms.p50;
            all.push(Judged::at_most(format!("time of {place}"), time, PAGE_GROWTH_LIMIT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Report;
    use crate::cpu::Cpu;
    use crate::report::{ByFloor, Page, Timed};
    use crate::stats::Summary;
    use std::collections::BTreeMap;

    fn timed(start: f64, warm: f64, memory: f64) -> Timed {
        let by_floor = ByFloor { start, warm, memory, ..ByFloor::default() };
        Timed { by_floor: Some(by_floor), ..Timed::default() }
    }

    fn broken(report: &Report) -> Vec<String> {
        report.judged().into_iter().filter(|it| !it.is_met()).map(|it| it.what).collect()
    }

    #[test]
    fn ratios_are_judged_in_each_cpu_setting() {
        let of =
            |get, update| BTreeMap::from([("get".to_owned(), get), ("update".to_owned(), update)]);
        let mut report = Report::default();
        report.times.insert(Cpu::Full, of(timed(1.25, 1.2, 1.2), timed(1.5, 2.0, 1.2)));
        assert_eq!(broken(&report), Vec::<String>::new());
        report.times.insert(Cpu::Share256, of(timed(1.26, 1.3, 1.21), timed(1.5, 2.1, 0.9)));
        assert_eq!(
            broken(&report),
            [
                "start to answer of get at 256 MB share",
                "warm time of get at 256 MB share",
                "memory of get at 256 MB share",
                "warm time of update at 256 MB share",
            ]
        );
    }

    #[test]
    fn pages_among_many_users_are_judged_by_those_among_few() {
        let page = |users, read_units, read_for_each, p50| Page {
            name: "all".to_owned(),
            users,
            read_units,
            round_trips: 1.0,
            read_for_each,
            page_ms: Summary { p50, p99: p50 },
        };
        let pages = vec![page(1_000, 8.0, 2.5, 2.0), page(100_000, 9.0, 2.6, 2.5)];
        assert_eq!(
            broken(&Report { pages, ..Report::default() }),
            ["items read for each by all among 100000", "time of all among 100000 users by 1000"]
        );
    }

    #[test]
    fn archives_commands_and_throughput_have_limits_of_their_own() {
        let report = Report {
            archive_bytes: BTreeMap::from([
                ("users-a".to_owned(), 3 * 1024 * 1024),
                ("users-b".to_owned(), 3 * 1024 * 1024 + 1),
                ("floor-noop".to_owned(), 9 * 1024 * 1024),
            ]),
            command_ms: BTreeMap::from([("synth".to_owned(), 51.0), ("check".to_owned(), 900.0)]),
            reads_per_second: Some(999.0),
            ..Report::default()
        };
        assert_eq!(
            broken(&report),
            ["archive of users-b, MiB", "synth, ms", "signed reads a second of the local stack"]
        );
    }
}
