//! The part of the Velocity Template Language that templates here may use: variables of the
//! context, and escaping them. Anything else is an error when the API is loaded.

use super::context::{Context, VARIABLES};
use anyhow::bail;
use serde_json::Value;
use std::fmt::Write as _;

/// Turns the escaped apostrophes of `escapeJavaScript`, which JSON does not know, back.
const UNESCAPE_APOSTROPHES: &str = r#".replaceAll("\\'","'")"#;
const ESCAPE: &str = "util.escapeJavaScript(";

/// Where a template stands, which decides what it may use and how values go in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    /// The template of an integration: functions, and values as they are.
    Mapping,
    /// The template of a gateway response: variables only, each made fit for a JSON string.
    GatewayResponse,
}

/// The `$context.error` of a gateway response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ErrorVariables<'a> {
    pub(super) message: &'a str,
    pub(super) response_type: &'a str,
    pub(super) validation: &'a str,
}

/// A template that was understood.
#[derive(Debug)]
pub(super) struct Template {
    dialect: Dialect,
    parts: Vec<Part>,
}

#[derive(Debug, Eq, PartialEq)]
enum Part {
    Text(String),
    Variable { name: String, escape: Escape },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Escape {
    None,
    JavaScript,
    JavaScriptButApostrophes,
}

impl Template {
    /// Understands a template.
    ///
    /// # Errors
    /// When it uses anything but `$context.name` and `$util.escapeJavaScript($context.name)`.
    pub(super) fn parse(text: &str, dialect: Dialect) -> anyhow::Result<Self> {
        if let Some(directive) = directive(text) {
            bail!("the template uses {directive}, which is not understood here");
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            plain.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            let opens_reference = after
                .starts_with(|first: char| first.is_ascii_alphabetic() || "{!".contains(first));
            if !opens_reference {
                plain.push('$');
                rest = after;
                continue;
            }
            let (part, remainder) = reference(after, dialect)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
            rest = remainder;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { dialect, parts })
    }

    /// Fills the template in.
    pub(super) fn render(&self, context: &Context, error: ErrorVariables<'_>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Variable { name, escape } => {
                    let value = value(name, context, error);
                    match (self.dialect, escape) {
                        // This one comes as a JSON string with its quotes.
                        (_, Escape::None) if name == "error.messageString" => text.push_str(&value),
                        (Dialect::GatewayResponse, _) => {
                            text.push_str(&inside_json_string(&value));
                        }
                        (Dialect::Mapping, Escape::None) => text.push_str(&value),
                        (Dialect::Mapping, Escape::JavaScript) => {
                            text.push_str(&escape_javascript(&value));
                        }
                        (Dialect::Mapping, Escape::JavaScriptButApostrophes) => {
                            text.push_str(&escape_javascript(&value).replace("\\'", "'"));
                        }
                    }
                }
            }
        }
        text
    }
}

/// The value of a variable.
pub(super) fn value(name: &str, context: &Context, error: ErrorVariables<'_>) -> String {
    match name {
        "error.message" => error.message.to_owned(),
        "error.messageString" => Value::from(error.message).to_string(),
        "error.responseType" => error.response_type.to_owned(),
        "error.validationErrorString" => error.validation.to_owned(),
        _ => context.get(name),
    }
}

/// Checks that `name`, which follows `context.`, is known.
pub(super) fn known(name: &str) -> anyhow::Result<&str> {
    if VARIABLES.contains(&name) {
        Ok(name)
    } else {
        bail!("$context.{name} is not known here");
    }
}

/// A directive or comment: `#` before a letter, a brace, `#` or `*`.
fn directive(text: &str) -> Option<&str> {
    text.match_indices('#').find_map(|(at, _)| {
        let after = &text[at + 1..];
        let length = after.chars().take_while(char::is_ascii_alphabetic).count();
        match after.chars().next() {
            Some('#' | '*' | '{') => Some(&text[at..at + 2]),
            Some(first) if first.is_ascii_alphabetic() => Some(&text[at..=at + length]),
            _ => None,
        }
    })
}

/// Reads the reference that follows a dollar sign; gives back the text after it.
fn reference(after: &str, dialect: Dialect) -> anyhow::Result<(Part, &str)> {
    if let Some(argument) = after.strip_prefix(ESCAPE) {
        if dialect == Dialect::GatewayResponse {
            bail!("the template of a gateway response has variables only, no functions");
        }
        let inner = argument.trim_start().strip_prefix('$');
        let Some((name, rest)) = inner.map(variable).transpose()? else {
            bail!("$util.escapeJavaScript takes a $context variable here");
        };
        let Some(rest) = rest.trim_start().strip_prefix(')') else {
            bail!("$util.escapeJavaScript( is not closed");
        };
        let (escape, rest) = match rest.strip_prefix(UNESCAPE_APOSTROPHES) {
            Some(rest) => (Escape::JavaScriptButApostrophes, rest),
            None => (Escape::JavaScript, rest),
        };
        if rest.starts_with('.') && rest[1..].starts_with(|next: char| next.is_ascii_alphabetic()) {
            bail!("the template calls a method that is not understood here: {}", head(rest));
        }
        return Ok((Part::Variable { name: name.to_owned(), escape }, rest));
    }
    let (name, rest) = variable(after)?;
    if rest.starts_with('(') {
        bail!("the template calls ${}(...), which is not understood here", head(after));
    }
    Ok((Part::Variable { name: name.to_owned(), escape: Escape::None }, rest))
}

/// Reads `context.name` or `{context.name}`; gives back the name and the text after it.
fn variable(text: &str) -> anyhow::Result<(&str, &str)> {
    let (body, in_braces) = match text.strip_prefix('{') {
        Some(body) => (body, true),
        None => (text, false),
    };
    let mut length = body
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || "._-".contains(letter)))
        .unwrap_or(body.len());
    // A dot or dash after a variable belongs to the text.
    while !in_braces && body[..length].ends_with(['.', '-']) {
        length -= 1;
    }
    let Some(name) = body[..length].strip_prefix("context.") else {
        bail!("the template uses ${}, which is not understood here", head(text));
    };
    let name = known(name)?;
    let rest = &body[length..];
    match (in_braces, rest.strip_prefix('}')) {
        (false, _) => Ok((name, rest)),
        (true, Some(rest)) => Ok((name, rest)),
        (true, None) => bail!("${{context.{name} is not closed"),
    }
}

/// The beginning of a text, for a message.
fn head(text: &str) -> &str {
    let end = text
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || "._".contains(letter)))
        .unwrap_or(text.len());
    if end == 0 { text.get(..1).unwrap_or(text) } else { &text[..end] }
}

/// As in the library that API Gateway uses: control characters and everything that is not ASCII as
/// `\uXXXX`, and a backslash before quotes, slashes and backslashes.
fn escape_javascript(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some(letter @ ('"' | '\'' | '\\' | '/')) => {
                escaped.push('\\');
                escaped.push(letter);
            }
            Some('\n') => escaped.push_str("\\n"),
            Some('\r') => escaped.push_str("\\r"),
            Some('\t') => escaped.push_str("\\t"),
            Some(letter) if (' '..='~').contains(&letter) => escaped.push(letter),
            _ => {
                let _ = write!(escaped, "\\u{unit:04X}");
            }
        }
    }
    escaped
}

fn inside_json_string(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests;
