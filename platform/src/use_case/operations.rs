//! The operations on one user.

use super::service::Service;
use super::write::{WriteRequest, Written};
use crate::error::Error;
use users_domain::request::{AssignRole, RegisterUser, SetStatus, UserPatch};
use users_domain::{Judgement, Preconditions, Role, User, UserId, Version};

/// The result of reading a profile.
#[derive(Clone, Debug)]
pub enum Profile {
    /// The user.
    Shown(Box<User>),
    /// The caller already has the user at this version.
    Known(Version),
}

impl Service {
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

    /// A user's profile, unless the caller already has it.
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

    /// Removes a role from a user. `role` is `None` for a text that is not a valid role, which no user
    /// has.
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
        // 404 comes before 412, so the role is checked before the version.
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
}
