//! SQS: takes `SendMessage` from functions, and lets an operator receive, release and delete the
//! messages of a queue. The messages are dead letters, see [`DeadLetters`].

mod dead_letters;

pub(crate) use dead_letters::DeadLetters;

use crate::endpoint::{AwsService, refusal};
use crate::faults::Fault;
use crate::server::{Answer, json as json_answer};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// The maximum size of a message, in bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// The maximum number of messages of one call.
const RECEIVED: u64 = 10;
/// The default visibility timeout, in seconds.
const VISIBILITY_TIMEOUT: u64 = 30;
/// The maximum visibility timeout, in seconds.
const MOST_VISIBILITY_TIMEOUT: u64 = 12 * 60 * 60;

impl AwsService for DeadLetters {
    const NAME: &'static str = "SQS";
    /// A message with its escapes.
    const REQUEST_BYTES: usize = 8 * 1024 * 1024;

    async fn apply(self: Arc<Self>, operation: String, body: Bytes, _: Option<Fault>) -> Answer {
        let done = tokio::task::spawn_blocking(move || {
            let Ok(input) = serde_json::from_slice::<Value>(&body) else {
                return invalid("SerializationException", "the request is not JSON");
            };
            let Some(queue) = self.queue(input["QueueUrl"].as_str().unwrap_or_default()) else {
                return invalid("QueueDoesNotExist", "The specified queue does not exist.");
            };
            carry_out(&self, &queue, &operation, &input).unwrap_or_else(|_| internal())
        });
        done.await.unwrap_or_else(|_| internal())
    }

    fn refuse(&self, fault: Fault, _operation: &str, _body: &[u8]) -> Answer {
        match fault {
            Fault::Throttle => invalid("RequestThrottled", "The call could not be carried out"),
            _ => internal(),
        }
    }
}

fn carry_out(
    letters: &DeadLetters,
    queue: &str,
    operation: &str,
    input: &Value,
) -> anyhow::Result<Answer> {
    let number = |name: &str, default| input[name].as_u64().unwrap_or(default);
    let handle = input["ReceiptHandle"].as_str().unwrap_or_default();
    let hidden_for = number("VisibilityTimeout", VISIBILITY_TIMEOUT).min(MOST_VISIBILITY_TIMEOUT);
    let hidden_for = Duration::from_secs(hidden_for);
    Ok(match operation {
        "SendMessage" => {
            let text = input["MessageBody"].as_str().unwrap_or_default();
            if text.is_empty() {
                return Ok(invalid("MissingParameter", "MessageBody must not be empty"));
            }
            if text.len() > MESSAGE_BYTES {
                return Ok(invalid("InvalidParameterValue", "Message must be shorter than 1 MiB"));
            }
            if !text.chars().all(is_allowed) {
                return Ok(invalid("InvalidMessageContents", "a character is not allowed"));
            }
            json_answer(StatusCode::OK, &json!({"MessageId": letters.send(queue, text)?}))
        }
        "ReceiveMessage" => {
            let most = number("MaxNumberOfMessages", 1).clamp(1, RECEIVED) as usize;
            let messages: Vec<_> = letters
                .receive(queue, most, hidden_for)
                .into_iter()
                // The id also serves as the one receipt handle of a message.
                .map(|(id, body)| json!({"MessageId": id, "ReceiptHandle": id, "Body": body}))
                .collect();
            json_answer(StatusCode::OK, &json!({"Messages": messages}))
        }
        "ChangeMessageVisibility" => {
            letters.hide(handle, hidden_for);
            json_answer(StatusCode::OK, &json!({}))
        }
        "DeleteMessage" => {
            letters.delete(handle)?;
            json_answer(StatusCode::OK, &json!({}))
        }
        _ => invalid("UnsupportedOperation", "this operation is not supported here"),
    })
}

/// The characters of a message, as SQS documents them: those of XML 1.0.
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn invalid(kind: &str, message: &str) -> Answer {
    refusal(StatusCode::BAD_REQUEST, &format!("com.amazonaws.sqs#{kind}"), message)
}

fn internal() -> Answer {
    let (status, kind) = (StatusCode::INTERNAL_SERVER_ERROR, "com.amazonaws.sqs#InternalError");
    refusal(status, kind, "The call could not be carried out")
}

#[cfg(test)]
mod tests {
    use super::{DeadLetters, carry_out};
    use crate::data::{DataDirectory, DataLocation};
    use crate::observe::Observed;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use std::sync::Arc;

    struct Queue(DeadLetters, DataDirectory);

    impl Queue {
        fn open(data: DataDirectory) -> Self {
            let queues = [("https://letters".to_owned(), "arn:letters".to_owned())].into();
            let letters = DeadLetters::open(&data, &queues, &Arc::new(Observed::new())).unwrap();
            Self(letters, data)
        }

        /// The status and the body of an answer.
        async fn call(&self, operation: &str, input: Value) -> (u16, Value) {
            let queue = self.0.queue("https://letters").unwrap();
            let answer = carry_out(&self.0, &queue, operation, &input).unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice(&body).unwrap())
        }

        async fn receive(&self) -> Vec<Value> {
            let input = json!({"MaxNumberOfMessages": 10});
            let (_, answer) = self.call("ReceiveMessage", input).await;
            answer["Messages"].as_array().unwrap().clone()
        }
    }

    #[tokio::test]
    async fn a_message_is_hidden_when_received_until_it_is_released_or_deleted() {
        let queue = Queue::open(DataDirectory::open(&DataLocation::Ephemeral).unwrap());
        for body in [r#"{"userId":"1"}"#, "no JSON at all"] {
            let (status, _) = queue.call("SendMessage", json!({"MessageBody": body})).await;
            assert_eq!(status, 200, "{body}");
        }
        let received = queue.receive().await;
        let bodies: Vec<_> = received.iter().map(|message| message["Body"].as_str()).collect();
        assert_eq!(bodies, [Some(r#"{"userId":"1"}"#), Some("no JSON at all")]);
        assert!(queue.receive().await.is_empty());

        let handle = |index: usize| received[index]["ReceiptHandle"].clone();
        let release = json!({"ReceiptHandle": handle(1), "VisibilityTimeout": 0});
        queue.call("ChangeMessageVisibility", release).await;
        assert_eq!(queue.receive().await.len(), 1);
        queue.call("DeleteMessage", json!({"ReceiptHandle": handle(0)})).await;
        assert_eq!(queue.0.all().len(), 1);

        // Hiding ends with the run; deletion is permanent.
        let Queue(_, data) = queue;
        let [message] = &Queue::open(data).receive().await[..] else { panic!("one is left") };
        assert_eq!(message["Body"], "no JSON at all");
    }

    #[tokio::test]
    async fn a_body_with_a_forbidden_character_or_size_is_refused() {
        let queue = Queue::open(DataDirectory::open(&DataLocation::Ephemeral).unwrap());
        for body in ["", "\u{0}", "a\u{1f}", "\u{fffe}", "\u{ffff}", &"x".repeat(1024 * 1024 + 1)] {
            let (status, answer) = queue.call("SendMessage", json!({"MessageBody": body})).await;
            assert_eq!(status, 400, "{answer}");
        }
        for body in ["\t\n\r ", "\u{7f}", "\u{e000}", "\u{fffd}", "\u{10ffff}"] {
            let (status, answer) = queue.call("SendMessage", json!({"MessageBody": body})).await;
            assert_eq!(status, 200, "{answer}");
        }
        assert_eq!(queue.0.all().len(), 5);
    }
}
