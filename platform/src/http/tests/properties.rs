//! Properties: any body gets an answer of the contract, and any sequence of calls keeps the
//! invariants of the table.

use super::broken_invariants;
use crate::http::Handler;
use crate::http::handler::{
    AssignRole, GetUser, ListUsers, QueryAudit, RegisterUser, RemoveRole, SetStatus, UpdateUser,
};
use crate::testing::{Answered, Call, World};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use users_contract::{ErrorCode, Operation};

/// A runtime of its own for each case, since proptest is not asynchronous.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// Any JSON, with the names and values that mean something mixed in.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        Just("email".to_owned()),
        Just("displayName".to_owned()),
        Just("phoneNumber".to_owned()),
        Just("locale".to_owned()),
        Just("attributes".to_owned()),
        Just("roles".to_owned()),
        Just("role".to_owned()),
        Just("status".to_owned()),
        Just("reason".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,24}".prop_map(Value::from),
        "[a-z]{1,5}@[a-z]{1,5}\\.[a-z]{2}".prop_map(Value::from),
        Just(json!("deleted")),
        Just(json!("en-GB")),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// Checks that an answer is one that the contract describes.
fn assert_described<H: Handler>(answer: &Answered) {
    let operation = Operation::of(H::OPERATION);
    let body = answer.json();
    if answer.status == i64::from(operation.success.status) {
        assert_eq!(answer.header("content-type"), Some("application/json"));
        return;
    }
    let code = ErrorCode::ALL.iter().find(|code| code.as_str() == answer.code());
    let code = code.unwrap_or_else(|| panic!("no code of the contract: {}", answer.text));
    assert!(operation.all_errors().contains(code), "{} gives {code}", operation.id);
    assert!(code.status() < 500, "{}", answer.text);
    assert_eq!(answer.status, i64::from(code.status()));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    for member in ["type", "title", "status", "code", "detail", "instance", "correlationId"] {
        assert!(body.get(member).is_some(), "{member} is missing in {}", answer.text);
    }
}

