//! Lists of users, over the sharded indexes `directory` and `status`.
//!
//! `directory` holds all live users with all their attributes. For a role or a status an index gives
//! only ids, and the profiles are then read with strong consistency. Active users are listed from
//! the live users, most of whom are active: one round trip and a tenth of the units
//! (`docs/performance.md`).

mod merge;

use super::Store;
use super::items::{
    DIRECTORY, Index, NamedUser, STATUS, is_live, live_partition, profile_key, projection,
    read_user, role_partition, status_partition, user_attributes,
};
use crate::aws::classify;
use crate::error::{Cause, Error};
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;
use merge::Merge;
use std::collections::HashMap;
use ulid::Ulid;
use users_domain::query::Order;
use users_domain::{Role, Status, User, UserId};

/// The query of a list.
#[derive(Clone, Debug)]
pub struct DirectoryQuery {
    /// Only users with this status; without one, those that are active or disabled.
    pub status: Option<Status>,
    /// Only users with this role.
    pub role: Option<Role>,
    /// The order of the user ids.
    pub order: Order,
    /// Only users after this one.
    pub after: Option<Ulid>,
    /// Most users of the page.
    pub limit: usize,
}

impl DirectoryQuery {
    fn is_for(&self, user: &User) -> bool {
        self.status.map_or_else(|| is_live(user.status), |status| user.status == status)
            && self.role.as_ref().is_none_or(|role| user.roles.contains(role))
    }
}

/// A page of users.
#[derive(Clone, Debug)]
pub struct DirectoryPage {
    /// The users, in order.
    pub users: Vec<User>,
    /// Whether there are more.
    pub more: bool,
}

