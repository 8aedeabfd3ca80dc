//! Each rule with a history that breaks it.

use super::check;
use crate::history::{Answer, Attempt, Outcome, Request, Sight, World};
use serde_json::{Value, json};

const USER: &str = "01JD8Z6T3Y5V0Q4C9K2M7N8P10";

/// The state of the one user at a version, as a caller is shown it.
fn state(version: u64) -> Value {
    let mut user = json!({
        "userId": USER, "email": "Ada@example.com", "displayName": "Ada", "status": "active",
        "roles": [], "version": version, "createdAt": at(1), "updatedAt": at(version)
    });
    if version > 1 {
        user["roles"] = json!(["admin"]);
    }
    user
}

fn at(version: u64) -> String {
    format!("2026-11-22T10:00:0{version}.000Z")
}

fn event_id(version: u64) -> String {
    format!("01JD8Z6T3Y5V0Q4C9K2M7N8P2{version}")
}

fn entry(version: u64, action: &str, correlation_id: &str, changes: &Value) -> Value {
    json!({
        "pk": format!("USER#{USER}"), "sk": format!("AUDIT#{}", event_id(version)),
        "eventId": event_id(version), "action": action, "userId": USER, "version": version,
        "at": at(version), "correlationId": correlation_id,
        "actor": {"arn": "arn:aws:iam::000000000000:user/test", "accountId": "000000000000"},
        "changes": changes, "traceHeader": "Root=1-6b043126-8b2c56e90ff67b5e594330b9;Sampled=1"
    })
}

/// An entry as callers are shown it.
fn shown(item: &Value) -> Value {
    let mut entry = item.clone();
    if let Some(members) = entry.as_object_mut() {
        members.retain(|name, _| !["pk", "sk", "traceHeader"].contains(&name.as_str()));
    }
    entry
}

fn event(entry: &Value, detail_type: &str) -> Value {
    let mut detail = shown(entry);
    detail["schemaVersion"] = json!(1);
    json!({"source": "users.service", "detailType": detail_type, "detail": detail})
}

fn answered(correlation_id: &str, begun: u64, answer: Answer) -> Attempt {
    let outcome = Outcome::Answer(answer);
    Attempt { correlation_id: correlation_id.to_owned(), begun, ended: begun + 10, outcome }
}

fn success(status: u16, version: u64) -> Answer {
    Answer {
        status,
        body: state(version).to_string(),
        etag: Some(format!("\"{version}\"")),
        location: (status == 201).then(|| format!("/prod/users/{USER}")),
        replayed: false,
    }
}

fn refusal(status: u16, code: &str) -> Answer {
    Answer { status, body: json!({"code": code}).to_string(), ..Answer::default() }
}

fn replayed(answer: Answer) -> Answer {
    Answer { replayed: true, ..answer }
}

fn sight(id: &str, request: Request, attempts: Vec<Attempt>) -> Sight {
    Sight { id: id.to_owned(), part_of: "a test".to_owned(), request, attempts }
}

fn record(status: u16, version: u64) -> Value {
    json!({
        "id": format!("{version}"), "fingerprint": "f", "status": status,
        "body": state(version).to_string(), "etag": format!("\"{version}\""), "expiresAt": 9
    })
}

const REGISTER: usize = 0;
const ASSIGN: usize = 1;
const READ: usize = 2;

/// Places in the users table.
const PROFILE: usize = 0;
const GUARD: usize = 1;
const ROLE: usize = 2;
const FIRST_ENTRY: usize = 3;
const SECOND_ENTRY: usize = 4;

