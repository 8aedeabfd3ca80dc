//! Whether what happens to a user reaches a queue by a rule on the audit bus, as a subscriber would
//! set it up.

use crate::steps::say;
use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;
use users_client::Client;
use users_contract::RELAY;
use users_emulator::aws::Aws;

/// Longest wait for the last event; they take about a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// The events of a user's life, in their order.
const LIFE: [&str; 5] = [
    "UserRegistered",
    "UserProfileUpdated",
    "UserStatusChanged",
    "UserRoleAssigned",
    "UserRoleRemoved",
];

/// A queue behind a rule on the bus.
#[derive(Debug)]
pub(crate) struct Subscription {
    queue: String,
    queue_url: String,
    bus: String,
}

/// The name of queue and rule; a FIFO queue, because order is what is looked at.
fn name(stack: &str) -> String {
    format!("{stack}-test-events.fifo")
}

impl Subscription {
    /// Makes queue and rule.
    pub(crate) async fn create(aws: &Aws, stack: &str, bus: &str) -> Result<Self> {
        let queue = name(stack);
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
        let created =
            sqs(aws, "CreateQueue", &json!({"QueueName": queue, "Attributes": attributes})).await?;
        let queue_url = text(&created["QueueUrl"])?;
        let attributes = json!({"QueueUrl": queue_url, "AttributeNames": ["QueueArn"]});
        let attributes = sqs(aws, "GetQueueAttributes", &attributes).await?;
        let arn = text(&attributes["Attributes"]["QueueArn"])?;
        let pattern = json!({"source": [RELAY.event_source]}).to_string();
        let rule = rule(&queue);
        let body = json!({"Name": rule, "EventBusName": bus, "EventPattern": pattern});
        events(aws, "PutRule", &body).await?;
        let target =
            json!({"Id": "queue", "Arn": arn, "SqsParameters": {"MessageGroupId": "audit"}});
        let body = json!({"Rule": rule, "EventBusName": bus, "Targets": [target]});
        let put = events(aws, "PutTargets", &body).await?;
        if put["FailedEntryCount"].as_u64().unwrap_or_default() > 0 {
            bail!("EventBridge does not take the queue as a target: {put}");
        }
        Ok(Self { queue, queue_url, bus: bus.to_owned() })
    }

    /// Lets a user live and waits for the events of that.
    pub(crate) async fn follow_a_user(&self, aws: &Aws, api: &Client) -> Result<()> {
        let user_id = live(api).await?;
        let begun = Instant::now();
        let mut arrived: Vec<Value> = Vec::new();
        while arrived.len() < LIFE.len() {
            if begun.elapsed() > PATIENCE {
                bail!(
                    "{} of {} events arrived within {} s",
                    arrived.len(),
                    LIFE.len(),
                    PATIENCE.as_secs()
                );
            }
            for event in self.receive(aws).await? {
                let detail = &event["detail"];
                // Delivery is at least once; and others may have left theirs in the queue.
                let is_new = arrived.iter().all(|it| it["detail"]["eventId"] != detail["eventId"]);
                if detail["userId"] == user_id.as_str() && is_new {
                    arrived.push(event);
                }
            }
        }
        let path = format!("/users/{user_id}/audit");
        let history = call(api, Method::GET, &path, None, Some(("order", "asc"))).await?;
        let entries = history["items"].as_array().context("the audit history has no items")?;
        check(&arrived, entries)?;
        say(format!(
            "{} events arrived in order, each that of an audit entry, the last after {:.1} s",
            arrived.len(),
            begun.elapsed().as_secs_f64()
        ));
        Ok(())
    }

    /// What lies in the queue now, taken out of it.
    async fn receive(&self, aws: &Aws) -> Result<Vec<Value>> {
        let body =
            json!({"QueueUrl": self.queue_url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1});
        let received = sqs(aws, "ReceiveMessage", &body).await?;
        let mut events = Vec::new();
        for message in received["Messages"].as_array().into_iter().flatten() {
            let body = text(&message["Body"])?;
            events.push(serde_json::from_str(&body).context("a message is no JSON")?);
            let handle = &message["ReceiptHandle"];
            let body = json!({"QueueUrl": self.queue_url, "ReceiptHandle": handle});
            sqs(aws, "DeleteMessage", &body).await?;
        }
        Ok(events)
    }

