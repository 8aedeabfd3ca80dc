use super::place::Place;
use super::redeliver;
use crate::testing::Aws;
use crate::testing::recorded::stack_with;
use serde_json::{Value, json};

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/letters";
const INVOKE: &str = "POST /2015-03-31/functions/relay/invocations";

/// AWS with a stack of stage `dev`, and letters in its queue.
fn aws(letters: &[Value]) -> Aws {
    let outputs = [
        ("AuditDeadLettersUrl", QUEUE),
        ("UsersAuditPublishFunctionArn", "relay"),
        ("UsersTableName", "users"),
    ];
    let messages: Vec<_> = letters
        .iter()
        .enumerate()
        .map(|(index, body)| {
            let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            json!({"MessageId": index.to_string(), "ReceiptHandle": handle(index), "Body": body})
        })
        .collect();
    let receive = json!({
        "QueueUrl": QUEUE, "MaxNumberOfMessages": 10, "VisibilityTimeout": 900, "WaitTimeSeconds": 2,
    });
    let described = stack_with("UPDATE_COMPLETE", false, &outputs);
    let aws = Aws::default()
        .expect("DescribeStacks", json!({"StackName": "users-dev"}), described)
        .expect("ReceiveMessage", receive.clone(), json!({"Messages": messages}));
    if letters.is_empty() { aws } else { aws.expect("ReceiveMessage", receive, json!({})) }
}

fn handle(index: usize) -> String {
    format!("handle-{index}")
}

/// A letter of the relay.
fn letter(user: &str, event: &str) -> Value {
    json!({
        "userId": user, "version": 2, "eventId": event, "reason": "of then",
        "key": {"pk": format!("USER#{user}"), "sk": format!("AUDIT#{event}")},
    })
}

fn item(user: &str, event: &str, version: u64) -> Value {
    json!({
        "pk": {"S": format!("USER#{user}")}, "sk": {"S": format!("AUDIT#{event}")},
        "version": {"N": version.to_string()},
    })
}

/// The event of records with these images, numbered from `first`.
fn event(first: usize, items: &[Value]) -> Value {
    let records: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let number = (first + index).to_string();
            json!({
                "eventID": number, "eventName": "INSERT", "eventSource": "users:redelivery",
                "awsRegion": "eu-west-1",
                "dynamodb": {
                    "Keys": {"pk": item["pk"], "sk": item["sk"]}, "NewImage": item,
                    "SequenceNumber": number, "SizeBytes": 0,
                },
            })
        })
        .collect();
    json!({"Records": records})
}

trait Expecting {
    /// The entry of a letter, if there is one.
    fn entry(self, user: &str, event: &str, item: Option<&Value>) -> Self;
    fn deleted(self, index: usize) -> Self;
    fn released(self, index: usize) -> Self;
}

impl Expecting for Aws {
    fn entry(self, user: &str, event: &str, item: Option<&Value>) -> Self {
        let key =
            json!({"pk": {"S": format!("USER#{user}")}, "sk": {"S": format!("AUDIT#{event}")}});
        let input = json!({"TableName": "users", "Key": key, "ConsistentRead": true});
        self.expect("GetItem", input, item.map_or(json!({}), |item| json!({"Item": item})))
    }

    fn deleted(self, index: usize) -> Self {
        let input = json!({"QueueUrl": QUEUE, "ReceiptHandle": handle(index)});
        self.expect("DeleteMessage", input, json!({}))
    }

    fn released(self, index: usize) -> Self {
        let input =
            json!({"QueueUrl": QUEUE, "ReceiptHandle": handle(index), "VisibilityTimeout": 0});
        self.expect("ChangeMessageVisibility", input, json!({}))
    }
}

async fn run(aws: &Aws, dry_run: bool) -> Value {
    let place = Place::of(&aws.session()).await.unwrap();
    let report = redeliver(&place, dry_run).await.unwrap();
    aws.finish();
    serde_json::to_value(&report).unwrap()
}

fn states(report: &Value) -> Vec<(&str, Option<u64>, &str)> {
    let entries = report["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap();
            (text("userId"), entry["version"].as_u64(), text("state"))
        })
        .collect()
}

