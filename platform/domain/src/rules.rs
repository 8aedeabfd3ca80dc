//! The rules: pure functions from a user and a request to the user's next state and its audit entry.
//!
//! The caller of these functions has found the user and judged the precondition. Everything else is
//! decided here, in the order of the contract. Every change gets the next version and a time
//! strictly after that of the version before, whatever the clock says.

mod changes;

use std::collections::BTreeMap;

use users_contract::limits;

use crate::request::{AttributesPatch, RegisterUser, SetStatus, UserPatch};
use crate::{
    Action, Actor, Attributes, AuditEntry, Change, CorrelationId, EventId, Reason, Role, Status,
    Timestamp, User, UserId, Version, Violation,
};

/// The inputs of a change other than the user and the request.
#[derive(Clone, Debug)]
pub struct Context {
    /// The time now.
    pub at: Timestamp,
    /// Random bits, of which the event's id takes the lowest 80.
    pub event_id_random: u128,
    /// The id of the call.
    pub correlation_id: CorrelationId,
    /// Who makes it.
    pub actor: Actor,
}

/// A change that was decided but not yet stored: the next state of a user, and its one audit entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The user at the new version.
    pub user: User,
    /// The entry of the change.
    pub entry: AuditEntry,
}

/// The decision about a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The user already has the requested state: no new version, no audit entry.
    Unchanged(User),
    /// The user changes.
    Changed(Box<Transition>),
}

/// Why a requested change is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Deleted users do not change.
    #[error("the user is deleted")]
    UserDeleted,
    /// The status cannot change this way.
    #[error("the status cannot change this way")]
    InvalidStatusTransition,
    /// The user already has the maximum number of roles.
    #[error("the user has too many roles")]
    TooManyRoles,
    /// The user does not have the role that is to be removed.
    #[error("the user does not have the role")]
    RoleNotAssigned,
    /// The changed user would pass limits, all of them named.
    #[error("the changed user would pass a limit")]
    Invalid(Vec<Violation>),
}

/// Registers a user: version 1, active, at `context.at`.
///
/// # Errors
///
/// The limits that the user would pass.
pub fn register(
    request: RegisterUser,
    user_id: UserId,
    context: &Context,
) -> Result<Transition, Vec<Violation>> {
    let user = User {
        user_id,
        email: request.email,
        texts: request.texts,
        attributes: request.attributes,
        status: Status::Active,
        roles: request.roles,
        version: Version::first(),
        created_at: context.at,
        updated_at: context.at,
    };
    check_limits(&user)?;
    let changes = changes::of_registration(&user);
    let entry = entry(&user, Action::UserRegistered, changes, None, context);
    Ok(Transition { user, entry })
}

/// Applies a merge patch.
///
/// # Errors
///
/// [`Refusal::UserDeleted`], also for a patch that changes nothing, and [`Refusal::Invalid`] when
/// the merged user would pass limits.
pub fn update(user: User, patch: &UserPatch, context: &Context) -> Result<Decision, Refusal> {
    refuse_deleted(&user)?;
    let merged = merge(user.clone(), patch);
    if merged == user {
        return Ok(Decision::Unchanged(user));
    }
    check_limits(&merged).map_err(Refusal::Invalid)?;
    let changes = changes::between(&user, &merged);
    Ok(change(merged, Action::UserProfileUpdated, changes, None, context))
}

/// Enables, disables or deletes. The same status again changes nothing, the deleted one included.
///
/// # Errors
///
/// [`Refusal::InvalidStatusTransition`].
pub fn set_status(
    mut user: User,
    request: &SetStatus,
    context: &Context,
) -> Result<Decision, Refusal> {
    if user.status == request.status {
        return Ok(Decision::Unchanged(user));
    }
    if !user.status.can_become(request.status) {
        return Err(Refusal::InvalidStatusTransition);
    }
    let changes = vec![changes::of_status(user.status, request.status)];
    user.status = request.status;
    Ok(change(user, Action::UserStatusChanged, changes, request.reason.clone(), context))
}

