//! The report of `status`.

use super::alarms::Alarms;
use super::deployed::Deployed;
use super::drift::Drift;
use super::findings::Findings;
use super::functions::{Function, Mapping};
use crate::session::Session;
use serde::Serialize;

/// The verdict.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Health {
    /// Deployed and healthy.
    Healthy,
    /// Healthy as far as known, but something could not be examined.
    Unknown,
    /// There is no stack, or an empty one.
    NotDeployed,
    /// Something is wrong.
    Unhealthy,
    /// Healthy, but resources differ from the template.
    Drifted,
}

impl Health {
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Unknown => 1,
            Self::NotDeployed => 3,
            Self::Unhealthy => 4,
            Self::Drifted => 5,
        }
    }
}

/// The state of a stage.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) health: Health,
    pub(super) stage: String,
    pub(super) account: String,
    pub(super) region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stack: Option<Deployed>,
    pub(super) functions: Vec<Function>,
    pub(super) event_source_mappings: Vec<Mapping>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alarms: Option<Alarms>,
    #[serde(flatten)]
    pub(super) drift: Option<Drift>,
    #[serde(flatten)]
    pub(super) findings: Findings,
}

impl Report {
    /// The report of a stage that is not deployed.
    pub(super) fn new(session: &Session) -> Self {
        Self {
            health: Health::NotDeployed,
            stage: session.stage.name.clone(),
            account: session.account.clone(),
            region: session.region.clone(),
            stack: None,
            functions: Vec::new(),
            event_source_mappings: Vec::new(),
            alarms: None,
            drift: None,
            findings: Findings::default(),
        }
    }
}