/// A registration and a new role, both under keys, the second one sent twice; and a read.
fn sound() -> World {
    let register = Request::register(json!({"email": "Ada@example.com", "displayName": "Ada"}));
    let changes = json!([
        {"field": "email", "new": "Ada@example.com"}, {"field": "displayName", "new": "Ada"},
        {"field": "status", "new": "active"}
    ]);
    let first = entry(1, "user.registered", "c1", &changes);
    let changes = json!([{"field": "roles", "new": "admin"}]);
    let second = entry(2, "user.role-assigned", "c2", &changes);
    let lost =
        Attempt { correlation_id: "c2".to_owned(), begun: 20, ended: 25, outcome: Outcome::Lost };
    let mut profile = state(2);
    profile["pk"] = json!(format!("USER#{USER}"));
    profile["sk"] = json!("PROFILE");
    profile["directoryPk"] = json!("LIVE#1");
    profile["statusPk"] = json!("STATUS#active#1");
    profile["emailKey"] = json!("ada@example.com");
    World {
        sights: vec![
            sight("r1", register.keyed("k1"), vec![answered("c1", 0, success(201, 1))]),
            sight(
                "r2",
                Request::assign_role(USER, "admin").keyed("k2"),
                vec![lost, answered("c3", 30, replayed(success(200, 2)))],
            ),
            sight("r3", Request::profile(USER), vec![answered("c4", 50, success(200, 2))]),
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
        at_rest_since: Some(100),
    }
}

/// The rules that a world breaks, after something was done to the sound one.
fn broken(harm: impl FnOnce(&mut World)) -> Vec<&'static str> {
    let mut world = sound();
    harm(&mut world);
    check(&world).iter().map(|violation| violation.rule).collect()
}

#[track_caller]
fn expect(rule: &str, harm: impl FnOnce(&mut World)) {
    let broken = broken(harm);
    assert!(broken.contains(&rule), "{rule} is not among {broken:?}");
}

#[test]
fn a_sound_world_has_no_violations() {
    assert_eq!(broken(|_| {}), Vec::<&str>::new());
}

#[test]
fn an_acknowledged_write_must_be_there() {
    expect("an acknowledged write is there", |world| {
        // The role is nowhere any more, and neither is its entry.
        world.users.truncate(SECOND_ENTRY);
        world.users.remove(ROLE);
    });
    expect("an acknowledged write is there", |world| {
        world.sights[ASSIGN].request.if_match = Some(7);
    });
}

#[test]
fn a_key_takes_effect_once() {
    expect("a request takes effect once", |world| {
        world.users[SECOND_ENTRY]["correlationId"] = json!("c1");
    });
    // Two requests of one key, each with an effect.
    expect("a request takes effect once", |world| {
        let mut entry =
            entry(3, "user.role-assigned", "c9", &json!([{"field": "roles", "new": "x"}]));
        entry["reason"] = Value::Null;
        world.users.push(entry);
        let twin = Request::assign_role(USER, "admin").keyed("k2");
        let lost =
            Attempt { correlation_id: "c9".to_owned(), begun: 1, ended: 2, outcome: Outcome::Lost };
        world.sights.push(sight("r4", twin, vec![lost]));
    });
}

#[test]
fn successes_of_a_key_are_the_same() {
    let again = |answer: Answer| answered("c9", 90, answer);
    expect("every success of a key is the same", |world| {
        world.sights[REGISTER].attempts.push(again(replayed(success(201, 2))));
    });
    expect("one success of a key is no replay", |world| {
        world.sights[REGISTER].attempts.push(again(success(201, 1)));
    });
    expect("a key is of one request", |world| {
        let other = Request::assign_role(USER, "other").keyed("k2");
        let answer = replayed(success(200, 2));
        world.sights.push(sight("r4", other, vec![again(answer)]));
    });
}

#[test]
fn a_success_is_not_forgotten() {
    expect("a success is not forgotten", |world| {
        let refused = answered("c9", 90, refusal(409, "email-already-registered"));
        world.sights[REGISTER].attempts.push(refused);
    });
    // Nobody was told of the success, but at rest it is known.
    expect("a success is not forgotten", |world| {
        let attempts = &mut world.sights[ASSIGN].attempts;
        attempts.truncate(1);
        attempts.push(answered("c9", 200, refusal(412, "version-mismatch")));
    });
}

