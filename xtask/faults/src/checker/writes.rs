//! Follows each write from its attempts to its effect, its answers and its record.

mod group;
mod records;

use super::contract::{action_of, after_of, core};
use super::users::Users;
use super::violation::{Violation, text};
use crate::history::{Answer, Exchange, History, Operation};
use group::{Effect, Group};
use records::Records;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The rule that a retried request gets a final answer.
pub(crate) const NEVER_SETTLED: &str = "a request is settled";

pub(super) fn check(
    history: &History,
    by_correlation: &BTreeMap<&str, &Exchange>,
    users: &Users<'_>,
    found: &mut Vec<Violation>,
) {
    let effects = effects(by_correlation, users, found);
    let groups = Group::all(&history.exchanges, &effects);
    let records = Records::new(history);
    for group in &groups {
        check_once(group, found);
        check_successes(group, users, found);
        check_memory(history, group, found);
    }
    records.check_groups(&groups, users, found);
    records.check_all(&groups, users, found);
    check_refusals(history, users, found);
    for exchange in &history.exchanges {
        let is_settled = exchange.last_answer().is_some_and(Answer::is_final);
        if exchange.request.is_repeatable() && !is_settled {
            let text = format!("no final answer after {} attempts", exchange.attempts.len());
            found.push(Violation::new(NEVER_SETTLED, text).of(exchange));
        }
    }
}

/// Every change with its request, which it must match.
fn effects<'a>(
    by_correlation: &BTreeMap<&str, &'a Exchange>,
    users: &Users<'a>,
    found: &mut Vec<Violation>,
) -> Vec<Effect<'a>> {
    let mut effects = Vec::new();
    for (id, user) in &users.by_id {
        for (version, entry) in (1..).zip(&user.audit) {
            let Some(exchange) = by_correlation.get(text(entry, "correlationId")) else {
                let text = format!("nobody requested version {version} of {id}");
                found.push(Violation::new("every change was requested", text).with(entry));
                continue;
            };
            effects.push(Effect { user: id, version, entry, exchange });
            let Some(after) = user.at(version) else { continue };
            let request = &exchange.request;
            let before = user.at(version.wrapping_sub(1));
            let matches = request.user.as_deref().is_none_or(|wanted| wanted == *id)
                && action_of(request.operation) == Some(text(entry, "action"))
                && after_of(request, before).as_ref() == Some(&core(after))
                && request.body.as_ref().map_or(&Value::Null, |body| &body["reason"])
                    == entry.get("reason").unwrap_or(&Value::Null)
                && request.if_match.is_none_or(|wanted| wanted + 1 == version);
            if !matches {
                let text = format!("version {version} of {id} does not match its request");
                let violation = Violation::new("a change matches its request", text);
                found.push(violation.of(exchange).with(entry));
            }
        }
    }
    effects
}

/// A request changes something at most once, however often it was sent.
fn check_once(group: &Group<'_>, found: &mut Vec<Violation>) {
    let attempts: BTreeSet<&str> =
        group.effects.iter().map(|effect| text(effect.entry, "correlationId")).collect();
    let count = group.effects.len();
    if count > attempts.len() || (group.is_keyed() && count > 1) {
        let text = format!("it took effect {count} times");
        found.push(group.violation("a request takes effect once", text));
    }
}

/// Acknowledged writes exist, and all successes with one key are equal.
fn check_successes(group: &Group<'_>, users: &Users<'_>, found: &mut Vec<Violation>) {
    let without_replayed = |answer: &Answer| Answer { replayed: false, ..answer.clone() };
    if group.is_keyed()
        && let Some((first, _, answer)) = group.successes().next()
    {
        let (expected, content) = (without_replayed(answer), first.request.content());
        if group.successes().any(|(_, _, other)| without_replayed(other) != expected) {
            found.push(group.violation("all successes with a key are equal", "there are two"));
        }
        let originals = group.successes().filter(|(_, _, answer)| !answer.replayed).count();
        if originals > 1 {
            let text = format!("{originals} answers are not marked as replays");
            found.push(group.violation("one success with a key is not a replay", text));
        }
        if group.successes().any(|(exchange, _, _)| exchange.request.content() != content) {
            let text = "two different requests succeeded with it";
            found.push(group.violation("a key belongs to one request", text));
        }
    }
    let mut seen = BTreeSet::new();
    for (exchange, _, answer) in group.successes() {
        if seen.insert((&exchange.id, &answer.body))
            && let Some(problem) = problem_of(group, exchange, answer, users)
        {
            let violation = group.violation("an acknowledged write exists", problem);
            found.push(violation.with(&answer.json()));
        }
    }
}

