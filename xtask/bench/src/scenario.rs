//! What is measured: a function, with the events that it is invoked with.
//!
//! Events are those of API Gateway, as large as real ones. Writes carry an idempotency key and change
//! something every time. The users are copies of some that the service itself registered, so nothing
//! here knows how an item looks.

use crate::engine::{Engine, USERS};
use crate::instance::{Instance, Launch};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use ulid::Ulid;

/// Users that the service registers; all others are copies of these.
const REGISTERED: usize = 64;
/// Users that a copy is made of at once.
const BATCH: usize = 5_000;
/// A role that every user has.
const ROLE: &str = "member";
/// Roles that one user is given before it is another's turn.
const ROLES_EACH: usize = 40;

/// What a case does, for the limits that it has to keep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Reads what belongs to one id.
    ReadById,
    /// Reads a page of users.
    List,
    /// Changes something.
    Write,
    /// The relay.
    Relay,
    /// A floor.
    Floor,
}

/// A function and a way of calling it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Its name in reports.
    pub(crate) name: &'static str,
    /// The function's name.
    pub(crate) function: &'static str,
    /// What it does.
    pub(crate) kind: Kind,
    event: Event,
}

/// Where a case's events come from.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A page of the list with these parameters; it can be walked.
    Page(&'static [(&'static str, &'static str)]),
    /// Anything else, by the number of the invocation.
    Call(fn(&World, usize) -> Value),
}

/// The floor without any call.
pub(crate) const NOOP: Case =
    Case { name: "floor-noop", function: "floor-noop", kind: Kind::Floor, event: Event::Call(get) };
/// The floor that all functions are compared with.
pub(crate) const FLOOR: Case = Case {
    name: "floor-get-item",
    function: "floor-get-item",
    kind: Kind::Floor,
    event: Event::Call(get),
};

/// All cases of the service; the first of each function is the one whose time is measured.
pub(crate) const CASES: &[Case] = &[
    case("register", "users-register-create", Kind::Write, register),
    case("get", "users-profile-get", Kind::ReadById, get),
    case("update", "users-profile-update", Kind::Write, update),
    case("set-status", "users-status-update", Kind::Write, set_status),
    case("assign-role", "users-role-assign", Kind::Write, assign_role),
    case("remove-role", "users-role-remove", Kind::Write, remove_role),
    page("list", &[]),
    page("list-by-status", &[("status", "active")]),
    page("list-by-role", &[("role", ROLE)]),
    case("list-by-email", "users-list-query", Kind::List, list_by_email),
    case("audit", "users-audit-query", Kind::ReadById, audit),
    case("relay", "users-audit-publish", Kind::Relay, relay),
];

const fn case(
    name: &'static str,
    function: &'static str,
    kind: Kind,
    event: fn(&World, usize) -> Value,
) -> Case {
    Case { name, function, kind, event: Event::Call(event) }
}

const fn page(name: &'static str, query: &'static [(&'static str, &'static str)]) -> Case {
    Case { name, function: "users-list-query", kind: Kind::List, event: Event::Page(query) }
}

impl Case {
    /// The event of an invocation; `number` must not have been used for this case before.
    pub(crate) fn event(&self, world: &World, number: usize) -> Value {
        match self.event {
            Event::Page(query) => list(query),
            Event::Call(event) => event(world, number),
        }
    }

    /// The parameters of the list that the case is a page of, if it is one.
    pub(crate) fn pages(&self) -> Option<&'static [(&'static str, &'static str)]> {
        match self.event {
            Event::Page(query) => Some(query),
            Event::Call(_) => None,
        }
    }

    /// Whether this is the case by which the function's time is measured.
    pub(crate) fn is_timed(&self) -> bool {
        CASES.iter().find(|it| it.function == self.function).is_none_or(|it| it.name == self.name)
    }
}

/// The cases of these names whose times are measured; without names all of them, and the empty
/// floor.
pub(crate) fn timed(names: &[String]) -> Vec<Case> {
    let named = |it: &&Case| names.is_empty() || names.iter().any(|name| name == it.name);
    let cases = CASES.iter().filter(|it| it.is_timed());
    [NOOP].iter().filter(|_| names.is_empty()).chain(cases.filter(named)).copied().collect()
}

/// The names of the cases whose times are measured.
pub(crate) fn timed_names() -> Vec<&'static str> {
    CASES.iter().filter(|it| it.is_timed()).map(|it| it.name).collect()
}

/// The users that there are.
#[derive(Default)]
pub(crate) struct World {
    /// Their ids, oldest first.
    pub(crate) users: Vec<String>,
    /// An audit entry as the stream shows it.
    audit_image: Value,
    address: String,
}

