//! The invariants of the users table as a whole.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | user | `USER#<userId>` | `PROFILE` |
//! | role of a user | `USER#<userId>` | `ROLE#<role>` |
//! | audit entry | `USER#<userId>` | `AUDIT#<eventId>` |
//! | email guard | `EMAIL#<normalised email>` | `EMAIL` |

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Everything of one user.
#[derive(Default)]
struct Partition<'a> {
    profiles: Vec<&'a Value>,
    roles: BTreeMap<String, &'a Value>,
    audit: Vec<&'a Value>,
}

/// Checks all items of the users table, attributes as plain JSON, and gives every broken
/// invariant in words; an empty list is a sound table. The table must be at rest.
///
/// - Each user has one profile.
/// - The audit entries of a user are one for each version from 1 to the profile's, in the order of
///   their ids, and the last one's time is the profile's `updatedAt`.
/// - The role items of a user are the profile's roles.
/// - Each user that is not deleted owns the guard of its address; there is no other guard.
/// - `directoryPk` lists a profile unless the user is deleted, and a role item under its role;
///   `statusPk` names the profile's status. All items of a user are in the same shard.
#[must_use]
pub fn check_invariants(items: &[Value]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut users: BTreeMap<&str, Partition<'_>> = BTreeMap::new();
    let mut guards: BTreeMap<&str, &str> = BTreeMap::new();
    for item in items {
        let (pk, sk) = (text(item, "pk"), text(item, "sk"));
        if let Some(user_id) = pk.strip_prefix("USER#") {
            let partition = users.entry(user_id).or_default();
            if text(item, "userId") != user_id {
                broken.push(format!("{pk} {sk}: userId is not that of the key"));
            }
            if sk == "PROFILE" {
                partition.profiles.push(item);
            } else if let Some(role) = sk.strip_prefix("ROLE#") {
                partition.roles.insert(role.to_owned(), item);
            } else if sk.starts_with("AUDIT#") {
                partition.audit.push(item);
            } else {
                broken.push(format!("{pk} {sk}: no kind of item has this key"));
            }
        } else if let Some(email) = pk.strip_prefix("EMAIL#")
            && sk == "EMAIL"
        {
            if guards.insert(email, text(item, "userId")).is_some() {
                broken.push(format!("guard of {}: there are two", text(item, "userId")));
            }
        } else {
            broken.push(format!("{pk} {sk}: no kind of item has this key"));
        }
    }
    for (user_id, partition) in &mut users {
        partition.audit.sort_by_key(|entry| text(entry, "sk"));
        let [profile] = partition.profiles.as_slice() else {
            broken.push(format!("{user_id}: has {} profiles", partition.profiles.len()));
            continue;
        };
        check_audit(user_id, profile, &partition.audit, &mut broken);
        check_roles(user_id, profile, &partition.roles, &mut broken);
        check_guard(user_id, profile, &mut guards, &mut broken);
    }
    // The remaining guards belong to no live user with this address.
    broken.extend(
        guards
            .values()
            .map(|owner| format!("{owner}: a guard is left that no live user's address has")),
    );
    broken
}

fn check_audit(user_id: &str, profile: &Value, audit: &[&Value], broken: &mut Vec<String>) {
    let version = profile["version"].as_u64().unwrap_or_default();
    let recorded: Vec<u64> =
        audit.iter().map(|entry| entry["version"].as_u64().unwrap_or_default()).collect();
    if recorded != (1..=version).collect::<Vec<_>>() {
        broken.push(format!("{user_id}: at version {version} with audit entries {recorded:?}"));
    }
    for entry in audit {
        if text(entry, "sk").strip_prefix("AUDIT#") != Some(text(entry, "eventId")) {
            broken.push(format!("{user_id}: an audit entry's eventId is not that of its key"));
        }
    }
    let at = audit.last().map_or("", |entry| text(entry, "at"));
    if at != text(profile, "updatedAt") {
        broken
            .push(format!("{user_id}: the last audit entry is not of the time of the last change"));
    }
}