impl Store {
    /// A page of users.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn directory_page(&self, query: &DirectoryQuery) -> Result<DirectoryPage, Error> {
        // One more than the page, to know whether another page follows.
        let wanted = query.limit + 1;
        let mut users = match (&query.role, query.status) {
            (None, None) if !self.shards.old_form => {
                let all = self.live(query).take(wanted).await?;
                all.into_iter().map(|(_, user)| user).collect()
            }
            (None, Some(Status::Active)) if !self.shards.old_form => {
                self.active(query, wanted).await?
            }
            _ => self.named(query, query.after, wanted).await?,
        };
        let more = users.len() > query.limit;
        users.truncate(query.limit);
        Ok(DirectoryPage { users, more })
    }

    fn live(&self, query: &DirectoryQuery) -> Merge<'_, User> {
        self.merge(query.order, query.after, |shard| vec![(DIRECTORY, live_partition(shard))])
    }

    fn merge<T: merge::Indexed>(
        &self,
        order: Order,
        after: Option<Ulid>,
        partitions: impl Fn(u8) -> Vec<(Index, String)>,
    ) -> Merge<'_, T> {
        let shards = self.shards.read.get();
        let partitions = (0..shards).flat_map(partitions);
        Merge::new(self, order, after, partitions, 1.0 / f64::from(shards))
    }

    /// Active users from one read of the live ones. If too many of these are disabled, the rest is
    /// found through `status`, so that a page never reads through more than a few disabled users.
    async fn active(&self, query: &DirectoryQuery, wanted: usize) -> Result<Vec<User>, Error> {
        let mut merge = self.live(query);
        merge.fill(wanted + wanted / DISABLED_PART).await?;
        let (mut users, mut after) = (Vec::with_capacity(wanted), query.after);
        while users.len() < wanted {
            let Some((id, user)) = merge.pop() else {
                if !merge.is_exhausted() {
                    users.extend(self.named(query, after, wanted - users.len()).await?);
                }
                break;
            };
            after = Some(id.ulid());
            if query.is_for(&user) {
                users.push(user);
            }
        }
        Ok(users)
    }

    /// Users that an index names, read with strong consistency: the index may be a moment behind.
    async fn named(
        &self,
        query: &DirectoryQuery,
        after: Option<Ulid>,
        wanted: usize,
    ) -> Result<Vec<User>, Error> {
        let mut merge: Merge<'_, NamedUser> =
            self.merge(query.order, after, |shard| self.names(query, shard));
        let mut users = Vec::with_capacity(wanted);
        while users.len() < wanted {
            let missing = wanted - users.len();
            let named = merge.take(missing).await?;
            let ended = named.len() < missing;
            let ids: Vec<_> = named.into_iter().map(|(id, ())| id).collect();
            let mut found = self.users(&ids).await?;
            users.extend(
                ids.iter().filter_map(|id| found.remove(id)).filter(|user| query.is_for(user)),
            );
            if ended {
                break;
            }
        }
        Ok(users)
    }

    /// The partitions of one shard that name the users of a list.
    fn names(&self, query: &DirectoryQuery, shard: u8) -> Vec<(Index, String)> {
        if let Some(role) = &query.role {
            return vec![(DIRECTORY, role_partition(role, shard))];
        }
        let (statuses, mut names) = match query.status {
            Some(status) => (vec![status], Vec::new()),
            None => {
                (vec![Status::Active, Status::Disabled], vec![(DIRECTORY, live_partition(shard))])
            }
        };
        for status in statuses {
            let partition = status_partition(status, shard);
            if self.shards.old_form {
                names.push((DIRECTORY, partition.clone()));
            }
            names.push((STATUS, partition));
        }
        names
    }

    /// The users with these ids, as of now (strongly consistent), at most 100 a call, the calls
    /// at once.
    async fn users(&self, ids: &[UserId]) -> Result<HashMap<UserId, User>, Error> {
        let batches = try_join_all(ids.chunks(BATCH_GET_MAX).map(|ids| self.batch(ids))).await?;
        Ok(batches.into_iter().flatten().map(|user| (user.user_id, user)).collect())
    }

    async fn batch(&self, ids: &[UserId]) -> Result<Vec<User>, Error> {
        let mut users = Vec::with_capacity(ids.len());
        let keys = ids.iter().map(|id| profile_key(*id)).collect();
        let (projection, names) = projection(user_attributes());
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names))
            .consistent_read(true)
            .build()
            .map_err(|_| {
                Error::Internal(Cause::new(
                    "dynamodb:BatchGetItem",
                    "the request could not be built",
                ))
            })?;
        let mut pending = HashMap::from([(self.users_table.clone(), request)]);
        for _ in 0..BATCH_GET_ROUNDS {
            let output = self
                .client
                .batch_get_item()
                .set_request_items(Some(pending))
                .send()
                .await
                .map_err(|error| classify("dynamodb:BatchGetItem", &error))?;
            for item in output.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                users.push(read_user(item)?);
            }
            // Keys over 16 MB and throttled ones come back unprocessed.
            pending = output.unprocessed_keys.unwrap_or_default();
            if pending.is_empty() {
                return Ok(users);
            }
        }
        Err(Error::Unavailable(Cause::new("dynamodb:BatchGetItem", "keys were left unprocessed")))
    }
}

/// A page of active users reads a fraction of 1 in this more, since some live users are disabled.
const DISABLED_PART: usize = 4;
/// Most keys that DynamoDB takes in one `BatchGetItem`.
const BATCH_GET_MAX: usize = 100;
/// Most calls for one batch.
const BATCH_GET_ROUNDS: usize = 5;

#[cfg(test)]
mod tests {
    use super::DISABLED_PART;
    use super::merge::share;
    use crate::config::Shards;

    #[test]
    fn a_page_reads_at_most_two_and_a_half_times_what_it_returns() {
        let shards = usize::from(Shards::DEFAULT.get());
        let part = 1.0 / f64::from(Shards::DEFAULT.get());
        for limit in [25, 50, 100] {
            let wanted = limit + 1;
            let all = shards * share(wanted, part);
            let active = shards * share(wanted + wanted / DISABLED_PART, part);
            // Each profile on the page costs a read of its own.
            let named = all + wanted;
            for (list, read) in [("all", all), ("active", active), ("named", named)] {
                assert!(2 * read <= 5 * limit, "{read} for {limit} of the list {list}");
            }
        }
    }
}
