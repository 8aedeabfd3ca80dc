//! Request bodies: strict JSON, with every violation reported at once.
//!
//! JSON leaves the meaning of a repeated member open, so one is refused at any depth. Reading goes on
//! all the same: the decoders see every occurrence and report the violations of each.

mod json;
mod reader;

use std::fmt;

use crate::Violation;
use crate::problem::in_order;

pub(crate) use json::Json;

/// A body that is valid JSON in the strict sense of the contract. Its `Debug` form leaves the
/// content out.
#[derive(Clone, PartialEq)]
pub struct Document(Json);

impl Document {
    /// Reads a body: UTF-8 without byte order mark, one JSON value, no member twice in one object,
    /// no lone surrogates, at most 64 levels deep.
    ///
    /// # Errors
    ///
    /// The pointer of every repeated member, or the syntax error that stopped the reading, at
    /// pointer "" with its position.
    pub fn parse(body: &[u8]) -> Result<Self, Vec<Violation>> {
        match Self::read(body) {
            (Some(document), violations) if violations.is_empty() => Ok(document),
            (_, violations) => Err(in_order(violations)),
        }
    }

    /// One text for all spellings of the same content: members sorted by code points, no white
    /// space, one escape for each character. Meant to be hashed, in the spirit of RFC 8785.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::new();
        write_canonical(&self.0, &mut text);
        text
    }

    /// Reads a body; reports repeated members and also keeps them.
    pub(crate) fn read(body: &[u8]) -> (Option<Self>, Vec<Violation>) {
        let (json, violations) = reader::read(body);
        (json.map(Self), violations)
    }

    pub(crate) fn root(&self) -> &Json {
        &self.0
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Document(***)")
    }
}

fn write_canonical(json: &Json, text: &mut String) {
    match json {
        Json::Null => text.push_str("null"),
        Json::Bool(true) => text.push_str("true"),
        Json::Bool(false) => text.push_str("false"),
        Json::Number(number) => text.push_str(number),
        Json::Text(string) => write_string(string, text),
        Json::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(element, text);
            }
            text.push(']');
        }
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_string(name, text);
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
    }
}

fn write_string(string: &str, text: &mut String) {
    // This escapes only where JSON requires it, and each character in one way.
    text.push_str(&serde_json::Value::from(string).to_string());
}

#[cfg(test)]
mod tests;
