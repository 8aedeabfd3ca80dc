use super::{Filter, ListUsers, NoParameters, Order, QueryAudit};
use crate::fixtures::{role, shown};
use crate::{Action, Email, Status, Timestamp, Violation};
use proptest::collection::vec;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use users_contract::{Operation, OperationName};

const LIMIT: &str = "limit must be between 1 and 100";
const TIME: &str = "must be an RFC 3339 date-time with an offset, as in 2026-11-22T10:00:00Z";

/// Reads `name=value` pairs joined by `&`, without percent-decoding.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

type Decoded<T> = Result<T, Vec<Violation>>;

#[track_caller]
fn assert_refused<T: std::fmt::Debug + PartialEq>(
    decode: fn(&[(String, String)]) -> Decoded<T>,
    rows: &[(&str, &[&str], &str)],
) {
    for (query, expected, description) in rows {
        let violations = decode(&pairs(query)).map_err(|violations| shown(&violations));
        let violations = violations.err().unwrap_or_default();
        assert_eq!(violations, *expected, "{description}: {query}");
    }
}

fn list(query: &str) -> ListUsers {
    ListUsers::decode(&pairs(query)).unwrap()
}

fn audit(query: &str) -> QueryAudit {
    QueryAudit::decode(&pairs(query)).unwrap()
}

#[test]
fn lists_have_defaults() {
    let expected = ListUsers {
        limit: 25,
        cursor: None,
        filter: Filter::Directory { status: None, role: None },
        order: Order::Desc,
    };
    assert_eq!(list(""), expected);
}

#[test]
fn list_parameters_are_read() {
    let expected = ListUsers {
        limit: 100,
        cursor: Some("c".repeat(600)),
        filter: Filter::Directory { status: Some(Status::Deleted), role: Some(role("admin")) },
        order: Order::Asc,
    };
    let query = format!("limit=100&cursor={}&status=deleted&role=admin&order=asc", "c".repeat(600));
    assert_eq!(list(&query), expected);
    let email = Filter::Email(Email::parse("Ada@example.com").unwrap());
    assert_eq!(list("email=Ada@example.com&limit=1").filter, email);
    assert_eq!(list("email= Ada@example.com ").filter, email);
    assert_eq!(list("order=desc").order, Order::Desc);
}

#[test]
fn list_parameters_are_refused_with_every_problem() {
    assert_refused(
        ListUsers::decode,
        &[
            ("limit=0", &[LIMIT], "below the range"),
            ("limit=101", &[LIMIT], "above the range"),
            ("limit=-1", &[LIMIT], "negative"),
            ("limit=+5", &[LIMIT], "sign"),
            ("limit=05", &[LIMIT], "leading zero"),
            ("limit=5.0", &[LIMIT], "decimals"),
            ("limit= 5", &[LIMIT], "space"),
            ("limit=5 ", &[LIMIT], "space at the end"),
            ("limit=٥", &[LIMIT], "digit of another script"),
            ("limit=99999999999999999999", &[LIMIT], "very large"),
            ("limit=", &[LIMIT], "empty"),
            ("limit", &[LIMIT], "no value"),
            ("cursor=", &["cursor must not be empty"], "empty cursor"),
            ("status=", &["status must be one of active, disabled, deleted"], "empty status"),
            ("status=Active", &["status must be one of active, disabled, deleted"], "case"),
            ("order=up", &["order must be asc or desc"], "order"),
            ("order=", &["order must be asc or desc"], "empty order"),
            ("role=Admin", &["role must match ^[a-z][a-z0-9:_.-]{0,63}$"], "role"),
            ("role=", &["role must match ^[a-z][a-z0-9:_.-]{0,63}$"], "empty role"),
            ("email=ada", &["email is not a valid email address"], "impossible address"),
            ("email=", &["email is not a valid email address"], "empty address"),
            ("limit=5&limit=5", &["limit must be given only once"], "same value twice"),
            ("limit=5&limit=x&limit=", &["limit must be given only once"], "three times"),
            ("Limit=5", &["Limit is not a known parameter"], "case of names"),
            ("sort=x&sort=y", &["sort is not a known parameter"], "unknown twice, reported once"),
            ("=x", &[" is not a known parameter"], "no name"),
            (
                "email=a@x.io&status=active&role=a&order=asc&cursor=c&limit=5",
                &[
                    "cursor cannot be combined with email",
                    "order cannot be combined with email",
                    "role cannot be combined with email",
                    "status cannot be combined with email",
                ],
                "email stands alone",
            ),
            (
                "email=a&status=x",
                &[
                    "email is not a valid email address",
                    "status cannot be combined with email",
                    "status must be one of active, disabled, deleted",
                ],
                "email stands alone, and both are wrong",
            ),
            (
                "email=a@x.io&email=a@x.io&order=asc&order=asc",
                &[
                    "email must be given only once",
                    "order cannot be combined with email",
                    "order must be given only once",
                ],
                "repeated and combined",
            ),
            (
                "page=2&limit=0&order=x&action=user.registered",
                &[
                    "action is not a known parameter",
                    LIMIT,
                    "order must be asc or desc",
                    "page is not a known parameter",
                ],
                "all at once",
            ),
        ],
    );
}

