//! Budgets: figures that are the same on every machine, held against a file.
//!
//! A figure above its budget is a failure until somebody accepts it, which is a line in a diff that
//! a reviewer sees.

use crate::callgrind::Instructions;
use crate::report::Asks;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What the file begins with.
const HEADER: &str = "\
# What the functions may cost, in figures that are the same on every machine of x86_64.
# `cargo xtask bench --budgets` compares; `--accept` writes what was measured.
";

/// The file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budgets {
    /// How much a figure may be above its budget without failing.
    pub(crate) tolerance: Tolerance,
    /// Sizes of the archives, in bytes.
    pub(crate) archive_bytes: BTreeMap<String, u64>,
    /// Instructions, by function.
    pub(crate) instructions: BTreeMap<String, Instructions>,
    /// What each case asks of AWS.
    pub(crate) asks: BTreeMap<String, Asks>,
}

/// Parts of a hundred.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tolerance {
    /// For sizes: a compiler of another version makes other code.
    pub(crate) archive_percent: f64,
    /// For instructions: hash tables are seeded at random.
    pub(crate) instructions_percent: f64,
    /// For items read and what depends on them: users fall to partitions at random.
    pub(crate) items_percent: f64,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { archive_percent: 1.0, instructions_percent: 3.0, items_percent: 10.0 }
    }
}

/// A figure that is not what its budget says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Which figure.
    pub(crate) what: String,
    /// What it may be; none when there is no budget for it yet.
    pub(crate) budget: Option<f64>,
    /// What it is; none when it was not measured.
    pub(crate) measured: Option<f64>,
}

impl Difference {
    /// Whether it has to be accepted.
    pub(crate) fn fails(&self) -> bool {
        match (self.budget, self.measured) {
            (Some(budget), Some(measured)) => measured > budget,
            _ => true,
        }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        match (self.budget, self.measured) {
            (Some(budget), Some(measured)) => {
                let percent = (measured / budget - 1.0) * 100.0;
                format!("{}: {measured} where the budget is {budget} ({percent:+.1} %)", self.what)
            }
            (None, Some(measured)) => format!("{}: {measured}, and there is no budget", self.what),
            (_, None) => format!("{}: has a budget and was not measured", self.what),
        }
    }
}