impl World {
    /// Fills an engine with users, of which the function `register` makes the first.
    pub(crate) async fn new(engine: &Engine, launch: &Launch, count: usize) -> Result<Self> {
        launch.endpoint.use_engine(engine.clone());
        let mut function = Instance::start(launch, None).await?;
        let mut registered = Vec::with_capacity(REGISTERED);
        for number in 0..REGISTERED {
            let answer = function.invoke(&registration(&format!("first-{number}"))).await?;
            ensure!(answer.status == Some(201), "a registration was refused: {}", answer.body);
            let id = answer.body["userId"].as_str().context("an answer without userId")?;
            registered.push((id.to_owned(), engine.items_of(id)?));
        }
        let (first, items) = registered.first().context("nobody was registered")?;
        let is_audit =
            |item: &&Value| item["sk"]["S"].as_str().is_some_and(|key| key.starts_with("AUDIT#"));
        let audit_image = items.iter().find(is_audit).cloned().unwrap_or_default();
        let newest: Ulid = first.parse().ok().context("a userId is no ULID")?;
        let mut world = Self {
            users: registered.iter().map(|(id, _)| id.clone()).collect(),
            audit_image,
            address: address("first-0"),
        };
        let mut made = REGISTERED;
        while made < count {
            let upto = (made + BATCH).min(count);
            let mut copies = Vec::with_capacity(4 * BATCH);
            for number in made..upto {
                let (id, items) = &registered[number % REGISTERED];
                // A millisecond apart, and later than those that were registered. Where an item goes
                // may depend on the end of the id, so the copy keeps that.
                let time = newest.timestamp_ms() + 60_000 + number as u64;
                let mixed =
                    (number as u128).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
                let mut copy = Ulid::from_parts(time, mixed).to_string();
                copy.replace_range(24.., &id[24..]);
                let original = format!("first-{}@", number % REGISTERED);
                for item in items {
                    let text = item.to_string();
                    let text =
                        text.replace(id, &copy).replace(&original, &format!("copy-{number}@"));
                    copies.push(serde_json::from_str(&text)?);
                }
                world.users.push(copy);
            }
            engine.import(&copies)?;
            made = upto;
        }
        Ok(world)
    }

    /// A page of the audit of one of the users.
    pub(crate) fn audit_of(&self, number: usize) -> Value {
        let parameters = [("userId", self.user(number))];
        event("GET", "/users/{userId}/audit", &parameters, &[], None, None)
    }

    fn user(&self, number: usize) -> &str {
        self.users.get(number % self.users.len()).map_or("", String::as_str)
    }
}

fn address(name: &str) -> String {
    format!("{name}@example.com")
}

fn registration(name: &str) -> Value {
    let body = json!({
        "email": address(name),
        "displayName": "Ada Lovelace",
        "givenName": "Ada",
        "familyName": "Lovelace",
        "phoneNumber": "+441234567890",
        "locale": "en-GB",
        "attributes": {"team": "analytics", "cost-centre": "4711"},
        "roles": [ROLE],
    });
    let key = Some(format!("register-{name}"));
    event("POST", "/users", &[], &[], Some(&body), key)
}

fn register(_: &World, number: usize) -> Value {
    registration(&format!("user-{number:06}"))
}

fn get(world: &World, number: usize) -> Value {
    event("GET", "/users/{userId}", &[("userId", world.user(300 + number % 500))], &[], None, None)
}

fn update(world: &World, number: usize) -> Value {
    let body =
        json!({"displayName": format!("Ada {number:06}"), "attributes": {"team": "engines"}});
    let key = Some(format!("update-{number:06}"));
    event("PATCH", "/users/{userId}", &[("userId", world.user(100))], &[], Some(&body), key)
}

fn set_status(world: &World, number: usize) -> Value {
    let status = if number.is_multiple_of(2) { "disabled" } else { "active" };
    let body = json!({"status": status, "reason": "on leave"});
    let key = Some(format!("status-{number:06}"));
    event("PUT", "/users/{userId}/status", &[("userId", world.user(101))], &[], Some(&body), key)
}

fn assign_role(world: &World, number: usize) -> Value {
    let body = json!({"role": format!("role-{:02}", number % ROLES_EACH)});
    let user = world.user(1000 + number / ROLES_EACH);
    let key = Some(format!("assign-{number:06}"));
    event("POST", "/users/{userId}/roles", &[("userId", user)], &[], Some(&body), key)
}

