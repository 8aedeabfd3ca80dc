//! The request that handlers see, read from an API Gateway event.

use super::event::{GatewayEvent, Headers};
use crate::clock::Entropy;
use crate::idempotency::Principal;
use std::collections::HashMap;
use std::fmt;
use ulid::Ulid;
use users_contract::header;
use users_domain::{Actor, CorrelationId, Timestamp, UserAgent};

/// The parameters that make up the signature of a presigned call.
const SIGNATURE_PARAMETERS: &[&str] = &[
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// A request, as far as handlers are concerned with it.
///
/// The event is read by hand and not through `lambda_http`'s `Request`, whose conversion builds a
/// URL from the caller's `Host` and path and panics when they do not form one.
pub struct Request {
    /// Names the call: taken from the caller when it is well-formed, else new.
    pub correlation_id: CorrelationId,
    /// Who calls.
    pub actor: Actor,
    /// Who calls, as the scope of idempotency keys.
    pub principal: Principal,
    /// The tracing header for work that the request causes; `None` when its trace is not kept.
    pub trace_header: Option<String>,
    /// The path as the caller sees it, API stage included.
    pub path: String,
    /// The query, decoded, repeated names repeated, without the signature of a presigned call.
    pub query: Vec<(String, String)>,
    path_parameters: HashMap<String, String>,
    headers: Headers,
    body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Path, query, headers and body all may hold personal data.
        formatter
            .debug_struct("Request")
            .field("correlation_id", &self.correlation_id)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// Reads an event.
    #[must_use]
    pub fn from_event(mut event: GatewayEvent, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let (headers, mut query) = (event.take_headers(), event.take_query());
        // A call that was let in without this header was signed in its query.
        if headers.get_all("authorization").next().is_none() {
            query.retain(|(name, _)| !SIGNATURE_PARAMETERS.contains(&name.as_str()));
        }
        let context = event.request_context;
        let correlation_id = headers
            .get_all(header::CORRELATION_ID)
            .next()
            .and_then(CorrelationId::parse)
            .unwrap_or_else(|| {
                let millis = u64::try_from(now.as_millis()).unwrap_or_default();
                CorrelationId::from_ulid(Ulid::from_parts(millis, entropy.bits()))
            });
        let arn = context.identity.user_arn.or(context.identity.caller).unwrap_or_default();
        let path = context.path.filter(|path| !path.is_empty()).unwrap_or_else(|| {
            let stage = context.stage.as_deref().unwrap_or_default();
            format!("/{stage}{}", event.path.as_deref().unwrap_or_default())
        });
        let body = event.body.unwrap_or_default().into_bytes();
        let body = if event.is_base64_encoded == Some(true) {
            use base64::Engine;
            // Malformed base64 is kept as it is, and is refused later because it is not JSON.
            base64::engine::general_purpose::STANDARD.decode(&body).unwrap_or(body)
        } else {
            body
        };
        Self {
            correlation_id,
            principal: Principal::from_arn(&arn),
            actor: Actor {
                arn,
                account_id: context.identity.account_id.or(context.account_id).unwrap_or_default(),
                source_ip: context.identity.source_ip,
                // A control character in this header is removed instead of refused.
                user_agent: context.identity.user_agent.map(without_controls).map(UserAgent::cut),
            },
            trace_header: None,
            path,
            query,
            path_parameters: event.path_parameters.unwrap_or_default(),
            headers,
            body,
        }
    }

    /// A variable of the path, percent-decoded: API Gateway passes it on as it was sent.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<String> {
        self.path_parameters.get(name).map(|value| percent_decode(value))
    }

    /// All values of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&[u8]> {
        self.headers.get_all(name).map(str::as_bytes).collect()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

fn without_controls(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    text.replace(char::is_control, "")
}

/// Decodes `%41` and its like. Malformed escapes stay as they are; bytes that are not UTF-8 become
/// U+FFFD, which no id and no role contains.
fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            let both_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| both_hex)
        });
        match escaped {
            Some(byte) => {
                decoded.push(byte);
                rest = &tail[2..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Request, SIGNATURE_PARAMETERS, percent_decode, without_controls};
    use crate::testing::Counter;
    use serde_json::json;
    use users_domain::Timestamp;

    fn query(names: &[&str], header: Option<&str>) -> Vec<String> {
        let values: serde_json::Map<_, _> =
            names.iter().map(|name| ((*name).to_owned(), json!(["1"]))).collect();
        let headers = header.map(|header| json!({header: ["AWS4-HMAC-SHA256 ..."]}));
        let event =
            json!({"multiValueQueryStringParameters": values, "multiValueHeaders": headers});
        let event = serde_json::from_value(event).expect("an event");
        let request = Request::from_event(event, Timestamp::from_millis(0), &Counter::default());
        request.query.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn the_parameters_of_a_signature_are_skipped_on_a_presigned_call_only() {
        assert!(query(SIGNATURE_PARAMETERS, None).is_empty());
        for header in ["Authorization", "authorization", "AUTHORIZATION"] {
            assert_eq!(query(SIGNATURE_PARAMETERS, Some(header)), SIGNATURE_PARAMETERS);
        }
        let others = ["X-Amz", "X-Amz-", "X-Amz-Note", "X-Amz-Signature2", "limit", "x-amz-date"];
        assert_eq!(query(&others, None), others, "neither prefix nor case makes one of the seven");
        assert_eq!(query(&others, Some("Authorization")), others);
        assert_eq!(query(&["X-Amz-Date"], Some("X-Other")), [""; 0]);
    }

    #[test]
    fn a_user_agent_has_no_controls() {
        for (sent, kept) in [
            ("curl/8.1 (é; 😀)", "curl/8.1 (é; 😀)"),
            ("a\u{9b}31mb\u{85}", "a31mb"),
            ("\u{1b}[2Ja\tb\u{7f}", "[2Jab"),
            ("\u{80}\u{9f}\0", ""),
            ("", ""),
        ] {
            assert_eq!(without_controls(sent.to_owned()), kept);
        }
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(percent_decode("billing%3Aread"), "billing:read");
        assert_eq!(percent_decode("billing:read"), "billing:read");
        assert_eq!(percent_decode("%253A"), "%3A");
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%+1"), "%zz%+1");
        assert_eq!(percent_decode("%FF"), "\u{fffd}");
    }
}
