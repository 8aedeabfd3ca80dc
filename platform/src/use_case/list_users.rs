//! `GET /users`: by status or role through the index, by email through the guard.

use super::page::{fitting, order_name};
use super::service::Service;
use crate::cursor::{Binding, Cursor};
use crate::error::Error;
use crate::store::DirectoryQuery;
use crate::wire;
use users_domain::query::{Filter, ListUsers};
use users_domain::{Status, User};

/// A page of users.
#[derive(Clone, Debug)]
pub struct UserPage {
    /// The users, in order.
    pub users: Vec<User>,
    /// The cursor of the next page; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl Service {
    /// A page of users.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCursor`], and those of the store.
    pub async fn list_users(&self, request: &ListUsers) -> Result<UserPage, Error> {
        let (status, role) = match &request.filter {
            Filter::Email(email) => {
                let user = self.store.user_by_email(email.key()).await?;
                return Ok(UserPage { users: user.into_iter().collect(), next_cursor: None });
            }
            Filter::Directory { status, role } => (*status, role.clone()),
        };
        let binding = Binding::new(&[
            "listUsers",
            status.map_or("", Status::as_str),
            role.as_ref().map_or("", |role| role.as_str()),
            order_name(request.order),
        ]);
        let after = match &request.cursor {
            None => None,
            Some(text) => Some(Cursor::decode(text, binding).ok_or(Error::InvalidCursor)?.position),
        };
        let query = DirectoryQuery {
            status,
            role,
            order: request.order,
            after,
            limit: usize::from(request.limit),
        };
        let mut page = self.store.directory_page(&query).await?;
        let fitting = fitting(&page.users, wire::user_json);
        let more = page.more || fitting < page.users.len();
        page.users.truncate(fitting);
        let last = page.users.last().filter(|_| more);
        let next_cursor = last.map(|user| Cursor { position: user.user_id.ulid() }.encode(binding));
        Ok(UserPage { users: page.users, next_cursor })
    }
}
