//! What breaks a rule, and where.

use crate::catalogue::{Rule, Severity};
use serde::Serialize;

/// One place that breaks one rule.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The logical id of the resource; none when the template as a whole breaks the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Where in the resource (`Properties/Policies/0/PolicyName`), or in the template when there is
    /// no resource. Empty for the whole of it.
    pub path: String,
    /// What is wrong there.
    pub detail: String,
    /// What the rule asks for.
    pub expected: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// A finding that its resource has a reason for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Suppressed {
    /// What would be found.
    #[serde(flatten)]
    pub finding: Finding,
    /// Why it may stay.
    pub reason: String,
}

/// The outcome for one template.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Report {
    /// What must be mended, worst first, then by rule and place.
    pub findings: Vec<Finding>,
    /// What was left out with a reason.
    pub suppressed: Vec<Suppressed>,
}

impl Finding {
    /// A finding in a resource.
    pub(crate) fn at(
        rule: &'static Rule,
        resource: &str,
        path: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self { resource: Some(resource.to_owned()), ..Self::of_template(rule, path, detail) }
    }

    /// A finding in the template as a whole.
    pub(crate) fn of_template(
        rule: &'static Rule,
        path: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            rule: rule.id,
            severity: rule.severity,
            resource: None,
            path: path.into(),
            detail: detail.into(),
            expected: rule.expected,
            remedy: rule.remedy,
        }
    }

    /// Where it is, for people: `ApiStage Properties/TracingEnabled`.
    #[must_use]
    pub fn place(&self) -> String {
        let resource = self.resource.as_deref().unwrap_or("template");
        format!("{resource} {}", self.path).trim_end().to_owned()
    }
}
