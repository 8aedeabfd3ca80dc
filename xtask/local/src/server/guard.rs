//! Access to a listener: only programs of this machine, by a loopback name.
//!
//! A foreign page in a browser of this machine is kept out, too: by the host name (DNS rebinding),
//! by the `Origin` that browsers add to requests that can change something, and by `Sec-Fetch-Site`,
//! which they add to every request, also of images and links. A page cannot set any of these.

use http::header::{HOST, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Uri};
use std::net::SocketAddr;

/// The callers that a listener serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// Processes of this stack, and no browser.
    Functions,
    /// Programs and pages. The API decides by signatures, and the control endpoints by
    /// [`foreign_page`].
    Everybody,
}

/// Why a listener refuses a request; `None` when it accepts it.
pub(super) fn refusal(
    audience: Audience,
    uri: &Uri,
    headers: &HeaderMap,
    peer: SocketAddr,
) -> Option<&'static str> {
    if !peer.ip().is_loopback() {
        return Some("only this machine may call here");
    }
    let named_by_target = uri.authority().is_none_or(|it| is_loopback(it.as_str()));
    if !named_by_target || host(headers).is_none() {
        return Some(
            "this stack answers to http://127.0.0.1, http://[::1] and http://localhost, in one \
             Host header, and to no other name",
        );
    }
    let from_browser = || {
        headers.contains_key(ORIGIN)
            || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"))
    };
    (audience == Audience::Functions && from_browser())
        .then_some("only functions of this stack may call here, and no browser")
}

/// Why a request is refused where only programs and own pages have access; `None` when it is
/// accepted.
///
/// `shown` are the paths of pages that a foreign link may open.
pub(crate) fn foreign_page(parts: &Parts, shown: impl Fn(&str) -> bool) -> Option<&'static str> {
    const FOREIGN: Option<&str> = Some("pages of other sites may not use control endpoints");
    let headers = &parts.headers;
    let origins = headers.get_all(ORIGIN);
    let own = |origin| text(origin).and_then(|it| it.strip_prefix("http://")) == host(headers);
    if !origins.iter().all(own) || headers.contains_key(UPGRADE) {
        return FOREIGN;
    }
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|it| it == value);
    let is_near = headers
        .get_all("sec-fetch-site")
        .iter()
        .all(|site| matches!(text(site), Some("same-origin" | "none")));
    let is_link = parts.method == Method::GET
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && shown(parts.uri.path());
    if is_near || is_link { None } else { FOREIGN }
}

