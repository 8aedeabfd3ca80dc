//! The tree that a body is read into.

/// A JSON value. Members stay in the order and number in which they were given.
#[derive(Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// In a form that is the same for numbers that are equal in double precision.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}