#[test]
fn another_request_under_a_used_key_is_refused() {
    let other = |answer| {
        let request = Request::assign_role(USER, "other").keyed("k2");
        sight("r4", request, vec![answered("c9", 90, answer)])
    };
    let right = other(refusal(422, "idempotency-key-reused"));
    assert_eq!(broken(|world| world.sights.push(right)), Vec::<&str>::new());
    expect("a success is not forgotten", |world| {
        world.sights.push(other(refusal(404, "role-not-assigned")));
    });
}

#[test]
fn versions_have_no_gaps_and_equal_their_changes() {
    expect("versions without gaps", |world| world.users[SECOND_ENTRY]["version"] = json!(3));
    expect("one audit entry for each version, equal to the change", |world| {
        world.users.remove(SECOND_ENTRY);
    });
    expect("one audit entry for each version, equal to the change", |world| {
        world.users[PROFILE]["displayName"] = json!("Grace");
    });
    expect("changes follow each other", |world| {
        world.users[SECOND_ENTRY]["changes"] = json!([{"field": "email", "old": "x", "new": "y"}]);
    });
    expect("changes follow each other", |world| {
        world.users[SECOND_ENTRY]["changes"] = json!([]);
    });
    expect("time goes on", |world| world.users[SECOND_ENTRY]["at"] = json!(at(1)));
    expect("one profile", |world| {
        world.users.remove(PROFILE);
    });
    expect("unknown item", |world| world.users.push(json!({"pk": "USER#other", "sk": "PROFILE"})));
}

#[test]
fn addresses_are_guarded_and_guards_are_owned() {
    expect("every live address is guarded", |world| {
        world.users.remove(GUARD);
    });
    expect("every guard is owned", |world| {
        world.users.push(json!({"pk": "EMAIL#old@example.com", "sk": "EMAIL", "userId": USER}));
    });
    expect("every guard is owned", |world| world.users[GUARD]["userId"] = json!("other"));
    expect("address and its key agree", |world| {
        world.users[PROFILE]["emailKey"] = json!("other@example.com");
    });
    expect("one user for an address", |world| {
        let mut twin = world.users[PROFILE].clone();
        twin["pk"] = json!("USER#twin");
        twin["userId"] = json!("twin");
        world.users.push(twin);
    });
}

#[test]
fn roles_index_and_profile_agree() {
    expect("roles and their items agree", |world| {
        world.users.remove(ROLE);
    });
    expect("index and profile agree", |world| {
        world.users[ROLE]["directoryPk"] = json!("ROLE#admin#2");
    });
    for (attribute, value) in [
        ("statusPk", json!("STATUS#disabled#1")),
        ("statusPk", json!("STATUS#active#2")),
        ("directoryPk", json!("STATUS#active#1")),
        ("directoryPk", json!("LIVE#0")),
        ("directoryPk", json!(null)),
    ] {
        expect("index and profile agree", |world| world.users[PROFILE][attribute] = value.clone());
    }
}

#[test]
fn nothing_is_there_that_nobody_asked_for() {
    expect("nothing that nobody asked for", |world| {
        world.users[SECOND_ENTRY]["correlationId"] = json!("nobody");
    });
    expect("a change is what was asked for", |world| {
        world.sights[ASSIGN].request.body = Some(json!({"role": "other"}));
    });
    expect("a change is what was asked for", |world| {
        world.users[SECOND_ENTRY]["reason"] = json!("none was given");
    });
}

#[test]
fn a_key_and_its_record_go_together() {
    expect("a change under a key has its record", |world| {
        world.records.pop();
    });
    expect("a success under a key has its record", |world| {
        world.records.pop();
    });
    expect("no record without its key", |world| world.records.push(record(200, 2)));
    expect("a record is of a success", |world| {
        world.records[0]["etag"] = json!("\"9\"");
    });
}

#[test]
fn refusals_have_reasons_and_requests_come_to_an_end() {
    expect("a refusal has its reason", |world| {
        world.sights[READ].attempts[0] = answered("c4", 50, refusal(404, "user-not-found"));
    });
    expect("a refusal has its reason", |world| {
        let request = Request::register(json!({"email": "free@example.com"}));
        let refused = answered("c9", 90, refusal(409, "email-already-registered"));
        world.sights.push(sight("r4", request, vec![refused]));
    });
    expect("a request comes to its end", |world| {
        world.sights[READ].attempts[0] = answered("c4", 50, refusal(503, "service-unavailable"));
    });
}

