//! Items of the tables and records of their stream. Only the service writes them, but an operator
//! may have edited an item by hand, and an unreadable item must not end a function.

use super::Verdict;
use crate::config::Shards;
use crate::error::Error;
use crate::http::Response;
use crate::idempotency::RecordId;
use crate::relay::dead_letters::{Reason, Subject};
use crate::store::items::{
    AuditItem, RecordItem, entry_from_image, read_item, read_user, user_item, write_item,
};
use crate::wire;
use aws_lambda_events::event::dynamodb::Event;
use serde_json::Value;
use users_contract::limits;
use users_contract::schema::EVENT_SCHEMA_VERSION;
use users_domain::{AuditEntry, CorrelationId, IdempotencyKey, User};

/// The input is a batch as Lambda hands it over.
pub fn stream_record(data: &[u8]) -> Verdict {
    let Ok(event) = serde_json::from_slice::<Event>(data) else {
        return Verdict::Refused;
    };
    let mut accepted = !event.records.is_empty();
    for record in event.records {
        let (subject, image) = Subject::of(record);
        match entry_from_image(image) {
            Ok((entry, trace_header)) => check_entry(&entry, trace_header.as_deref()),
            Err(error) => {
                accepted = false;
                check_error(&error);
                check_letter(&subject.letter(&Reason::TooLarge).body());
            }
        }
    }
    Verdict::accepted(accepted)
}

fn check_entry(entry: &AuditEntry, trace_header: Option<&str>) {
    let stored = |entry: &AuditEntry| {
        let item = AuditItem::from_entry(entry, trace_header);
        let image = serde_dynamo::to_item(item).expect("an entry can be stored");
        let (entry, header) = entry_from_image(image).expect("what was stored can be read");
        assert_eq!(header.as_deref(), trace_header, "another tracing header than was stored");
        entry
    };
    let once = stored(entry);
    // Times are written with milliseconds and four-digit years, so the first round may change the
    // time; no later round may.
    assert_eq!(once, stored(&once), "another entry each time");
    assert_eq!(AuditEntry { at: entry.at, ..once }, *entry, "another entry than was stored");

    let detail: Value = serde_json::from_str(&wire::event_json(entry, EVENT_SCHEMA_VERSION))
        .expect("the detail of an event is JSON");
    assert_eq!(detail["eventId"], entry.event_id.to_string());
    assert_eq!(detail["version"], entry.version.get());
    let agent = detail["actor"]["userAgent"].as_str().unwrap_or_default();
    assert!(agent.chars().count() <= limits::USER_AGENT_MAX_CHARS);
    assert_eq!(detail["changes"].as_array().map(Vec::len), Some(entry.changes.len()));
}

/// SQS takes it, and it can be read again.
fn check_letter(body: &str) {
    assert!(body.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "a character SQS may refuse");
    let letter: Value = serde_json::from_str(body).expect("a letter is JSON");
    assert!(letter["reason"].is_string() && letter["key"].is_object());
    let user_id = letter["userId"].as_str();
    assert!(user_id.is_none_or(|id| letter["key"]["pk"] == format!("USER#{id}")));
}

/// The input is an item of the users table, as JSON with types.
pub fn stored_user(data: &[u8]) -> Verdict {
    let Ok(item) = serde_json::from_slice::<serde_dynamo::Item>(data) else {
        return Verdict::Refused;
    };
    let decoded = read_user(item.into());
    match &decoded {
        Ok(user) => {
            let stored = |user: &User| {
                let item = user_item(user, Shards::DEFAULT).expect("a user can be stored");
                read_user(item).expect("a stored user can be read")
            };
            let once = stored(user);
            assert_eq!(once, stored(&once), "another user each time");
            let times = User { created_at: user.created_at, updated_at: user.updated_at, ..once };
            assert_eq!(times, *user, "another user than was stored");
            let body: Value = serde_json::from_str(&wire::user_json(user)).expect("a user as JSON");
            assert_eq!(body["userId"], user.user_id.to_string());
        }
        Err(error) => check_error(error),
    }
    Verdict::accepted(decoded.is_ok())
}

/// The input is an item of the idempotency table, as JSON with types.
pub fn stored_record(data: &[u8]) -> Verdict {
    let Ok(item) = serde_json::from_slice::<serde_dynamo::Item>(data) else {
        return Verdict::Refused;
    };
    let key = IdempotencyKey::parse_all(&[b"key"]).ok().flatten().expect("a key");
    let principal = crate::idempotency::Principal::from_arn("arn:aws:iam::123456789012:user/ada");
    let id = || RecordId::new(&principal, "registerUser", "", &key);
    match read_item::<RecordItem>(item.into()) {
        Ok(item) => {
            let record = item.into_record(id());
            let item = write_item(RecordItem::from_record(&record)).expect("can be stored");
            let again = read_item::<RecordItem>(item).expect("what was stored can be read");
            assert_eq!(again.into_record(id()), record, "another record than was stored");
            let shown = format!("{:?}", record.answer);
            assert!(shown.starts_with("Answer { status: "), "Debug shows a body");
            let status = i64::from(record.answer.status);
            let response = Response::answer(record.answer, true, 0);
            let event = response.into_event(&CorrelationId::from_stored("id".to_owned()), "*");
            assert_eq!(event.status_code, status);
            assert!(event.headers.contains_key("idempotent-replayed"));
            Verdict::Accepted
        }
        Err(error) => {
            check_error(&error);
            Verdict::Refused
        }
    }
}

/// The log may name an attribute, but never a stored value.
fn check_error(error: &Error) {
    let Error::Internal(cause) = error else {
        panic!("an item that cannot be read is a fault of ours, not {error:?}");
    };
    let name = cause
        .what
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
        .or_else(|| cause.what.strip_prefix("attribute ")?.strip_suffix(" cannot be read"));
    let known = match name {
        Some(name) => ATTRIBUTES.contains(&name),
        None => cause.what == "wrong type",
    };
    assert!(known, "an error that is not on the list: {:?}", cause.what);
}

const ATTRIBUTES: &[&str] = &[
    "accountId",
    "action",
    "actor",
    "arn",
    "at",
    "body",
    "changes",
    "correlationId",
    "createdAt",
    "directoryPk",
    "email",
    "emailKey",
    "etag",
    "eventId",
    "expiresAt",
    "field",
    "fingerprint",
    "id",
    "pk",
    "roles",
    "sk",
    "status",
    "statusPk",
    "updatedAt",
    "userId",
    "version",
];
