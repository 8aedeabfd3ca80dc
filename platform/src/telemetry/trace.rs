//! Traces: an invocation sends one document by UDP to Lambda's X-Ray daemon, with each AWS call as a
//! subsegment.
//!
//! Lambda makes the segment of the function; ours is a subsegment of it. The relay, which works for
//! many requests at once, also sends a segment into the trace of each request whose event it
//! carries. Sending never waits and never fails an invocation; a lost trace is not repeated.

use super::calls::Call;
use super::sink::Sink;
use crate::clock::{Clock, Entropy};
use serde::Serialize;
use std::net::UdpSocket;
use std::time::Instant;
use users_domain::Timestamp;

/// The first line of each packet.
const PACKET_HEADER: &[u8] = b"{\"format\": \"json\", \"version\": 1}\n";

/// Sends documents.
pub(super) struct Tracer(Sink);

impl Tracer {
    /// Sends packets to the daemon at this host and port.
    pub(super) fn connect(address: &str) -> Option<Self> {
        let connected = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.connect(address)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => Some(Self::new(Box::new(move |packet| {
                let _ = socket.send(packet);
            }))),
            Err(error) => {
                tracing::warn!(cause = %error, "there will be no traces");
                None
            }
        }
    }

    /// Sends packets to a sink.
    pub(super) fn new(packets: Sink) -> Self {
        Self(packets)
    }

    /// Sends a document.
    pub(super) fn send(&self, span: &Span<'_>, clock: &dyn Clock) {
        let mut packet = Vec::with_capacity(1024);
        packet.extend_from_slice(PACKET_HEADER);
        let document = span.document(clock.now(), Instant::now());
        // Texts and numbers can always be written.
        if serde_json::to_writer(&mut packet, &document).is_ok() {
            (self.0)(&packet);
        }
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

    /// Whether X-Ray keeps the trace.
    pub(super) fn is_kept(&self) -> bool {
        self.sampled && !self.root.is_empty()
    }

    /// The header that makes the document `id` the parent, for work that this one causes.
    pub(crate) fn child_header(&self, id: &str) -> String {
        let sampled = u8::from(self.sampled);
        format!("Root={};Parent={id};Sampled={sampled}", self.root)
    }
}

/// The kind of a document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind<'a> {
    /// A part of the segment that Lambda makes of the function.
    Subsegment,
    /// The work of a function in the trace of another request.
    Segment {
        /// The function.
        name: &'a str,
    },
}

/// The work of an invocation.
#[derive(Debug)]
pub(crate) struct Span<'a> {
    pub(crate) kind: Kind<'a>,
    /// The id of the document, from [`super::Telemetry::span_id`].
    pub(crate) id: &'a str,
    pub(crate) header: TraceHeader<'a>,
    pub(crate) operation: &'a str,
    pub(crate) outcome: &'a str,
    /// The status code of the answer; `None` for the relay's successes.
    pub(crate) status: Option<u16>,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) begun: Instant,
    pub(crate) calls: &'a [Call],
}

/// A document, as X-Ray describes it.
#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    id: &'a str,
    trace_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    parent_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
    start_time: f64,
    end_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<bool>,
    annotations: Annotations<'a>,
    subsegments: Vec<Subsegment<'a>>,
}

#[derive(Serialize)]
struct Annotations<'a> {
    operation: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
}

/// A call of AWS.
#[derive(Serialize)]
struct Subsegment<'a> {
    name: &'a str,
    id: String,
    namespace: &'static str,
    start_time: f64,
    end_time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    throttle: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<bool>,
    aws: Aws<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Http>,
}

#[derive(Serialize)]
struct Aws<'a> {
    operation: &'a str,
    retries: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Http {
    response: HttpResponse,
}

#[derive(Serialize)]
struct HttpResponse {
    status: u16,
}

impl<'a> Span<'a> {
    /// The document; `wall` and `now` are the same moment.
    fn document(&self, wall: Timestamp, now: Instant) -> Document<'a> {
        // Seconds since 1970; a double holds them to well below a millisecond.
        let wall = wall.as_millis() as f64 / 1000.0;
        let seconds =
            |instant: Instant| wall - now.saturating_duration_since(instant).as_secs_f64();
        let failure = Failure::of(self.status);
        let (name, r#type, origin) = match self.kind {
            Kind::Subsegment => (self.operation, Some("subsegment"), None),
            Kind::Segment { name } => (name, None, Some("AWS::Lambda::Function")),
        };
        Document {
            name,
            id: self.id,
            trace_id: self.header.root,
            parent_id: self.header.parent,
            r#type,
            origin,
            start_time: seconds(self.begun),
            end_time: seconds(now),
            error: failure.error,
            throttle: failure.throttle,
            fault: failure.fault,
            annotations: Annotations {
                operation: self.operation,
                outcome: self.outcome,
                correlation_id: self.correlation_id,
            },
            subsegments: (self.calls.iter().enumerate())
                .map(|(number, call)| subsegment(call, child_id(self.id, number), seconds))
                .collect(),
        }
    }
}

fn subsegment<'a>(call: &'a Call, id: String, seconds: impl Fn(Instant) -> f64) -> Subsegment<'a> {
    // Without an answer the outcome is unknown, which counts as a fault.
    let failure = Failure::of(call.status.or(Some(500)));
    Subsegment {
        name: &call.service,
        id,
        namespace: "aws",
        start_time: seconds(call.begun),
        end_time: seconds(call.begun + call.took),
        error: failure.error,
        throttle: failure.throttle,
        fault: failure.fault,
        aws: Aws {
            operation: &call.operation,
            retries: call.retries(),
            request_id: call.request_id.as_deref(),
        },
        http: call.status.map(|status| Http { response: HttpResponse { status } }),
    }
}

/// The failure flags of X-Ray, which distinguish the caller's errors from the service's.
#[derive(Default)]
struct Failure {
    error: Option<bool>,
    throttle: Option<bool>,
    fault: Option<bool>,
}

impl Failure {
    fn of(status: Option<u16>) -> Self {
        match status {
            Some(429) => Self { error: Some(true), throttle: Some(true), fault: None },
            Some(400..=499) => Self { error: Some(true), ..Self::default() },
            Some(500..) => Self { fault: Some(true), ..Self::default() },
            _ => Self::default(),
        }
    }
}

/// An id for a document: 16 hexadecimal digits.
pub(super) fn span_id(entropy: &dyn Entropy) -> String {
    let bits = entropy.bits();
    // Both halves, since only one may be random.
    let folded = (bits >> 64) as u64 ^ bits as u64;
    format!("{folded:016x}")
}

/// The id of a part of a document. It only has to differ within a trace, so it counts on from the
/// document's id and saves a system call for random bits.
fn child_id(id: &str, number: usize) -> String {
    let id = u64::from_str_radix(id, 16).unwrap_or_default();
    format!("{:016x}", id.wrapping_add(number as u64).wrapping_add(1))
}

#[cfg(test)]
mod tests;
