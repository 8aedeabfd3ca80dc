//! A history for each rule that breaks it.

mod valid;

use super::check;
use crate::history::{Answer, History, Request};
use crate::report::describe;
use serde_json::{Value, json};
use valid::{
    ASSIGN, FIRST_ENTRY, GUARD, PROFILE, READ, REGISTER, ROLE, SECOND_ENTRY, USER, answered, at,
    entry, exchange, lost, record, refusal, replayed, shown, state, success, valid,
};

/// The rules that the valid history breaks after a change.
fn broken(change: impl FnOnce(&mut History)) -> Vec<&'static str> {
    let mut history = valid();
    change(&mut history);
    check(&history).iter().map(|violation| violation.rule).collect()
}

#[track_caller]
fn expect(rule: &str, change: impl FnOnce(&mut History)) {
    let broken = broken(change);
    assert!(broken.contains(&rule), "{rule} is not among {broken:?}");
}

#[test]
fn a_valid_history_has_no_violations() {
    assert_eq!(broken(|_| {}), Vec::<&str>::new());
}

#[test]
fn an_acknowledged_write_must_exist() {
    expect("an acknowledged write exists", |history| {
        // Neither the role nor its entry exists.
        history.users.truncate(SECOND_ENTRY);
        history.users.remove(ROLE);
    });
    expect("an acknowledged write exists", |history| {
        history.exchanges[ASSIGN].request.if_match = Some(7);
    });
}

#[test]
fn a_key_takes_effect_once() {
    expect("a request takes effect once", |history| {
        history.users[SECOND_ENTRY]["correlationId"] = json!("c1");
    });
    // Two requests of one key, each with an effect.
    expect("a request takes effect once", |history| {
        let mut entry =
            entry(3, "user.role-assigned", "c9", &json!([{"field": "roles", "new": "x"}]));
        entry["reason"] = Value::Null;
        history.users.push(entry);
        let twin = Request::assign_role(USER, "admin").keyed("k2");
        history.exchanges.push(exchange("r4", twin, vec![lost("c9", 1)]));
    });
}

#[test]
fn successes_with_a_key_are_equal() {
    let again = |answer: Answer| answered("c9", 90, answer);
    expect("all successes with a key are equal", |history| {
        history.exchanges[REGISTER].attempts.push(again(replayed(success(201, 2))));
    });
    expect("one success with a key is not a replay", |history| {
        history.exchanges[REGISTER].attempts.push(again(success(201, 1)));
    });
    expect("a key belongs to one request", |history| {
        let other = Request::assign_role(USER, "other").keyed("k2");
        let answer = replayed(success(200, 2));
        history.exchanges.push(exchange("r4", other, vec![again(answer)]));
    });
}

#[test]
fn a_success_is_not_forgotten() {
    expect("a success is not forgotten", |history| {
        let refused = answered("c9", 90, refusal(409, "email-already-registered"));
        history.exchanges[REGISTER].attempts.push(refused);
    });
    // The success was not acknowledged, but the stack is quiet.
    expect("a success is not forgotten", |history| {
        let attempts = &mut history.exchanges[ASSIGN].attempts;
        attempts.truncate(1);
        attempts.push(answered("c9", 200, refusal(412, "version-mismatch")));
    });
}

#[test]
fn another_request_under_a_used_key_is_refused() {
    let other = |answer| {
        let request = Request::assign_role(USER, "other").keyed("k2");
        exchange("r4", request, vec![answered("c9", 90, answer)])
    };
    let right = other(refusal(422, "idempotency-key-reused"));
    assert_eq!(broken(|history| history.exchanges.push(right)), Vec::<&str>::new());
    expect("a success is not forgotten", |history| {
        history.exchanges.push(other(refusal(404, "role-not-assigned")));
    });
}

#[test]
fn versions_have_no_gaps_and_equal_their_changes() {
    expect("versions without gaps", |history| history.users[SECOND_ENTRY]["version"] = json!(3));
    expect("one audit entry for each version, equal to the change", |history| {
        history.users.remove(SECOND_ENTRY);
    });
    expect("one audit entry for each version, equal to the change", |history| {
        history.users[PROFILE]["displayName"] = json!("Grace");
    });
    expect("changes follow each other", |history| {
        history.users[SECOND_ENTRY]["changes"] =
            json!([{"field": "email", "old": "x", "new": "y"}]);
    });
    expect("changes follow each other", |history| {
        history.users[SECOND_ENTRY]["changes"] = json!([]);
    });
    expect("timestamps increase", |history| history.users[SECOND_ENTRY]["at"] = json!(at(1)));
    expect("one profile per user", |history| {
        history.users.remove(PROFILE);
    });
    expect("unknown item", |history| {
        history.users.push(json!({"pk": "USER#other", "sk": "PROFILE"}));
    });
}

#[test]
fn addresses_are_guarded_and_guards_have_owners() {
    expect("every live address is guarded", |history| {
        history.users.remove(GUARD);
    });
    expect("every guard has an owner", |history| {
        history.users.push(json!({"pk": "EMAIL#old@example.com", "sk": "EMAIL", "userId": USER}));
    });
    expect("every guard has an owner", |history| history.users[GUARD]["userId"] = json!("other"));
    expect("address and its key agree", |history| {
        history.users[PROFILE]["emailKey"] = json!("other@example.com");
    });
    expect("an address belongs to one user", |history| {
        let mut twin = history.users[PROFILE].clone();
        twin["pk"] = json!("USER#twin");
        twin["userId"] = json!("twin");
        history.users.push(twin);
    });
}

