//! The listeners of a stack, as any process of the machine finds them, and raw requests to them.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take before a call is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The addresses that a process listens on.
pub(crate) fn of(pid: u32) -> Vec<SocketAddr> {
    let sockets: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let text = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            Some(text.to_owned())
        })
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text =
            fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("net").join(table));
        for line in text.unwrap_or_default().lines().skip(1) {
            let fields: Vec<_> = line.split_whitespace().collect();
            // `0A` is a socket that listens; the inode is the tenth field.
            if fields.get(3) == Some(&"0A") && fields.get(9).is_some_and(|it| sockets.contains(*it))
            {
                let (address, port) = fields[1].split_once(':').unwrap();
                let ip = match address.len() {
                    8 => IpAddr::V4(Ipv4Addr::LOCALHOST),
                    _ => IpAddr::V6(Ipv6Addr::LOCALHOST),
                };
                found.push(SocketAddr::new(ip, u16::from_str_radix(port, 16).unwrap()));
            }
        }
    }
    found
}

/// The port of an address like `http://127.0.0.1:4510/prod`.
pub(crate) fn port(url: &str) -> u16 {
    url.split(['/', ':']).nth(4).and_then(|port| port.parse().ok()).unwrap()
}

/// A variable of the environment of a process.
pub(crate) fn variable(pid: u32, name: &str) -> String {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8_lossy(&environment);
    let found = text.split('\0').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("process {pid} has no {name}")).to_owned()
}

/// The resident memory of a process, in MiB.
pub(crate) fn resident_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Sends bytes and returns the answer until the peer closes or falls silent; empty when there is no
/// answer.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let exchange = async {
        // The peer may have answered and closed before it took everything.
        let _ = stream.write_all(bytes).await;
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = stream.read(&mut buffer).await
            && length > 0
        {
            answer.extend_from_slice(&buffer[..length]);
        }
    };
    let _ = tokio::time::timeout(PATIENCE, exchange).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer on a connection that goes on.
pub(crate) async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        answer.push_str(&String::from_utf8_lossy(&buffer[..read]));
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            assert!(read > 0, "the connection was closed: {answer}");
            continue;
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if read == 0 || length.is_none_or(|length| length.parse() == Ok(body.len())) {
            return answer;
        }
    }
}

/// The status of an answer; 0 when there is none.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}
