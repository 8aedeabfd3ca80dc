//! Each user's states, replayed from the audit entries, and the tables held to them.

use super::{Violation, text};
use crate::history::World;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// How the spread over index partitions is told in keys.
const SHARDS: [&str; 2] = ["0", "1"];
const FIRST_VERSION: u64 = 1;

/// All users, and the guards of addresses.
pub(super) struct People<'a> {
    pub(super) by_id: BTreeMap<&'a str, Person<'a>>,
    guards: Vec<(&'a str, &'a Value)>,
}

/// All items of one user.
#[derive(Default)]
pub(super) struct Person<'a> {
    profiles: Vec<&'a Value>,
    roles: BTreeMap<&'a str, &'a Value>,
    /// In the order of their keys.
    pub(super) audit: Vec<&'a Value>,
    /// What a caller is shown at each version, from 1.
    states: Vec<Value>,
}

impl Person<'_> {
    /// What a caller is shown at a version.
    pub(super) fn at(&self, version: u64) -> Option<&Value> {
        let index = usize::try_from(version.checked_sub(FIRST_VERSION)?).ok()?;
        self.states.get(index)
    }

    /// The states from a version on, with their versions.
    pub(super) fn since(&self, version: u64) -> impl Iterator<Item = (u64, &Value)> {
        (FIRST_VERSION..).zip(&self.states).filter(move |(at, _)| *at >= version)
    }
}

impl<'a> People<'a> {
    /// Sorts the items of the users table by user.
    pub(super) fn new(world: &'a World, found: &mut Vec<Violation>) -> Self {
        let mut people = Self { by_id: BTreeMap::new(), guards: Vec::new() };
        for item in &world.users {
            let (pk, sk) = (text(item, "pk"), text(item, "sk"));
            let user_id = text(item, "userId");
            let person = pk.strip_prefix("USER#").filter(|id| *id == user_id);
            match (person, pk.strip_prefix("EMAIL#")) {
                (Some(id), _) => {
                    let person = people.by_id.entry(id).or_default();
                    if sk == "PROFILE" {
                        person.profiles.push(item);
                    } else if let Some(role) = sk.strip_prefix("ROLE#") {
                        person.roles.insert(role, item);
                    } else if sk.strip_prefix("AUDIT#") == Some(text(item, "eventId")) {
                        person.audit.push(item);
                    } else {
                        found.push(Violation::new("unknown item", sk).with(item));
                    }
                }
                (None, Some(address)) if sk == "EMAIL" => people.guards.push((address, item)),
                _ => found.push(Violation::new("unknown item", format!("{pk} {sk}")).with(item)),
            }
        }
        for person in people.by_id.values_mut() {
            person.audit.sort_by_key(|entry| text(entry, "eventId"));
            person.replay(found);
        }
        people
    }

    /// Holds the users table to the replayed states.
    pub(super) fn check(&self, found: &mut Vec<Violation>) {
        let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (id, person) in &self.by_id {
            let [profile] = person.profiles.as_slice() else {
                let count = person.profiles.len();
                let mut violation = Violation::new("one profile", format!("{id} has {count}"));
                violation.items = person.audit.iter().map(|entry| (*entry).clone()).collect();
                found.push(violation);
                continue;
            };
            person.check_profile(id, profile, found);
            person.check_index(id, profile, found);
            if text(profile, "status") != "deleted" {
                let address = text(profile, "email").to_lowercase();
                owners.entry(address).or_default().push(id);
            }
        }
        for (address, ids) in &owners {
            if ids.len() > 1 {
                let text = format!("{address} is the address of {}", ids.join(" and "));
                found.push(self.about("one user for an address", text, ids));
            }
        }
        for (address, ids) in &owners {
            let guards: Vec<_> =
                self.guards.iter().filter(|(guarded, _)| guarded == address).collect();
            let is_guarded = guards.iter().any(|(_, guard)| ids.contains(&text(guard, "userId")));
            if !is_guarded {
                let text = format!("{address} of {} has no guard of its own", ids.join(" and "));
                found.push(self.about("every live address is guarded", text, ids));
            }
        }
        for (address, guard) in &self.guards {
            let owner = text(guard, "userId");
            if !owners.get(*address).is_some_and(|ids| ids.contains(&owner)) {
                let text = format!("{address} is guarded for {owner}, who does not live there");
                let violation = self.about("every guard is owned", text, &[owner]);
                found.push(violation.with(guard));
            }
        }
    }

    /// A violation with everything of some users.
    fn about(&self, rule: &'static str, text: String, ids: &[&str]) -> Violation {
        let mut violation = Violation::new(rule, text);
        for person in ids.iter().filter_map(|id| self.by_id.get(id)) {
            violation.items.extend(person.audit.iter().rev().map(|entry| (*entry).clone()));
        }
        violation
    }
}

