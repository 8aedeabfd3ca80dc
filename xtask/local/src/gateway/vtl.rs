//! The supported part of the Velocity Template Language: variables of the context, and their
//! escaping for JSON. Anything else is an error when the API is loaded.

use super::context::RequestContext;
use anyhow::{Context, bail};
use serde_json::Value;

/// The variables, without `$context.`.
const VARIABLES: &[&str] = &[
    "error.message",
    "error.messageString",
    "error.responseType",
    "error.validationErrorString",
    "path",
    "requestId",
];
/// The form of an escaped variable, before and after its name. `escapeJavaScript` also escapes
/// apostrophes, which JSON does not allow.
const ESCAPED: (&str, &str) = ("util.escapeJavaScript($context.", r#").replaceAll("\\'","'")"#);

/// The kind of a template.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    /// The template of an integration: its functions escape variables.
    Mapping,
    /// The template of a gateway response: it has no functions, and its variables are escaped.
    GatewayResponse,
}

/// The `$context.error` of a gateway response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ErrorVariables<'a> {
    pub(super) message: &'a str,
    pub(super) response_type: &'a str,
    pub(super) validation: &'a str,
}

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Variable { name: String, is_escaped: bool },
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// When it uses a form other than `$context.name` or an escaped variable.
    pub(super) fn parse(text: &str, dialect: Dialect) -> anyhow::Result<Self> {
        if let Some(at) = text.match_indices('#').map(|(at, _)| at).find(|at| {
            text[at + 1..]
                .starts_with(|next: char| next.is_ascii_alphabetic() || "#*{".contains(next))
        }) {
            bail!("the template uses {}, which is not supported here", excerpt(&text[at..]));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((plain, after)) = rest.split_once('$') {
            parts.push(Part::Text(plain.to_owned()));
            let unsupported =
                || format!("the template uses ${}, which is not supported here", excerpt(after));
            let (name, remainder, is_escaped) = if let Some(call) = after.strip_prefix(ESCAPED.0) {
                let (name, remainder) = call
                    .split_once(ESCAPED.1)
                    .filter(|_| dialect == Dialect::Mapping)
                    .with_context(unsupported)?;
                (name, remainder, true)
            } else if let Some(variable) = after.strip_prefix("context.") {
                let is_end = |letter: char| !(letter.is_ascii_alphanumeric() || letter == '.');
                let end = variable.find(is_end).unwrap_or(variable.len());
                // A full stop behind a variable belongs to the text.
                let name = variable[..end].trim_end_matches('.');
                (name, &variable[name.len()..], dialect == Dialect::GatewayResponse)
            } else if after
                .starts_with(|next: char| next.is_ascii_alphabetic() || "{!".contains(next))
            {
                bail!(unsupported());
            } else {
                parts.push(Part::Text("$".to_owned()));
                rest = after;
                continue;
            };
            if remainder.starts_with('(') {
                bail!(unsupported());
            }
            parts.push(Part::Variable { name: known(name)?.to_owned(), is_escaped });
            rest = remainder;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The text with the values of the variables.
    pub(super) fn render(&self, context: &RequestContext, error: ErrorVariables<'_>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                // A JSON string with its quotes.
                Part::Variable { name, .. } if name == "error.messageString" => {
                    text.push_str(&Value::from(error.message).to_string());
                }
                Part::Variable { name, is_escaped } => {
                    let value = value(name, context, error);
                    match is_escaped {
                        true => text.push_str(&inside_json_string(value)),
                        false => text.push_str(value),
                    }
                }
            }
        }
        text
    }
}

/// The value of a variable.
pub(super) fn value<'a>(
    name: &str,
    context: &'a RequestContext,
    error: ErrorVariables<'a>,
) -> &'a str {
    match name {
        "error.message" | "error.messageString" => error.message,
        "error.responseType" => error.response_type,
        "error.validationErrorString" => error.validation,
        "path" => &context.path,
        "requestId" => &context.request_id,
        _ => "",
    }
}

/// Checks the name of a variable.
pub(super) fn known(name: &str) -> anyhow::Result<&str> {
    match VARIABLES.contains(&name) {
        true => Ok(name),
        false => bail!("$context.{name} is not supported here"),
    }
}

/// The beginning of a text, for a message.
fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

fn inside_json_string(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests;
