//! All rules: the one list that the checks, the output and the tests go by.

mod access;
mod api;
mod data;
mod functions;
mod stack;

use crate::rules::{Context, Place};
use serde::Serialize;

/// How bad it is to break a rule. Whatever its severity, a finding must be mended or suppressed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody gets in, or something gets lost.
    High,
    /// A defence, or the means to find out, is missing.
    Medium,
    /// What works by chance, or could be read more easily.
    Low,
}

/// One rule.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// What it is called in findings and suppressions.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// What it asks for.
    pub expected: &'static str,
    /// What to do about a finding.
    pub remedy: &'static str,
    #[serde(skip)]
    pub(crate) evaluation: Evaluation,
}

/// What finds out whether a rule is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Evaluation {
    /// The rule of the same name, with underscores, in `policies/`.
    Guard,
    /// A function.
    Code(fn(&Context<'_>) -> Vec<Place>),
    /// The treatment of suppressions itself.
    Suppressions,
}

impl Severity {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// All rules, by area.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [access::RULES, api::RULES, data::RULES, functions::RULES, stack::RULES].into_iter().flatten()
}

/// The rule with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// The rule about suppressions, which cannot be suppressed.
pub(crate) const SUPPRESSION_SOUND: Rule = Rule {
    id: "suppression-sound",
    severity: Severity::Medium,
    expected: "a suppression names a rule, gives a reason, and leaves something out",
    remedy: "correct it, or take it away",
    evaluation: Evaluation::Suppressions,
};

const fn rule(
    id: &'static str,
    severity: Severity,
    evaluation: Evaluation,
    expected: &'static str,
    remedy: &'static str,
) -> Rule {
    Rule { id, severity, expected, remedy, evaluation }
}

#[cfg(test)]
mod tests {
    use super::rules;
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_unique() {
        let ids: BTreeSet<_> = rules().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), rules().count());
    }

    #[test]
    fn texts_read_as_parts_of_a_sentence() {
        for rule in rules() {
            for text in [rule.expected, rule.remedy] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}", rule.id);
            }
        }
    }
}
