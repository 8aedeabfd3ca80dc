//! Values for tests, never the same twice.

use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// A word of lower-case letters and digits, unique among tests and runs.
#[must_use]
pub fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{count:x}", fastrand::u64(..))
}

/// An email address of its own, in lower case.
#[must_use]
pub fn email() -> String {
    format!("u{}@example.com", unique())
}

/// A role of its own.
#[must_use]
pub fn role() -> String {
    format!("r{}", unique())
}

/// An idempotency key of its own.
#[must_use]
pub fn key() -> String {
    format!("key-{}", unique())
}

/// A registration with nothing but an email address.
#[must_use]
pub fn registration() -> Value {
    json!({"email": email()})
}

/// A registration with every field set.
#[must_use]
pub fn full_registration() -> Value {
    json!({
        "email": email(),
        "displayName": "Ada Lovelace",
        "givenName": "Ada",
        "familyName": "Lovelace",
        "phoneNumber": "+441234567890",
        "locale": "en-GB",
        "attributes": {"team": "analytics", "cost.centre": "7"},
        "roles": ["billing:read", "admin"]
    })
}

/// A well-formed id of no user.
#[must_use]
pub fn unknown_user_id() -> String {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut id = String::from("0");
    for _ in 0..25 {
        id.push(char::from(ALPHABET[fastrand::usize(..ALPHABET.len())]));
    }
    id
}

/// The object with these members instead of, or besides, its own.
#[must_use]
pub fn with(base: &Value, members: &Value) -> Value {
    let mut merged = base.as_object().cloned().unwrap_or_default();
    for (name, value) in members.as_object().into_iter().flatten() {
        merged.insert(name.clone(), value.clone());
    }
    Value::Object(merged)
}

#[cfg(test)]
mod tests {
    use super::{email, unknown_user_id, with};
    use serde_json::json;

    #[test]
    fn samples_differ() {
        assert_ne!(email(), email());
        assert_ne!(unknown_user_id(), unknown_user_id());
        assert_eq!(unknown_user_id().len(), 26);
    }

    #[test]
    fn members_are_replaced_and_added() {
        let merged = with(&json!({"a": 1, "b": 2}), &json!({"b": 3, "c": 4}));
        assert_eq!(merged, json!({"a": 1, "b": 3, "c": 4}));
    }
}
