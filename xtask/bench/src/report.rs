//! What was measured, and how it compares with the floors and with the limits of the project.

use crate::cpu::Cpu;
use crate::instance::Invoked;
use crate::scenario::{CASES, FLOOR, Kind};
use crate::stats::{Summary, median};
use crate::telemetry::Telling;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// One run.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Report {
    /// Processors of the machine.
    pub(crate) processors: usize,
    /// Sizes of the archives, in bytes.
    pub(crate) archive_bytes: BTreeMap<String, u64>,
    /// Times, by CPU setting and case.
    pub(crate) times: BTreeMap<Cpu, BTreeMap<String, Timed>>,
    /// Why a CPU setting is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) share_left_out: Option<String>,
    /// What telling costs, by case.
    #[serde(default)]
    pub(crate) telling: BTreeMap<String, Telling>,
    /// What each case asks of AWS.
    pub(crate) asks: BTreeMap<String, Asks>,
    /// Pages among many users.
    pub(crate) pages: Vec<Page>,
    /// Signed reads a second that the local stack serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reads_per_second: Option<f64>,
    /// Median times of commands, in milliseconds.
    pub(crate) command_ms: BTreeMap<String, f64>,
}

/// Times, CPU and memory of a function. Times are without those of the backend.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Timed {
    /// From the start of the program to its first request for work.
    pub(crate) initialisation_ms: Summary,
    /// The first invocation.
    pub(crate) first_ms: Summary,
    /// Both together, in each process.
    pub(crate) start_ms: Summary,
    /// CPU until the first answer, in milliseconds: less subject to what else the machine does.
    #[serde(default)]
    pub(crate) start_cpu_ms: f64,
    /// Connections that the first invocation opened besides the one of the initialisation.
    #[serde(default)]
    pub(crate) first_connections: f64,
    /// Later invocations.
    pub(crate) warm_ms: Summary,
    /// What the backend took of a later invocation.
    pub(crate) backend_ms: Summary,
    /// CPU of a later invocation, in milliseconds; of a thousand, in seconds.
    pub(crate) cpu_ms: f64,
    /// Peak memory, in KiB.
    pub(crate) memory_kib: f64,
    /// All of it by the floor's; none of the floor itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by_floor: Option<ByFloor>,
}

/// What a function takes by what the floor takes: the medians of what was measured next to each
/// other, since the pace of a machine changes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct ByFloor {
    pub(crate) start: f64,
    pub(crate) start_cpu: f64,
    pub(crate) warm: f64,
    pub(crate) cpu: f64,
    pub(crate) memory: f64,
}

/// What an invocation asks of AWS.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Asks {
    /// Requests.
    pub(crate) requests: f64,
    /// Requests that had to wait for others, and one.
    pub(crate) round_trips: f64,
    /// Read capacity units.
    pub(crate) read_units: f64,
    /// Write capacity units.
    pub(crate) write_units: f64,
    /// Items read.
    pub(crate) items_read: f64,
    /// Items returned, when the answer is a page.
    pub(crate) items_returned: f64,
}

impl Asks {
    /// What most of some invocations asked: the median of each figure.
    pub(crate) fn usual(invoked: &[Invoked]) -> Self {
        let middle =
            |figure: fn(&Invoked) -> f64| median(&invoked.iter().map(figure).collect::<Vec<_>>());
        Self {
            requests: middle(|it| f64::from(it.asked.requests)),
            round_trips: middle(|it| f64::from(it.asked.round_trips)),
            read_units: middle(|it| it.asked.read_units),
            write_units: middle(|it| it.asked.write_units),
            items_read: middle(|it| it.asked.items as f64),
            items_returned: middle(|it| returned(it) as f64),
        }
    }
}

/// Items of the page that was answered.
pub(crate) fn returned(invoked: &Invoked) -> usize {
    invoked.body["items"].as_array().map_or(0, Vec::len)
}

/// Pages of one kind among a number of users.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Page {
    /// What is listed.
    pub(crate) name: String,
    /// Users that there are.
    pub(crate) users: usize,
    /// Read units of a page.
    pub(crate) read_units: f64,
    /// Requests that were sent one after the other. Answers come at once here, so calls that could
    /// go on together wait for a connection that comes free.
    pub(crate) round_trips: f64,
    /// Items read for each that was returned.
    pub(crate) read_for_each: f64,
    /// Time of a page with that of the backend, in milliseconds.
    pub(crate) page_ms: Summary,
}

/// A figure with its limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    what: String,
    figure: f64,
    limit: f64,
    /// Whether more is better.
    at_least: bool,
}

impl Judged {
    fn at_most(what: String, figure: f64, limit: f64) -> Self {
        Self { what, figure, limit, at_least: false }
    }

    /// Whether the limit is kept.
    pub(crate) fn is_met(&self) -> bool {
        if self.at_least { self.figure >= self.limit } else { self.figure <= self.limit }
    }
}

