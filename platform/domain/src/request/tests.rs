use super::{AssignRole, AttributesPatch, Decode, RegisterUser, SetStatus, UserPatch, decode_body};
use crate::fixtures::{attribute, name, role, shown};
use crate::{AttributeKey, Document, Email, Reason, Status};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use users_contract::{Field, FieldName, schema};

const ROLE: &str = "must match ^[a-z][a-z0-9:_.-]{0,63}$";
const KEY: &str = "is not an attribute key: it must match ^[A-Za-z][A-Za-z0-9_.-]{0,63}$";

fn decode<T: Decode>(body: &Value) -> Result<T, Vec<String>> {
    decode_body(body.to_string().as_bytes())
        .map(|(request, _)| request)
        .map_err(|violations| shown(&violations))
}

#[track_caller]
fn assert_refused<T: Decode>(rows: &[(Value, &[&str], &str)]) {
    for (body, expected, description) in rows {
        let violations = decode::<T>(body).err().unwrap_or_default();
        assert_eq!(violations, *expected, "{description}");
    }
}

#[test]
fn a_full_registration_is_read() {
    let body = json!({
        "email": " Ada@example.com ",
        "displayName": " Ada Lovelace ",
        "givenName": "Ada",
        "familyName": "Lovelace",
        "phoneNumber": "+441234567890",
        "locale": "en-GB",
        "attributes": {"team": " analytics "},
        "roles": ["billing:read", "admin"],
    });
    let request: RegisterUser = decode(&body).unwrap();
    assert_eq!(request.email.as_str(), "Ada@example.com");
    let texts: Vec<_> =
        request.texts.iter().map(|(field, text)| (Field::of(*field).json, text.as_str())).collect();
    let expected = [
        ("displayName", "Ada Lovelace"),
        ("givenName", "Ada"),
        ("familyName", "Lovelace"),
        ("phoneNumber", "+441234567890"),
        ("locale", "en-GB"),
    ];
    assert_eq!(texts, expected);
    assert_eq!(request.attributes, [attribute("team", " analytics ")].into());
    assert_eq!(request.roles, BTreeSet::from([role("admin"), role("billing:read")]));
}

#[test]
fn a_small_registration_is_read() {
    let request: RegisterUser =
        decode(&json!({"email": "a@x.io", "attributes": {}, "roles": []})).unwrap();
    let expected = RegisterUser {
        email: Email::parse("a@x.io").unwrap(),
        texts: [].into(),
        attributes: [].into(),
        roles: [].into(),
    };
    assert_eq!(request, expected);
}

#[test]
fn registrations_are_refused_with_every_problem() {
    assert_refused::<RegisterUser>(&[
        (json!({}), &["/email is required"], "nothing"),
        (json!([]), &[" must be an object"], "array"),
        (json!(null), &[" must be an object"], "null"),
        (json!("a@x.io"), &[" must be an object"], "string"),
        (json!(1), &[" must be an object"], "number"),
        (json!({"email": null}), &["/email must not be null"], "null email"),
        (
            json!({
                "email": 1, "displayName": null, "givenName": [], "familyName": {},
                "phoneNumber": true, "locale": 1.5, "attributes": [], "roles": {},
            }),
            &[
                "/attributes must be an object",
                "/displayName must not be null",
                "/email must be a string",
                "/familyName must be a string",
                "/givenName must be a string",
                "/locale must be a string",
                "/phoneNumber must be a string",
                "/roles must be an array of strings",
            ],
            "wrong type everywhere",
        ),
        (
            json!({
                "email": "a", "displayName": " ", "phoneNumber": "12", "locale": "e",
                "attributes": null, "roles": null,
            }),
            &[
                "/attributes must not be null",
                "/displayName must have 1 to 128 characters",
                "/email is not a valid email address",
                "/locale is not a BCP 47 language tag",
                "/phoneNumber is not an E.164 phone number",
                "/roles must not be null",
            ],
            "wrong value everywhere",
        ),
        (
            json!({
                "userId": "x", "version": 1, "createdAt": "x", "updatedAt": "x", "status": "active",
                "e-mail": "x", "a/b~c": 1, "Email": "a@x.io",
            }),
            &[
                "/Email is not a known field",
                "/a~1b~0c is not a known field",
                "/createdAt cannot be chosen; the service sets it",
                "/e-mail is not a known field",
                "/email is required",
                "/status cannot be chosen; a user is registered as active",
                "/updatedAt cannot be chosen; the service sets it",
                "/userId cannot be chosen; the service sets it",
                "/version cannot be chosen; the service sets it",
            ],
            "unknown and immutable fields",
        ),
        (
            json!({"email": "a@x.io", "attributes": {"ok": 1, "1x": "v", "n": null, "b/c": "\u{7}"}}),
            &[
                &format!("/attributes/1x {KEY}"),
                &format!("/attributes/b~1c {KEY}"),
                "/attributes/b~1c must not contain control characters",
                "/attributes/n must not be null",
                "/attributes/ok must be a string",
            ],
            "attributes",
        ),
        (
            json!({"email": "a@x.io", "roles": ["a", 1, "B", "a", null, "a"]}),
            &[
                "/roles/1 must be a string",
                &format!("/roles/2 {ROLE}"),
                "/roles/3 must not repeat an earlier element",
                "/roles/4 must not be null",
                "/roles/5 must not repeat an earlier element",
            ],
            "roles",
        ),
    ]);
}

