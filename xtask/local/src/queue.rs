//! SQS: takes `SendMessage` from functions, and lets an operator's tool receive, release and delete
//! what lies in a queue. The messages are the dead letters, see [`DeadLetters`].

use crate::auth::{Verifier, signed_call};
use crate::faults::{Fault, Faults, around};
use crate::server::{Answer, Audience, Reply, Service, Stop, json as json_answer};
use crate::stream::DeadLetters;
use anyhow::Context;
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Largest message, in bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// Largest request, in bytes: a message with its escapes.
const REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Most messages of one call.
const RECEIVED: u64 = 10;
/// How long a message is hidden after it was received, in seconds, unless the call says otherwise.
const VISIBILITY_TIMEOUT: u64 = 30;

/// Opens the endpoint and serves until `stop`.
pub(crate) async fn start(
    letters: Arc<DeadLetters>,
    verifier: Verifier,
    faults: Arc<Faults>,
    stop: Stop,
) -> anyhow::Result<SocketAddr> {
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).await.context("cannot open the SQS endpoint")?;
    let address = listener.local_addr().context("cannot open the SQS endpoint")?;
    tokio::spawn(Service::new(Audience::Functions).serve(listener, stop, move |request, _| {
        handle(Arc::clone(&letters), verifier.clone(), Arc::clone(&faults), request)
    }));
    Ok(address)
}

async fn handle(
    letters: Arc<DeadLetters>,
    verifier: Verifier,
    faults: Arc<Faults>,
    request: Request<Incoming>,
) -> Reply {
    let (parts, body) = match signed_call(&verifier, request, REQUEST_BYTES).await {
        Ok(call) => call,
        Err(answer) => return answer.into(),
    };
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.strip_prefix("AmazonSQS.")).unwrap_or_default();
    let operation = operation.to_owned();
    let call = faults.at_call(&parts.headers, &operation);
    // A call that was sent is carried out, also when its caller dies meanwhile.
    let done = tokio::spawn(async move {
        let apply = |_| carry_out(Arc::clone(&letters), operation.clone(), body.clone());
        around(&faults, call, apply, injected).await
    });
    done.await.unwrap_or_else(|_| injected(Fault::InternalError).into())
}

async fn carry_out(letters: Arc<DeadLetters>, operation: String, body: Bytes) -> Answer {
    let done = tokio::task::spawn_blocking(move || {
        let Ok(input) = serde_json::from_slice::<Value>(&body) else {
            return invalid("SerializationException", "the request is not JSON");
        };
        let url = input["QueueUrl"].as_str().unwrap_or_default();
        let Some(queue) = letters.queue(url) else {
            return invalid("QueueDoesNotExist", "The specified queue does not exist.");
        };
        match apply(&letters, &queue, &operation, &input) {
            Ok(answer) => answer,
            Err(_) => injected(Fault::InternalError),
        }
    });
    done.await.unwrap_or_else(|_| injected(Fault::InternalError))
}

fn apply(
    letters: &DeadLetters,
    queue: &str,
    operation: &str,
    input: &Value,
) -> anyhow::Result<Answer> {
    let number = |name: &str, default| input[name].as_u64().unwrap_or(default);
    let handle = input["ReceiptHandle"].as_str().unwrap_or_default();
    let hidden_for = Duration::from_secs(number("VisibilityTimeout", VISIBILITY_TIMEOUT));
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
                // One handle for a message is enough here, and its id will do.
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
        _ => invalid("UnsupportedOperation", "this operation is not here"),
    })
}

/// The characters of a message, as SQS documents them: those of XML 1.0.
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn invalid(kind: &str, message: &str) -> Answer {
    refusal(StatusCode::BAD_REQUEST, kind, message)
}

/// The answer of a fault that is an answer.
fn injected(fault: Fault) -> Answer {
    let text = "The call could not be carried out";
    match fault {
        Fault::Throttle => refusal(StatusCode::BAD_REQUEST, "RequestThrottled", text),
        _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", text),
    }
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Answer {
    json_answer(status, &json!({"__type": format!("com.amazonaws.sqs#{kind}"), "message": message}))
}

#[cfg(test)]
mod tests {
    use super::apply;
    use crate::data::{DataDirectory, DataLocation};
    use crate::observe::Observed;
    use crate::stream::DeadLetters;
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
            let answer = apply(&self.0, &queue, operation, &input).unwrap();
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

        // What is hidden is so for this run only; what was deleted is gone for good.
        let Queue(_, data) = queue;
        let [message] = &Queue::open(data).receive().await[..] else { panic!("one is left") };
        assert_eq!(message["Body"], "no JSON at all");
    }

    #[tokio::test]
    async fn a_body_that_sqs_refuses_is_refused() {
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