#[test]
fn roles_index_and_profile_agree() {
    expect("roles and their items agree", |history| {
        history.users.remove(ROLE);
    });
    expect("index and profile agree", |history| {
        history.users[ROLE]["directoryPk"] = json!("ROLE#admin#2");
    });
    for (attribute, value) in [
        ("statusPk", json!("STATUS#disabled#1")),
        ("statusPk", json!("STATUS#active#2")),
        ("directoryPk", json!("STATUS#active#1")),
        ("directoryPk", json!("LIVE#0")),
        ("directoryPk", json!(null)),
    ] {
        expect("index and profile agree", |history| {
            history.users[PROFILE][attribute] = value.clone();
        });
    }
}

#[test]
fn every_change_was_requested() {
    expect("every change was requested", |history| {
        history.users[SECOND_ENTRY]["correlationId"] = json!("nobody");
    });
    expect("a change matches its request", |history| {
        history.exchanges[ASSIGN].request.body = Some(json!({"role": "other"}));
    });
    expect("a change matches its request", |history| {
        history.users[SECOND_ENTRY]["reason"] = json!("none was given");
    });
}

#[test]
fn a_key_and_its_record_go_together() {
    expect("a change under a key has its record", |history| {
        history.records.pop();
    });
    expect("a success under a key has its record", |history| {
        history.records.pop();
    });
    expect("no record without a key", |history| history.records.push(record(200, 2)));
    expect("a record holds a success", |history| {
        history.records[0]["etag"] = json!("\"9\"");
    });
}

#[test]
fn refusals_are_justified_and_requests_are_settled() {
    expect("a refusal is justified", |history| {
        history.exchanges[READ].attempts[0] = answered("c4", 50, refusal(404, "user-not-found"));
    });
    expect("a refusal is justified", |history| {
        let request = Request::register(json!({"email": "free@example.com"}));
        let refused = answered("c9", 90, refusal(409, "email-already-registered"));
        history.exchanges.push(exchange("r4", request, vec![refused]));
    });
    expect("a request is settled", |history| {
        history.exchanges[READ].attempts[0] =
            answered("c4", 50, refusal(503, "service-unavailable"));
    });
}

#[test]
fn reads_are_true_and_not_stale() {
    expect("a read is not stale", |history| {
        history.exchanges[READ].attempts[0] = answered("c4", 50, success(200, 1));
    });
    // It began before the change was acknowledged, so it may show either state.
    let early = broken(|history| {
        history.exchanges[READ].attempts[0] = answered("c4", 35, success(200, 1));
    });
    assert_eq!(early, Vec::<&str>::new());
    expect("a read shows a real state", |history| {
        let mut other = state(2);
        other["displayName"] = json!("Grace");
        let answer = Answer { body: other.to_string(), ..success(200, 2) };
        history.exchanges[READ].attempts[0] = answered("c4", 50, answer);
    });
    expect("a read is not stale", |history| {
        history.exchanges[READ].request = Request::profile(USER).if_none_match(1);
        history.exchanges[READ].attempts[0] =
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
        move |history: &mut History| {
            history.exchanges.push(exchange("r4", request, vec![answered("c9", 50, answer)]));
        }
    };
    let stale = "a read is not stale";
    let wrong = "a read shows a real state";
    let log = Request::audit(USER, &[("limit", "100")]);
    expect(stale, read(log.clone(), page(json!([]))));
    expect(wrong, read(log.clone(), page(json!([{"version": 2}]))));
    // Entries must not have the attributes that the API hides.
    let items: Vec<Value> = valid().users.split_off(FIRST_ENTRY).into_iter().rev().collect();
    let entries: Vec<Value> = items.iter().map(shown).collect();
    assert_eq!(broken(read(log.clone(), page(json!(entries)))), Vec::<&str>::new());
    expect(wrong, read(log, page(json!(items))));
    let by_address = Request::list(&[("email", "ADA@example.com")]);
    assert_eq!(broken(read(by_address.clone(), page(json!([state(2)])))), Vec::<&str>::new());
    expect(stale, read(by_address.clone(), page(json!([]))));
    expect(stale, read(by_address, page(json!([state(1)]))));
    let by_role = Request::list(&[("role", "other")]);
    expect(wrong, read(by_role, page(json!([state(2)]))));
    expect(wrong, read(Request::list(&[]), page(json!([state(2), state(2)]))));
}

#[test]
fn the_bus_has_every_entry_in_order() {
    expect("every audit entry reaches the bus", |history| {
        history.events.pop();
    });
    expect("events of a user in order", |history| history.events.swap(0, 1));
    // A repeated delivery has no place in the order.
    let repeated = broken(|history| history.events.push(history.events[0].clone()));
    assert_eq!(repeated, Vec::<&str>::new());
    expect("an event equals its audit entry", |history| {
        history.events[1]["detail"]["changes"] = json!([]);
    });
    expect("an event equals its audit entry", |history| {
        history.events[1]["detail"]["traceHeader"] =
            json!("Root=1-6b043126-8b2c56e90ff67b5e594330b9");
    });
    expect("no event without a change", |history| {
        history.events[0]["detail"]["eventId"] = json!("other");
    });
    expect("no dead letters", |history| history.dead_letters.push(json!({})));
}

#[test]
fn a_report_names_the_requests_and_their_answers() {
    let mut history = valid();
    history.records.pop();
    let report = describe(&check(&history)[..1], &history, "the command");
    assert!(report.contains("r2 (a test): POST /users"), "{report}");
    assert!(report.contains("no answer"), "{report}");
    assert!(!report.contains("r1 ("), "{report}");
    assert!(report.ends_with("to reproduce: the command"), "{report}");
}
