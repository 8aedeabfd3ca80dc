//! Budgets: a file of figures that are the same on every machine.
//!
//! A figure above its budget is a failure until somebody accepts it, in a diff that a reviewer sees.

use crate::callgrind::Instructions;
use crate::usage::Usage;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The beginning of the file.
const HEADER: &str = "\
# Budgets of the functions, in figures that are the same on every machine of x86_64.
# `cargo xtask bench --budgets` compares with them; `--accept` replaces them with new figures.
";

/// Tolerated differences, as parts of the budget. Of sizes: another version of the compiler generates
/// other code.
const ARCHIVE_TOLERANCE: f64 = 0.01;
/// Of instructions: hash tables are seeded at random.
const INSTRUCTIONS_TOLERANCE: f64 = 0.03;
/// Of the items and units of lists: users fall to partitions at random.
const ITEMS_TOLERANCE: f64 = 0.1;
/// Of all figures, since decimal fractions are not exact.
const ROUNDING: f64 = 1e-9;

/// The file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Budgets {
    /// Sizes of the archives, in bytes.
    pub(crate) archive_bytes: BTreeMap<String, u64>,
    /// Instructions, by function.
    pub(crate) instructions: BTreeMap<String, Instructions>,
    /// The AWS usage of each case.
    #[serde(rename = "asks")]
    pub(crate) usage: BTreeMap<String, Usage>,
}

/// A figure that differs from its budget.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    /// Whether it has to be accepted.
    pub(crate) fails: bool,
    pub(crate) text: String,
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

    /// Every figure that is beyond its tolerance, or has no counterpart.
    pub(crate) fn compare(&self, measured: &Self) -> Vec<Difference> {
        let budgets = self.figures();
        let figures = measured.figures();
        let mut names: Vec<_> = budgets.keys().chain(figures.keys()).collect();
        names.sort();
        names.dedup();
        let one = |name: &String| {
            let tolerance = tolerance(name) + ROUNDING;
            let (fails, text) = match (budgets.get(name), figures.get(name)) {
                (Some(budget), Some(it)) if (it - budget).abs() <= budget * tolerance => None,
                (Some(budget), Some(it)) => {
                    let percent = (it / budget - 1.0) * 100.0;
                    let text = format!("{it} where the budget is {budget} ({percent:+.1} %)");
                    Some((it > budget, text))
                }
                (None, Some(it)) => Some((true, format!("{it}, and there is no budget"))),
                (_, None) => Some((true, "has a budget and was not measured".to_owned())),
            }?;
            Some(Difference { fails, text: format!("{name}: {text}") })
        };
        names.into_iter().filter_map(one).collect()
    }

    /// Whether a function's instructions are within their budget.
    pub(crate) fn allows(&self, function: &str, counted: Instructions) -> bool {
        let most = 1.0 + INSTRUCTIONS_TOLERANCE + ROUNDING;
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
        for (name, it) in &self.usage {
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
}

fn tolerance(figure: &str) -> f64 {
    let is_of_list = figure.starts_with("asks.list") && !figure.ends_with("round_trips");
    match () {
        () if figure.starts_with("archive_bytes.") => ARCHIVE_TOLERANCE,
        () if figure.starts_with("instructions.") => INSTRUCTIONS_TOLERANCE,
        () if is_of_list => ITEMS_TOLERANCE,
        () => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::Budgets;
    use crate::callgrind::Instructions;
    use crate::usage::Usage;

    fn budgets() -> Budgets {
        let usage = Usage { round_trips: 1.0, read_units: 4.0, ..Usage::default() };
        Budgets {
            archive_bytes: [("users-a".to_owned(), 1000)].into(),
            instructions: [("users-a".to_owned(), Instructions { start: 10_000, warm: 1_000 })]
                .into(),
            usage: [("get".to_owned(), usage), ("list".to_owned(), usage)].into(),
        }
    }

    fn failures(change: impl FnOnce(&mut Budgets)) -> Vec<String> {
        let mut measured = budgets();
        change(&mut measured);
        let differences = budgets().compare(&measured);
        differences.into_iter().filter(|it| it.fails).map(|it| it.text).collect()
    }

    #[test]
    fn figures_within_their_tolerance_are_fine() {
        assert_eq!(budgets().compare(&budgets()), []);
        let fine = failures(|it| {
            it.archive_bytes.insert("users-a".to_owned(), 1010);
            it.instructions.insert("users-a".to_owned(), Instructions { start: 10_300, warm: 970 });
            it.usage.entry("list".to_owned()).or_default().read_units = 4.4;
        });
        assert_eq!(fine, Vec::<String>::new());
    }

    #[test]
    fn a_figure_above_its_budget_fails_by_name() {
        let failed = failures(|it| {
            it.archive_bytes.insert("users-a".to_owned(), 1011);
            it.instructions
                .insert("users-a".to_owned(), Instructions { start: 10_000, warm: 1_031 });
            let get = it.usage.entry("get".to_owned()).or_default();
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
    fn a_figure_below_its_budget_is_reported_and_does_not_fail() {
        let mut measured = budgets();
        measured.archive_bytes.insert("users-a".to_owned(), 900);
        let differences = budgets().compare(&measured);
        assert_eq!(differences.len(), 1);
        assert!(!differences[0].fails);
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
