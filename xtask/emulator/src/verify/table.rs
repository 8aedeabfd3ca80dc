//! For each type of the template, the operations that tell whether a resource of it is there.

mod rows;

pub(super) use self::rows::ROWS;

use super::Subject;
use super::compare::compare;
use crate::aws::{Answer, Aws, unescape};
use anyhow::{Result, bail};
use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// What is asked of a service.
pub(super) enum Question {
    Json {
        service: &'static str,
        target: &'static str,
        body: Value,
    },
    Query {
        service: &'static str,
        version: &'static str,
        action: &'static str,
        parameters: Vec<(&'static str, String)>,
    },
    Rest {
        service: &'static str,
        path: String,
    },
}

/// One operation. All rows of a type must agree.
pub(super) struct Row {
    pub(super) kind: &'static str,
    /// The question; `None` when what it needs to know is not there.
    pub(super) ask: fn(&Subject<'_>) -> Option<Question>,
    /// Properties that the answer repeats: JSON Pointers into properties and answer.
    same: &'static [(&'static str, &'static str)],
    /// Texts that the answer must contain, each with the property that it stands for; an empty one
    /// stands for the resource.
    says: fn(&Subject<'_>) -> Vec<(&'static str, String)>,
}

impl Question {
    pub(super) async fn send(&self, aws: &Aws) -> Result<Answer> {
        match self {
            Self::Json { service, target, body } => aws.json(service, target, body).await,
            Self::Query { service, version, action, parameters } => {
                let parameters: Vec<_> =
                    parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
                aws.query(service, version, action, &parameters).await
            }
            Self::Rest { service, path } => aws.rest(service, Method::GET, path, None).await,
        }
    }
}

/// The rows of a type.
pub(super) fn rows(kind: &str) -> Result<impl Iterator<Item = &'static Row> + use<'_>> {
    if !ROWS.iter().any(|row| row.kind == kind) {
        bail!(
            "nobody knows how to look for a {kind}; add it in xtask/emulator/src/verify/table/rows.rs"
        );
    }
    Ok(ROWS.iter().filter(move |row| row.kind == kind))
}

impl Row {
    /// What is otherwise than the template says, as (property, what was found).
    pub(super) fn differences(
        &self,
        subject: &Subject<'_>,
        answer: &Answer,
    ) -> Vec<(String, String)> {
        let value = answer.value();
        let mut differences = Vec::new();
        for (property, place) in self.same {
            let Some(wanted) = subject.properties.pointer(property) else { continue };
            if let Err(found) = compare(wanted, value.pointer(place), subject.known) {
                differences.push(((*property).to_owned(), found));
            }
        }
        for (property, wanted) in self.unsaid(subject, answer) {
            differences.push((property.to_owned(), format!("the answer does not name {wanted}")));
        }
        differences
    }

    /// Whether an answer is about the resource, whatever it lost, and not an empty list.
    pub(super) fn is_named(&self, subject: &Subject<'_>, answer: &Answer) -> bool {
        self.unsaid(subject, answer).iter().all(|(property, _)| !property.is_empty())
    }

    /// What the answer should contain and does not.
    fn unsaid(&self, subject: &Subject<'_>, answer: &Answer) -> Vec<(&'static str, String)> {
        // IAM percent-encodes policies, XML and JSON escape them once more.
        let text = unescape(answer.text());
        let decoded = percent_decode_str(&text).decode_utf8_lossy();
        let mut wanted = (self.says)(subject);
        wanted.retain(|(_, wanted)| !text.contains(wanted) && !decoded.contains(wanted));
        wanted
    }
}