fn attributes(count: usize) -> Value {
    (0..count).map(|index| (format!("k{index}"), json!("v"))).collect::<Map<_, _>>().into()
}

#[test]
fn registrations_have_limits() {
    let roles = |count: usize| (0..count).map(|index| format!("r{index}")).collect::<Vec<_>>();
    let body = json!({"email": "a@x.io", "attributes": attributes(32), "roles": roles(50)});
    let request: RegisterUser = decode(&body).unwrap();
    assert_eq!((request.attributes.len(), request.roles.len()), (32, 50));
    assert_refused::<RegisterUser>(&[(
        json!({"email": "a@x.io", "attributes": attributes(33), "roles": roles(51)}),
        &["/attributes must have at most 32 entries", "/roles must have at most 50 elements"],
        "one too many of each",
    )]);
}

#[test]
fn patches_distinguish_absent_from_null() {
    let body = json!({
        "email": "a@x.io", "displayName": "Ada", "givenName": null, "locale": null,
        "attributes": {"team": "x", "desk": null},
    });
    let patch: UserPatch = decode(&body).unwrap();
    let (team, value) = attribute("team", "x");
    let desk = AttributeKey::parse("desk").unwrap();
    let expected = UserPatch {
        email: Email::parse("a@x.io").ok(),
        texts: [
            (FieldName::DisplayName, Some(name("Ada"))),
            (FieldName::GivenName, None),
            (FieldName::Locale, None),
        ]
        .into(),
        attributes: Some(AttributesPatch::Merge([(team, Some(value)), (desk, None)].into())),
    };
    assert_eq!(patch, expected);

    let patch: UserPatch = decode(&json!({"attributes": null})).unwrap();
    assert_eq!(patch.attributes, Some(AttributesPatch::Clear));
    let patch: UserPatch = decode(&json!({"attributes": {}})).unwrap();
    assert_eq!(patch.attributes, Some(AttributesPatch::Merge([].into())));
    let patch: UserPatch = decode(&json!({"attributes": attributes(40)})).unwrap();
    assert!(
        matches!(patch.attributes, Some(AttributesPatch::Merge(entries)) if entries.len() == 40),
        "the limit is that of the merged user"
    );
}