    /// Removes rule and queue.
    pub(crate) async fn remove(&self, aws: &Aws) -> Result<()> {
        let rule = rule(&self.queue);
        let body = json!({"Rule": rule, "EventBusName": self.bus, "Ids": ["queue"]});
        events(aws, "RemoveTargets", &body).await?;
        events(aws, "DeleteRule", &json!({"Name": rule, "EventBusName": self.bus})).await?;
        sqs(aws, "DeleteQueue", &json!({"QueueUrl": self.queue_url})).await?;
        Ok(())
    }
}

/// A rule cannot have a dot at its end of the name of a FIFO queue.
fn rule(queue: &str) -> String {
    queue.trim_end_matches(".fifo").to_owned()
}

/// Removes what an earlier run left; what is not there is no failure.
pub(crate) async fn remove_leftovers(aws: &Aws, stack: &str) -> Result<()> {
    let body = json!({"QueueName": name(stack)});
    let found = aws.json("sqs", "AmazonSQS.GetQueueUrl", &body).await?;
    if found.is_success() {
        sqs(aws, "DeleteQueue", &json!({"QueueUrl": found.value()["QueueUrl"]})).await?;
    }
    Ok(())
}

/// The arrived events, against the audit entries of the same user.
fn check(events: &[Value], entries: &[Value]) -> Result<()> {
    if entries.len() != LIFE.len() {
        bail!("the user has {} audit entries and not {}", entries.len(), LIFE.len());
    }
    for ((event, entry), kind) in events.iter().zip(entries).zip(LIFE) {
        let mut detail = event["detail"].clone();
        let version = detail.as_object_mut().and_then(|members| members.remove("schemaVersion"));
        if event["source"] != RELAY.event_source || event["detail-type"] != kind {
            bail!(
                "event {} is {} of {}, and should be {kind} of {}",
                entry["version"],
                event["detail-type"],
                event["source"],
                RELAY.event_source
            );
        }
        if version.is_none() || detail != *entry {
            bail!("the event of version {} is not its audit entry", entry["version"]);
        }
    }
    Ok(())
}

/// Registers a user, changes it in every way, and gives its id.
async fn live(api: &Client) -> Result<String> {
    let email = format!("events-{}@example.com", unique());
    let user = call(api, Method::POST, "/users", Some(json!({"email": email})), None).await?;
    let id = text(&user["userId"])?;
    let at = |path: &str| format!("/users/{id}{path}");
    let name = json!({"displayName": "Ada"});
    call(api, Method::PATCH, &at(""), Some(name), None).await?;
    let status = json!({"status": "disabled"});
    call(api, Method::PUT, &at("/status"), Some(status), None).await?;
    let role = json!({"role": "admin"});
    call(api, Method::POST, &at("/roles"), Some(role), None).await?;
    call(api, Method::DELETE, &at("/roles/admin"), None, None).await?;
    Ok(id)
}

/// A text that no other run uses.
pub(crate) fn unique() -> String {
    let time = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{:x}-{:x}", time.as_nanos(), std::process::id())
}

/// A signed call that must succeed.
pub(crate) async fn call(
    api: &Client,
    method: Method,
    path: &str,
    body: Option<Value>,
    query: Option<(&str, &str)>,
) -> Result<Value> {
    let what = format!("{method} {path}");
    let mut call = api.call(method, path);
    if let Some((name, value)) = query {
        call = call.query(name, value);
    }
    if let Some(body) = &body {
        call = call.json(body);
    }
    let answer = call.send().await.with_context(|| format!("no answer to {what}"))?;
    if !answer.status.is_success() {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        bail!("{what} was answered {}: {body}", answer.status.as_u16());
    }
    answer.json().with_context(|| format!("the answer to {what} is no JSON"))
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("an answer lacks a text that it must have")?.to_owned())
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
    use super::{LIFE, check};
    use serde_json::{Value, json};
    use users_contract::RELAY;

    fn entries() -> Vec<Value> {
        (1..=LIFE.len()).map(|version| json!({"eventId": version, "version": version})).collect()
    }

    fn events() -> Vec<Value> {
        let entries = entries().into_iter().zip(LIFE);
        entries
            .map(|(entry, kind)| {
                let mut detail = entry;
                detail["schemaVersion"] = json!(1);
                json!({"source": RELAY.event_source, "detail-type": kind, "detail": detail})
            })
            .collect()
    }

    #[test]
    fn events_that_are_the_audit_entries_in_order_are_right() {
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
