//! The policy rules that every template must keep.
//!
//! A rule is one entry of [`all`]: its id, severity, texts and checks. A resource suppresses a rule
//! in its metadata, with a reason:
//!
//! ```json
//! "Metadata": {"users": {"suppress": [{"rule": "function-memory", "reason": "why not here"}]}}
//! ```
//!
//! Metadata of the template itself suppresses findings that have no resource.

mod access;
mod alarms;
mod api;
mod data;
mod functions;
mod limits;
mod report;
mod rule;
mod subject;
mod suppress;
#[cfg(test)]
mod tests;

pub use self::report::{Finding, Report, Suppressed};
pub use self::rule::{Rule, Severity};
use self::subject::Subject;
use crate::stages::Stage;
use serde_json::Value;

/// All rules, by area.
pub fn all() -> impl Iterator<Item = Rule> {
    [access::rules, alarms::rules, api::rules, data::rules, functions::rules, limits::rules]
        .into_iter()
        .flat_map(|rules| rules())
        .chain([suppress::sound()])
}

/// Evaluates all rules over the text of a template. Rules about the stage are skipped when no stage
/// is given.
///
/// # Errors
///
/// When the text is not JSON.
pub fn check(text: &str, stage: Option<&Stage>) -> Result<Report, serde_json::Error> {
    let template: Value = serde_json::from_str(text)?;
    let subject = Subject { template: &template, text, stage };
    let rules: Vec<_> = all().collect();
    let findings = rules
        .iter()
        .flat_map(|rule| rule.find(&subject).into_iter().map(|place| Finding::new(rule, place)));
    Ok(suppress::apply(&template, &rules, findings.collect()))
}