#[test]
fn reads_are_true_and_not_behind() {
    expect("a read is not behind what was acknowledged", |world| {
        world.sights[READ].attempts[0] = answered("c4", 50, success(200, 1));
    });
    // Begun before the change was known, it may show either.
    let early = broken(|world| {
        world.sights[READ].attempts[0] = answered("c4", 35, success(200, 1));
    });
    assert_eq!(early, Vec::<&str>::new());
    expect("a read shows what was there", |world| {
        let mut other = state(2);
        other["displayName"] = json!("Grace");
        let answer = Answer { body: other.to_string(), ..success(200, 2) };
        world.sights[READ].attempts[0] = answered("c4", 50, answer);
    });
    expect("a read is not behind what was acknowledged", |world| {
        world.sights[READ].request = Request::profile(USER).if_none_match(1);
        world.sights[READ].attempts[0] =
            answered("c4", 50, Answer { status: 304, ..Answer::default() });
    });
}

#[test]
fn logs_and_lists_are_true() {
    let page = |items: Value| Answer {
        status: 200,
        body: json!({"items": items}).to_string(),
        ..Answer::default()
    };
    let read = |request: Request, answer: Answer| {
        move |world: &mut World| {
            world.sights.push(sight("r4", request, vec![answered("c9", 50, answer)]));
        }
    };
    let behind = "a read is not behind what was acknowledged";
    let wrong = "a read shows what was there";
    let log = Request::audit(USER, &[("limit", "100")]);
    expect(behind, read(log.clone(), page(json!([]))));
    expect(wrong, read(log.clone(), page(json!([{"version": 2}]))));
    // An entry without what only its item has is right, and with it is not.
    let items: Vec<Value> = sound().users.split_off(FIRST_ENTRY).into_iter().rev().collect();
    let entries: Vec<Value> = items.iter().map(shown).collect();
    assert_eq!(broken(read(log.clone(), page(json!(entries)))), Vec::<&str>::new());
    expect(wrong, read(log, page(json!(items))));
    let by_address = Request::list(&[("email", "ADA@example.com")]);
    assert_eq!(broken(read(by_address.clone(), page(json!([state(2)])))), Vec::<&str>::new());
    expect(behind, read(by_address.clone(), page(json!([]))));
    expect(behind, read(by_address, page(json!([state(1)]))));
    let by_role = Request::list(&[("role", "other")]);
    expect(wrong, read(by_role, page(json!([state(2)]))));
    expect(wrong, read(Request::list(&[]), page(json!([state(2), state(2)]))));
}

#[test]
fn the_bus_has_every_entry_in_order() {
    expect("every audit entry on the bus", |world| {
        world.events.pop();
    });
    expect("events of a user in order", |world| world.events.swap(0, 1));
    // A repetition is no first delivery.
    let repeated = broken(|world| world.events.push(world.events[0].clone()));
    assert_eq!(repeated, Vec::<&str>::new());
    expect("an event equals its audit entry", |world| {
        world.events[1]["detail"]["changes"] = json!([]);
    });
    expect("an event equals its audit entry", |world| {
        world.events[1]["detail"]["traceHeader"] =
            json!("Root=1-6b043126-8b2c56e90ff67b5e594330b9");
    });
    expect("no event without its change", |world| {
        world.events[0]["detail"]["eventId"] = json!("other");
    });
    expect("no dead letters", |world| world.dead_letters.push(json!({})));
}

#[test]
fn a_story_names_the_requests_and_what_they_saw() {
    let mut world = sound();
    world.records.pop();
    let violations = check(&world);
    let told = super::story(&violations[0], &world);
    assert!(told.contains("r2 (a test): POST /users"), "{told}");
    assert!(told.contains("no answer"), "{told}");
    assert!(!told.contains("r1 ("), "{told}");
    assert_eq!(world.users[FIRST_ENTRY]["version"], 1);
}
