//! One rule: its texts, and the checks that find the places that break it.

use super::subject::{Place, Subject, violations};
use serde::Serialize;
use serde_json::Value;

/// How bad it is to break a rule. A finding of any severity must be fixed or suppressed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Unauthorised access or loss of data.
    High,
    /// A defence or a means of diagnosis is missing.
    Medium,
    /// The template works by chance, or is harder to read than necessary.
    Low,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
pub struct Rule {
    /// Its name in findings and suppressions.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The state that it requires.
    pub expected: &'static str,
    /// How to fix a finding.
    pub remedy: &'static str,
    #[serde(skip)]
    checks: Vec<Check>,
}

#[derive(Clone, Debug)]
enum Check {
    /// Each value at a path in all resources of a type satisfies a condition.
    Property { kind: &'static str, path: &'static str, holds: fn(&Value) -> bool },
    /// Anything else.
    Other(fn(&Subject<'_>) -> Vec<Place>),
}

pub(super) fn high(id: &'static str) -> Rule {
    Rule::new(id, Severity::High)
}

pub(super) fn medium(id: &'static str) -> Rule {
    Rule::new(id, Severity::Medium)
}

pub(super) fn low(id: &'static str) -> Rule {
    Rule::new(id, Severity::Low)
}

impl Rule {
    fn new(id: &'static str, severity: Severity) -> Self {
        Self { id, severity, expected: "", remedy: "", checks: Vec::new() }
    }

    pub(super) fn expects(self, expected: &'static str) -> Self {
        Self { expected, ..self }
    }

    pub(super) fn remedy(self, remedy: &'static str) -> Self {
        Self { remedy, ..self }
    }

    /// Requires a condition of the values at a path, as [`violations`] reads it, in all resources
    /// of a type.
    pub(super) fn property(
        mut self,
        kind: &'static str,
        path: &'static str,
        holds: fn(&Value) -> bool,
    ) -> Self {
        self.checks.push(Check::Property { kind, path, holds });
        self
    }

    /// Adds a check that looks at more than one property.
    pub(super) fn check(mut self, find: fn(&Subject<'_>) -> Vec<Place>) -> Self {
        self.checks.push(Check::Other(find));
        self
    }

    /// The places that break the rule.
    pub(super) fn find(&self, subject: &Subject<'_>) -> Vec<Place> {
        let places = self.checks.iter().map(|check| match check {
            Check::Property { kind, path, holds } => violations(subject.all(kind), path, holds),
            Check::Other(find) => find(subject),
        });
        places.flatten().collect()
    }
}

impl Severity {
    /// The severity in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}