#[test]
fn audit_parameters_are_read() {
    let expected = QueryAudit {
        limit: 7,
        cursor: Some("c".to_owned()),
        from: Timestamp::parse("2026-11-22T10:00:00.001Z"),
        to: Timestamp::parse("2026-11-22T11:00:00.000Z"),
        action: Some(Action::UserRoleRemoved),
        order: Order::Asc,
    };
    let query = "limit=7&cursor=c&from=2026-11-22T10:00:00.0000001Z&to=2026-11-22T12:00:00%2B01:00\
                 &action=user.role-removed&order=asc"
        .replace("%2B", "+");
    assert_eq!(audit(&query), expected);
    let expected = QueryAudit {
        limit: 25,
        cursor: None,
        from: None,
        to: None,
        action: None,
        order: Order::Desc,
    };
    assert_eq!(audit(""), expected);
}

#[test]
fn audit_ranges_are_compared_before_rounding() {
    let query = audit("from=2026-11-22T10:00:00.0001Z&to=2026-11-22T10:00:00.0002Z");
    assert_eq!(query.from, query.to);
    assert_eq!(query.from, Timestamp::parse("2026-11-22T10:00:00.001Z"));
    let backwards: &[&str] = &["from must be before to"];
    assert_refused(
        QueryAudit::decode,
        &[
            ("from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z", backwards, "equal"),
            ("from=2026-11-22T10:00:00.0002Z&to=2026-11-22T10:00:00.0001Z", backwards, "finer"),
            ("from=2026-11-22T12:00:00+01:00&to=2026-11-22T11:00:00Z", backwards, "offsets"),
            ("to=2026-11-22T10:00:00Z&from=2026-11-22T10:00:01Z", backwards, "other order"),
        ],
    );
}

#[test]
fn audit_parameters_are_refused_with_every_problem() {
    let action = "action must be one of user.registered, user.profile-updated, \
                  user.status-changed, user.role-assigned, user.role-removed";
    let (from, to) = (&*format!("from {TIME}"), &*format!("to {TIME}"));
    assert_refused(
        QueryAudit::decode,
        &[
            ("from=2026-11-22", &[from], "date only"),
            ("from=2026-11-22T10:00:00", &[from], "no offset"),
            ("from=2026-11-22T10:00:00 01:00", &[from], "plus that was not escaped"),
            ("from=", &[from], "empty"),
            ("from=x&to=y", &[from, to], "both"),
            ("action=UserRegistered", &[action], "action"),
            ("action=", &[action], "empty action"),
            ("status=active", &["status is not a known parameter"], "of another operation"),
            (
                "from=2026-11-22T10:00:00Z&from=2026-11-22T10:00:00Z&to=2000-01-01T00:00:00Z",
                &["from must be given only once"],
                "repeated bounds are not compared",
            ),
        ],
    );
}