#[tokio::test]
async fn an_empty_queue_needs_nothing() {
    let report = run(&aws(&[]), false).await;
    assert_eq!((&report["letters"], &report["deleted"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn entries_are_sent_in_the_order_of_versions_and_letters_deleted() {
    // Two letters of one user in the wrong order, and the second of them twice.
    let letters = [letter("B", "2"), letter("A", "3"), letter("A", "1"), letter("A", "3")];
    let items = [item("A", "1", 2), item("A", "3", 7), item("B", "2", 4)];
    let aws = aws(&letters)
        .entry("B", "2", Some(&items[2]))
        .entry("A", "3", Some(&items[1]))
        .entry("A", "1", Some(&items[0]))
        .expect(INVOKE, event(0, &items), json!({"batchItemFailures": []}));
    let aws = (0..4).fold(aws, Aws::deleted);
    let report = run(&aws, false).await;
    let state = |user, version| (user, Some(version), "delivered");
    assert_eq!(states(&report), [state("A", 2), state("A", 7), state("B", 4)]);
    assert_eq!(report["deleted"], 4);
}

#[tokio::test]
async fn an_undeliverable_entry_keeps_its_letter_with_the_reason() {
    let items = [item("A", "1", 2), item("B", "1", 3)];
    let undeliverable = json!({"itemIdentifier": "0", "reason": "the audit entry cannot be read"});
    let aws = aws(&[letter("A", "1"), letter("B", "1")])
        .entry("A", "1", Some(&items[0]))
        .entry("B", "1", Some(&items[1]))
        .expect(
            INVOKE,
            event(0, &items),
            json!({"batchItemFailures": [], "undeliverable": [undeliverable]}),
        )
        .released(0)
        .deleted(1);
    let report = run(&aws, false).await;
    assert_eq!(report["entries"][0]["reason"], "the audit entry cannot be read");
    assert_eq!(states(&report)[0].2, "undeliverable");
    assert_eq!(states(&report)[1].2, "delivered");
}

#[tokio::test]
async fn after_a_failure_only_earlier_entries_lose_their_letters() {
    let items = [item("A", "1", 2), item("B", "1", 3), item("C", "1", 4)];
    let letters = [letter("A", "1"), letter("B", "1"), letter("C", "1")];
    let failure = json!({"batchItemFailures": [{"itemIdentifier": "1"}]});
    let aws = aws(&letters)
        .entry("A", "1", Some(&items[0]))
        .entry("B", "1", Some(&items[1]))
        .entry("C", "1", Some(&items[2]))
        .expect(INVOKE, event(0, &items), failure)
        .deleted(0)
        .released(1)
        .released(2);
    let report = run(&aws, false).await;
    let states: Vec<_> = states(&report).into_iter().map(|(_, _, state)| state).collect();
    assert_eq!(states, ["delivered", "waiting", "waiting"]);
    assert!(report["failure"].as_str().unwrap().contains("could not deliver"), "{report}");
}

#[tokio::test]
async fn a_letter_of_the_mapping_means_all_entries_of_its_time() {
    let batch = json!({"DDBStreamBatchInfo": {
        "batchSize": 2,
        "approximateArrivalOfFirstRecord": "2016-07-30T22:36:16Z",
        "approximateArrivalOfLastRecord": "2016-07-30T22:36:16Z",
    }});
    let events = ["01ARYZ6S410000000000000001", "01ARYZ6S420000000000000001"];
    let items = [item("A", events[0], 1), item("A", events[1], 2), item("B", events[0], 5)];
    let scan = json!({
        "TableName": "users", "ConsistentRead": true,
        "FilterExpression": "sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":first": {"S": "AUDIT#01ARYZ4Y50"}, ":last": {"S": "AUDIT#01ARYZ8MA7ZZZZZZZZZZZZZZZZ"},
        },
    });
    // In the order of the table, over two pages.
    let mut second = scan.clone();
    second["ExclusiveStartKey"] = json!({"pk": {"S": "USER#B"}, "sk": {"S": "AUDIT#0"}});
    let aws = aws(&[batch])
        .expect(
            "Scan",
            scan,
            json!({"Items": [items[2]], "LastEvaluatedKey": second["ExclusiveStartKey"]}),
        )
        .expect("Scan", second, json!({"Items": [items[1], items[0]]}))
        .expect(INVOKE, event(0, &items), json!({"batchItemFailures": []}))
        .deleted(0);
    assert_eq!(run(&aws, false).await["deleted"], 1);
}

#[tokio::test]
async fn a_letter_without_an_entry_stays_with_the_reason() {
    let aws = aws(&[letter("A", "1"), json!("no JSON"), json!({"key": {"pk": "USER#A"}})])
        .entry("A", "1", None)
        .released(0)
        .released(1)
        .released(2);
    let report = run(&aws, false).await;
    let reasons: Vec<_> =
        report["unusable"].as_array().unwrap().iter().map(|it| &it["reason"]).collect();
    let nameless = "it names no audit entry";
    assert_eq!(reasons, ["its audit entry is not in the table", nameless, nameless]);
}

#[tokio::test]
async fn a_dry_run_sends_and_deletes_nothing() {
    let aws = aws(&[letter("A", "1")]).entry("A", "1", Some(&item("A", "1", 2))).released(0);
    assert_eq!(states(&run(&aws, true).await), [("A", Some(2), "waiting")]);
}
