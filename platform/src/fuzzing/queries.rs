//! Query parameters. The input is a query as it stands in a URL, without escapes.

use super::{Verdict, details, texts};
use users_contract::limits;
use users_domain::query::{Filter, ListUsers, Order, QueryAudit};
use users_domain::{Place, Timestamp, Violation};

/// The query of a list of users.
pub fn list_query(data: &[u8]) -> Verdict {
    let pairs = pairs(data);
    let decoded = ListUsers::decode(&pairs);
    assert_eq!(decoded, ListUsers::decode(&pairs), "another value the second time");
    match &decoded {
        Ok(query) => {
            check_limit(query.limit);
            let mut same = vec![pair("limit", &query.limit)];
            match &query.filter {
                Filter::Email(email) => {
                    texts::check_email(email);
                    assert!(query.cursor.is_none(), "a look-up has one page");
                    assert_eq!(query.order, Order::Desc, "a look-up has no order");
                    same.push(pair("email", email.as_str()));
                }
                Filter::Directory { status, role } => {
                    role.iter().for_each(texts::check_role);
                    same.push(pair("order", query.order.as_str()));
                    same.extend(status.map(|it| pair("status", &it)));
                    same.extend(role.as_ref().map(|it| pair("role", it)));
                    same.extend(query.cursor.as_ref().map(|it| pair("cursor", it)));
                }
            }
            assert_eq!(ListUsers::decode(&same).as_ref(), Ok(query), "written and read again");
            assert!(!format!("{:?}", query.filter).contains('@'), "Debug shows an address");
        }
        Err(violations) => check_violations(&pairs, violations),
    }
    Verdict::accepted(decoded.is_ok())
}

/// The query of an audit trail.
pub fn audit_query(data: &[u8]) -> Verdict {
    let pairs = pairs(data);
    let decoded = QueryAudit::decode(&pairs);
    assert_eq!(decoded, QueryAudit::decode(&pairs), "another value the second time");
    match &decoded {
        Ok(query) => {
            check_limit(query.limit);
            let mut same = vec![pair("limit", &query.limit), pair("order", query.order.as_str())];
            same.extend(query.action.map(|it| pair("action", &it)));
            same.extend(query.cursor.as_ref().map(|it| pair("cursor", it)));
            same.extend(query.from.map(|it| pair("from", &it)));
            same.extend(query.to.map(|it| pair("to", &it)));
            if let (Some(from), Some(to)) = (query.from, query.to) {
                assert!(from <= to, "a range that ends before it begins");
            }
            // Rounded up to the same millisecond, the two are no range that could be asked for,
            // and the years of RFC 3339 have four digits.
            let writable = |bound: Timestamp| Timestamp::parse(&bound.to_string()) == Some(bound);
            let bounds = [query.from, query.to];
            if bounds.into_iter().flatten().all(writable)
                && (query.from.is_none() || query.from != query.to)
            {
                assert_eq!(QueryAudit::decode(&same).as_ref(), Ok(query), "written and read again");
            }
        }
        Err(violations) => check_violations(&pairs, violations),
    }
    Verdict::accepted(decoded.is_ok())
}

fn check_limit(limit: u16) {
    assert!((limits::PAGE_SIZE_MIN..=limits::PAGE_SIZE_MAX).contains(&limit), "a page's size");
}

fn check_violations(pairs: &[(String, String)], violations: &[Violation]) {
    details::check(violations);
    for violation in violations {
        let Place::Parameter(name) = &violation.place else {
            panic!("a problem of a query that is elsewhere: {:?}", violation.place);
        };
        assert!(pairs.iter().any(|(given, _)| given == name), "a parameter that was not given");
    }
}

fn pair(name: &str, value: &(impl ToString + ?Sized)) -> (String, String) {
    (name.to_owned(), value.to_string())
}

fn pairs(data: &[u8]) -> Vec<(String, String)> {
    if data.is_empty() {
        return Vec::new();
    }
    String::from_utf8_lossy(data)
        .split('&')
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
