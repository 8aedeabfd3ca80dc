//! Query parameters, decoded strictly: unknown, repeated and invalid ones are all reported at
//! once, each by its name.

use std::collections::BTreeMap;

use users_contract::{Operation, OperationName, QueryParameter, limits};

use crate::problem::{Rule, in_order};
use crate::time::Instant;
use crate::{Action, Email, Role, Status, Timestamp, Violation};

/// The query of a list of users.
#[derive(Clone, Debug, PartialEq)]
pub struct ListUsers {
    /// Most users of the page, 1 to 100.
    pub limit: u16,
    /// The cursor, as the caller sent it.
    pub cursor: Option<String>,
    /// Which users.
    pub filter: Filter,
    /// In which order of registration; `Desc` when users are looked up by email address.
    pub order: Order,
}

/// Which users a list shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Those with a status and a role.
    Directory {
        /// Only users with this status; without it, those that are not deleted.
        status: Option<Status>,
        /// Only users with this role.
        role: Option<Role>,
    },
    /// The one, if any, that is not deleted and has this address.
    Email(Email),
}

/// The order of a list in time.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// The query of an audit history.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryAudit {
    /// Most entries of the page, 1 to 100.
    pub limit: u16,
    /// The cursor, as the caller sent it.
    pub cursor: Option<String>,
    /// Only entries at or after this time, rounded up to the millisecond.
    pub from: Option<Timestamp>,
    /// Only entries before this time, rounded up to the millisecond. It may equal `from`, when
    /// both are in one millisecond; then no entry is between them.
    pub to: Option<Timestamp>,
    /// Only entries of this action.
    pub action: Option<Action>,
    /// In which order.
    pub order: Order,
}

/// The query of an operation without parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoParameters;

impl ListUsers {
    /// Reads the parameters, percent-decoded, as they were given, repeated ones included.
    ///
    /// # Errors
    ///
    /// Every rule that they break, in the order of the names.
    pub fn decode(pairs: &[(String, String)]) -> Result<Self, Vec<Violation>> {
        let mut parameters =
            Parameters::read(pairs, operation_parameters(OperationName::ListUsers));
        let limit = parameters.limit();
        let cursor = parameters.cursor();
        let status = parameters.get("status", read_status);
        let role = parameters.get("role", Role::parse);
        let email = parameters.get("email", Email::parse);
        let order = parameters.order();
        if parameters.counts.contains_key("email") {
            for name in ["cursor", "order", "role", "status"] {
                if parameters.counts.contains_key(name) {
                    parameters.add(name, "cannot be combined with email");
                }
            }
        }
        let filter = match email {
            Some(email) => Filter::Email(email),
            None => Filter::Directory { status, role },
        };
        parameters.finish(Self { limit, cursor, filter, order })
    }
}

impl QueryAudit {
    /// Reads the parameters, percent-decoded, as they were given, repeated ones included.
    ///
    /// # Errors
    ///
    /// Every rule that they break, in the order of the names.
    pub fn decode(pairs: &[(String, String)]) -> Result<Self, Vec<Violation>> {
        let mut parameters =
            Parameters::read(pairs, operation_parameters(OperationName::QueryAudit));
        let limit = parameters.limit();
        let cursor = parameters.cursor();
        let from = parameters.get("from", read_instant);
        let to = parameters.get("to", read_instant);
        let action = parameters.get("action", read_action);
        let order = parameters.order();
        if let (Some(from), Some(to)) = (&from, &to)
            && from >= to
        {
            parameters.add("from", "must be before to");
        }
        let [from, to] = [from, to].map(|bound| bound.as_ref().map(Instant::ceil));
        parameters.finish(Self { limit, cursor, from, to, action, order })
    }
}

impl NoParameters {
    /// Makes sure that there are no parameters.
    ///
    /// # Errors
    ///
    /// Every parameter, in the order of the names.
    pub fn decode(pairs: &[(String, String)]) -> Result<Self, Vec<Violation>> {
        Parameters::read(pairs, &[]).finish(Self)
    }
}

