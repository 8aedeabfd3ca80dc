//! Writers that continue until their stack is gone, and remember its answers.

use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use users_client::{Call, RetryPolicy};
use users_tests::sample;
use users_tests::stack::Stack;

/// One write, that can be sent to any stack and be found again in a user's history.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    method: Method,
    path: String,
    body: Value,
    key: String,
    /// A member of `changes`, or the reason, that no other write leaves in an audit entry.
    mark: Mark,
}

#[derive(Clone, Debug)]
enum Mark {
    Change { field: String, new: Value },
    Reason(String),
}

impl Write {
    fn new(method: Method, path: String, body: Value, mark: Mark) -> Self {
        Self { method, path, body, key: sample::key(), mark }
    }

    /// A registration.
    pub(crate) fn register() -> Self {
        let email = sample::email();
        let mark = Mark::Change { field: "email".to_owned(), new: json!(email) };
        let body = json!({"email": email, "roles": ["member"]});
        Self::new(Method::POST, "/users".to_owned(), body, mark)
    }

    /// A change of an attribute.
    pub(crate) fn update(user_id: &str, attribute: &str) -> Self {
        let value = json!(sample::unique());
        let mark = Mark::Change { field: format!("attributes.{attribute}"), new: value.clone() };
        let body = json!({"attributes": {attribute: value}});
        Self::new(Method::PATCH, format!("/users/{user_id}"), body, mark)
    }

    fn assign_role(user_id: &str) -> Self {
        let role = json!(sample::role());
        let mark = Mark::Change { field: "roles".to_owned(), new: role.clone() };
        Self::new(Method::POST, format!("/users/{user_id}/roles"), json!({"role": role}), mark)
    }

    fn set_status(user_id: &str, status: &str) -> Self {
        let reason = sample::unique();
        let body = json!({"status": status, "reason": reason});
        let path = format!("/users/{user_id}/status");
        Self::new(Method::PUT, path, body, Mark::Reason(reason))
    }

    fn call(&self, stack: &Stack) -> Call {
        let call = stack.call(self.method.clone(), &self.path);
        call.json(&self.body).idempotency_key(&self.key)
    }

    /// Sends the write until an answer settles it: the user as it was after the write, and whether
    /// the answer is a replay. Fails when it is no success.
    pub(crate) async fn settle(&self, stack: &Stack) -> (Value, bool) {
        let policy = RetryPolicy { attempts: 40, repeat_conflicts: true, ..RetryPolicy::default() };
        let outcome = self.call(stack).send_retrying(policy).await.unwrap();
        let body = String::from_utf8_lossy(&outcome.response.body).into_owned();
        assert!(outcome.response.status.is_success(), "{} {}: {body}", self.method, self.path);
        let is_replayed = outcome.response.header("idempotent-replayed") == Some("true");
        (outcome.response.json().unwrap(), is_replayed)
    }

    /// The versions of a user that this write made, by the user's history.
    pub(crate) fn versions(&self, history: &[Value]) -> Vec<u64> {
        let is_mine = |entry: &&Value| match &self.mark {
            Mark::Reason(reason) => entry["reason"] == *reason,
            Mark::Change { field, new } => entry["changes"]
                .as_array()
                .unwrap()
                .iter()
                .any(|change| change["field"] == *field && change["new"] == *new),
        };
        let version = |entry: &Value| entry["version"].as_u64().unwrap();
        history.iter().filter(is_mine).map(version).collect()
    }
}

/// The outcome of a write, as its writer knows it.
#[derive(Debug)]
pub(crate) enum Told {
    /// It succeeded, and this is the user after it.
    Success(Write, Value),
    /// Nothing: the stack was gone before the answer came.
    Nothing(Write),
}

/// Writes until the stack is gone, one write after another: registers a user, changes it in every
/// way, and changes the user that all writers share.
pub(crate) async fn write_until_gone(
    stack: Arc<Stack>,
    number: usize,
    shared_id: String,
    told: UnboundedSender<Told>,
) {
    let writer = Writer { stack, told };
    loop {
        let Some(user) = writer.write(Write::register()).await else { return };
        let id = users_tests::id_of(&user);
        let writes = [
            Write::update(&shared_id, &format!("w{number}")),
            Write::assign_role(id),
            Write::update(id, "team"),
            Write::set_status(id, "disabled"),
            Write::set_status(id, "active"),
        ];
        for write in writes {
            if writer.write(write).await.is_none() {
                return;
            }
        }
    }
}

struct Writer {
    stack: Arc<Stack>,
    told: UnboundedSender<Told>,
}

impl Writer {
    /// Sends a write until it succeeds, and gives the user; or nothing, once the stack is gone.
    async fn write(&self, write: Write) -> Option<Value> {
        loop {
            let Ok(response) = write.call(&self.stack).send().await else {
                // The receiver outlives all writers.
                let _ = self.told.send(Told::Nothing(write));
                return None;
            };
            match response.status.as_u16() {
                200 | 201 => {
                    let user: Value = response.json().unwrap();
                    let _ = self.told.send(Told::Success(write, user.clone()));
                    return Some(user);
                }
                // Others write to the same user, or the functions are all at work.
                409 | 429 | 503 => {
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(1..20))).await;
                }
                status => {
                    let body = String::from_utf8_lossy(&response.body);
                    panic!("{} {} is answered {status}: {body}", write.method, write.path);
                }
            }
        }
    }
}
