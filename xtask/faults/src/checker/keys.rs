//! Each write from its attempts to its effect, its answers and its record.

mod records;

use super::contract::{action_of, after_of, core};
use super::state::People;
use super::{Sights, Violation, text};
use crate::history::{Answer, Attempt, Operation, Sight, World};
use records::Records;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A change that the audit entries tell of.
#[derive(Clone, Copy)]
struct Effect<'a> {
    user: &'a str,
    version: u64,
    entry: &'a Value,
    sight: &'a Sight,
}

/// Requests that are one to the service: those of one key, or one without a key.
struct Group<'a> {
    sights: Vec<&'a Sight>,
    effects: Vec<Effect<'a>>,
}

impl<'a> Group<'a> {
    fn successes(&self) -> impl Iterator<Item = (&'a Sight, &'a Attempt, &'a Answer)> + '_ {
        self.sights
            .iter()
            .flat_map(|sight| sight.successes().map(|(attempt, answer)| (*sight, attempt, answer)))
    }

    fn about(&self, rule: &'static str, text: impl Into<String>) -> Violation {
        let mut violation = Violation::new(rule, text);
        violation.requests.extend(self.sights.iter().map(|sight| sight.id.clone()));
        violation.items.extend(self.effects.iter().map(|effect| effect.entry.clone()));
        violation
    }
}

pub(super) fn check(
    world: &World,
    sights: &Sights<'_>,
    people: &People<'_>,
    found: &mut Vec<Violation>,
) {
    let effects = effects(sights, people, found);
    let groups = groups(&world.sights, &effects);
    let records = Records::new(world);
    for group in groups.values() {
        check_once(group, found);
        check_successes(group, people, found);
        check_memory(world, group, found);
        records.check_group(group, people, found);
    }
    records.check_asked_for(&groups, people, found);
    check_refusals(world, people, found);
    check_settled(world, found);
}

/// Whoever asks again and again is answered at last.
fn check_settled(world: &World, found: &mut Vec<Violation>) {
    for sight in &world.sights {
        let is_repeated = sight.request.key.is_some() || !sight.request.operation.is_write();
        if is_repeated && !sight.last_answer().is_some_and(Answer::is_final) {
            let text = format!("{} attempts, and no answer", sight.attempts.len());
            found.push(Violation::new("a request comes to its end", text).of(sight));
        }
    }
}

/// Every change with the request that it is of. It must be what was asked for.
fn effects<'a>(
    sights: &Sights<'a>,
    people: &People<'a>,
    found: &mut Vec<Violation>,
) -> Vec<Effect<'a>> {
    let mut effects = Vec::new();
    for (user, person) in &people.by_id {
        for (version, entry) in (1..).zip(&person.audit) {
            let Some((sight, _)) = sights.by_correlation.get(text(entry, "correlationId")) else {
                let text = format!("nobody asked for version {version} of {user}");
                found.push(Violation::new("nothing that nobody asked for", text).with(entry));
                continue;
            };
            effects.push(Effect { user, version, entry, sight });
            let Some(after) = person.at(version) else { continue };
            let request = &sight.request;
            let before = person.at(version.wrapping_sub(1));
            let is_asked_for = request.user.as_deref().is_none_or(|asked| asked == *user)
                && action_of(request.operation) == Some(text(entry, "action"))
                && after_of(request, before).as_ref() == Some(&core(after))
                && request.body.as_ref().map_or(&Value::Null, |body| &body["reason"])
                    == entry.get("reason").unwrap_or(&Value::Null)
                && request.if_match.is_none_or(|at| at + 1 == version);
            if !is_asked_for {
                let text = format!("version {version} of {user} is not what was asked for");
                let violation = Violation::new("a change is what was asked for", text);
                found.push(violation.of(sight).with(entry));
            }
        }
    }
    effects
}

