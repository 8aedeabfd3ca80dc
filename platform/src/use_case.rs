//! The use cases: what each operation does, in the order that the contract promises.
//!
//! A use case names no header and no key. It takes what the handler decoded, asks the store, lets
//! the pure rules of `users-domain` decide, and gives back a user, a page or an [`Error`].

mod list_users;
mod query_audit;
mod write;

pub use list_users::UserPage;
pub use query_audit::AuditPage;
pub use write::{WriteRequest, Written};

use crate::clock::{Clock, Entropy};
use crate::config::ServiceConfig;
use crate::error::Error;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;
use users_domain::request::{AssignRole, RegisterUser, SetStatus, UserPatch};
use users_domain::{Decision, Judgement, Preconditions, Role, User, UserId, Version};

/// The use cases over their store.
#[derive(Clone, Debug)]
pub struct Service {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    idempotency_ttl: Duration,
}

impl Service {
    /// The use cases over a store, with a clock and random numbers.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        config: &ServiceConfig,
    ) -> Self {
        Self { store, clock, entropy, idempotency_ttl: config.idempotency_ttl }
    }

    /// Registers a user.
    ///
    /// # Errors
    ///
    /// [`Error::EmailAlreadyRegistered`], those of idempotency, and those of the store.
    pub async fn register_user(
        &self,
        request: &RegisterUser,
        write: &WriteRequest<'_>,
    ) -> Result<Written, Error> {
        self.register(request, write).await
    }

    /// A user's profile, unless the caller has it already.
    ///
    /// # Errors
    ///
    /// [`Error::UserNotFound`], [`Error::VersionMismatch`], and those of the store.
    pub async fn get_user(
        &self,
        user_id: UserId,
        preconditions: &Preconditions,
    ) -> Result<Profile, Error> {
        let user = self.store.user(user_id).await?.ok_or(Error::UserNotFound)?;
        match preconditions.judge(user.version) {
            Judgement::Holds => Ok(Profile::Shown(Box::new(user))),
            Judgement::Known => Ok(Profile::Known(user.version)),
            Judgement::Mismatch => Err(Error::VersionMismatch),
        }
    }

    /// Merges a patch into a user's profile.
    ///
    /// # Errors
    ///
    /// [`Error::UserNotFound`], [`Error::VersionMismatch`], [`Error::UserDeleted`],
    /// [`Error::EmailAlreadyRegistered`], [`Error::Invalid`] for limits of the merged user, those
    /// of idempotency, and those of the store.
    pub async fn update_user(
        &self,
        user_id: Option<UserId>,
        patch: &UserPatch,
        write: &WriteRequest<'_>,
    ) -> Result<Written, Error> {
        self.change(user_id, write, |user, context| Ok(users_domain::update(user, patch, context)?))
            .await
    }

    /// Enables, disables or deletes a user.
    ///
    /// # Errors
    ///
    /// [`Error::UserNotFound`], [`Error::VersionMismatch`], [`Error::InvalidStatusTransition`],
    /// those of idempotency, and those of the store.
    pub async fn set_status(
        &self,
        user_id: Option<UserId>,
        request: &SetStatus,
        write: &WriteRequest<'_>,
    ) -> Result<Written, Error> {
        self.change(user_id, write, |user, context| {
            Ok(users_domain::set_status(user, request, context)?)
        })
        .await
    }

    /// Gives a user a role.
    ///
    /// # Errors
    ///
    /// [`Error::UserNotFound`], [`Error::VersionMismatch`], [`Error::UserDeleted`],
    /// [`Error::TooManyRoles`], those of idempotency, and those of the store.
    pub async fn assign_role(
        &self,
        user_id: Option<UserId>,
        request: &AssignRole,
        write: &WriteRequest<'_>,
    ) -> Result<Written, Error> {
        self.change(user_id, write, |user, context| {
            Ok(users_domain::assign_role(user, &request.role, context)?)
        })
        .await
    }

    /// Takes a role from a user. `role` is `None` when the text is no role at all, which no user
    /// can have.
    ///
    /// # Errors
    ///
    /// [`Error::UserNotFound`], [`Error::RoleNotAssigned`], [`Error::VersionMismatch`],
    /// [`Error::UserDeleted`], those of idempotency, and those of the store.
    pub async fn remove_role(
        &self,
        user_id: Option<UserId>,
        role: Option<&Role>,
        write: &WriteRequest<'_>,
    ) -> Result<Written, Error> {
        // 404 comes before 412: a role that is not there is looked for before the version is.
        let assigned = |user: &User| role.is_some_and(|role| user.roles.contains(role));
        self.change_checked(
            user_id,
            write,
            |user| {
                if assigned(user) { Ok(()) } else { Err(Error::RoleNotAssigned) }
            },
            |user, context| {
                let role = role.ok_or(Error::RoleNotAssigned)?;
                Ok(users_domain::remove_role(user, role, context)?)
            },
        )
        .await
    }

    /// Waits before another try: at random up to a bound that doubles, so that many who want the
    /// same user do not meet again and again.
    async fn back_off(&self, attempt: u32) {
        const FIRST_MILLIS: u64 = 15;
        const LAST_MILLIS: u64 = 400;
        let bound = FIRST_MILLIS.saturating_mul(1 << attempt.min(10)).min(LAST_MILLIS);
        let millis = u64::try_from(self.entropy.bits() % u128::from(bound)).unwrap_or(bound);
        tokio::time::sleep(Duration::from_millis(1 + millis)).await;
    }
}

/// Refuses to act on a user at a version that the caller does not accept.
fn check_preconditions(user: &User, preconditions: &Preconditions) -> Result<(), Error> {
    match preconditions.judge(user.version) {
        Judgement::Holds => Ok(()),
        Judgement::Mismatch | Judgement::Known => Err(Error::VersionMismatch),
    }
}

/// What a read of a profile comes to.
#[derive(Clone, Debug)]
pub enum Profile {
    /// The user.
    Shown(Box<User>),
    /// The caller has the user at its version, which is this one.
    Known(Version),
}

/// What the pure rules say to a change.
type Decided = Result<Decision, Error>;
