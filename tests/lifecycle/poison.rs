//! Audit entries that can never be delivered, written directly into the table: they block no other
//! entry, and can be delivered once repaired.

use crate::readme::root;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Stdio;
use tokio::process::Command;
use users_tests::stack::{Launch, Stack, required};
use users_tests::wait::PATIENCE;
use users_tests::{id_of, sample, wait};

/// Exit status of `redeliver` when letters are left.
const LEFT: i32 = 3;

/// Damage that makes an entry undeliverable, with the reported reason.
type Damage = (&'static str, fn(&mut Value));

const DAMAGES: [Damage; 6] = [
    ("attribute action cannot be read", |item| item["action"] = json!({"S": "user.renamed"})),
    ("attribute at cannot be read", |item| item["at"] = json!({"S": "yesterday"})),
    ("attribute correlationId cannot be read", |item| item["correlationId"] = json!({"S": "a b"})),
    ("wrong type", |item| item["actor"] = json!({"S": "somebody"})),
    ("missing field `changes`", |item| drop(item.as_object_mut().unwrap().remove("changes"))),
    // Each of these characters takes six in JSON.
    ("larger than EventBridge takes", |item| {
        item["reason"] = json!({"S": "\u{1}".repeat(180_000)});
    }),
];

/// An entry that was damaged.
pub(crate) struct Poison {
    pub(crate) user_id: String,
    sound: Value,
}

impl Poison {
    /// Registers a user and gives it a second version, whose audit entry is damaged.
    pub(crate) async fn plant(stack: &Stack, damage: fn(&mut Value)) -> Self {
        let user_id = register(stack).await;
        let [mut sound] =
            <[Value; 1]>::try_from(stack.control.items(&user_id, "AUDIT#").await).unwrap();
        // The last id of the first version's millisecond: behind its own, before every later one.
        let event_id = sound["eventId"]["S"].as_str().unwrap()[..10].to_owned() + &"Z".repeat(16);
        sound["sk"] = json!({"S": format!("AUDIT#{event_id}")});
        sound["eventId"] = json!({"S": event_id});
        sound["action"] = json!({"S": "user.profile-updated"});
        sound["version"] = json!({"N": "2"});
        let mut damaged = sound.clone();
        damage(&mut damaged);
        stack.dynamodb("PutItem", json!({"Item": damaged})).await;
        let profile = json!({
            "Key": {"pk": sound["pk"], "sk": {"S": "PROFILE"}},
            "UpdateExpression": "SET version = :two",
            "ExpressionAttributeValues": {":two": {"N": "2"}},
        });
        stack.dynamodb("UpdateItem", profile).await;
        Self { user_id, sound }
    }

    /// Writes the entry as it should be.
    pub(crate) async fn mend(&self, stack: &Stack) {
        stack.dynamodb("PutItem", json!({"Item": self.sound})).await;
    }
}

async fn register(stack: &Stack) -> String {
    let call = stack.call(Method::POST, "/users").json(&json!({"email": sample::email()}));
    id_of(&stack.json(call).await).to_owned()
}

async fn change(stack: &Stack, user_id: &str) {
    let body = json!({"attributes": {"change": sample::unique()}});
    let call = stack.call(Method::PATCH, &format!("/users/{user_id}")).json(&body);
    stack.json(call).await;
}

/// Versions by user in the order of their events, each as often as it arrived.
async fn arrived(stack: &Stack) -> BTreeMap<String, Vec<u64>> {
    let mut versions = BTreeMap::<_, Vec<_>>::new();
    for event in stack.control.events().await {
        let user_id = event["detail"]["userId"].as_str().unwrap().to_owned();
        versions.entry(user_id).or_default().push(event["detail"]["version"].as_u64().unwrap());
    }
    versions
}

/// Waits for this number of events.
async fn arrived_after(stack: &Stack, events: usize) -> BTreeMap<String, Vec<u64>> {
    wait::until(format!("there are fewer than {events} events"), async || {
        let versions = arrived(stack).await;
        (versions.values().map(Vec::len).sum::<usize>() >= events).then_some(versions)
    })
    .await
}

/// Runs `cargo xtask redeliver`; gives its exit status and its report.
async fn redeliver(stack: &Stack, more: &[&str]) -> (i32, Value) {
    let output = Command::new(required("USERS_XTASK"))
        .args(["redeliver", "--stage", "local", "--output", "json", "--url", stack.url()])
        .args(more)
        .env("CARGO_MANIFEST_DIR", root().join("xtask"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match serde_json::from_slice(&output.stdout) {
        Ok(report) => (output.status.code().unwrap(), report),
        Err(_) => panic!("redeliver ended with {}: {said}", output.status),
    }
}

/// State and user of each entry of a report.
fn states(report: &Value) -> Vec<(&str, &str)> {
    let entries = report["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| (entry["state"].as_str().unwrap(), entry["userId"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn poison_holds_up_nobody_and_is_delivered_when_it_is_mended() {
    let stack = Launch::new().start().await;
    // Everything in one batch of the stream.
    stack.control.hold_streams(true).await;
    let other = register(&stack).await;
    let mut poisons = Vec::new();
    for (_, damage) in DAMAGES {
        let poison = Poison::plant(&stack, damage).await;
        change(&stack, &poison.user_id).await;
        change(&stack, &other).await;
        poisons.push(poison);
    }
    stack.control.hold_streams(false).await;

    let users = poisons.len() as u64;
    let mut expected: BTreeMap<String, Vec<u64>> =
        poisons.iter().map(|poison| (poison.user_id.clone(), vec![1, 3])).collect();
    expected.insert(other.clone(), (1..=users + 1).collect());
    let count = expected.values().map(Vec::len).sum();
    assert_eq!(arrived_after(&stack, count).await, expected);

    let letters = stack.control.dead_letters().await;
    assert_eq!(letters.len(), poisons.len(), "{letters:#?}");
    for (poison, (reason, _)) in poisons.iter().zip(DAMAGES) {
        let letter = letters.iter().find(|letter| letter["userId"] == *poison.user_id).unwrap();
        assert_eq!(letter["version"], 2, "{letter}");
        assert_eq!(
            letter["key"],
            json!({"pk": poison.sound["pk"]["S"], "sk": poison.sound["sk"]["S"]})
        );
        assert!(letter["reason"].as_str().unwrap().contains(reason), "{letter}");
    }

    let (status, report) = redeliver(&stack, &["--dry-run"]).await;
    assert_eq!((status, &report["letters"], &report["deleted"]), (LEFT, &json!(6), &json!(0)));
    assert!(states(&report).iter().all(|(state, _)| *state == "waiting"), "{report}");
    // The entries are still damaged: nothing is sent, and the letters stay as they are.
    let (status, report) = redeliver(&stack, &[]).await;
    assert_eq!((status, &report["deleted"]), (LEFT, &json!(0)));
    assert!(states(&report).iter().all(|(state, _)| *state == "undeliverable"), "{report}");
    assert_eq!(stack.control.dead_letters().await, letters);
    assert_eq!(arrived(&stack).await, expected);

    let (last, mended) = poisons.split_last().unwrap();
    for poison in mended {
        poison.mend(&stack).await;
    }
    let (status, report) = redeliver(&stack, &[]).await;
    assert_eq!((status, &report["deleted"]), (LEFT, &json!(mended.len())));
    for (state, user_id) in states(&report) {
        let expected = if user_id == last.user_id { "undeliverable" } else { "delivered" };
        assert_eq!(state, expected, "{report}");
    }
    last.mend(&stack).await;
    let (status, report) = redeliver(&stack, &[]).await;
    assert_eq!((status, states(&report)), (0, vec![("delivered", last.user_id.as_str())]));
    assert!(stack.control.dead_letters().await.is_empty());

    // Late, but each exactly once.
    for poison in &poisons {
        expected.insert(poison.user_id.clone(), vec![1, 3, 2]);
    }
    assert_eq!(arrived(&stack).await, expected);
    let (status, report) = redeliver(&stack, &[]).await;
    assert_eq!((status, &report["letters"]), (0, &json!(0)));
}

#[tokio::test]
async fn records_that_the_mapping_gave_up_on_are_found_by_time_and_delivered_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("template.json");
    let template = std::fs::read(required("USERS_LOCAL_TEMPLATE")).unwrap();
    let mut template: Value = serde_json::from_slice(&template).unwrap();
    template["Resources"]["AuditStream"]["Properties"]["MaximumRetryAttempts"] = json!(1);
    std::fs::write(&path, template.to_string()).unwrap();
    let stack = Launch::new().template(&path).start().await;
    stack.control.set_faults(&json!({"bus": "refuse-all"})).await;
    let users = [register(&stack).await, register(&stack).await];
    for _ in 0..3 {
        change(&stack, &users[0]).await;
        change(&stack, &users[1]).await;
    }
    let given_up = |letters: &[Value]| -> u64 {
        let sizes = letters.iter().map(|letter| &letter["DDBStreamBatchInfo"]["batchSize"]);
        sizes.map(|size| size.as_u64().unwrap()).sum()
    };
    wait::until("the mapping does not give up all records", async || {
        (given_up(&stack.control.dead_letters().await) >= 8).then_some(())
    })
    .await;
    // While the bus refuses, the command fails, and every letter stays.
    let letters = stack.control.dead_letters().await;
    let (status, report) = redeliver(&stack, &[]).await;
    assert_eq!((status, report["failure"].is_string()), (1, true), "{report}");
    assert_eq!(stack.control.dead_letters().await, letters);

    stack.control.clear_faults().await;
    let (status, report) = redeliver(&stack, &[]).await;
    assert_eq!((status, &report["deleted"]), (0, &json!(letters.len())), "{report}");
    assert!(stack.control.dead_letters().await.is_empty());
    let expected: BTreeMap<_, _> = users.into_iter().map(|id| (id, vec![1, 2, 3, 4])).collect();
    assert_eq!(arrived(&stack).await, expected);
}
