//! Signed calls of AWS services at the emulator, in three protocols, as far as this program needs
//! them: no SDK has to be compiled.

use anyhow::{Context, Result, bail};
use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use users_client::{Call, Client, Credentials, Response};

/// The services of an emulator, called by one principal.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    client: Client,
}

/// The answer of a service.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    text: String,
}

impl Aws {
    /// The services at an address.
    pub(crate) fn new(endpoint: &str, region: &str, credentials: Credentials) -> Result<Self> {
        let client = Client::new(endpoint, region, credentials)
            .with_context(|| format!("{endpoint} cannot be called"))?;
        Ok(Self { client })
    }

    /// An operation of a service with the JSON protocol, such as `DynamoDB_20120810.DescribeTable`.
    pub(crate) async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Answer> {
        let version = if service == "sqs" { "1.0" } else { "1.1" };
        let call = self
            .client
            .call(Method::POST, "/")
            .header("content-type", format!("application/x-amz-json-{version}"))
            .header("x-amz-target", target)
            .body(body.to_string());
        send(call.service(service), target).await
    }

    /// An operation of a service with the query protocol: a form in, XML out.
    pub(crate) async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Answer> {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let form: Vec<_> = [("Action", action), ("Version", version)]
            .iter()
            .chain(parameters)
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let call = self
            .client
            .call(Method::POST, "/")
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(form.join("&"));
        send(call.service(service), action).await
    }

    /// Reads a resource of a service that has paths.
    pub(crate) async fn get(&self, service: &str, path: &str, query: &str) -> Result<Answer> {
        let call = self.client.call(Method::GET, path).raw_query(query);
        send(call.service(service), path).await
    }
}

async fn send(call: Call, operation: &str) -> Result<Answer> {
    let response: Response =
        call.send().await.with_context(|| format!("the emulator did not answer {operation}"))?;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    Ok(Answer { status: response.status, text })
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The answer, when it is a success.
    pub(crate) fn success(self, operation: &str) -> Result<Self> {
        if !self.is_success() {
            bail!("{operation}: {}", self.describe());
        }
        Ok(self)
    }

    /// The body as JSON; null when it is not JSON.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The contents of every XML element of this name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        elements(&self.text, name).into_iter().map(unescape).collect()
    }

    /// Status and the beginning of the body, for errors.
    pub(crate) fn describe(&self) -> String {
        let text: String = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut shown: String = text.chars().take(300).collect();
        if shown.len() < text.len() {
            shown.push_str(" ...");
        }
        format!("{} {shown}", self.status.as_u16())
    }
}

/// The contents of XML elements without attributes, which the query protocol does not use.
pub(crate) fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut found = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find(&open) {
        let content = &rest[start + open.len()..];
        let Some(end) = content.find(&close) else { break };
        found.push(&content[..end]);
        rest = &content[end + close.len()..];
    }
    found
}

/// Replaces the entities of XML: five names, and any character by its number.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(';');
        match end.and_then(|end| Some((entity(&rest[1..end])?, end))) {
            Some((letter, end)) => {
                plain.push(letter);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{elements, unescape};

    #[test]
    fn elements_are_read_wherever_they_stand() {
        let xml = "<A><Name>one</Name><B><Name>t&amp;wo</Name></B><Name/><Name>cut</A>";
        let found: Vec<_> = elements(xml, "Name").into_iter().map(unescape).collect();
        assert_eq!(found, ["one", "t&wo"]);
        assert!(elements(xml, "Other").is_empty());
    }

    #[test]
    fn entities_are_replaced_once_and_other_text_is_not() {
        for (escaped, plain) in [
            ("&amp;lt; &quot;&lt;a&gt;&quot; &apos;", "&lt; \"<a>\" '"),
            ("b&#x27;a&#39;&#X41;", "b'a'A"),
            ("a & b &; &none; &#; &#xZZ; &amp", "a & b &; &none; &#; &#xZZ; &amp"),
            ("Jörg &#246;", "Jörg ö"),
        ] {
            assert_eq!(unescape(escaped), plain);
        }
    }
}
