//! A valid history, and its parts.

use crate::history::{Answer, Attempt, Exchange, History, Request};
use serde_json::{Value, json};

pub(super) const USER: &str = "01JD8Z6T3Y5V0Q4C9K2M7N8P10";

/// The state of the user at a version, as the API shows it.
pub(super) fn state(version: u64) -> Value {
    let mut user = json!({
        "userId": USER, "email": "Ada@example.com", "displayName": "Ada", "status": "active",
        "roles": [], "version": version, "createdAt": at(1), "updatedAt": at(version)
    });
    if version > 1 {
        user["roles"] = json!(["admin"]);
    }
    user
}

pub(super) fn at(version: u64) -> String {
    format!("2026-11-22T10:00:0{version}.000Z")
}

pub(super) fn event_id(version: u64) -> String {
    format!("01JD8Z6T3Y5V0Q4C9K2M7N8P2{version}")
}

pub(super) fn entry(version: u64, action: &str, correlation_id: &str, changes: &Value) -> Value {
    json!({
        "pk": format!("USER#{USER}"), "sk": format!("AUDIT#{}", event_id(version)),
        "eventId": event_id(version), "action": action, "userId": USER, "version": version,
        "at": at(version), "correlationId": correlation_id,
        "actor": {"arn": "arn:aws:iam::000000000000:user/test", "accountId": "000000000000"},
        "changes": changes, "traceHeader": "Root=1-6b043126-8b2c56e90ff67b5e594330b9;Sampled=1"
    })
}

/// An entry as the API shows it.
pub(super) fn shown(item: &Value) -> Value {
    let mut entry = item.clone();
    if let Some(members) = entry.as_object_mut() {
        members.retain(|name, _| !["pk", "sk", "traceHeader"].contains(&name.as_str()));
    }
    entry
}

pub(super) fn event(entry: &Value, detail_type: &str) -> Value {
    let mut detail = shown(entry);
    detail["schemaVersion"] = json!(1);
    json!({"source": "users.service", "detailType": detail_type, "detail": detail})
}

pub(super) fn answered(correlation_id: &str, begun: u64, answer: Answer) -> Attempt {
    let (correlation_id, answer) = (correlation_id.to_owned(), Some(answer));
    Attempt { correlation_id, begun, ended: begun + 10, answer }
}

pub(super) fn lost(correlation_id: &str, begun: u64) -> Attempt {
    Attempt { correlation_id: correlation_id.to_owned(), begun, ended: begun + 5, answer: None }
}

pub(super) fn success(status: u16, version: u64) -> Answer {
    Answer {
        status,
        body: state(version).to_string(),
        etag: Some(format!("\"{version}\"")),
        location: (status == 201).then(|| format!("/prod/users/{USER}")),
        replayed: false,
    }
}

pub(super) fn refusal(status: u16, code: &str) -> Answer {
    Answer { status, body: json!({"code": code}).to_string(), ..Answer::default() }
}

pub(super) fn replayed(answer: Answer) -> Answer {
    Answer { replayed: true, ..answer }
}

pub(super) fn exchange(id: &str, request: Request, attempts: Vec<Attempt>) -> Exchange {
    Exchange { id: id.to_owned(), label: "a test".to_owned(), request, attempts }
}

pub(super) fn record(status: u16, version: u64) -> Value {
    json!({
        "id": format!("{version}"), "fingerprint": "f", "status": status,
        "body": state(version).to_string(), "etag": format!("\"{version}\""), "expiresAt": 9
    })
}

pub(super) const REGISTER: usize = 0;
pub(super) const ASSIGN: usize = 1;
pub(super) const READ: usize = 2;

/// Indexes in the users table.
pub(super) const PROFILE: usize = 0;
pub(super) const GUARD: usize = 1;
pub(super) const ROLE: usize = 2;
pub(super) const FIRST_ENTRY: usize = 3;
pub(super) const SECOND_ENTRY: usize = 4;

/// A registration, a new role that was sent twice, both with keys, and a read.
pub(super) fn valid() -> History {
    let register = Request::register(json!({"email": "Ada@example.com", "displayName": "Ada"}));
    let changes = json!([
        {"field": "email", "new": "Ada@example.com"}, {"field": "displayName", "new": "Ada"},
        {"field": "status", "new": "active"}
    ]);
    let first = entry(1, "user.registered", "c1", &changes);
    let changes = json!([{"field": "roles", "new": "admin"}]);
    let second = entry(2, "user.role-assigned", "c2", &changes);
    let mut profile = state(2);
    profile["pk"] = json!(format!("USER#{USER}"));
    profile["sk"] = json!("PROFILE");
    profile["directoryPk"] = json!("LIVE#1");
    profile["statusPk"] = json!("STATUS#active#1");
    profile["emailKey"] = json!("ada@example.com");
    History {
        exchanges: vec![
            exchange("r1", register.keyed("k1"), vec![answered("c1", 0, success(201, 1))]),
            exchange(
                "r2",
                Request::assign_role(USER, "admin").keyed("k2"),
                vec![lost("c2", 20), answered("c3", 30, replayed(success(200, 2)))],
            ),
            exchange("r3", Request::profile(USER), vec![answered("c4", 50, success(200, 2))]),
        ],
        events: vec![event(&first, "UserRegistered"), event(&second, "UserRoleAssigned")],
        users: vec![
            profile,
            json!({"pk": "EMAIL#ada@example.com", "sk": "EMAIL", "userId": USER}),
            json!({
                "pk": format!("USER#{USER}"), "sk": "ROLE#admin", "userId": USER,
                "directoryPk": "ROLE#admin#1"
            }),
            first,
            second,
        ],
        records: vec![record(201, 1), record(200, 2)],
        dead_letters: Vec::new(),
        quiet_since: Some(100),
    }
}