fn groups<'a>(sights: &'a [Sight], effects: &[Effect<'a>]) -> BTreeMap<String, Group<'a>> {
    let name = |sight: &Sight| sight.request.scope().unwrap_or_else(|| sight.id.clone());
    let mut groups: BTreeMap<String, Group<'a>> = BTreeMap::new();
    for sight in sights.iter().filter(|sight| sight.request.operation.is_write()) {
        let empty = || Group { sights: Vec::new(), effects: Vec::new() };
        groups.entry(name(sight)).or_insert_with(empty).sights.push(sight);
    }
    for effect in effects {
        if let Some(group) = groups.get_mut(&name(effect.sight)) {
            group.effects.push(*effect);
        }
    }
    groups
}

/// However often it was sent, it has changed something once at most.
fn check_once(group: &Group<'_>, found: &mut Vec<Violation>) {
    let is_keyed = group.sights.iter().any(|sight| sight.request.key.is_some());
    let mut by_attempt: BTreeMap<&str, u32> = BTreeMap::new();
    for effect in &group.effects {
        *by_attempt.entry(text(effect.entry, "correlationId")).or_default() += 1;
    }
    if by_attempt.values().any(|count| *count > 1) || (is_keyed && group.effects.len() > 1) {
        let text = format!("it took effect {} times", group.effects.len());
        found.push(group.about("a request takes effect once", text));
    }
}

/// What was acknowledged is there, and every acknowledgement of a key is the same.
fn check_successes(group: &Group<'_>, people: &People<'_>, found: &mut Vec<Violation>) {
    let is_keyed = group.sights.iter().any(|sight| sight.request.key.is_some());
    let shown = |answer: &Answer| Answer { replayed: false, ..answer.clone() };
    if is_keyed && let Some((first, _, answer)) = group.successes().next() {
        if group.successes().any(|(_, _, other)| shown(other) != shown(answer)) {
            found.push(group.about("every success of a key is the same", "there are two"));
        }
        let originals = group.successes().filter(|(_, _, answer)| !answer.replayed).count();
        if originals > 1 {
            let text = format!("{originals} answers are no replays");
            found.push(group.about("one success of a key is no replay", text));
        }
        let content = first.request.content();
        if group.successes().any(|(sight, _, _)| sight.request.content() != content) {
            let text = "two different requests succeeded under it";
            found.push(group.about("a key is of one request", text));
        }
    }
    let mut seen = BTreeSet::new();
    for (sight, _, answer) in group.successes() {
        if seen.insert((&sight.id, &answer.body))
            && let Some(problem) = acknowledged(group, sight, answer, people)
        {
            let violation = group.about("an acknowledged write is there", problem);
            found.push(violation.with(&answer.json()));
        }
    }
}

/// What is wrong with a success, if anything.
fn acknowledged(
    group: &Group<'_>,
    sight: &Sight,
    answer: &Answer,
    people: &People<'_>,
) -> Option<String> {
    let request = &sight.request;
    let body = answer.json();
    let (user, version) = (text(&body, "userId"), body["version"].as_u64().unwrap_or_default());
    let state = people.by_id.get(user).and_then(|person| person.at(version));
    let is_registration = request.operation == Operation::Register;
    let location_is_right = match (&answer.location, is_registration) {
        (Some(location), true) => location.ends_with(&format!("/users/{user}")),
        (None, false) => true,
        _ => false,
    };
    if answer.status != if is_registration { 201 } else { 200 }
        || answer.etag.as_deref() != Some(&format!("\"{version}\""))
        || !location_is_right
        || request.user.as_deref().is_some_and(|asked| asked != user)
    {
        return Some("status, ETag, Location or user of the answer are wrong".to_owned());
    }
    if state != Some(&body) {
        return Some(format!("version {version} of {user} was shown, and is another or none"));
    }
    let effect = group.effects.iter().find(|it| it.user == user && it.version == version);
    let changed_before = u64::from(effect.is_some());
    if request.if_match.is_some_and(|at| at + changed_before != version) {
        return Some(format!("it was to be done at another version than {version}"));
    }
    if effect.is_some() {
        return None;
    }
    if request.key.is_some() && !group.effects.is_empty() {
        return Some(format!("it shows version {version}, which is not the one that it made"));
    }
    // Then it changed nothing, because all was as it was to be.
    let changes_nothing = state.map(core) == after_of(request, state);
    (is_registration || !changes_nothing)
        .then(|| format!("version {version} of {user} was made by another request"))
}

/// Once a success was visible, every later attempt sees it.
fn check_memory(world: &World, group: &Group<'_>, found: &mut Vec<Violation>) {
    if group.sights.iter().all(|sight| sight.request.key.is_none()) {
        return;
    }
    let first = group.successes().min_by_key(|(_, attempt, _)| attempt.ended);
    // An effect that nobody was told of counts from when all is at rest.
    let effect = group.effects.first().zip(world.at_rest_since);
    let (content, since) = match (first, effect) {
        (Some((sight, attempt, _)), _) => (sight.request.content(), attempt.ended),
        (None, Some((effect, since))) => (effect.sight.request.content(), since),
        (None, None) => return,
    };
    for sight in &group.sights {
        let is_same = sight.request.content() == content;
        let later = sight.attempts.iter().filter(|attempt| attempt.begun > since);
        for answer in later.filter_map(Attempt::answer) {
            let is_right = match answer.status {
                429 | 500.. => true,
                422 => !is_same,
                _ => is_same && answer.is_success(),
            };
            if !is_right {
                let text = format!(
                    "it had succeeded before, and {} is answered {} {}",
                    sight.id,
                    answer.status,
                    answer.code().unwrap_or_default()
                );
                found.push(group.about("a success is not forgotten", text));
                return;
            }
        }
    }
}

/// A refusal has its reason.
fn check_refusals(world: &World, people: &People<'_>, found: &mut Vec<Violation>) {
    let mut addresses: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (user, person) in &people.by_id {
        for (_, state) in person.since(1) {
            addresses.entry(text(state, "email").to_lowercase()).or_default().insert(user);
        }
    }
    for sight in &world.sights {
        let request = &sight.request;
        for answer in sight.attempts.iter().filter_map(Attempt::answer) {
            let user = request.user.as_deref().unwrap_or_default();
            let problem = match answer.code().as_deref() {
                Some("user-not-found") if people.by_id.contains_key(user) => {
                    format!("{user} is registered, and was not found")
                }
                Some("email-already-registered") => {
                    let wanted = request.body.as_ref().map(|body| text(body, "email"));
                    let holders = addresses.get(&wanted.unwrap_or_default().to_lowercase());
                    if holders.is_some_and(|ids| ids.iter().any(|id| *id != user)) {
                        continue;
                    }
                    "the address was never anybody else's".to_owned()
                }
                _ => continue,
            };
            found.push(Violation::new("a refusal has its reason", problem).of(sight));
        }
    }
}
