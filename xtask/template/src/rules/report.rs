//! The findings about one template.

use super::rule::{Rule, Severity};
use super::subject::Place;
use serde::Serialize;

/// One place that breaks one rule.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is to break the rule.
    pub severity: Severity,
    /// The logical id of the resource; `None` for the template as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The path in the resource (`Properties/Policies/0/PolicyName`), or in the template when there
    /// is no resource. Empty for all of it.
    pub path: String,
    /// The fault.
    pub detail: String,
    /// The state that the rule requires.
    pub expected: &'static str,
    /// How to fix it.
    pub remedy: &'static str,
}

/// A finding that its resource suppresses.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Suppressed {
    /// The finding that would stand without the suppression.
    #[serde(flatten)]
    pub finding: Finding,
    /// Why it may stay.
    pub reason: String,
}

/// The outcome for one template.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Findings to fix, worst first, then by rule and place.
    pub findings: Vec<Finding>,
    /// Findings suppressed with a reason.
    pub suppressed: Vec<Suppressed>,
}

impl Finding {
    pub(super) fn new(rule: &Rule, place: Place) -> Self {
        Self {
            rule: rule.id,
            severity: rule.severity,
            resource: place.resource,
            path: place.path,
            detail: place.detail,
            expected: rule.expected,
            remedy: rule.remedy,
        }
    }

    /// The place in words: `ApiStage Properties/TracingEnabled`.
    #[must_use]
    pub fn place(&self) -> String {
        let resource = self.resource.as_deref().unwrap_or("template");
        format!("{resource} {}", self.path).trim_end().to_owned()
    }
}
