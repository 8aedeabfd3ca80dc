//! What clients asked for and what they saw.

use serde_json::{Value, json};

/// The eight operations.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Operation {
    /// `POST /users`
    Register,
    /// `GET /users/{userId}`
    Profile,
    /// `PATCH /users/{userId}`
    Update,
    /// `PUT /users/{userId}/status`
    SetStatus,
    /// `POST /users/{userId}/roles`
    AssignRole,
    /// `DELETE /users/{userId}/roles/{role}`
    RemoveRole,
    /// `GET /users`
    List,
    /// `GET /users/{userId}/audit`
    Audit,
}

impl Operation {
    /// The function that serves it.
    #[must_use]
    pub fn function(self) -> &'static str {
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

    /// The method of its requests.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Register | Self::AssignRole => "POST",
            Self::Profile | Self::List | Self::Audit => "GET",
            Self::Update => "PATCH",
            Self::SetStatus => "PUT",
            Self::RemoveRole => "DELETE",
        }
    }

    /// Whether it changes something.
    #[must_use]
    pub fn is_write(self) -> bool {
        !matches!(self, Self::Profile | Self::List | Self::Audit)
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The operation.
    pub operation: Operation,
    /// The user of the path; none for a registration and a list.
    pub user: Option<String>,
    /// The role of the path of a removal.
    pub role: Option<String>,
    /// The query, names and values as they are meant.
    pub query: Vec<(String, String)>,
    /// The body.
    pub body: Option<Value>,
    /// The idempotency key.
    pub key: Option<String>,
    /// The version of `If-Match`.
    pub if_match: Option<u64>,
    /// The version of `If-None-Match`.
    pub if_none_match: Option<u64>,
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

    /// A registration.
    #[must_use]
    pub fn register(body: Value) -> Self {
        Self::new(Operation::Register, None, Some(body))
    }

    /// A read of a profile.
    #[must_use]
    pub fn profile(user: &str) -> Self {
        Self::new(Operation::Profile, Some(user), None)
    }

    /// A merge patch.
    #[must_use]
    pub fn update(user: &str, patch: Value) -> Self {
        Self::new(Operation::Update, Some(user), Some(patch))
    }

    /// A change of status.
    #[must_use]
    pub fn set_status(user: &str, status: &str, reason: Option<&str>) -> Self {
        let mut body = json!({"status": status});
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        Self::new(Operation::SetStatus, Some(user), Some(body))
    }

    /// A new role.
    #[must_use]
    pub fn assign_role(user: &str, role: &str) -> Self {
        Self::new(Operation::AssignRole, Some(user), Some(json!({"role": role})))
    }

    /// A role less.
    #[must_use]
    pub fn remove_role(user: &str, role: &str) -> Self {
        Self { role: Some(role.to_owned()), ..Self::new(Operation::RemoveRole, Some(user), None) }
    }

    /// A list of users.
    #[must_use]
    pub fn list(query: &[(&str, &str)]) -> Self {
        Self::new(Operation::List, None, None).with_query(query)
    }

    /// A page of a user's audit log.
    #[must_use]
    pub fn audit(user: &str, query: &[(&str, &str)]) -> Self {
        Self::new(Operation::Audit, Some(user), None).with_query(query)
    }

    fn with_query(mut self, query: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.query = query.iter().map(owned).collect();
        self
    }

    /// The same under an idempotency key.
    #[must_use]
    pub fn keyed(self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// The same only if the user is at a version.
    #[must_use]
    pub fn if_match(self, version: u64) -> Self {
        Self { if_match: Some(version), ..self }
    }

    /// The same only if the user is not at a version.
    #[must_use]
    pub fn if_none_match(self, version: u64) -> Self {
        Self { if_none_match: Some(version), ..self }
    }

    /// The path below the API's stage, percent-encoded; nothing here needs it but roles.
    #[must_use]
    pub fn path(&self) -> String {
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

    /// What makes two requests with one key the same request.
    #[must_use]
    pub fn content(&self) -> String {
        let body = self.body.as_ref().map(Value::to_string).unwrap_or_default();
        format!("{body} if-match {:?}", self.if_match)
    }

    /// The scope of its key: requests of one scope and content are one request.
    #[must_use]
    pub fn scope(&self) -> Option<String> {
        let key = self.key.as_deref()?;
        Some(format!("{} {} {key}", self.operation.method(), self.path()))
    }
}

/// A request and all that its client saw of it.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Names the request.
    pub id: String,
    /// What the request is part of: the name of a case, or of a client.
    pub part_of: String,
    /// What was asked for.
    pub request: Request,
    /// Every time that it was sent, in order.
    pub attempts: Vec<Attempt>,
}

/// One sending of a request.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// No other attempt has it.
    pub correlation_id: String,
    /// When it was sent, in microseconds since the run began.
    pub begun: u64,
    /// When the answer was there, or the connection was lost.
    pub ended: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// No answer.
    Lost,
    /// An answer.
    Answer(Answer),
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// `Idempotent-Replayed`.
    pub replayed: bool,
}

impl Answer {
    /// Whether it is a success; 304 is one.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self.status, 200 | 201 | 304)
    }

    /// Whether the service has decided, so that asking again is no retry.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self.status {
            429 | 500.. => false,
            409 => !matches!(
                self.code().as_deref(),
                Some("request-in-progress" | "concurrent-modification")
            ),
            _ => true,
        }
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The code of a problem document.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        Some(self.json().get("code")?.as_str()?.to_owned())
    }
}

impl Attempt {
    /// The answer, if one came.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Answer(answer) => Some(answer),
            Outcome::Lost => None,
        }
    }

    /// The answer, if it is a success.
    #[must_use]
    pub fn success(&self) -> Option<&Answer> {
        self.answer().filter(|answer| answer.is_success())
    }
}

impl Sight {
    /// Every success that was seen, with its attempt.
    pub fn successes(&self) -> impl Iterator<Item = (&Attempt, &Answer)> {
        self.attempts.iter().filter_map(|attempt| Some((attempt, attempt.success()?)))
    }

    /// The last answer.
    #[must_use]
    pub fn last_answer(&self) -> Option<&Answer> {
        self.attempts.last()?.answer()
    }
}

/// A run as it is when everything is at rest: what was seen, and what there is.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Every request.
    pub sights: Vec<Sight>,
    /// Every item of the users table, attributes as plain JSON.
    pub users: Vec<Value>,
    /// Every item of the idempotency table, likewise.
    pub records: Vec<Value>,
    /// Every event on the bus, in the order of arrival.
    pub events: Vec<Value>,
    /// What the relay was given up on.
    pub dead_letters: Vec<Value>,
    /// Since when no fault was on and no call under way, in microseconds since the run began; what
    /// was sent later is answered as if nothing had ever happened.
    pub at_rest_since: Option<u64>,
}