impl Budgets {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}; --accept makes it", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = format!("{HEADER}\n{}", toml::to_string(self)?);
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Every figure that is above its budget, or well below it, or on one side only.
    pub(crate) fn compare(&self, measured: &Self) -> Vec<Difference> {
        let budgets = self.figures();
        let figures = measured.figures();
        let mut names: Vec<_> = budgets.keys().chain(figures.keys()).collect();
        names.sort();
        names.dedup();
        let one = |name: &String| {
            // A little more, because tenths are not exact.
            let tolerance = self.tolerance_of(name) / 100.0 + 1e-9;
            let (budget, measured) = (budgets.get(name).copied(), figures.get(name).copied());
            let is_same = budget
                .zip(measured)
                .is_some_and(|(budget, measured)| (measured - budget).abs() <= budget * tolerance);
            (!is_same).then(|| Difference { what: name.clone(), budget, measured })
        };
        names.into_iter().filter_map(one).collect()
    }

    /// Whether a function needs no more instructions than its budget says.
    pub(crate) fn allows(&self, function: &str, counted: Instructions) -> bool {
        // A little more, because tenths are not exact.
        let most = 1.0 + self.tolerance.instructions_percent / 100.0 + 1e-9;
        self.instructions.get(function).is_some_and(|budget| {
            counted.start as f64 <= budget.start as f64 * most
                && counted.warm as f64 <= budget.warm as f64 * most
        })
    }

    fn figures(&self) -> BTreeMap<String, f64> {
        let mut figures = BTreeMap::new();
        for (name, bytes) in &self.archive_bytes {
            figures.insert(format!("archive_bytes.{name}"), *bytes as f64);
        }
        for (name, it) in &self.instructions {
            figures.insert(format!("instructions.{name}.start"), it.start as f64);
            figures.insert(format!("instructions.{name}.warm"), it.warm as f64);
        }
        for (name, it) in &self.asks {
            for (figure, value) in [
                ("requests", it.requests),
                ("round_trips", it.round_trips),
                ("read_units", it.read_units),
                ("write_units", it.write_units),
                ("items_read", it.items_read),
            ] {
                figures.insert(format!("asks.{name}.{figure}"), value);
            }
        }
        figures
    }

    fn tolerance_of(&self, figure: &str) -> f64 {
        let is_page = figure.starts_with("asks.list");
        match () {
            () if figure.starts_with("archive_bytes.") => self.tolerance.archive_percent,
            () if figure.starts_with("instructions.") => self.tolerance.instructions_percent,
            () if is_page && !figure.ends_with("round_trips") => self.tolerance.items_percent,
            () => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budgets, Difference};
    use crate::callgrind::Instructions;
    use crate::report::Asks;

    fn budgets() -> Budgets {
        let asks = Asks { round_trips: 1.0, read_units: 4.0, ..Asks::default() };
        Budgets {
            archive_bytes: [("users-a".to_owned(), 1000)].into(),
            instructions: [("users-a".to_owned(), Instructions { start: 10_000, warm: 1_000 })]
                .into(),
            asks: [("get".to_owned(), asks), ("list".to_owned(), asks)].into(),
            ..Budgets::default()
        }
    }

    fn failures(change: impl FnOnce(&mut Budgets)) -> Vec<String> {
        let mut measured = budgets();
        change(&mut measured);
        let differences = budgets().compare(&measured);
        differences.iter().filter(|it| it.fails()).map(Difference::text).collect()
    }

    #[test]
    fn what_is_as_before_or_within_its_tolerance_is_fine() {
        assert_eq!(budgets().compare(&budgets()), []);
        let fine = failures(|it| {
            it.archive_bytes.insert("users-a".to_owned(), 1010);
            it.instructions.insert("users-a".to_owned(), Instructions { start: 10_300, warm: 970 });
            it.asks.entry("list".to_owned()).or_default().read_units = 4.4;
        });
        assert_eq!(fine, Vec::<String>::new());
    }

    #[test]
    fn what_rose_fails_with_its_figure() {
        let failed = failures(|it| {
            it.archive_bytes.insert("users-a".to_owned(), 1011);
            it.instructions
                .insert("users-a".to_owned(), Instructions { start: 10_000, warm: 1_031 });
            let get = it.asks.entry("get".to_owned()).or_default();
            (get.round_trips, get.read_units) = (2.0, 4.5);
        });
        assert_eq!(
            failed,
            [
                "archive_bytes.users-a: 1011 where the budget is 1000 (+1.1 %)",
                "asks.get.read_units: 4.5 where the budget is 4 (+12.5 %)",
                "asks.get.round_trips: 2 where the budget is 1 (+100.0 %)",
                "instructions.users-a.warm: 1031 where the budget is 1000 (+3.1 %)",
            ]
        );
    }

    #[test]
    fn what_fell_is_told_and_does_not_fail() {
        let mut measured = budgets();
        measured.archive_bytes.insert("users-a".to_owned(), 900);
        let differences = budgets().compare(&measured);
        assert_eq!(differences.len(), 1);
        assert!(!differences[0].fails());
    }

    #[test]
    fn a_figure_without_budget_and_a_budget_without_figure_fail() {
        let failed = failures(|it| {
            let bytes = it.archive_bytes.remove("users-a").unwrap();
            it.archive_bytes.insert("users-b".to_owned(), bytes);
        });
        assert_eq!(
            failed,
            [
                "archive_bytes.users-a: has a budget and was not measured",
                "archive_bytes.users-b: 1000, and there is no budget",
            ]
        );
    }

    #[test]
    fn instructions_are_allowed_up_to_the_budget_and_its_tolerance() {
        let allows = |name: &str, start, warm| budgets().allows(name, Instructions { start, warm });
        assert!(allows("users-a", 10_300, 1_030) && allows("users-a", 1, 1));
        assert!(!allows("users-a", 10_301, 1) && !allows("users-a", 1, 1_031));
        assert!(!allows("users-b", 1, 1), "it has none");
    }

    #[test]
    fn the_file_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("budgets.toml");
        budgets().write(&path).unwrap();
        assert_eq!(Budgets::read(&path).unwrap(), budgets());
    }
}