/// The error in a success, if there is one.
fn problem_of(
    group: &Group<'_>,
    exchange: &Exchange,
    answer: &Answer,
    users: &Users<'_>,
) -> Option<String> {
    let request = &exchange.request;
    let body = answer.json();
    let (user, version) = (text(&body, "userId"), body["version"].as_u64().unwrap_or_default());
    let state = users.at(user, version);
    let is_registration = request.operation == Operation::Register;
    let location_is_right = match (&answer.location, is_registration) {
        (Some(location), true) => location.ends_with(&format!("/users/{user}")),
        (None, false) => true,
        _ => false,
    };
    if answer.status != if is_registration { 201 } else { 200 }
        || answer.etag.as_deref() != Some(&format!("\"{version}\""))
        || !location_is_right
        || request.user.as_deref().is_some_and(|wanted| wanted != user)
    {
        return Some("status, ETag, Location or user of the answer are wrong".to_owned());
    }
    if state != Some(&body) {
        return Some(format!("version {version} of {user} does not exist as it was shown"));
    }
    let effect = group.effects.iter().find(|it| it.user == user && it.version == version);
    let changed = u64::from(effect.is_some());
    if request.if_match.is_some_and(|wanted| wanted + changed != version) {
        return Some(format!("If-Match does not allow version {version}"));
    }
    if effect.is_some() {
        return None;
    }
    if request.key.is_some() && !group.effects.is_empty() {
        return Some(format!("it shows version {version}, which another request made"));
    }
    // Then it must have had nothing to change.
    let changes_nothing = state.map(core) == after_of(request, state);
    (is_registration || !changes_nothing)
        .then(|| format!("version {version} of {user} was made by another request"))
}

/// After the first visible success, every later attempt gets it too.
fn check_memory(history: &History, group: &Group<'_>, found: &mut Vec<Violation>) {
    if !group.is_keyed() {
        return;
    }
    let first = group.successes().min_by_key(|(_, attempt, _)| attempt.ended);
    // An effect without an acknowledgement counts from the moment when the stack is quiet.
    let effect = group.effects.first().zip(history.quiet_since);
    let (content, since) = match (first, effect) {
        (Some((exchange, attempt, _)), _) => (exchange.request.content(), attempt.ended),
        (None, Some((effect, since))) => (effect.exchange.request.content(), since),
        (None, None) => return,
    };
    for exchange in &group.exchanges {
        let is_same = exchange.request.content() == content;
        let later = exchange.attempts.iter().filter(|attempt| attempt.begun > since);
        for answer in later.filter_map(|attempt| attempt.answer.as_ref()) {
            let is_right = match answer.status {
                429 | 500.. => true,
                422 => !is_same,
                _ => is_same && answer.is_success(),
            };
            if !is_right {
                let code = answer.code().unwrap_or_default();
                let (id, status) = (&exchange.id, answer.status);
                let text = format!("after the success, {id} was answered {status} {code}");
                found.push(group.violation("a success is not forgotten", text));
                return;
            }
        }
    }
}

fn check_refusals(history: &History, users: &Users<'_>, found: &mut Vec<Violation>) {
    for exchange in &history.exchanges {
        let request = &exchange.request;
        let user = request.user.as_deref().unwrap_or_default();
        for answer in exchange.attempts.iter().filter_map(|attempt| attempt.answer.as_ref()) {
            let wanted = request.body.as_ref().map_or("", |body| text(body, "email"));
            let problem = match answer.code().as_deref() {
                Some("user-not-found") if users.by_id.contains_key(user) => {
                    format!("{user} is registered, but was not found")
                }
                Some("email-already-registered")
                    if users.holders(wanted).all(|(id, _)| id == user) =>
                {
                    "nobody else ever had the address".to_owned()
                }
                _ => continue,
            };
            found.push(Violation::new("a refusal is justified", problem).of(exchange));
        }
    }
}
