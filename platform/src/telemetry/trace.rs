//! Traces without a layer: the X-Ray daemon of Lambda takes documents by UDP, so an invocation
//! sends it one, with what it did and each call of AWS within.
//!
//! Lambda makes the segment of the function; ours is a subsegment of it. The SDK passes the trace on
//! to AWS by itself. Sending never waits and never fails an invocation: a trace that is lost is lost.

use super::calls::{Call, Calls};
use crate::clock::{Clock, Entropy};
use crate::config::{Environment, optional};
use serde_json::{Map, Value, json};
use std::net::UdpSocket;
use std::sync::OnceLock;
use std::time::Instant;
use users_domain::Timestamp;

/// What each packet begins with.
const PACKET_HEADER: &str = "{\"format\": \"json\", \"version\": 1}\n";

/// The daemon, when there is one.
static DAEMON: OnceLock<UdpSocket> = OnceLock::new();

/// Finds the daemon by `AWS_XRAY_DAEMON_ADDRESS`, which Lambda sets.
pub(super) fn init(env: Environment<'_>) {
    let Some(address) = optional(env, "AWS_XRAY_DAEMON_ADDRESS") else { return };
    let connected = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.connect(&address)?;
        Ok(socket)
    });
    match connected {
        Ok(socket) => {
            // A second call, as tests may make it, changes nothing.
            let _ = DAEMON.set(socket);
        }
        Err(error) => tracing::warn!(cause = %error, "there will be no traces"),
    }
}

/// A tracing header, such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TraceHeader<'a> {
    /// The id of the trace; empty when there is none.
    pub(crate) root: &'a str,
    parent: &'a str,
    sampled: bool,
}

impl<'a> TraceHeader<'a> {
    pub(crate) fn parse(header: Option<&'a str>) -> Self {
        let mut parsed = Self::default();
        for part in header.unwrap_or_default().split(';') {
            match part.trim().split_once('=') {
                Some(("Root", root)) => parsed.root = root,
                Some(("Parent", parent)) => parsed.parent = parent,
                Some(("Sampled", sampled)) => parsed.sampled = sampled == "1",
                _ => {}
            }
        }
        parsed
    }
}

/// What an invocation did.
#[derive(Debug)]
pub(crate) struct Span<'a> {
    pub(crate) operation: &'a str,
    pub(crate) outcome: &'a str,
    /// The status of the answer; a relay has none.
    pub(crate) status: Option<u16>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) begun: Instant,
    pub(crate) calls: &'a Calls,
}

impl Span<'_> {
    /// Sends it to the daemon, when the trace is one that is kept.
    pub(crate) fn send(&self, header: TraceHeader<'_>, clock: &dyn Clock, entropy: &dyn Entropy) {
        let Some(daemon) = DAEMON.get().filter(|_| header.sampled && !header.root.is_empty())
        else {
            return;
        };
        let document = self.document(header, entropy, clock.now(), Instant::now());
        let _ = daemon.send(format!("{PACKET_HEADER}{document}").as_bytes());
    }

    /// The document, as X-Ray describes it; `wall` and `now` are the same moment.
    fn document(
        &self,
        header: TraceHeader<'_>,
        entropy: &dyn Entropy,
        wall: Timestamp,
        now: Instant,
    ) -> Value {
        // Since 1970, with fractions; milliseconds fit a double many times over.
        let wall = wall.as_millis() as f64 / 1000.0;
        let seconds =
            |instant: Instant| wall - now.saturating_duration_since(instant).as_secs_f64();
        let mut annotations = Map::new();
        annotations.insert("operation".to_owned(), json!(self.operation));
        annotations.insert("outcome".to_owned(), json!(self.outcome));
        if let Some(id) = self.correlation_id {
            annotations.insert("correlation_id".to_owned(), json!(id));
        }
        let calls: Vec<_> =
            self.calls.list.iter().map(|call| subsegment(call, entropy, seconds)).collect();
        let mut document = json!({
            "name": self.operation,
            "id": id(entropy),
            "trace_id": header.root,
            "parent_id": header.parent,
            "type": "subsegment",
            "start_time": seconds(self.begun),
            "end_time": seconds(now),
            "annotations": annotations,
            "subsegments": calls,
        });
        flag(&mut document, self.status);
        document
    }
}

fn subsegment(call: &Call, entropy: &dyn Entropy, seconds: impl Fn(Instant) -> f64) -> Value {
    let mut aws = json!({
        "operation": call.operation,
        "retries": call.attempts.saturating_sub(1),
    });
    if let Some(request_id) = &call.request_id {
        aws["request_id"] = json!(request_id);
    }
    let mut segment = json!({
        "name": call.service,
        "id": id(entropy),
        "namespace": "aws",
        "start_time": seconds(call.begun),
        "end_time": seconds(call.begun + call.took),
        "aws": aws,
    });
    if let Some(status) = call.status {
        segment["http"] = json!({"response": {"status": status}});
    }
    // Without an answer nobody knows what became of it.
    flag(&mut segment, call.status.or(Some(500)));
    segment
}

