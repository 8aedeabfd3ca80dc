//! A subscriber of the audit bus: a queue behind a rule, which must receive an event for each audit
//! entry of a user.

use crate::api;
use crate::aws::Aws;
use crate::steps::report;
use anyhow::{Context, Result, bail, ensure};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use users_client::Client;
use users_contract::RELAY;
use users_contract::schema::EVENTS;

/// Longest wait for the last event; they take about a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A queue behind a rule on the bus.
#[derive(Debug)]
pub(crate) struct Subscription<'a> {
    aws: &'a Aws,
    rule: String,
    bus: &'a str,
    queue_url: String,
}

/// The name of the rule.
fn rule(stack: &str) -> String {
    format!("{stack}-test-events")
}

/// The name of the queue; a FIFO queue, so that the order of events can be checked.
fn queue(stack: &str) -> String {
    format!("{}.fifo", rule(stack))
}

impl<'a> Subscription<'a> {
    /// Creates the queue and the rule.
    pub(crate) async fn create(aws: &'a Aws, stack: &str, bus: &'a str) -> Result<Self> {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*"
            }]
        });
        let attributes = json!({
            "FifoQueue": "true", "ContentBasedDeduplication": "true", "Policy": policy.to_string()
        });
        let body = json!({"QueueName": queue(stack), "Attributes": attributes});
        let queue_url = text(&sqs(aws, "CreateQueue", &body).await?["QueueUrl"])?;
        let subscription = Self { aws, rule: rule(stack), bus, queue_url };
        let body = json!({"QueueUrl": subscription.queue_url, "AttributeNames": ["QueueArn"]});
        let attributes = sqs(aws, "GetQueueAttributes", &body).await?;
        let pattern = json!({"source": [RELAY.event_source]}).to_string();
        subscription.put("PutRule", json!({"EventPattern": pattern})).await?;
        let target = json!({
            "Id": "queue", "Arn": attributes["Attributes"]["QueueArn"],
            "SqsParameters": {"MessageGroupId": "audit"}
        });
        let put = subscription.put("PutTargets", json!({"Targets": [target]})).await?;
        ensure!(put["FailedEntryCount"].as_u64().unwrap_or_default() == 0, "PutTargets: {put}");
        Ok(subscription)
    }

    /// Changes a user in every way, and checks the events of that.
    pub(crate) async fn follow_a_user(&self, api: &Client) -> Result<()> {
        let user_id = change_a_user(api).await?;
        let begun = Instant::now();
        let mut events: Vec<Value> = Vec::new();
        while events.len() < EVENTS.len() {
            if begun.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                bail!("{} of {} events arrived in {seconds} s", events.len(), EVENTS.len());
            }
            for event in self.receive().await? {
                let detail = &event["detail"];
                // Delivery is at least once, and the suite's events arrive, too.
                let is_new = events.iter().all(|it| it["detail"]["eventId"] != detail["eventId"]);
                if detail["userId"] == user_id.as_str() && is_new {
                    events.push(event);
                }
            }
        }
        let path = format!("/users/{user_id}/audit");
        let history = api::call(api, Method::GET, &path, None, Some(("order", "asc"))).await?;
        check(&events, history["items"].as_array().context("the audit history has no items")?)?;
        let seconds = begun.elapsed().as_secs_f64();
        report(format!("{} events arrived in order within {seconds:.1} s", events.len()));
        Ok(())
    }

    /// Receives the events that are in the queue now.
    async fn receive(&self) -> Result<Vec<Value>> {
        let body =
            json!({"QueueUrl": self.queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1});
        let received = sqs(self.aws, "ReceiveMessage", &body).await?;
        let mut events = Vec::new();
        for message in received["Messages"].as_array().into_iter().flatten() {
            let body = text(&message["Body"])?;
            events.push(serde_json::from_str(&body).context("a message is not JSON")?);
            let handle = &message["ReceiptHandle"];
            let body = json!({"QueueUrl": self.queue_url, "ReceiptHandle": handle});
            sqs(self.aws, "DeleteMessage", &body).await?;
        }
        Ok(events)
    }

    /// Removes the rule and the queue.
    pub(crate) async fn remove(&self) -> Result<()> {
        self.put("RemoveTargets", json!({"Ids": ["queue"]})).await?;
        let body = json!({"Name": self.rule, "EventBusName": self.bus});
        events(self.aws, "DeleteRule", &body).await?;
        sqs(self.aws, "DeleteQueue", &json!({"QueueUrl": self.queue_url})).await?;
        Ok(())
    }

    /// An operation of EventBridge on the rule.
    async fn put(&self, operation: &str, mut body: Value) -> Result<Value> {
        let name = if operation == "PutRule" { "Name" } else { "Rule" };
        body[name] = json!(self.rule);
        body["EventBusName"] = json!(self.bus);
        events(self.aws, operation, &body).await
    }
}

