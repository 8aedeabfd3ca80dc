//! The policy rules that every template has to keep, and the search for what breaks them.
//!
//! A rule is one entry of [`all`]: its id, severity, texts, and the function that finds the places
//! that break it. A resource may leave a rule out, with a reason, in its metadata:
//!
//! ```json
//! "Metadata": {"users": {"suppress": [{"rule": "function-memory", "reason": "why not here"}]}}
//! ```
//!
//! Metadata of the template itself does the same for findings that have no resource.

mod access;
mod alarms;
mod api;
mod data;
mod functions;
mod limits;
mod subject;
mod suppress;
#[cfg(test)]
mod tests;

use self::subject::{Place, Subject};
use crate::Stage;
use serde::Serialize;
use serde_json::Value;

/// How bad it is to break a rule. Whatever its severity, a finding must be mended or suppressed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody gets in, or something gets lost.
    High,
    /// A defence, or the means to find out, is missing.
    Medium,
    /// The template works by chance, or is harder to read than it needs to be.
    Low,
}

/// One rule.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// Its name in findings and suppressions.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The state that it asks for.
    pub expected: &'static str,
    /// How to mend a finding.
    pub remedy: &'static str,
    /// Finds the places that break it.
    #[serde(skip)]
    check: fn(&Subject<'_>) -> Vec<Place>,
}

/// One place that breaks one rule.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The logical id of the resource; `None` when the template as a whole breaks the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The path in the resource (`Properties/Policies/0/PolicyName`), or in the template when there
    /// is no resource. Empty for the whole of it.
    pub path: String,
    /// The fault.
    pub detail: String,
    /// The state that the rule asks for.
    pub expected: &'static str,
    /// How to mend it.
    pub remedy: &'static str,
}

/// A finding that its resource has a reason for.
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
    /// Findings to mend, worst first, then by rule and place.
    pub findings: Vec<Finding>,
    /// Findings left out with a reason.
    pub suppressed: Vec<Suppressed>,
}

/// All rules, by area.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [access::RULES, alarms::RULES, api::RULES, data::RULES, functions::RULES, limits::RULES]
        .into_iter()
        .flatten()
        .chain([&suppress::SOUND])
}

/// Evaluates all rules over the text of a template. Without the stage that it is for, rules about
/// the stage are left out.
///
/// # Errors
///
/// When the text is not JSON.
pub fn check(text: &str, stage: Option<&Stage>) -> Result<Report, serde_json::Error> {
    let template: Value = serde_json::from_str(text)?;
    let subject = Subject { template: &template, text, stage };
    let findings = all()
        .flat_map(|rule| (rule.check)(&subject).into_iter().map(|place| Finding::new(rule, place)));
    Ok(suppress::apply(&template, findings.collect()))
}

impl Severity {
    /// The word in the output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl Finding {
    fn new(rule: &Rule, place: Place) -> Self {
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

    /// The place for people: `ApiStage Properties/TracingEnabled`.
    #[must_use]
    pub fn place(&self) -> String {
        let resource = self.resource.as_deref().unwrap_or("template");
        format!("{resource} {}", self.path).trim_end().to_owned()
    }
}
