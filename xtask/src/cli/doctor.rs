//! The checks of `doctor`. The program that asks AWS prints its own as JSON.

use serde::{Deserialize, Serialize};

/// One check and its result.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Check {
    /// The subject of the check.
    pub name: String,
    /// The result.
    pub state: State,
    /// The result in words.
    pub detail: String,
    /// The remedy: a command where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// As required.
    Ok,
    /// Worth a look, or needed by some commands only.
    Warning,
    /// Required and absent.
    Missing,
    /// Not checked, because something else is missing.
    Unchecked,
}

impl Check {
    /// A check that passed.
    #[must_use]
    pub fn ok(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, detail: detail.into(), fix: None }
    }

    /// A check with a remedy.
    #[must_use]
    pub fn of(
        state: State,
        name: impl Into<String>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), state, detail: detail.into(), fix: Some(fix.into()) }
    }
}
