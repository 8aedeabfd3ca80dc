//! An event of API Gateway, as far as it is used.
//!
//! `aws_lambda_events` has every member of an event, but checks each header in both of its forms, which
//! takes 46,000 instructions, a twentieth of a read. And it refuses the whole event for one header that
//! it cannot parse, so that the caller would get no proper answer.

use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// The event of a proxy integration, as far as it is used.
///
/// Shape: <https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway.html>. Maps that are
/// empty come as `null`.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayEvent {
    pub(super) path: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    pub(super) path_parameters: Option<HashMap<String, String>>,
    pub(super) body: Option<String>,
    pub(super) is_base64_encoded: Option<bool>,
    pub(super) request_context: RequestContext,
}

/// The part of the event that API Gateway adds to the request.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RequestContext {
    pub(super) path: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) identity: Identity,
}

/// Who calls.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Identity {
    pub(super) user_arn: Option<String>,
    pub(super) caller: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) source_ip: Option<String>,
    pub(super) user_agent: Option<String>,
}

impl fmt::Debug for GatewayEvent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nearly all of it may be personal data.
        formatter.debug_struct("GatewayEvent").finish_non_exhaustive()
    }
}

impl GatewayEvent {
    /// Takes the headers out. The multi-value form is complete; some emulators only send the other.
    pub(super) fn take_headers(&mut self) -> Headers {
        let mut headers = Headers(self.multi_value_headers.take().unwrap_or_default());
        for (name, value) in self.headers.take().unwrap_or_default() {
            if headers.get_all(&name).next().is_none() {
                headers.0.insert(name, vec![value]);
            }
        }
        headers
    }

    /// Takes the query out, decoded, repeated names repeated.
    pub(super) fn take_query(&mut self) -> Vec<(String, String)> {
        let several = self.multi_value_query_string_parameters.take().unwrap_or_default();
        if several.is_empty() {
            return self.query_string_parameters.take().into_iter().flatten().collect();
        }
        several
            .into_iter()
            .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
            .collect()
    }
}

/// Headers as the caller spelt them.
pub(super) struct Headers(BTreeMap<String, Vec<String>>);

impl Headers {
    /// All values of a header, however its name is spelt.
    pub(super) fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(spelt, _)| spelt.eq_ignore_ascii_case(name));
        of_name.flat_map(|(_, values)| values).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::GatewayEvent;
    use serde_json::{Value, json};

    fn event(event: Value) -> GatewayEvent {
        serde_json::from_value(event).unwrap()
    }

    fn values(headers: &Value, several: &Value, name: &str) -> Vec<String> {
        let mut event = event(json!({"headers": headers, "multiValueHeaders": several}));
        event.take_headers().get_all(name).map(str::to_owned).collect()
    }

    #[test]
    fn headers_are_found_in_either_form_and_spelling() {
        let several = json!({"IF-match": ["\"1\"", "\"2\""], "if-Match": ["\"3\""]});
        let one = json!({"If-Match": "\"9\"", "Accept": "*/*"});
        let found = values(&one, &several, "if-match");
        assert_eq!(found, ["\"1\"", "\"2\"", "\"3\""], "in the order of their spellings");
        assert_eq!(values(&one, &several, "ACCEPT"), ["*/*"], "what only one form has");
        assert_eq!(values(&one, &Value::Null, "if-match"), ["\"9\""]);
        assert!(values(&Value::Null, &Value::Null, "if-match").is_empty());
        let odd = json!({"not a name": ["ü\u{7}"]});
        assert_eq!(values(&Value::Null, &odd, "NOT A NAME"), ["ü\u{7}"], "an event all the same");
    }

    #[test]
    fn a_query_is_found_in_either_form() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let one = json!({"limit": "2"});
        let several = json!({"limit": ["1", "2"], "a": ["b"]});
        let query = |one: &Value, several: &Value| {
            event(json!({
                "queryStringParameters": one,
                "multiValueQueryStringParameters": several,
            }))
            .take_query()
        };
        let all = [pair("a", "b"), pair("limit", "1"), pair("limit", "2")];
        assert_eq!(query(&one, &several), all);
        assert_eq!(query(&one, &Value::Null), [pair("limit", "2")]);
        assert_eq!(query(&one, &json!({})), [pair("limit", "2")]);
        assert_eq!(query(&Value::Null, &Value::Null), []);
    }

    #[test]
    fn missing_members_are_absent() {
        let event = event(json!({"resource": "/users", "requestContext": {"apiId": "a"}}));
        assert!(event.path.is_none() && event.body.is_none() && event.path_parameters.is_none());
        assert!(event.request_context.identity.user_arn.is_none());
    }
}