fn remove_role(world: &World, number: usize) -> Value {
    let user = world.user(world.users.len() - 1 - number % (world.users.len() / 2));
    let parameters = [("userId", user), ("role", ROLE)];
    let key = Some(format!("remove-{number:06}"));
    event("DELETE", "/users/{userId}/roles/{role}", &parameters, &[], None, key)
}

/// A page of users with these parameters.
pub(crate) fn list(query: &[(&str, &str)]) -> Value {
    event("GET", "/users", &[], query, None, None)
}

fn list_by_email(world: &World, _: usize) -> Value {
    list(&[("email", &world.address)])
}

fn audit(world: &World, number: usize) -> Value {
    world.audit_of(300 + number)
}

fn relay(world: &World, number: usize) -> Value {
    json!({"Records": [{
        "eventID": format!("{number:032x}"),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_341_600.0,
            "Keys": {"pk": world.audit_image["pk"], "sk": world.audit_image["sk"]},
            "NewImage": world.audit_image,
            "SequenceNumber": format!("{number:021}"),
            "SizeBytes": 600,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": format!("arn:aws:dynamodb:us-east-1:123456789012:table/{USERS}/stream/1"),
    }]})
}

/// An event of API Gateway (payload format 1.0), with the headers that a signed call arrives with.
fn event(
    method: &str,
    resource: &str,
    parameters: &[(&str, &str)],
    query: &[(&str, &str)],
    body: Option<&Value>,
    key: Option<String>,
) -> Value {
    let mut path = resource.to_owned();
    for (name, value) in parameters {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    let mut headers = vec![
        ("Accept", "*/*".to_owned()),
        ("Host", "abcdefghij.execute-api.us-east-1.amazonaws.com".to_owned()),
        ("User-Agent", "aws-sdk-rust/1.3 os/linux lang/rust/1.95".to_owned()),
        ("X-Amz-Date", "20261123T100000Z".to_owned()),
        ("X-Amz-Security-Token", "token".repeat(200)),
        ("X-Amzn-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".to_owned()),
        ("X-Forwarded-For", "203.0.113.7".to_owned()),
        ("X-Forwarded-Port", "443".to_owned()),
        ("X-Forwarded-Proto", "https".to_owned()),
    ];
    if body.is_some() {
        headers.push(("Content-Type", "application/json".to_owned()));
    }
    if let Some(key) = key {
        headers.push(("Idempotency-Key", key));
    }
    let single = |pairs: &[(&str, &str)]| -> Value {
        let map: serde_json::Map<_, _> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        if map.is_empty() { Value::Null } else { Value::Object(map) }
    };
    let multiple = |pairs: &[(&str, &str)]| -> Value {
        let map: serde_json::Map<_, _> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
        if map.is_empty() { Value::Null } else { Value::Object(map) }
    };
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": single(&headers),
        "multiValueHeaders": multiple(&headers),
        "queryStringParameters": single(query),
        "multiValueQueryStringParameters": multiple(query),
        "pathParameters": single(parameters),
        "stageVariables": null,
        "requestContext": {
            "resourceId": "a1b2c3",
            "resourcePath": resource,
            "httpMethod": method,
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "requestTime": "23/Nov/2026:10:00:00 +0000",
            "requestTimeEpoch": 1_795_341_600_000_u64,
            "path": format!("/prod{path}"),
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "prod",
            "domainPrefix": "abcdefghij",
            "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "apiId": "abcdefghij",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {
                "accessKey": "ASIAEXAMPLE",
                "accountId": "123456789012",
                "caller": "AROAEXAMPLE:session",
                "sourceIp": "203.0.113.7",
                "user": "AROAEXAMPLE:session",
                "userAgent": "aws-sdk-rust/1.3 os/linux lang/rust/1.95",
                "userArn": "arn:aws:sts::123456789012:assumed-role/caller/session",
            },
        },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false,
    })
}

#[cfg(test)]
mod tests {
    use super::{CASES, NOOP, timed, timed_names};

    #[test]
    fn cases_are_chosen_by_name() {
        let names = |only: &[&str]| -> Vec<_> {
            let only: Vec<_> = only.iter().map(|it| (*it).to_owned()).collect();
            timed(&only).iter().map(|it| it.name).collect()
        };
        assert_eq!(names(&["list", "update"]), ["update", "list"], "in the order of the cases");
        assert_eq!(names(&[])[1..], timed_names());
        assert_eq!(names(&[])[0], NOOP.name);
    }

    #[test]
    fn every_function_is_measured_and_its_first_case_is_timed() {
        for function in users_template::functions() {
            let timed: Vec<_> =
                CASES.iter().filter(|it| it.function == function && it.is_timed()).collect();
            assert_eq!(timed.len(), 1, "{function}");
        }
    }
}