fn check_roles(
    user_id: &str,
    profile: &Value,
    items: &BTreeMap<String, &Value>,
    broken: &mut Vec<String>,
) {
    let status = text(profile, "status");
    let shard = match text(profile, "statusPk").strip_prefix(&format!("STATUS#{status}#")) {
        // How many there are is a stage's choice.
        Some(shard) if shard.parse::<u8>().is_ok_and(|shard| shard < 32) => shard,
        _ => {
            broken.push(format!("{user_id}: the profile's statusPk is not that of its status"));
            return;
        }
    };
    let listed = (status != "deleted").then(|| format!("LIVE#{shard}"));
    if profile.get("directoryPk").and_then(Value::as_str) != listed.as_deref() {
        broken.push(format!("{user_id}: the profile's directoryPk is not that of its status"));
    }
    let of_profile: BTreeSet<&str> =
        profile["roles"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let of_items: BTreeSet<&str> = items.keys().map(String::as_str).collect();
    if of_profile != of_items {
        broken.push(format!("{user_id}: has roles {of_profile:?} and role items {of_items:?}"));
    }
    for (role, item) in items {
        if text(item, "directoryPk") != format!("ROLE#{role}#{shard}") {
            broken.push(format!("{user_id}: the directoryPk of {role} is not that of the role"));
        }
    }
}

/// Takes the guard of a live user off the list; a deleted user must not find one of its own.
fn check_guard(
    user_id: &str,
    profile: &Value,
    guards: &mut BTreeMap<&str, &str>,
    broken: &mut Vec<String>,
) {
    if text(profile, "status") == "deleted" {
        return;
    }
    match guards.remove(text(profile, "emailKey")) {
        Some(owner) if owner == user_id => {}
        Some(owner) => broken.push(format!("{user_id}: the guard of its address is {owner}'s")),
        None => broken.push(format!("{user_id}: its address has no guard")),
    }
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::check_invariants;
    use serde_json::{Value, json};

    /// Two users: one alive at version 2 with a role, one deleted at version 2.
    fn sound() -> Vec<Value> {
        let audit = |user: &str, id: &str, version: u64, at: &str| {
            json!({
                "pk": format!("USER#{user}"), "sk": format!("AUDIT#{id}"), "userId": user,
                "eventId": id, "version": version, "at": at
            })
        };
        vec![
            json!({
                "pk": "USER#A", "sk": "PROFILE", "userId": "A", "emailKey": "a@x.io",
                "status": "active", "roles": ["admin"], "version": 2, "updatedAt": "t2",
                "directoryPk": "LIVE#3", "statusPk": "STATUS#active#3"
            }),
            json!({
                "pk": "USER#A", "sk": "ROLE#admin", "userId": "A", "directoryPk": "ROLE#admin#3"
            }),
            audit("A", "E1", 1, "t1"),
            audit("A", "E2", 2, "t2"),
            json!({"pk": "EMAIL#a@x.io", "sk": "EMAIL", "userId": "A"}),
            json!({
                "pk": "USER#B", "sk": "PROFILE", "userId": "B", "emailKey": "b@x.io",
                "status": "deleted", "roles": [], "version": 2, "updatedAt": "t4",
                "statusPk": "STATUS#deleted#0"
            }),
            audit("B", "E3", 1, "t3"),
            audit("B", "E4", 2, "t4"),
        ]
    }

    #[test]
    fn a_sound_table_passes_in_any_order() {
        let mut items = sound();
        assert_eq!(check_invariants(&items), Vec::<String>::new());
        items.reverse();
        assert_eq!(check_invariants(&items), Vec::<String>::new());
    }

    /// Damages the sound table and returns the violations that the check finds.
    #[track_caller]
    fn damaged(what: &str, damage: impl FnOnce(&mut Vec<Value>)) {
        let mut items = sound();
        damage(&mut items);
        let broken = check_invariants(&items);
        assert!(broken.iter().any(|line| line.contains(what)), "{what:?} is not in {broken:?}");
    }

    #[test]
    fn a_missing_or_second_profile_is_caught() {
        damaged("A: has 0 profiles", |items| drop(items.remove(0)));
        damaged("A: has 2 profiles", |items| items.push(items[0].clone()));
    }

    #[test]
    fn a_gap_a_double_and_an_entry_too_many_are_caught() {
        damaged("audit entries [1]", |items| drop(items.remove(3)));
        damaged("audit entries [2]", |items| drop(items.remove(2)));
        damaged("audit entries [1, 1]", |items| items[3]["version"] = json!(1));
        damaged("audit entries [1, 2, 3]", |items| {
            let mut extra = items[3].clone();
            extra["sk"] = json!("AUDIT#E9");
            extra["eventId"] = json!("E9");
            extra["version"] = json!(3);
            items.push(extra);
        });
    }

    #[test]
    fn audit_entries_out_of_order_are_caught() {
        damaged("audit entries [2, 1]", |items| {
            items[2]["version"] = json!(2);
            items[3]["version"] = json!(1);
        });
    }

    #[test]
    fn a_last_entry_of_another_time_is_caught() {
        damaged("not of the time of the last change", |items| items[3]["at"] = json!("t9"));
    }

    #[test]
    fn an_entry_under_another_id_is_caught() {
        damaged("eventId is not that of its key", |items| items[2]["eventId"] = json!("E9"));
    }

    #[test]
    fn a_missing_and_a_superfluous_role_item_are_caught() {
        damaged("role items {}", |items| drop(items.remove(1)));
        damaged("has roles {} and", |items| items[0]["roles"] = json!([]));
    }

    #[test]
    fn a_missing_a_foreign_and_a_left_over_guard_are_caught() {
        damaged("A: its address has no guard", |items| drop(items.remove(4)));
        damaged("guard of its address is B's", |items| items[4]["userId"] = json!("B"));
        damaged("B: a guard is left", |items| {
            items.push(json!({"pk": "EMAIL#b@x.io", "sk": "EMAIL", "userId": "B"}));
        });
        damaged("Z: a guard is left", |items| {
            items.push(json!({"pk": "EMAIL#z@x.io", "sk": "EMAIL", "userId": "Z"}));
        });
        damaged("guard of A: there are two", |items| items.push(items[4].clone()));
    }

    #[test]
    fn a_guard_of_a_deleted_user_with_another_address_is_caught() {
        damaged("A: a guard is left", |items| {
            items.push(json!({"pk": "EMAIL#old@x.io", "sk": "EMAIL", "userId": "A"}));
        });
    }

    #[test]
    fn a_wrong_directory_key_is_caught() {
        for wrong in ["STATUS#disabled#3", "STATUS#active#32", "STATUS#active#", "LIVE#3", ""] {
            damaged("statusPk is not that of its status", |items| {
                items[0]["statusPk"] = json!(wrong);
            });
        }
        for wrong in ["STATUS#active#3", "LIVE#2", "LIVE#", "LIVE#3#", ""] {
            damaged("A: the profile's directoryPk is not", |items| {
                items[0]["directoryPk"] = json!(wrong);
            });
        }
        damaged("A: the profile's directoryPk is not", |items| {
            items[0].as_object_mut().unwrap().remove("directoryPk");
        });
        damaged("B: the profile's directoryPk is not", |items| {
            items[5]["directoryPk"] = json!("LIVE#0");
        });
        for wrong in ["ROLE#other#3", "ROLE#admin#2", ""] {
            damaged("directoryPk of admin is not that of the role", |items| {
                items[1]["directoryPk"] = json!(wrong);
            });
        }
    }

    #[test]
    fn an_item_of_no_kind_is_caught() {
        for (pk, sk) in [("USER#A", "LOCK"), ("EMAIL#a@x.io", "PROFILE"), ("X", "Y")] {
            damaged("no kind of item has this key", |items| {
                items.push(json!({"pk": pk, "sk": sk, "userId": "A"}));
            });
        }
    }
}