impl Person<'_> {
    /// Goes through the audit entries in order and notes each state, as far as they make sense.
    fn replay(&mut self, found: &mut Vec<Violation>) {
        let mut state = Map::new();
        let mut roles: BTreeSet<String> = BTreeSet::new();
        let mut before: Option<&Value> = None;
        for (version, entry) in (FIRST_VERSION..).zip(&self.audit) {
            let id = text(entry, "userId");
            if entry["version"] != version {
                let versions: Vec<_> =
                    self.audit.iter().map(|entry| entry["version"].to_string()).collect();
                let text = format!("{id} has audit entries of {}", versions.join(", "));
                let mut violation = Violation::new("versions without gaps", text).with(entry);
                violation.items.extend(before.cloned());
                found.push(violation);
                return;
            }
            let at = text(entry, "at");
            if let Some(before) = before
                && at <= text(before, "at")
            {
                let text = format!("version {version} of {id} is not later than the one before");
                found.push(Violation::new("time goes on", text).with(entry).with(before));
            }
            if let Err(problem) = apply(&mut state, &mut roles, entry) {
                let text = format!("version {version} of {id}: {problem}");
                found.push(Violation::new("changes follow each other", text).with(entry));
                return;
            }
            if version == FIRST_VERSION {
                state.insert("createdAt".to_owned(), json!(at));
            }
            state.insert("userId".to_owned(), json!(id));
            state.insert("updatedAt".to_owned(), json!(at));
            state.insert("version".to_owned(), json!(version));
            state.insert("roles".to_owned(), json!(roles));
            self.states.push(Value::Object(state.clone()));
            before = Some(entry);
        }
    }

    fn check_profile(&self, id: &str, profile: &Value, found: &mut Vec<Violation>) {
        let mut shown = profile.as_object().cloned().unwrap_or_default();
        for name in ["pk", "sk", "directoryPk", "statusPk", "emailKey"] {
            shown.remove(name);
        }
        let shown = Value::Object(shown);
        if self.states.last() != Some(&shown) {
            let text = format!(
                "{id} is at version {} with {} audit entries, which come to another state",
                profile["version"],
                self.audit.len()
            );
            let mut violation =
                Violation::new("one audit entry for each version, equal to the change", text)
                    .with(profile);
            violation.items.extend(self.audit.iter().rev().map(|entry| (*entry).clone()));
            found.push(violation);
        }
        let address = text(profile, "email").to_lowercase();
        if text(profile, "emailKey") != address {
            let text = format!("{id} is kept under another address than its own");
            found.push(Violation::new("address and its key agree", text).with(profile));
        }
    }

    fn check_index(&self, id: &str, profile: &Value, found: &mut Vec<Violation>) {
        let status = text(profile, "status");
        let shard = text(profile, "statusPk").strip_prefix(&format!("STATUS#{status}#"));
        let Some(shard) = shard.filter(|shard| SHARDS.contains(shard)) else {
            let text = format!("{id} is listed under another status than its own");
            found.push(Violation::new("index and profile agree", text).with(profile));
            return;
        };
        let live = (status != "deleted").then(|| json!(format!("LIVE#{shard}")));
        if profile.get("directoryPk") != live.as_ref() {
            let text = format!("{id} is {status}, and listed among all users accordingly or not");
            found.push(Violation::new("index and profile agree", text).with(profile));
        }
        let of_profile: BTreeSet<&str> =
            profile["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let of_items: BTreeSet<&str> = self.roles.keys().copied().collect();
        if of_profile != of_items {
            let text = format!("{id} has the roles {of_profile:?} and the items {of_items:?}");
            let mut violation = Violation::new("roles and their items agree", text).with(profile);
            violation.items.extend(self.audit.iter().rev().map(|entry| (*entry).clone()));
            found.push(violation);
        }
        for (role, item) in &self.roles {
            if text(item, "directoryPk") != format!("ROLE#{role}#{shard}") {
                let text = format!("{id} is listed under another role than {role}");
                found.push(Violation::new("index and profile agree", text).with(item));
            }
        }
    }
}

/// Carries out the changes of an audit entry; each must fit what was there.
fn apply(
    state: &mut Map<String, Value>,
    roles: &mut BTreeSet<String>,
    entry: &Value,
) -> Result<(), String> {
    let changes = entry["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    if changes.is_empty() {
        return Err("it changes nothing".to_owned());
    }
    for change in changes {
        let field = text(change, "field");
        let (old, new) = (change.get("old"), change.get("new"));
        if old == new {
            return Err(format!("{field} stays as it is"));
        }
        let fits = if field == "roles" {
            apply_roles(roles, old, new)
        } else if let Some(key) = field.strip_prefix("attributes.") {
            let mut attributes = match state.remove("attributes") {
                Some(Value::Object(attributes)) => attributes,
                _ => Map::new(),
            };
            let fits = replace(&mut attributes, key, old, new);
            if !attributes.is_empty() {
                state.insert("attributes".to_owned(), Value::Object(attributes));
            }
            fits
        } else {
            replace(state, field, old, new)
        };
        if !fits {
            return Err(format!("the old value of {field} is not what was there"));
        }
    }
    Ok(())
}

fn replace(
    map: &mut Map<String, Value>,
    name: &str,
    old: Option<&Value>,
    new: Option<&Value>,
) -> bool {
    let before = match new {
        Some(new) => map.insert(name.to_owned(), new.clone()),
        None => map.remove(name),
    };
    before.as_ref() == old
}

fn apply_roles(roles: &mut BTreeSet<String>, old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (None, Some(Value::String(role))) => roles.insert(role.clone()),
        (Some(Value::String(role)), None) => roles.remove(role),
        (None, Some(Value::Array(list))) => {
            let list = list.iter().filter_map(Value::as_str).map(str::to_owned);
            let were_none = roles.is_empty();
            roles.extend(list);
            were_none
        }
        _ => false,
    }
}
