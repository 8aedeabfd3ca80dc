//! The policy rules that every template has to keep, and what breaks them.
//!
//! A rule that looks at one resource at a time is written in the language of AWS CloudFormation
//! Guard, in `policies/*.guard`, and evaluated by the `cfn-guard` crate. One that compares
//! resources with each other, or with `stages.toml`, is a function below `rules`. The
//! [`catalogue`] lists both kinds, with severity, meaning and remedy; a rule that is not in it does
//! not exist.
//!
//! A resource may leave a rule out, with a reason, in its metadata:
//!
//! ```json
//! "Metadata": {"users": {"suppress": [{"rule": "function-memory", "reason": "why not here"}]}}
//! ```
//!
//! Metadata of the template itself does the same for rules that have no resource.
//!
//! This is a crate and a program of its own because `cfn-guard` brings crates that nothing else
//! here may use: the archived `serde_yaml`, and `serde_json` with members in order of insertion,
//! which would change what every other crate of the same build sees.

pub mod catalogue;
mod finding;
mod guard;
mod rules;
mod suppress;

pub use catalogue::{Rule, Severity, rules as all_rules};
pub use finding::{Finding, Report, Suppressed};
pub use guard::Error;

use serde_json::Value;
use users_template::Stage;

/// A template with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The template as it would be sent.
    pub text: &'a str,
    /// The stage that it is for; without it, rules about the stage are left out.
    pub stage: Option<&'a Stage>,
}

/// Evaluates all rules over a template.
///
/// # Errors
///
/// When the template is not JSON, or the rules themselves cannot be evaluated.
pub fn check(subject: &Subject<'_>) -> Result<Report, Error> {
    let template: Value = serde_json::from_str(subject.text).map_err(Error::Template)?;
    let mut findings = guard::findings(&template)?;
    findings.extend(rules::findings(&template, subject));
    Ok(suppress::apply(&template, findings))
}
