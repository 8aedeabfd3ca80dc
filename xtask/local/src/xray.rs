//! The X-Ray daemon: takes segments by UDP and keeps the latest in memory.

use crate::server::Stop;
use anyhow::Context;
use serde_json::Value;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::UdpSocket;

/// Segments kept.
const KEPT: usize = 1000;
/// Largest UDP packet.
const PACKET_BYTES: usize = 65_536;

/// The segments received, oldest first, as text: a tree of values would take ten times as much.
#[derive(Debug, Default)]
pub(crate) struct Traces(Mutex<VecDeque<Box<str>>>);

impl Traces {
    /// All that are kept, oldest first.
    pub(crate) fn all(&self) -> Vec<Value> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().filter_map(|segment| serde_json::from_str(segment).ok()).collect()
    }

    fn push(&self, segment: &Value) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(segment.to_string().into_boxed_str());
    }
}

/// Opens the socket and receives until `stop`.
pub(crate) async fn start(traces: Arc<Traces>, mut stop: Stop) -> anyhow::Result<SocketAddr> {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).await.context("cannot open the X-Ray socket")?;
    let address = socket.local_addr().context("cannot open the X-Ray socket")?;
    tokio::spawn(async move {
        let mut buffer = vec![0; PACKET_BYTES];
        loop {
            let received = tokio::select! {
                () = stop.wait() => break,
                received = socket.recv(&mut buffer) => received,
            };
            if let Some(segment) = received.ok().and_then(|length| parse(&buffer[..length])) {
                traces.push(&segment);
            }
        }
    });
    Ok(address)
}

/// A packet is a header line `{"format":"json","version":1}` and the segment.
fn parse(packet: &[u8]) -> Option<Value> {
    let end_of_line = packet.iter().position(|byte| *byte == b'\n')?;
    let header: Value = serde_json::from_slice(&packet[..end_of_line]).ok()?;
    if header["format"] != "json" {
        return None;
    }
    serde_json::from_slice(&packet[end_of_line + 1..]).ok()
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Traces, parse};
    use serde_json::json;

    #[test]
    fn a_packet_is_a_header_line_and_a_segment() {
        let packet = b"{\"format\": \"json\", \"version\": 1}\n{\"name\":\"a\"}";
        assert_eq!(parse(packet), Some(json!({"name": "a"})));
        assert_eq!(parse(b"{\"name\":\"a\"}"), None);
        assert_eq!(parse(b"\xff\n\xff"), None);
    }

    #[test]
    fn only_the_latest_segments_are_kept() {
        let traces = Traces::default();
        for number in 0..KEPT + 2 {
            traces.push(&json!(number));
        }
        assert_eq!(traces.all().len(), KEPT);
        assert_eq!(traces.all()[0], 2);
    }
}
