//! Violations: the places of a request that break a rule, and the rule.

use std::borrow::Cow;
use std::fmt;

use users_contract::{Field, OPERATIONS};

/// The place in a request at which a rule is broken.
///
/// Its `Debug` form shows the names of the contract and array indexes only: other names were
/// chosen by the caller and may be personal.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// A JSON Pointer (RFC 6901) into the body; empty for the body as a whole.
    Pointer(String),
    /// The name of a query parameter.
    Parameter(String),
    /// The name of a request header, in lower case.
    Header(&'static str),
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer(pointer) => {
                let shown: Vec<_> = pointer
                    .split('/')
                    .map(|segment| if is_public_segment(segment) { segment } else { "***" })
                    .collect();
                write!(formatter, "Pointer({:?})", shown.join("/"))
            }
            Self::Parameter(name) => {
                let known = OPERATIONS
                    .iter()
                    .flat_map(|operation| operation.query_parameters)
                    .any(|parameter| parameter.name == name);
                write!(formatter, "Parameter({:?})", if known { name } else { "***" })
            }
            Self::Header(name) => write!(formatter, "Header({name:?})"),
        }
    }
}

fn is_public_segment(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_digit()) && segment.len() <= 5
        || Field::named(segment).is_some()
        || OTHER_MEMBERS.contains(&segment)
}

/// The members of request bodies that are not fields of a user.
const OTHER_MEMBERS: &[&str] = &["reason", "role"];

/// One broken rule of a request.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Violation {
    /// Its place.
    pub place: Place,
    /// The rule, as a predicate that reads after the place's name: "must be a string". It never
    /// holds anything that the caller sent.
    pub detail: String,
}

impl Violation {
    /// A rule that a part of the body breaks. `pointer` is a JSON Pointer.
    pub(crate) fn at_pointer(pointer: impl Into<String>, rule: impl Into<Rule>) -> Self {
        Self { place: Place::Pointer(pointer.into()), detail: rule.into().into_detail() }
    }

    /// A rule that a query parameter breaks.
    pub(crate) fn at_parameter(name: &str, rule: impl Into<Rule>) -> Self {
        Self { place: Place::Parameter(name.to_owned()), detail: rule.into().into_detail() }
    }

    /// A rule that a request header breaks.
    pub(crate) fn at_header(name: &'static str, rule: impl Into<Rule>) -> Self {
        Self { place: Place::Header(name), detail: rule.into().into_detail() }
    }
}

/// The text of one rule that a value breaks, without the value and without its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule(Cow<'static, str>);

impl Rule {
    /// The rule as a predicate: "must be a string".
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_detail(self) -> String {
        self.0.into_owned()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Rule {}

impl From<&'static str> for Rule {
    fn from(detail: &'static str) -> Self {
        Self(Cow::Borrowed(detail))
    }
}

impl From<String> for Rule {
    fn from(detail: String) -> Self {
        Self(Cow::Owned(detail))
    }
}

/// Puts violations into the order in which they are reported, each once.
pub(crate) fn in_order(mut violations: Vec<Violation>) -> Vec<Violation> {
    violations.sort();
    violations.dedup();
    violations
}

/// Appends one segment to a JSON Pointer, escaped as RFC 6901 asks.
pub(crate) fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for character in segment.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// The JSON Pointer of one member or element of what `parent` points to.
pub(crate) fn child_pointer(parent: &str, segment: &str) -> String {
    let mut pointer = String::with_capacity(parent.len() + segment.len() + 1);
    pointer.push_str(parent);
    push_segment(&mut pointer, segment);
    pointer
}

#[cfg(test)]
mod tests {
    use super::{Place, Violation, child_pointer, in_order, is_public_segment};
    use users_contract::schema;

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(child_pointer("", "a/b~c"), "/a~1b~0c");
        assert_eq!(child_pointer("/attributes", ""), "/attributes/");
        assert_eq!(child_pointer("", "~1"), "/~01");
    }

    #[test]
    fn order_is_by_place_and_doubles_are_taken_out() {
        let at = |pointer: &str| Violation::at_pointer(pointer, "must be a string");
        assert_eq!(in_order(vec![at("/b"), at("/a"), at("/b")]), vec![at("/a"), at("/b")]);
    }

    #[test]
    fn debug_shows_only_names_of_the_contract() {
        let shown = |place: Place| format!("{place:?}");
        assert_eq!(
            shown(Place::Pointer("/attributes/ada".to_owned())),
            r#"Pointer("/attributes/***")"#
        );
        assert_eq!(shown(Place::Pointer("/roles/12".to_owned())), r#"Pointer("/roles/12")"#);
        assert_eq!(shown(Place::Pointer(String::new())), r#"Pointer("")"#);
        assert_eq!(shown(Place::Pointer("/123456789".to_owned())), r#"Pointer("/***")"#);
        assert_eq!(shown(Place::Parameter("ada@x.io".to_owned())), r#"Parameter("***")"#);
        assert_eq!(shown(Place::Parameter("limit".to_owned())), r#"Parameter("limit")"#);
        assert_eq!(shown(Place::Header("if-match")), r#"Header("if-match")"#);
    }

    #[test]
    fn every_field_of_the_contract_is_shown() {
        let components = schema::components();
        for name in ["RegisterUser", "UpdateUser", "SetStatus", "AssignRole", "User"] {
            let properties = components[name]["properties"].as_object().unwrap();
            assert!(!properties.is_empty());
            for field in properties.keys() {
                assert!(is_public_segment(field), "{name}.{field}");
            }
        }
    }
}
