//! The console: a page that shows the activity of the stack, served by this program.
//!
//! It is the only part of this crate that knows the service: the keys of a user's audit history. It
//! loads nothing from other hosts and needs no network.

use crate::server::{Answer, answer};
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, LOCATION};
use http::{HeaderValue, StatusCode};

/// The path of the page.
pub(crate) const PATH: &str = "/_local/console/";

/// Only files of this program, no inline code or style, and no text that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const FILES: &[(&str, &str, &str)] = &[
    ("", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("console.css", "text/css; charset=utf-8", include_str!("page/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("page/console.js")),
    ("view.js", "text/javascript; charset=utf-8", include_str!("page/view.js")),
    ("panels.js", "text/javascript; charset=utf-8", include_str!("page/panels.js")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// The answer to a `GET` of a path of the page; `None` for other paths.
pub(crate) fn answer_to(path: &str) -> Option<Answer> {
    if path == PATH.trim_end_matches('/') {
        let mut redirect = answer(StatusCode::PERMANENT_REDIRECT, "text/plain", Bytes::new());
        redirect.headers_mut().insert(LOCATION, HeaderValue::from_static(PATH));
        return Some(redirect);
    }
    let name = path.strip_prefix(PATH)?;
    let (_, content_type, text) = FILES.iter().find(|(known, ..)| *known == name)?;
    let mut file = answer(StatusCode::OK, content_type, Bytes::from_static(text.as_bytes()));
    file.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::{FILES, PATH, answer_to};

    #[test]
    fn every_file_is_served_with_the_policy_and_names_no_other_host() {
        for (name, content_type, text) in FILES {
            let file = answer_to(&format!("{PATH}{name}")).unwrap();
            assert_eq!(file.headers()["content-type"], *content_type);
            let policy = file.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{policy}");
            let addresses = text.matches("://").count();
            let namespaces = text.matches("\"http://www.w3.org/2000/svg\"").count();
            assert_eq!(addresses, namespaces, "{name} names an address");
        }
    }

    #[test]
    fn data_never_becomes_markup() {
        for (name, _, text) in FILES.iter().filter(|(name, ..)| name.ends_with(".js")) {
            for forbidden in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("]
            {
                assert!(!text.contains(forbidden), "{name} has {forbidden}");
            }
        }
    }

    #[test]
    fn the_path_without_its_slash_redirects_to_the_page() {
        let redirect = answer_to("/_local/console").unwrap();
        assert_eq!(redirect.headers()["location"], PATH);
        assert!(answer_to("/_local/console/nothing").is_none());
        assert!(answer_to("/_local/health").is_none());
    }
}