#[test]
fn operations_without_parameters_know_none() {
    assert_eq!(NoParameters::decode(&[]), Ok(NoParameters));
    assert_refused(
        NoParameters::decode,
        &[
            (
                "limit=5&X-Amz-Date=1&limit=6",
                &["X-Amz-Date is not a known parameter", "limit is not a known parameter"],
                "none is known, and each is reported once",
            ),
            ("é=1", &["é is not a known parameter"], "not ASCII"),
            ("\u{fffd}=1", &["\u{fffd} is not a known parameter"], "not UTF-8"),
        ],
    );
}

#[test]
fn values_that_were_not_utf8_are_refused() {
    const RULE: &str = "must be UTF-8, and without U+FFFD";
    for parameter in Operation::of(OperationName::ListUsers).query_parameters {
        let name = parameter.name;
        for value in ["\u{fffd}", "a\u{fffd}@x.io", "active\u{fffd}", "\u{fffd}25"] {
            let pair = (name.to_owned(), value.to_owned());
            let refused = ListUsers::decode(&[pair]).map_err(|violations| shown(&violations));
            assert_eq!(refused, Err(vec![format!("{name} {RULE}")]), "{value}");
        }
    }
    for parameter in Operation::of(OperationName::QueryAudit).query_parameters {
        let name = parameter.name;
        let pair = (name.to_owned(), "2026-11-22T10:00:00Z\u{fffd}".to_owned());
        let refused = QueryAudit::decode(&[pair]).map_err(|violations| shown(&violations));
        assert_eq!(refused, Err(vec![format!("{name} {RULE}")]));
    }
}

/// Every parameter of the contract is known to its decoder, and no other.
#[test]
fn the_parameters_are_those_of_the_contract() {
    let value = |name: &str| {
        match name {
            "limit" => "2",
            "cursor" => "c",
            "status" => "active",
            "role" => "admin",
            "email" => "a@x.io",
            "order" => "asc",
            "from" => "2026-11-22T10:00:00Z",
            "to" => "2027-11-22T10:00:00Z",
            "action" => "user.registered",
            other => panic!("{other} is new: decode it, and give it a value here"),
        }
        .to_owned()
    };
    for parameter in Operation::of(OperationName::ListUsers).query_parameters {
        let pair = (parameter.name.to_owned(), value(parameter.name));
        assert_ne!(ListUsers::decode(&[pair]), ListUsers::decode(&[]), "{}", parameter.name);
    }
    for parameter in Operation::of(OperationName::QueryAudit).query_parameters {
        let pair = (parameter.name.to_owned(), value(parameter.name));
        assert_ne!(QueryAudit::decode(&[pair]), QueryAudit::decode(&[]), "{}", parameter.name);
    }
}

proptest! {
    #[test]
    fn any_pairs_are_read_without_panic(
        pairs in vec(("limit|cursor|status|role|email|order|from|to|action|\\PC{0,8}", "\\PC{0,12}"), 0..6)
    ) {
        for refused in [
            ListUsers::decode(&pairs).err(),
            QueryAudit::decode(&pairs).err(),
            NoParameters::decode(&pairs).err(),
        ]
        .into_iter()
        .flatten()
        {
            prop_assert!(!refused.is_empty());
            prop_assert!(refused.is_sorted());
        }
    }

    #[test]
    fn limits_are_accepted_exactly_in_range(limit in -5_i32..200) {
        let read = ListUsers::decode(&pairs(&format!("limit={limit}"))).ok();
        let expected = (1..=100).contains(&limit).then_some(limit);
        prop_assert_eq!(read.map(|query| i32::from(query.limit)), expected);
    }
}
