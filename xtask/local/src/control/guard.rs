//! Who may use control endpoints: programs of this machine, and pages that came from here.
//!
//! A page from elsewhere that is open in a browser of this machine is kept out, too: by the name
//! that the browser was led here by (a name of its own that it lets resolve to this machine), and by
//! the origin that browsers tell when they send something.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};
use std::net::SocketAddr;

/// Why a request is refused; none when it is not.
pub(super) fn refusal(headers: &HeaderMap, peer: SocketAddr) -> Option<&'static str> {
    if !peer.ip().is_loopback() {
        return Some("only this machine may use control endpoints");
    }
    let Some(host) = headers.get(HOST).and_then(text).filter(|host| is_loopback(host)) else {
        return Some(
            "control endpoints are for http://127.0.0.1 and http://localhost, and for no other name",
        );
    };
    let foreign = headers
        .get_all(ORIGIN)
        .into_iter()
        .any(|origin| text(origin).and_then(|origin| origin.strip_prefix("http://")) != Some(host));
    foreign.then_some("pages from elsewhere may not use control endpoints")
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// Whether a host, perhaps with a port, is a name of this machine that nobody else can give.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use http::HeaderMap;
    use rstest::rstest;

    fn is_refused(peer: &str, host: Option<&str>, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [("host", host), ("origin", origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        refusal(&headers, peer.parse().unwrap()).is_some()
    }

    #[rstest]
    #[case::address(Some("127.0.0.1:4510"), None)]
    #[case::name(Some("localhost:4510"), None)]
    #[case::name_in_capitals(Some("LocalHost"), None)]
    #[case::six(Some("[::1]:4510"), None)]
    #[case::own_page(Some("localhost:4510"), Some("http://localhost:4510"))]
    fn this_machine_is_let_in(#[case] host: Option<&str>, #[case] origin: Option<&str>) {
        assert!(!is_refused("127.0.0.1:5", host, origin));
        assert!(is_refused("192.0.2.7:5", host, origin), "another machine");
    }

    #[rstest]
    #[case::no_host(None, None)]
    #[case::rebound(Some("evil.example:4510"), None)]
    #[case::rebound_with_a_like_name(Some("localhost.evil.example"), None)]
    #[case::with_a_like_address(Some("127.0.0.1.evil.example:4510"), None)]
    #[case::page_from_elsewhere(Some("127.0.0.1:4510"), Some("https://evil.example"))]
    #[case::page_from_another_port(Some("127.0.0.1:4510"), Some("http://127.0.0.1:3000"))]
    #[case::page_from_a_file(Some("127.0.0.1:4510"), Some("null"))]
    fn pages_from_elsewhere_are_kept_out(#[case] host: Option<&str>, #[case] origin: Option<&str>) {
        assert!(is_refused("127.0.0.1:5", host, origin));
    }
}