/// Assigns a role. A role that the user already has changes nothing.
///
/// # Errors
///
/// [`Refusal::UserDeleted`], also when the role is there, [`Refusal::TooManyRoles`], and
/// [`Refusal::Invalid`] when the user would pass the limit of its stored size.
pub fn assign_role(mut user: User, role: &Role, context: &Context) -> Result<Decision, Refusal> {
    refuse_deleted(&user)?;
    if user.roles.contains(role) {
        return Ok(Decision::Unchanged(user));
    }
    if user.roles.len() >= limits::ROLES_MAX {
        return Err(Refusal::TooManyRoles);
    }
    user.roles.insert(role.clone());
    check_limits(&user).map_err(Refusal::Invalid)?;
    let changes = vec![changes::of_assigned_role(role)];
    Ok(change(user, Action::UserRoleAssigned, changes, None, context))
}

/// Removes a role.
///
/// # Errors
///
/// [`Refusal::RoleNotAssigned`], which comes first, and [`Refusal::UserDeleted`].
pub fn remove_role(mut user: User, role: &Role, context: &Context) -> Result<Decision, Refusal> {
    if !user.roles.contains(role) {
        return Err(Refusal::RoleNotAssigned);
    }
    refuse_deleted(&user)?;
    user.roles.remove(role);
    let changes = vec![changes::of_removed_role(role)];
    Ok(change(user, Action::UserRoleRemoved, changes, None, context))
}

fn refuse_deleted(user: &User) -> Result<(), Refusal> {
    match user.status {
        Status::Active | Status::Disabled => Ok(()),
        Status::Deleted => Err(Refusal::UserDeleted),
    }
}

fn merge(mut user: User, patch: &UserPatch) -> User {
    if let Some(email) = &patch.email {
        user.email = email.clone();
    }
    merge_entries(&mut user.texts, &patch.texts);
    match &patch.attributes {
        None => {}
        Some(AttributesPatch::Clear) => user.attributes = Attributes::new(),
        Some(AttributesPatch::Merge(entries)) => merge_entries(&mut user.attributes, entries),
    }
    user
}

/// Sets the entries that have a value and removes those without one.
fn merge_entries<K: Clone + Ord, V: Clone>(
    entries: &mut BTreeMap<K, V>,
    patch: &BTreeMap<K, Option<V>>,
) {
    for (key, value) in patch {
        match value {
            Some(value) => entries.insert(key.clone(), value.clone()),
            None => entries.remove(key),
        };
    }
}

/// The limits that a merged user can exceed although every part of it is valid.
fn check_limits(user: &User) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    let max_bytes = limits::STORED_USER_MAX_BYTES;
    if user.stored_bytes() > max_bytes {
        let rule = format!("makes a user of over {max_bytes} bytes; shorten or remove attributes");
        violations.push(Violation::at_pointer("", rule));
    }
    if user.attributes.len() > limits::ATTRIBUTES_MAX {
        let rule = format!("must have at most {} entries", limits::ATTRIBUTES_MAX);
        violations.push(Violation::at_pointer("/attributes", rule));
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

/// Makes the next version of a user whose fields were changed.
fn change(
    mut user: User,
    action: Action,
    changes: Vec<Change>,
    reason: Option<Reason>,
    context: &Context,
) -> Decision {
    user.version = user.version.next();
    user.updated_at = context.at.max(user.updated_at.plus_millis(1));
    let entry = entry(&user, action, changes, reason, context);
    Decision::Changed(Box::new(Transition { user, entry }))
}

/// The entry of the version that `user` is at.
fn entry(
    user: &User,
    action: Action,
    changes: Vec<Change>,
    reason: Option<Reason>,
    context: &Context,
) -> AuditEntry {
    AuditEntry {
        event_id: EventId::new(user.updated_at, context.event_id_random),
        action,
        user_id: user.user_id,
        version: user.version,
        at: user.updated_at,
        correlation_id: context.correlation_id.clone(),
        actor: context.actor.clone(),
        changes,
        reason,
    }
}

#[cfg(test)]
mod tests;