/// Marks what failed in the way that X-Ray counts it: by whose fault.
fn flag(segment: &mut Value, status: Option<u16>) {
    let Some(name) = (match status {
        Some(429) => Some("throttle"),
        Some(400..=499) => Some("error"),
        Some(500..) => Some("fault"),
        _ => None,
    }) else {
        return;
    };
    segment[name] = json!(true);
    if name == "throttle" {
        segment["error"] = json!(true);
    }
}

/// 16 hexadecimal digits.
fn id(entropy: &dyn Entropy) -> String {
    let bits = entropy.bits();
    // Whichever half is random.
    let folded = (bits >> 64) as u64 ^ bits as u64;
    format!("{folded:016x}")
}

#[cfg(test)]
mod tests {
    use super::{Span, TraceHeader};
    use crate::clock::{Entropy, SystemEntropy};
    use crate::telemetry::calls::{Call, Calls};
    use serde_json::{Value, json};
    use std::time::{Duration, Instant};
    use users_domain::Timestamp;

    const HEADER: &str =
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

    /// A document of an invocation that took 40 ms, with one call of 10 ms in the middle.
    fn document(status: Option<u16>, call_status: Option<u16>) -> Value {
        let now = Instant::now();
        let begun = now.checked_sub(Duration::from_millis(40)).expect("a clock that has run");
        let call = Call {
            service: "DynamoDB".to_owned(),
            operation: "GetItem".to_owned(),
            begun: begun + Duration::from_millis(20),
            took: Duration::from_millis(10),
            attempts: 2,
            status: call_status,
            request_id: Some("request-1".to_owned()),
        };
        let calls = Calls { list: vec![call], ..Calls::default() };
        let span = Span {
            operation: "getUser",
            outcome: "success",
            status,
            correlation_id: Some("order-4711"),
            begun,
            calls: &calls,
        };
        let wall = Timestamp::from_millis(1_795_341_600_000);
        span.document(TraceHeader::parse(Some(HEADER)), &SystemEntropy, wall, now)
    }

    fn near(value: &Value, expected: f64) -> bool {
        value.as_f64().is_some_and(|value| (value - expected).abs() < 0.000_01)
    }

    #[test]
    fn a_document_hangs_below_lambdas_segment_and_holds_the_calls() {
        let document = document(Some(200), Some(200));
        assert_eq!(document["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(document["parent_id"], "53995c3f42cd8ad8");
        assert_eq!(document["type"], "subsegment");
        assert_eq!(
            document["annotations"],
            json!({"operation": "getUser", "outcome": "success", "correlation_id": "order-4711"})
        );
        assert!(near(&document["start_time"], 1_795_341_599.96), "{document}");
        assert!(near(&document["end_time"], 1_795_341_600.0), "{document}");
        let call = &document["subsegments"][0];
        assert_eq!((&call["name"], &call["namespace"]), (&json!("DynamoDB"), &json!("aws")));
        assert_eq!(
            call["aws"],
            json!({"operation": "GetItem", "retries": 1, "request_id": "request-1"})
        );
        assert_eq!(call["http"]["response"]["status"], 200);
        assert!(near(&call["start_time"], 1_795_341_599.98), "{document}");
        assert!(near(&call["end_time"], 1_795_341_599.99), "{document}");
        for id in [&document["id"], &call["id"]] {
            let id = id.as_str().expect("text");
            assert!(id.len() == 16 && id.bytes().all(|it| it.is_ascii_hexdigit()), "{id}");
        }
        assert_ne!(document["id"], call["id"]);
        for flag in ["error", "fault", "throttle"] {
            assert_eq!((&document[flag], &call[flag]), (&Value::Null, &Value::Null));
        }
    }

    #[test]
    fn what_failed_is_marked_by_whose_fault_it_was() {
        for (status, flags) in [
            (Some(404), ["error", "error"]),
            (Some(429), ["throttle", "error"]),
            (Some(503), ["fault", "fault"]),
        ] {
            let document = document(status, Some(200));
            assert!(flags.iter().all(|flag| document[flag] == true), "{document}");
            assert_eq!(document["subsegments"][0]["fault"], Value::Null);
        }
        assert_eq!(document(Some(503), None)["subsegments"][0]["fault"], true);
        assert_eq!(document(Some(409), Some(400))["subsegments"][0]["error"], true);
    }

    #[test]
    fn a_header_is_read_in_any_order_and_whatever_it_lacks() {
        let parsed = TraceHeader::parse(Some(HEADER));
        assert_eq!(parsed.root, "1-5759e988-bd862e3fe1be46a994272793");
        assert!(parsed.sampled && parsed.parent == "53995c3f42cd8ad8");
        let other = TraceHeader::parse(Some("Self=1-0-0; Sampled=0; Root=1-a-b"));
        assert_eq!((other.root, other.sampled), ("1-a-b", false));
        for nothing in [None, Some(""), Some("Root"), Some(";;=")] {
            assert_eq!(TraceHeader::parse(nothing), TraceHeader::default(), "{nothing:?}");
        }
    }

    #[test]
    fn ids_differ() {
        assert_ne!(super::id(&SystemEntropy), super::id(&SystemEntropy));
        #[derive(Debug)]
        struct Low;
        impl Entropy for Low {
            fn bits(&self) -> u128 {
                7
            }
        }
        assert_eq!(super::id(&Low), "0000000000000007");
    }
}