impl Report {
    /// All figures that have a limit.
    pub(crate) fn judged(&self) -> Vec<Judged> {
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

    /// The report for people; with an earlier run, each time beside what it was.
    pub(crate) fn text(&self, earlier: Option<&Self>) -> String {
        let mut text = format!("{} processors\n", self.processors);
        for (cpu, times) in &self.times {
            text += &format!(
                "\n{}; times in ms without the backend's, in parentheses by {}\n{:15} {:>8} {:>14} \
                 {:>16} {:>14} {:>16} {:>8} {:>13} {:>7}\n",
                cpu.as_str(),
                FLOOR.name,
                "",
                "init",
                "first p50/p99",
                "start",
                "of it CPU",
                "warm",
                "warm p99",
                "memory, MiB",
                "CPU s/k"
            );
            for (name, it) in times {
                let ratio = |figure: fn(&ByFloor) -> f64| {
                    it.by_floor.map(|it| format!("({:.2})", figure(&it))).unwrap_or_default()
                };
                text += &format!(
                    "{name:15} {:>8.2} {:>6.2}/{:<7.2} {:>8.2} {:>7} {:>6.2} {:>7} \
                     {:>8.3} {:>7} {:>8.3} {:>5.1} {:>7} {:>7.3} {:>7}\n",
                    it.initialisation_ms.p50,
                    it.first_ms.p50,
                    it.first_ms.p99,
                    it.start_ms.p50,
                    ratio(|it| it.start),
                    it.start_cpu_ms,
                    ratio(|it| it.start_cpu),
                    it.warm_ms.p50,
                    ratio(|it| it.warm),
                    it.warm_ms.p99,
                    it.memory_kib / 1024.0,
                    ratio(|it| it.memory),
                    it.cpu_ms,
                    ratio(|it| it.cpu),
                );
                let before = earlier.and_then(|run| run.times.get(cpu)?.get(name));
                if let Some(before) = before {
                    text += &format!(
                        "{:15} start {:+.0} %, warm {:+.0} %, CPU {:+.0} %, memory {:+.0} %\n",
                        "  since then",
                        change(it.start_ms.p50, before.start_ms.p50),
                        change(it.warm_ms.p50, before.warm_ms.p50),
                        change(it.cpu_ms, before.cpu_ms),
                        change(it.memory_kib, before.memory_kib),
                    );
                }
            }
        }
        if let Some(reason) = &self.share_left_out {
            text += &format!("\nnot measured at the {}: {reason}\n", Cpu::Share256.as_str());
        }
        if !self.telling.is_empty() {
            text += &format!(
                "\n{:21} {:>8} {:>8} {:>17} {:>17}\n",
                "telling, CPU and time", "CPU ms/k", "warm ms", "lines, metrics", "and a trace"
            );
        }
        for (name, it) in &self.telling {
            let percent = |raised: f64| (raised - 1.0) * 100.0;
            text += &format!(
                "{name:21} {:>8.0} {:>8.3} {:>+7.1} % {:>+5.1} % {:>+7.1} % {:>+5.1} %\n",
                it.silent_cpu_ms,
                it.silent_warm_ms,
                percent(it.lines.cpu),
                percent(it.lines.warm),
                percent(it.traces.cpu),
                percent(it.traces.warm),
            );
        }
        if !self.asks.is_empty() {
            text += &format!(
                "\n{:15} {:>8} {:>11} {:>10} {:>11} {:>10} {:>8}\n",
                "asked of AWS",
                "requests",
                "round trips",
                "read units",
                "write units",
                "items read",
                "returned"
            );
        }
        for (name, it) in &self.asks {
            text += &format!(
                "{name:15} {:>8} {:>11} {:>10} {:>11} {:>10} {:>8}\n",
                it.requests,
                it.round_trips,
                it.read_units,
                it.write_units,
                it.items_read,
                it.items_returned
            );
        }
        if !self.pages.is_empty() {
            text += &format!(
                "\n{:22} {:>9} {:>10} {:>11} {:>13} {:>8} {:>8}\n",
                "pages", "users", "read units", "in sequence", "read for each", "ms p50", "p99"
            );
        }
        for it in &self.pages {
            text += &format!(
                "{:22} {:>9} {:>10} {:>11} {:>13.2} {:>8.2} {:>8.2}\n",
                it.name,
                it.users,
                it.read_units,
                it.round_trips,
                it.read_for_each,
                it.page_ms.p50,
                it.page_ms.p99
            );
        }
        text += &format!("\n{:60} {:>8} {:>7}\n", "limits", "figure", "limit");
        for it in self.judged() {
            let verdict = if it.is_met() { "met" } else { "NOT MET" };
            text += &format!("{:60} {:>8.2} {:>7.2}  {verdict}\n", it.what, it.figure, it.limit);
        }
        text
    }
}

fn change(now: f64, before: f64) -> f64 {
    (now / before - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::{ByFloor, Page, Report, Timed};
    use crate::cpu::Cpu;
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