#[test]
fn any_body_gets_an_answer_of_the_contract() {
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let bytes = prop_oneof![
        4 => any_json().prop_map(|json| json.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ];
    let run = TestRunner::new(config).run(&bytes, |body| {
        block_on(async {
            let world = World::new().await;
            let user = super::registered(&world, "ada@example.com").await;
            let call = Call::new().bytes(&body).header("Content-Type", "application/json");
            assert_described::<RegisterUser>(&world.call::<RegisterUser>(&call).await);
            let call = call.user(&user);
            assert_described::<UpdateUser>(&world.call::<UpdateUser>(&call).await);
            assert_described::<AssignRole>(&world.call::<AssignRole>(&call).await);
            assert_described::<SetStatus>(&world.call::<SetStatus>(&call).await);
            assert_eq!(broken_invariants(&world), Vec::<String>::new());
        });
        Ok(())
    });
    run.expect("every body gets an answer of the contract");
}

#[test]
fn any_query_gets_an_answer_of_the_contract() {
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let name = prop_oneof![
        prop::sample::select(vec![
            "limit", "cursor", "status", "role", "email", "order", "from", "to", "action"
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    let value = prop_oneof![
        prop::sample::select(vec!["1", "100", "active", "asc", "ops", "2026-11-22T10:00:00Z"])
            .prop_map(str::to_owned),
        ".{0,40}",
    ];
    let query = prop::collection::vec((name, value), 0..4);
    let run = TestRunner::new(config).run(&query, |query| {
        block_on(async {
            let world = World::new().await;
            let user = super::registered(&world, "ada@example.com").await;
            let call =
                query.iter().fold(Call::new(), |call, (name, value)| call.query(name, value));
            assert_described::<ListUsers>(&world.call::<ListUsers>(&call).await);
            let call = call.user(&user);
            assert_described::<QueryAudit>(&world.call::<QueryAudit>(&call).await);
            assert_described::<GetUser>(&world.call::<GetUser>(&call).await);
        });
        Ok(())
    });
    run.expect("every query gets an answer of the contract");
}

/// One step of a sequence, over few users, addresses, roles and keys so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Register { email: u8, roles: Vec<u8>, key: Option<u8> },
    Update { user: u8, email: Option<u8>, locale: Option<bool>, key: Option<u8> },
    SetStatus { user: u8, status: u8, key: Option<u8> },
    Assign { user: u8, role: u8, key: Option<u8> },
    Remove { user: u8, role: u8, key: Option<u8> },
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::option::weighted(0.3, 0..3u8);
    let roles = prop::collection::btree_set(0..3u8, 0..3);
    prop_oneof![
        3 => (0..4u8, roles, key()).prop_map(|(email, roles, key)| Step::Register {
            email,
            roles: roles.into_iter().collect(),
            key
        }),
        3 => (0..4u8, prop::option::of(0..4u8), prop::option::of(any::<bool>()), key())
            .prop_map(|(user, email, locale, key)| Step::Update { user, email, locale, key }),
        2 => (0..4u8, 0..3u8, key())
            .prop_map(|(user, status, key)| Step::SetStatus { user, status, key }),
        2 => (0..4u8, 0..3u8, key()).prop_map(|(user, role, key)| Step::Assign { user, role, key }),
        2 => (0..4u8, 0..3u8, key()).prop_map(|(user, role, key)| Step::Remove { user, role, key }),
    ]
}

async fn take(world: &World, users: &mut Vec<String>, step: &Step) {
    let email = |email: &u8| format!("user{email}@example.com");
    let keyed = |call: Call, key: &Option<u8>| match key {
        Some(key) => call.key(&format!("key-{key}")),
        None => call,
    };
    let of = |users: &[String], user: &u8| -> Option<Call> {
        let count = users.len();
        (count > 0).then(|| Call::new().user(&users[usize::from(*user) % count]))
    };
    match step {
        Step::Register { email: number, roles, key } => {
            let roles: Vec<_> = roles.iter().map(|role| format!("role{role}")).collect();
            let body = json!({"email": email(number), "roles": roles});
            let answer = world.call::<RegisterUser>(&keyed(Call::new().json(&body), key)).await;
            assert_described::<RegisterUser>(&answer);
            if answer.status == 201 && answer.header("idempotent-replayed").is_none() {
                users.push(answer.user_id());
            }
        }
        Step::Update { user, email: number, locale, key } => {
            let Some(call) = of(users, user) else { return };
            let mut body = json!({"displayName": "Ada"});
            if let Some(number) = number {
                body["email"] = json!(email(number));
            }
            if let Some(locale) = locale {
                body["locale"] = if *locale { json!("en") } else { Value::Null };
            }
            let answer = world.call::<UpdateUser>(&keyed(call.json(&body), key)).await;
            assert_described::<UpdateUser>(&answer);
        }
        Step::SetStatus { user, status, key } => {
            let Some(call) = of(users, user) else { return };
            let status = ["active", "disabled", "deleted"][usize::from(*status)];
            let call = keyed(call.json(&json!({"status": status})), key);
            assert_described::<SetStatus>(&world.call::<SetStatus>(&call).await);
        }
        Step::Assign { user, role, key } => {
            let Some(call) = of(users, user) else { return };
            let call = keyed(call.json(&json!({"role": format!("role{role}")})), key);
            assert_described::<AssignRole>(&world.call::<AssignRole>(&call).await);
        }
        Step::Remove { user, role, key } => {
            let Some(call) = of(users, user) else { return };
            let call = keyed(call.role(&format!("role{role}")), key);
            assert_described::<RemoveRole>(&world.call::<RemoveRole>(&call).await);
        }
    }
}

#[test]
fn any_sequence_of_calls_keeps_the_invariants() {
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..30);
    let run = TestRunner::new(config).run(&steps, |steps| {
        block_on(async {
            let world = World::new().await;
            let mut users = Vec::new();
            for step in &steps {
                take(&world, &mut users, step).await;
                let broken = broken_invariants(&world);
                assert_eq!(broken, Vec::<String>::new(), "after {step:?} of {steps:?}");
            }
        });
        Ok(())
    });
    run.expect("every sequence keeps the invariants");
}
