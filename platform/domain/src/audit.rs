//! The audit entry: who changed what, when and why.

use std::fmt;

use users_contract::limits;

use crate::{CorrelationId, EventId, Reason, Timestamp, UserId, Version};

/// The kind of a change of a user.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// The user was registered.
    UserRegistered,
    /// The profile was changed.
    UserProfileUpdated,
    /// The user was enabled, disabled or deleted.
    UserStatusChanged,
    /// The user got a role.
    UserRoleAssigned,
    /// The user lost a role.
    UserRoleRemoved,
}

impl Action {
    /// Every action, in the order of the contract.
    pub const ALL: &'static [Self] = &[
        Self::UserRegistered,
        Self::UserProfileUpdated,
        Self::UserStatusChanged,
        Self::UserRoleAssigned,
        Self::UserRoleRemoved,
    ];

    /// The action as it stands in an audit entry.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserRegistered => "user.registered",
            Self::UserProfileUpdated => "user.profile-updated",
            Self::UserStatusChanged => "user.status-changed",
            Self::UserRoleAssigned => "user.role-assigned",
            Self::UserRoleRemoved => "user.role-removed",
        }
    }

    /// The `detail-type` of its event.
    #[must_use]
    pub fn detail_type(self) -> &'static str {
        match self {
            Self::UserRegistered => "UserRegistered",
            Self::UserProfileUpdated => "UserProfileUpdated",
            Self::UserStatusChanged => "UserStatusChanged",
            Self::UserRoleAssigned => "UserRoleAssigned",
            Self::UserRoleRemoved => "UserRoleRemoved",
        }
    }

    /// Reads the form that [`Self::as_str`] gives, exactly.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The caller of an operation. Its `Debug` form leaves out address and user agent.
#[derive(Clone, Eq, PartialEq)]
pub struct Actor {
    /// The ARN of the IAM principal.
    pub arn: String,
    /// The AWS account of the principal.
    pub account_id: String,
    /// The address that the call came from.
    pub source_ip: Option<String>,
    /// The user agent that the caller sent.
    pub user_agent: Option<UserAgent>,
}

/// A user agent, cut to a limit because callers may send anything. Its `Debug` form leaves it out.
#[derive(Clone, Eq, PartialEq)]
pub struct UserAgent(String);

impl UserAgent {
    /// Keeps the first 512 characters. Stored values are cut too: entries from before there was a limit
    /// may have hundreds of thousands.
    #[must_use]
    pub fn cut(mut text: String) -> Self {
        if let Some((end, _)) = text.char_indices().nth(limits::USER_AGENT_MAX_CHARS) {
            text.truncate(end);
        }
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserAgent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UserAgent(***)")
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Actor")
            .field("arn", &self.arn)
            .field("account_id", &self.account_id)
            .field("source_ip", &self.source_ip.as_ref().map(|_| "***"))
            .field("user_agent", &self.user_agent)
            .finish()
    }
}

/// One field that a change touched. Its `Debug` form leaves out values and attribute keys.
#[derive(Clone, Eq, PartialEq)]
pub struct Change {
    /// The field's name in JSON; `attributes.<key>` for an attribute.
    pub field: String,
    /// The old value, if any.
    pub old: Option<ChangeValue>,
    /// The new value, if any.
    pub new: Option<ChangeValue>,
}

impl fmt::Debug for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = match self.field.split_once('.') {
            Some((field, _)) => format!("{field}.***"),
            None => self.field.clone(),
        };
        formatter
            .debug_struct("Change")
            .field("field", &field)
            .field("old", &self.old)
            .field("new", &self.new)
            .finish()
    }
}

/// A value of a field. Its `Debug` form leaves it out.
#[derive(Clone, Eq, PartialEq)]
pub enum ChangeValue {
    /// A single text.
    Text(String),
    /// The elements of a set, sorted.
    List(Vec<String>),
}

impl fmt::Debug for ChangeValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(_) => "Text(***)",
            Self::List(_) => "List(***)",
        })
    }
}

/// The record of one change: exactly one for each version of a user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEntry {
    /// The id of the entry; a user's entries sort by it in the order of versions.
    pub event_id: EventId,
    /// The kind of the change.
    pub action: Action,
    /// The user that was changed.
    pub user_id: UserId,
    /// The version that the change made.
    pub version: Version,
    /// The time of the change: the `updated_at` of that version.
    pub at: Timestamp,
    /// The id of the call that made the change.
    pub correlation_id: CorrelationId,
    /// The caller.
    pub actor: Actor,
    /// The changed fields, one element each.
    pub changes: Vec<Change>,
    /// The reason, if the caller gave one.
    pub reason: Option<Reason>,
}

#[cfg(test)]
mod tests {
    use super::{Action, UserAgent};
    use users_contract::schema;

    #[test]
    fn a_user_agent_is_cut_to_512_characters() {
        let cut = |text: &str| UserAgent::cut(text.to_owned()).as_str().to_owned();
        for short in ["", "curl/8.0", "\u{e9}", &"x".repeat(512), &"\u{1d11e}".repeat(512)] {
            assert_eq!(cut(short), short);
        }
        for (unit, units) in [
            ("x", 513),
            ("x", 300_000),
            ("\u{e9}", 513),
            ("\u{20ac}", 100_000),
            ("\u{1d11e}", 513),
            // Two scalar values that are one letter on the screen: an odd cut leaves half of it.
            ("e\u{301}", 300),
        ] {
            let long = unit.repeat(units);
            let kept = cut(&long);
            assert_eq!(kept.chars().count(), 512, "{unit} x{units}");
            assert!(long.starts_with(&kept), "{unit} x{units}");
            assert_eq!(cut(&kept), kept, "{unit} x{units}");
        }
    }

    #[test]
    fn actions_are_those_of_the_contract() {
        let names: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names, schema::AUDIT_ACTIONS);
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(*action));
            assert_eq!(format!("{action:?}"), action.detail_type());
        }
        let types: Vec<_> = Action::ALL.iter().map(|action| action.detail_type()).collect();
        let expected: Vec<_> = schema::EVENTS.iter().map(|event| event.detail_type).collect();
        assert_eq!(types, expected);
        for text in ["", "UserRegistered", "user.registered "] {
            assert_eq!(Action::parse(text), None, "{text:?}");
        }
    }
}
