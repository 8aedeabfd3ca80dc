//! The states of each user, replayed from the audit entries, and compared with the tables.

use super::violation::{Violation, roles, text};
use crate::history::History;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The shards of the index, as keys name them.
const SHARDS: [&str; 2] = ["0", "1"];
const FIRST_VERSION: u64 = 1;

/// The users table by user and guarded address.
pub(super) struct Users<'a> {
    pub(super) by_id: BTreeMap<&'a str, User<'a>>,
    guards: BTreeMap<&'a str, &'a Value>,
    /// The users that have had an address, deleted ones included.
    holders: BTreeMap<String, BTreeSet<&'a str>>,
}

/// The items and states of one user.
#[derive(Default)]
pub(super) struct User<'a> {
    profile: Option<&'a Value>,
    roles: BTreeMap<&'a str, &'a Value>,
    /// In the order of their keys.
    pub(super) audit: Vec<&'a Value>,
    /// The states that the API shows, from version 1.
    states: Vec<Value>,
}

impl User<'_> {
    /// The state that the API shows at a version.
    pub(super) fn at(&self, version: u64) -> Option<&Value> {
        let index = usize::try_from(version.checked_sub(FIRST_VERSION)?).ok()?;
        self.states.get(index)
    }

    /// The states from a version on.
    pub(super) fn since(&self, version: u64) -> impl Iterator<Item = &Value> {
        let states = (FIRST_VERSION..).zip(&self.states);
        states.filter(move |(at, _)| *at >= version).map(|(_, state)| state)
    }
}

impl<'a> Users<'a> {
    /// Sorts the items by user, and replays the audit entries.
    pub(super) fn new(history: &'a History, found: &mut Vec<Violation>) -> Self {
        let (by_id, guards) = (BTreeMap::new(), BTreeMap::new());
        let mut users = Self { by_id, guards, holders: BTreeMap::new() };
        for item in &history.users {
            let (pk, sk) = (text(item, "pk"), text(item, "sk"));
            if sk == "EMAIL"
                && let Some(address) = pk.strip_prefix("EMAIL#")
            {
                users.guards.insert(address, item);
                continue;
            }
            let id = pk.strip_prefix("USER#").filter(|id| *id == text(item, "userId"));
            let is_known = id.is_some_and(|id| users.by_id.entry(id).or_default().add(sk, item));
            if !is_known {
                found.push(Violation::new("unknown item", format!("{pk} {sk}")).with(item));
            }
        }
        for (id, user) in &mut users.by_id {
            user.audit.sort_by_key(|entry| text(entry, "eventId"));
            user.replay(found);
            for state in &user.states {
                let address = text(state, "email").to_lowercase();
                users.holders.entry(address).or_default().insert(id);
            }
        }
        users
    }

    /// The state of a user at a version.
    pub(super) fn at(&self, id: &str, version: u64) -> Option<&Value> {
        self.by_id.get(id)?.at(version)
    }

    /// The users that have had an address.
    pub(super) fn holders(&self, address: &str) -> impl Iterator<Item = (&'a str, &User<'a>)> {
        let ids = self.holders.get(&address.to_lowercase()).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.by_id.get(id)?)))
    }

    /// Compares the users table with the replayed states.
    pub(super) fn check(&self, found: &mut Vec<Violation>) {
        let mut owners: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (id, user) in &self.by_id {
            let Some(profile) = user.profile else {
                let violation = Violation::new("one profile per user", format!("{id} has none"));
                found.push(violation.with_all(&user.audit));
                continue;
            };
            user.check_profile(id, profile, found);
            user.check_index(id, profile, found);
            if text(profile, "status") != "deleted" {
                let address = text(profile, "email").to_lowercase();
                owners.entry(address).or_default().push(id);
            }
        }
        for (address, ids) in &owners {
            let names = ids.join(" and ");
            if ids.len() > 1 {
                let text = format!("{address} belongs to {names}");
                found.push(self.about("an address belongs to one user", text, ids));
            }
            let guard = self.guards.get(address.as_str());
            if !guard.is_some_and(|guard| ids.contains(&text(guard, "userId"))) {
                let text = format!("{address} of {names} has no guard of its own");
                found.push(self.about("every live address is guarded", text, ids));
            }
        }
        for (address, guard) in &self.guards {
            let owner = text(guard, "userId");
            if !owners.get(*address).is_some_and(|ids| ids.contains(&owner)) {
                let text = format!("{address} is guarded for {owner}, who does not have it");
                let violation = self.about("every guard has an owner", text, &[owner]);
                found.push(violation.with(guard));
            }
        }
    }

    /// A violation with the audit entries of some users.
    fn about(&self, rule: &'static str, text: String, ids: &[&str]) -> Violation {
        let users = ids.iter().filter_map(|id| self.by_id.get(id));
        let latest_first = users.flat_map(|user| user.audit.iter().rev());
        Violation::new(rule, text).with_all(latest_first)
    }
}