/// Removes the queue of an earlier run.
pub(crate) async fn remove_leftovers(aws: &Aws, stack: &str) -> Result<()> {
    let body = json!({"QueueName": queue(stack)});
    let found = aws.json("sqs", "AmazonSQS.GetQueueUrl", &body).await?;
    if found.is_success() {
        sqs(aws, "DeleteQueue", &json!({"QueueUrl": found.value()["QueueUrl"]})).await?;
    }
    Ok(())
}

/// Compares events with the audit entries of the same user, of which there is one of each action.
fn check(events: &[Value], entries: &[Value]) -> Result<()> {
    ensure!(entries.len() == EVENTS.len(), "the user has {} audit entries", entries.len());
    for ((event, entry), kind) in events.iter().zip(entries).zip(EVENTS) {
        let mut detail = event["detail"].clone();
        let version = detail.as_object_mut().and_then(|members| members.remove("schemaVersion"));
        let is_right = event["source"] == RELAY.event_source
            && event["detail-type"] == kind.detail_type
            && version.is_some()
            && detail == *entry;
        ensure!(
            is_right,
            "event {} is not {} of its audit entry",
            entry["version"],
            kind.detail_type
        );
    }
    Ok(())
}

/// Registers a user, changes it in every way, in the order of [`EVENTS`], and returns its id.
async fn change_a_user(api: &Client) -> Result<String> {
    let id = api::register(api).await?;
    for (method, path, body) in [
        (Method::PATCH, "", Some(json!({"displayName": "Ada"}))),
        (Method::PUT, "/status", Some(json!({"status": "disabled"}))),
        (Method::POST, "/roles", Some(json!({"role": "admin"}))),
        (Method::DELETE, "/roles/admin", None),
    ] {
        api::call(api, method, &format!("/users/{id}{path}"), body, None).await?;
    }
    Ok(id)
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("an answer lacks a required text")?.to_owned())
}

async fn sqs(aws: &Aws, operation: &str, body: &Value) -> Result<Value> {
    let answer = aws.json("sqs", &format!("AmazonSQS.{operation}"), body).await?;
    Ok(answer.success(operation)?.value())
}

async fn events(aws: &Aws, operation: &str, body: &Value) -> Result<Value> {
    let answer = aws.json("events", &format!("AWSEvents.{operation}"), body).await?;
    Ok(answer.success(operation)?.value())
}

#[cfg(test)]
mod tests {
    use super::{EVENTS, check};
    use serde_json::{Value, json};
    use users_contract::RELAY;

    fn entries() -> Vec<Value> {
        (1..=EVENTS.len()).map(|version| json!({"eventId": version, "version": version})).collect()
    }

    fn events() -> Vec<Value> {
        let entries = entries().into_iter().zip(EVENTS);
        entries
            .map(|(entry, kind)| {
                let mut detail = entry;
                detail["schemaVersion"] = json!(1);
                json!({"source": RELAY.event_source, "detail-type": kind.detail_type, "detail": detail})
            })
            .collect()
    }

    #[test]
    fn events_that_equal_the_audit_entries_in_order_are_accepted() {
        check(&events(), &entries()).unwrap();
    }

    #[test]
    fn an_event_out_of_order_or_with_other_content_is_noticed() {
        let mut swapped = events();
        swapped.swap(1, 2);
        let mut foreign = events();
        foreign[0]["source"] = json!("other");
        let mut changed = events();
        changed[4]["detail"]["eventId"] = json!(9);
        let mut bare = events();
        bare[3]["detail"].as_object_mut().unwrap().remove("schemaVersion");
        for wrong in [swapped, foreign, changed, bare] {
            assert!(check(&wrong, &entries()).is_err(), "{wrong:?}");
        }
        assert!(check(&events(), &entries()[1..]).is_err());
    }
}