impl Order {
    /// The order as it stands in a query.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

fn operation_parameters(name: OperationName) -> &'static [QueryParameter] {
    Operation::of(name).query_parameters
}

fn read_status(text: &str) -> Result<Status, Rule> {
    Status::parse(text).ok_or_else(|| one_of(Status::ALL.iter().map(|status| status.as_str())))
}

fn read_action(text: &str) -> Result<Action, Rule> {
    Action::parse(text).ok_or_else(|| one_of(Action::ALL.iter().map(|action| action.as_str())))
}

fn read_instant(text: &str) -> Result<Instant, Rule> {
    Instant::parse(text).ok_or_else(|| {
        "must be an RFC 3339 date-time with an offset, as in 2026-11-22T10:00:00Z".into()
    })
}

fn read_order(text: &str) -> Result<Order, Rule> {
    [Order::Asc, Order::Desc]
        .into_iter()
        .find(|order| order.as_str() == text)
        .ok_or_else(|| "must be asc or desc".into())
}

fn read_limit(text: &str) -> Result<u16, Rule> {
    let range = limits::PAGE_SIZE_MIN..=limits::PAGE_SIZE_MAX;
    // Numbers have one spelling here: no sign, no leading zeros.
    text.parse()
        .ok()
        .filter(|limit: &u16| range.contains(limit) && limit.to_string() == text)
        .ok_or_else(|| format!("must be between {} and {}", range.start(), range.end()).into())
}

fn one_of(words: impl Iterator<Item = &'static str>) -> Rule {
    let words: Vec<_> = words.collect();
    format!("must be one of {}", words.join(", ")).into()
}

/// The parameters of one request and their violations.
struct Parameters<'p> {
    /// The number of times that each known parameter was given.
    counts: BTreeMap<&'p str, usize>,
    /// The values of known parameters that were given once.
    values: BTreeMap<&'p str, &'p str>,
    violations: Vec<Violation>,
}

impl<'p> Parameters<'p> {
    fn read(pairs: &'p [(String, String)], known: &[QueryParameter]) -> Self {
        let mut read =
            Self { counts: BTreeMap::new(), values: BTreeMap::new(), violations: Vec::new() };
        for (name, value) in pairs {
            if known.iter().any(|parameter| parameter.name == name) {
                *read.counts.entry(name).or_default() += 1;
                read.values.insert(name, value);
            } else {
                read.add(name, "is not a known parameter");
            }
        }
        let repeated = read.counts.iter().filter(|&(_, &count)| count > 1);
        for name in repeated.map(|(&name, _)| name).collect::<Vec<_>>() {
            // Which of the values is meant is not known, so none is judged.
            read.values.remove(name);
            read.add(name, "must be given only once");
        }
        read
    }

    fn get<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, Rule>) -> Option<T> {
        let value = self.values.get(name)?;
        // Bytes that are not UTF-8 have become this character on their way here.
        let parsed = if value.contains(char::REPLACEMENT_CHARACTER) {
            Err("must be UTF-8, and without U+FFFD".into())
        } else {
            parse(value)
        };
        match parsed {
            Ok(value) => Some(value),
            Err(rule) => {
                self.add(name, rule);
                None
            }
        }
    }

    fn limit(&mut self) -> u16 {
        self.get("limit", read_limit).unwrap_or(limits::PAGE_SIZE_DEFAULT)
    }

    fn cursor(&mut self) -> Option<String> {
        self.get("cursor", |text| match text {
            "" => Err("must not be empty".into()),
            _ => Ok(text.to_owned()),
        })
    }

    fn order(&mut self) -> Order {
        self.get("order", read_order).unwrap_or_default()
    }

    fn add(&mut self, name: &str, rule: impl Into<Rule>) {
        self.violations.push(Violation::at_parameter(name, rule));
    }

    fn finish<T>(self, request: T) -> Result<T, Vec<Violation>> {
        if self.violations.is_empty() { Ok(request) } else { Err(in_order(self.violations)) }
    }
}

#[cfg(test)]
mod tests;