impl<'a> User<'a> {
    /// Adds an item; returns whether its kind is known.
    fn add(&mut self, sk: &'a str, item: &'a Value) -> bool {
        if sk == "PROFILE" {
            self.profile = Some(item);
        } else if let Some(role) = sk.strip_prefix("ROLE#") {
            self.roles.insert(role, item);
        } else if sk.strip_prefix("AUDIT#") == Some(text(item, "eventId")) {
            self.audit.push(item);
        } else {
            return false;
        }
        true
    }

    /// Applies the audit entries in order and keeps each state, up to the first contradiction.
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
                let violation = Violation::new("versions without gaps", text).with(entry);
                found.push(violation.with_all(before.as_ref()));
                return;
            }
            let at = text(entry, "at");
            if let Some(before) = before
                && at <= text(before, "at")
            {
                let text = format!("version {version} of {id} is not later than the one before");
                found.push(Violation::new("timestamps increase", text).with(entry).with(before));
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
            let (version, count) = (&profile["version"], self.audit.len());
            let text = format!("{id} is at version {version}, and its {count} entries differ");
            let rule = "one audit entry for each version, equal to the change";
            let violation = Violation::new(rule, text).with(profile);
            found.push(violation.with_all(self.audit.iter().rev()));
        }
        let address = text(profile, "email").to_lowercase();
        if text(profile, "emailKey") != address {
            let text = format!("the address key of {id} is not its address");
            found.push(Violation::new("address and its key agree", text).with(profile));
        }
    }

    fn check_index(&self, id: &str, profile: &Value, found: &mut Vec<Violation>) {
        const AGREE: &str = "index and profile agree";
        let status = text(profile, "status");
        let shard = text(profile, "statusPk").strip_prefix(&format!("STATUS#{status}#"));
        let Some(shard) = shard.filter(|shard| SHARDS.contains(shard)) else {
            let text = format!("{id} is {status}, but listed under another status");
            found.push(Violation::new(AGREE, text).with(profile));
            return;
        };
        let live = (status != "deleted").then(|| json!(format!("LIVE#{shard}")));
        if profile.get("directoryPk") != live.as_ref() {
            let text = format!("{id} is {status}, which its key in the list of all contradicts");
            found.push(Violation::new(AGREE, text).with(profile));
        }
        let of_profile: BTreeSet<&str> = roles(profile).collect();
        let of_items: BTreeSet<&str> = self.roles.keys().copied().collect();
        if of_profile != of_items {
            let text = format!("{id} has the roles {of_profile:?} and the items {of_items:?}");
            let violation = Violation::new("roles and their items agree", text).with(profile);
            found.push(violation.with_all(self.audit.iter().rev()));
        }
        for (role, item) in &self.roles {
            if text(item, "directoryPk") != format!("ROLE#{role}#{shard}") {
                let text = format!("{id} is not listed under its role {role}");
                found.push(Violation::new(AGREE, text).with(item));
            }
        }
    }
}

/// Applies the changes of an audit entry; the old values must be those of the state.
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
            return Err(format!("{field} does not change"));
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
            return Err(format!("the old value of {field} is wrong"));
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
            let had_none = roles.is_empty();
            roles.extend(list);
            had_none
        }
        _ => false,
    }
}
