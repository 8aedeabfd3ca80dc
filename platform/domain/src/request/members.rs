//! Reading of members and elements for all decoders, and the collection of their violations.

use std::collections::BTreeSet;

use users_contract::limits;

use crate::body::Json;
use crate::problem::{Rule, child_pointer, in_order};
use crate::{Document, Role, Violation};

/// The rule that a member with an unknown name breaks.
pub(super) const UNKNOWN: &str = "is not a known field";

const NOT_NULL: &str = "must not be null";
const STRING: &str = "must be a string";
const OBJECT: &str = "must be an object";

/// Collects the violations of one body.
#[derive(Default)]
pub(super) struct Problems(Vec<Violation>);

impl Problems {
    pub(super) fn add(&mut self, pointer: &str, rule: impl Into<Rule>) {
        self.0.push(Violation::at_pointer(pointer, rule));
    }

    /// The request, when it is complete and without violations.
    pub(super) fn finish<T>(self, request: Option<T>) -> Result<T, Vec<Violation>> {
        match request {
            Some(request) if self.0.is_empty() => Ok(request),
            _ => Err(in_order(self.0)),
        }
    }

    /// The members of the body, each with its pointer. Reports a body that is not an object.
    pub(super) fn body_members<'d>(
        &mut self,
        document: &'d Document,
    ) -> impl Iterator<Item = (&'d str, String, &'d Json)> + use<'d> {
        self.members("", document.root())
    }

    /// The members of an object, each with its name and pointer. Reports what is not an object.
    pub(super) fn members<'d>(
        &mut self,
        pointer: &str,
        json: &'d Json,
    ) -> impl Iterator<Item = (&'d str, String, &'d Json)> + use<'d> {
        let members = match json {
            Json::Object(members) => members.as_slice(),
            Json::Null if !pointer.is_empty() => {
                self.add(pointer, NOT_NULL);
                &[]
            }
            _ => {
                self.add(pointer, OBJECT);
                &[]
            }
        };
        let pointer = pointer.to_owned();
        members
            .iter()
            .map(move |(name, value)| (name.as_str(), child_pointer(&pointer, name), value))
    }

    /// A string that follows a rule.
    pub(super) fn text<T>(
        &mut self,
        pointer: &str,
        json: &Json,
        parse: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Option<T> {
        let rule = match json {
            Json::Text(text) => match parse(text) {
                Ok(value) => return Some(value),
                Err(rule) => rule,
            },
            Json::Null => NOT_NULL.into(),
            Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => STRING.into(),
        };
        self.add(pointer, rule);
        None
    }

    /// A string that follows a rule, or `null`, which clears.
    pub(super) fn nullable_text<T>(
        &mut self,
        pointer: &str,
        json: &Json,
        parse: impl FnOnce(&str) -> Result<T, Rule>,
    ) -> Option<Option<T>> {
        match json {
            Json::Null => Some(None),
            Json::Text(_) => self.text(pointer, json, parse).map(Some),
            Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                self.add(pointer, "must be a string or null");
                None
            }
        }
    }

    /// A set of roles.
    pub(super) fn roles(&mut self, pointer: &str, json: &Json) -> BTreeSet<Role> {
        let mut roles = BTreeSet::new();
        let elements = match json {
            Json::Array(elements) => elements.as_slice(),
            Json::Null => {
                self.add(pointer, NOT_NULL);
                &[]
            }
            Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => {
                self.add(pointer, "must be an array of strings");
                &[]
            }
        };
        if elements.len() > limits::ROLES_MAX {
            self.add(pointer, format!("must have at most {} elements", limits::ROLES_MAX));
        }
        for (index, element) in elements.iter().enumerate() {
            let pointer = child_pointer(pointer, &index.to_string());
            let role = self.text(&pointer, element, Role::parse);
            if role.is_some_and(|role| !roles.insert(role)) {
                self.add(&pointer, "must not repeat an earlier element");
            }
        }
        roles
    }
}
