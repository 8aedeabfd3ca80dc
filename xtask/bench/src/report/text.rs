//! A run as text.

use super::{ByFloor, Report};
use crate::cpu::Cpu;
use crate::scenario::FLOOR;

impl Report {
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