/// The one `Host` header, when it is a loopback name.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().and_then(text)?;
    (hosts.next().is_none() && is_loopback(host)).then_some(host)
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// Whether a host, perhaps with a port, is a loopback name.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::{Audience, foreign_page, refusal};
    use http::Request;
    use http::request::Parts;
    use rstest::rstest;

    const LOCAL: &str = "127.0.0.1:5";

    /// A request of lines like `GET /path` and `name: value`.
    fn parts(text: &str) -> Parts {
        let mut lines = text.split('|');
        let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(uri);
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn refused(audience: Audience, text: &str, peer: &str) -> bool {
        let parts = parts(text);
        refusal(audience, &parts.uri, &parts.headers, peer.parse().unwrap()).is_some()
    }

    #[rstest]
    #[case::address("GET /|host: 127.0.0.1:4510")]
    #[case::name("GET /|host: localhost:4510")]
    #[case::name_in_capitals("GET /|host: LocalHost")]
    #[case::six("GET /|host: [::1]:4510")]
    #[case::absolute("GET http://localhost:4510/|host: localhost:4510")]
    fn loopback_names_are_accepted(#[case] text: &str) {
        for audience in [Audience::Functions, Audience::Everybody] {
            assert!(!refused(audience, text, LOCAL));
            assert!(!refused(audience, text, "[::1]:5"));
            assert!(refused(audience, text, "192.0.2.7:5"), "another machine");
        }
    }

    #[rstest]
    #[case::no_host("GET /")]
    #[case::two_hosts("GET /|host: localhost|host: localhost")]
    #[case::rebound("GET /|host: evil.example:4510")]
    #[case::rebound_with_a_like_name("GET /|host: localhost.evil.example")]
    #[case::with_a_like_address("GET /|host: 127.0.0.1.evil.example:4510")]
    #[case::any_address("GET /|host: 0.0.0.0:4510")]
    #[case::another_spelling_of_the_address("GET /|host: 2130706433:4510")]
    #[case::mapped("GET /|host: [::ffff:127.0.0.1]:4510")]
    #[case::with_a_dot("GET /|host: localhost.:4510")]
    #[case::absolute("GET http://evil.example/|host: localhost:4510")]
    #[case::userinfo("GET /|host: evil.example@localhost")]
    fn other_names_are_refused(#[case] text: &str) {
        for audience in [Audience::Functions, Audience::Everybody] {
            assert!(refused(audience, text, LOCAL));
        }
    }

    #[rstest]
    #[case::fetch("POST /|host: localhost|origin: http://evil.example")]
    #[case::same_port("POST /|host: localhost:1|origin: http://localhost:1")]
    #[case::sandboxed("POST /|host: localhost|origin: null")]
    #[case::image("GET /|host: localhost|sec-fetch-site: cross-site")]
    #[case::typed("GET /|host: localhost|sec-fetch-site: none|sec-fetch-mode: navigate")]
    fn browsers_are_refused_at_listeners_for_functions(#[case] text: &str) {
        assert!(refused(Audience::Functions, text, LOCAL));
        assert!(!refused(Audience::Everybody, text, LOCAL), "others judge it");
    }

    fn is_shown(path: &str) -> bool {
        path == "/_local/console/"
    }

    #[rstest]
    #[case::program("POST /_local/faults|host: localhost:1")]
    #[case::own_page(
        "POST /_local/faults|host: localhost:1|origin: http://localhost:1|sec-fetch-site: same-origin"
    )]
    #[case::typed("GET /_local/events|host: localhost:1|sec-fetch-site: none")]
    #[case::link(
        "GET /_local/console/|host: localhost:1|sec-fetch-site: cross-site|sec-fetch-mode: navigate\
         |sec-fetch-dest: document"
    )]
    fn programs_and_own_pages_may_use_control_endpoints(#[case] text: &str) {
        assert_eq!(foreign_page(&parts(text), is_shown), None);
    }

    #[rstest]
    #[case::another_site("GET /_local/events|host: 127.0.0.1:1|origin: https://evil.example")]
    #[case::another_port("GET /_local/events|host: 127.0.0.1:1|origin: http://127.0.0.1:3000")]
    #[case::another_name("GET /_local/events|host: 127.0.0.1:1|origin: http://localhost:1")]
    #[case::file("POST /_local/faults|host: 127.0.0.1:1|origin: null")]
    #[case::two("GET /_local/events|host: localhost:1|origin: http://localhost:1|origin: null")]
    #[case::image("GET /_local/events|host: localhost:1|sec-fetch-site: cross-site")]
    #[case::another_ports_image("GET /_local/events|host: localhost:1|sec-fetch-site: same-site")]
    #[case::two_sites(
        "GET /_local/events|host: localhost:1|sec-fetch-site: none|sec-fetch-site: cross-site"
    )]
    #[case::frame(
        "GET /_local/console/|host: localhost:1|sec-fetch-site: cross-site|sec-fetch-mode: navigate\
         |sec-fetch-dest: iframe"
    )]
    #[case::link_to_an_endpoint(
        "GET /_local/events|host: localhost:1|sec-fetch-site: cross-site|sec-fetch-mode: navigate\
         |sec-fetch-dest: document"
    )]
    #[case::form(
        "POST /_local/console/|host: localhost:1|sec-fetch-site: cross-site|sec-fetch-mode: navigate\
         |sec-fetch-dest: document"
    )]
    #[case::socket("GET /_local/activity|host: localhost:1|upgrade: websocket")]
    fn foreign_pages_may_not_use_control_endpoints(#[case] text: &str) {
        assert!(foreign_page(&parts(text), is_shown).is_some());
    }
}
