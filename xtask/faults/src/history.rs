//! The clients' requests and answers, and the final contents of tables and bus.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Operation {
    Register,
    Profile,
    Update,
    SetStatus,
    AssignRole,
    RemoveRole,
    List,
    Audit,
}

impl Operation {
    pub(crate) fn function(self) -> &'static str {
        match self {
            Self::Register => "users-register-create",
            Self::Profile => "users-profile-get",
            Self::Update => "users-profile-update",
            Self::SetStatus => "users-status-update",
            Self::AssignRole => "users-role-assign",
            Self::RemoveRole => "users-role-remove",
            Self::List => "users-list-query",
            Self::Audit => "users-audit-query",
        }
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Register | Self::AssignRole => "POST",
            Self::Profile | Self::List | Self::Audit => "GET",
            Self::Update => "PATCH",
            Self::SetStatus => "PUT",
            Self::RemoveRole => "DELETE",
        }
    }

    pub(crate) fn is_write(self) -> bool {
        !matches!(self, Self::Profile | Self::List | Self::Audit)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) operation: Operation,
    /// The user id in the path; `None` for registrations and lists.
    pub(crate) user: Option<String>,
    /// The role in the path of a removal.
    pub(crate) role: Option<String>,
    /// Names and values, not yet percent-encoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    /// The idempotency key.
    pub(crate) key: Option<String>,
    pub(crate) if_match: Option<u64>,
    pub(crate) if_none_match: Option<u64>,
}

impl Request {
    fn new(operation: Operation, user: Option<&str>, body: Option<Value>) -> Self {
        Self {
            operation,
            user: user.map(str::to_owned),
            role: None,
            query: Vec::new(),
            body,
            key: None,
            if_match: None,
            if_none_match: None,
        }
    }

    pub(crate) fn register(body: Value) -> Self {
        Self::new(Operation::Register, None, Some(body))
    }

    pub(crate) fn profile(user: &str) -> Self {
        Self::new(Operation::Profile, Some(user), None)
    }

    pub(crate) fn update(user: &str, patch: Value) -> Self {
        Self::new(Operation::Update, Some(user), Some(patch))
    }

    pub(crate) fn set_status(user: &str, status: &str, reason: Option<&str>) -> Self {
        let mut body = json!({"status": status});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        Self::new(Operation::SetStatus, Some(user), Some(body))
    }

    pub(crate) fn assign_role(user: &str, role: &str) -> Self {
        Self::new(Operation::AssignRole, Some(user), Some(json!({"role": role})))
    }

    pub(crate) fn remove_role(user: &str, role: &str) -> Self {
        Self { role: Some(role.to_owned()), ..Self::new(Operation::RemoveRole, Some(user), None) }
    }

    pub(crate) fn list(query: &[(&str, &str)]) -> Self {
        Self::new(Operation::List, None, None).with_query(query)
    }

    pub(crate) fn audit(user: &str, query: &[(&str, &str)]) -> Self {
        Self::new(Operation::Audit, Some(user), None).with_query(query)
    }

    pub(crate) fn with_query(mut self, query: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.query.extend(query.iter().map(owned));
        self
    }

    pub(crate) fn keyed(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    pub(crate) fn if_match(self, version: u64) -> Self {
        Self { if_match: Some(version), ..self }
    }

    pub(crate) fn if_none_match(self, version: u64) -> Self {
        Self { if_none_match: Some(version), ..self }
    }

    /// Whether a client may send it again without knowing whether it took effect.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.key.is_some() || !self.operation.is_write()
    }

    /// The path below the API's stage, percent-encoded. Only roles need the encoding.
    pub(crate) fn path(&self) -> String {
        let user = self.user.as_deref().unwrap_or_default();
        match self.operation {
            Operation::Register | Operation::List => "/users".to_owned(),
            Operation::Profile | Operation::Update => format!("/users/{user}"),
            Operation::SetStatus => format!("/users/{user}/status"),
            Operation::AssignRole => format!("/users/{user}/roles"),
            Operation::RemoveRole => {
                let role = self.role.as_deref().unwrap_or_default().replace(':', "%3A");
                format!("/users/{user}/roles/{role}")
            }
            Operation::Audit => format!("/users/{user}/audit"),
        }
    }

    /// The part that must be equal for two requests with one key to be the same request.
    pub(crate) fn content(&self) -> String {
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        format!("{body} if-match {:?}", self.if_match)
    }

    /// The scope of its key: requests with equal scope and content are the same request.
    pub(crate) fn scope(&self) -> Option<String> {
        let key = self.key.as_deref()?;
        Some(format!("{} {} {key}", self.operation.method(), self.path()))
    }
}

/// A request with every attempt that its client made.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) id: String,
    /// The test case or client that it belongs to.
    pub(crate) label: String,
    pub(crate) request: Request,
    pub(crate) attempts: Vec<Attempt>,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Unique among all attempts.
    pub(crate) correlation_id: String,
    /// When it was sent, in microseconds since the run began.
    pub(crate) begun: u64,
    /// When the answer arrived or the connection was lost, in microseconds since the run began.
    pub(crate) ended: u64,
    /// `None` when the connection was lost.
    pub(crate) answer: Option<Answer>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) etag: Option<String>,
    pub(crate) location: Option<String>,
    /// The header `Idempotent-Replayed`.
    pub(crate) replayed: bool,
}

impl Answer {
    /// Whether it is a success, 304 included.
    pub(crate) fn is_success(&self) -> bool {
        matches!(self.status, 200 | 201 | 304)
    }

    /// Whether the service has decided; other answers ask the client to try again.
    pub(crate) fn is_final(&self) -> bool {
        match self.status {
            429 | 500.. => false,
            409 => !matches!(
                self.code().as_deref(),
                Some("request-in-progress" | "concurrent-modification")
            ),
            _ => true,
        }
    }

    /// The body as JSON; null when it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The code of a problem document.
    pub(crate) fn code(&self) -> Option<String> {
        Some(self.json().get("code")?.as_str()?.to_owned())
    }
}

impl Attempt {
    pub(crate) fn success(&self) -> Option<&Answer> {
        self.answer.as_ref().filter(|answer| answer.is_success())
    }
}

impl Exchange {
    /// Every success, with its attempt.
    pub(crate) fn successes(&self) -> impl Iterator<Item = (&Attempt, &Answer)> {
        self.attempts.iter().filter_map(|attempt| Some((attempt, attempt.success()?)))
    }

    pub(crate) fn last_answer(&self) -> Option<&Answer> {
        self.attempts.last()?.answer.as_ref()
    }
}

/// A finished run: every request, and the contents of tables and bus.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) exchanges: Vec<Exchange>,
    /// The items of the users table, attributes as plain JSON.
    pub(crate) users: Vec<Value>,
    /// The items of the idempotency table, attributes as plain JSON.
    pub(crate) records: Vec<Value>,
    /// The events on the bus, in the order of arrival.
    pub(crate) events: Vec<Value>,
    /// The records that the relay gave up.
    pub(crate) dead_letters: Vec<Value>,
    /// When faults and calls had ended, in microseconds since the run began. Later requests must be
    /// answered as if there had been no faults.
    pub(crate) quiet_since: Option<u64>,
}
