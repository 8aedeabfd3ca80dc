//! The X-Ray daemon: receives segments by UDP.

use crate::observe::Observed;
use crate::server::Stop;
use anyhow::Context;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;

/// The maximum size of a UDP packet.
const PACKET_BYTES: usize = 65_536;

/// Opens the socket and receives until `stop`.
pub(crate) async fn start(observed: Arc<Observed>, mut stop: Stop) -> anyhow::Result<SocketAddr> {
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
                observed.traces.push(&segment);
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
    use super::parse;
    use serde_json::json;

    #[test]
    fn a_packet_is_a_header_line_and_a_segment() {
        let packet = b"{\"format\": \"json\", \"version\": 1}\n{\"name\":\"a\"}";
        assert_eq!(parse(packet), Some(json!({"name": "a"})));
        assert_eq!(parse(b"{\"name\":\"a\"}"), None);
        assert_eq!(parse(b"\xff\n\xff"), None);
    }
}