#[test]
fn patches_are_refused_with_every_problem() {
    assert_refused::<UserPatch>(&[
        (json!({}), &[" must have at least one member"], "nothing"),
        (json!([{}]), &[" must be an object"], "array"),
        (json!(null), &[" must be an object"], "null"),
        (
            json!({
                "email": null, "displayName": 1, "givenName": "", "familyName": [],
                "phoneNumber": {}, "locale": false, "attributes": "x",
            }),
            &[
                "/attributes must be an object",
                "/displayName must be a string or null",
                "/email must not be null",
                "/familyName must be a string or null",
                "/givenName must have 1 to 128 characters",
                "/locale must be a string or null",
                "/phoneNumber must be a string or null",
            ],
            "wrong everywhere",
        ),
        (
            json!({"attributes": {"1x": null, "ok": 1, "deep": {"a": 1}}}),
            &[
                &format!("/attributes/1x {KEY}"),
                "/attributes/deep must be a string or null",
                "/attributes/ok must be a string or null",
            ],
            "attributes",
        ),
        (
            json!({
                "userId": "x", "version": 1, "createdAt": "x", "updatedAt": "x",
                "status": "active", "roles": [], "nick": null,
            }),
            &[
                "/createdAt cannot be changed",
                "/nick is not a known field",
                "/roles cannot be changed here; use POST /users/{userId}/roles and \
                 DELETE /users/{userId}/roles/{role}",
                "/status cannot be changed here; use PUT /users/{userId}/status",
                "/updatedAt cannot be changed",
                "/userId cannot be changed",
                "/version cannot be changed",
            ],
            "unknown and immutable fields",
        ),
    ]);
}

#[test]
fn status_changes() {
    let request: SetStatus = decode(&json!({"status": "disabled", "reason": " left "})).unwrap();
    let reason = Reason::parse("left").ok();
    assert_eq!(request, SetStatus { status: Status::Disabled, reason });
    let request: SetStatus = decode(&json!({"status": "deleted"})).unwrap();
    assert_eq!(request, SetStatus { status: Status::Deleted, reason: None });
    assert_refused::<SetStatus>(&[
        (json!({}), &["/status is required"], "nothing"),
        (json!(false), &[" must be an object"], "no object"),
        (
            json!({"status": "Active", "reason": "", "why": 1}),
            &[
                "/reason must have 1 to 256 characters",
                "/status must be active, disabled or deleted",
                "/why is not a known field",
            ],
            "wrong values",
        ),
        (
            json!({"status": null, "reason": null}),
            &["/reason must not be null", "/status must not be null"],
            "null",
        ),
        (
            json!({"status": 1, "reason": ["x"]}),
            &["/reason must be a string", "/status must be a string"],
            "wrong types",
        ),
        (
            json!({"status": "active ", "reason": "a\nb"}),
            &[
                "/reason must not contain control characters",
                "/status must be active, disabled or deleted",
            ],
            "statuses are not trimmed",
        ),
    ]);
}

#[test]
fn role_assignments() {
    assert_eq!(decode(&json!({"role": "admin"})), Ok(AssignRole { role: role("admin") }));
    assert_refused::<AssignRole>(&[
        (json!({}), &["/role is required"], "nothing"),
        (json!(["admin"]), &[" must be an object"], "no object"),
        (json!({"role": null}), &["/role must not be null"], "null"),
        (json!({"role": ["admin"]}), &["/role must be a string"], "array"),
        (json!({"role": " admin"}), &[&format!("/role {ROLE}")], "not trimmed"),
        (
            json!({"roles": ["admin"], "role": "a\u{0}"}),
            &["/role must not contain control characters", "/roles is not a known field"],
            "misspelt",
        ),
    ]);
}

/// Every member of a schema of the contract is known to its decoder.
#[test]
fn the_fields_are_those_of_the_contract() {
    fn unknown<T: Decode>(name: &str) -> Vec<String> {
        let fields = schema::components()[name]["properties"].as_object().unwrap().clone();
        let body: Map<_, _> = fields.into_iter().map(|(field, _)| (field, json!(17))).collect();
        assert!(!body.is_empty());
        let known = body.len();
        let document = Document::parse(Value::Object(body).to_string().as_bytes()).unwrap();
        let violations = shown(&T::decode(&document).err().unwrap_or_default());
        // A number is wrong for every field, so each of them is reported, but not as unknown.
        assert_eq!(violations.len(), known, "{name}");
        violations.into_iter().filter(|text| !text.contains(" must be a")).collect()
    }
    assert_eq!(unknown::<RegisterUser>("RegisterUser"), [""; 0]);
    assert_eq!(unknown::<UserPatch>("UpdateUser"), [""; 0]);
    assert_eq!(unknown::<SetStatus>("SetStatus"), [""; 0]);
    assert_eq!(unknown::<AssignRole>("AssignRole"), [""; 0]);
}
