//! Collected metrics and traces.

use crate::telemetry::Telemetry;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// The value of the metrics' dimension `Stack`.
pub(crate) const STACK: &str = "users-test";

/// The metrics and documents so far.
#[derive(Clone, Default)]
pub(crate) struct CollectedTelemetry {
    metrics: Arc<Mutex<Vec<u8>>>,
    packets: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl CollectedTelemetry {
    /// A telemetry whose output is collected here.
    pub(crate) fn telemetry(&self) -> Telemetry {
        let (metrics, packets) = (Arc::clone(&self.metrics), Arc::clone(&self.packets));
        Telemetry::to(
            STACK,
            Box::new(move |lines| {
                metrics.lock().expect("nobody panics here").extend_from_slice(lines);
            }),
            Box::new(move |packet| {
                packets.lock().expect("nobody panics here").push(packet.to_vec());
            }),
        )
    }

    /// Takes the lines of metrics so far.
    pub(crate) fn metrics(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.metrics.lock().expect("nobody panics here"));
        let text = String::from_utf8(bytes).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Takes the documents so far.
    pub(crate) fn documents(&self) -> Vec<Value> {
        let packets = std::mem::take(&mut *self.packets.lock().expect("nobody panics here"));
        packets.iter().map(|packet| document(packet)).collect()
    }
}

/// A packet is a line that says its format, and the document.
fn document(packet: &[u8]) -> Value {
    let end = packet.iter().position(|byte| *byte == b'\n').expect("a header line");
    let header: Value = serde_json::from_slice(&packet[..end]).expect("a header");
    assert_eq!(header, serde_json::json!({"format": "json", "version": 1}));
    serde_json::from_slice(&packet[end + 1..]).expect("a document")
}
