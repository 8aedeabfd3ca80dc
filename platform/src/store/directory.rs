//! Lists of users by status or role, over the sharded index `directory`.
//!
//! An index value is spread over partitions, [`Shards`](super::Shards) says how many. A page asks all of them at once for about
//! their part of the page and merges what they give by user id, so it reads about twice what it
//! returns, not partitions × page. How large a part is, is assumed for the first request and known
//! for later ones, from what the partition has given.

use super::Store;
use super::failure::{cause, classify};
use super::items::{
    DIRECTORY_INDEX, RoleItem, USER_ATTRIBUTES, UserItem, profile_key, read_item, role_partition,
    status_partition,
};
use crate::error::Error;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures_util::future::try_join_all;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, VecDeque};
use ulid::Ulid;
use users_domain::query::Order;
use users_domain::{Role, Status, User, UserId};

/// What to list.
#[derive(Clone, Debug)]
pub struct DirectoryQuery {
    /// Users with one of these statuses.
    pub statuses: Vec<Status>,
    /// Only users with this role.
    pub role: Option<Role>,
    /// From the newest or from the oldest.
    pub order: Order,
    /// Behind this user.
    pub after: Option<Ulid>,
    /// Most users of the page.
    pub limit: usize,
}

/// A page of users.
#[derive(Clone, Debug)]
pub struct DirectoryPage {
    /// The users, in order.
    pub users: Vec<User>,
    /// Whether there are more.
    pub more: bool,
}

/// What the index holds, in the order of user ids.
trait Indexed: DeserializeOwned {
    type Value;
    /// What is read of an item, by the names of its attributes. The keys are left out: they are a
    /// quarter of what DynamoDB would send and the SDK would decode.
    const ATTRIBUTES: &[&str];
    fn read(self) -> Result<(UserId, Self::Value), Error>;
}

impl Indexed for UserItem {
    type Value = User;
    const ATTRIBUTES: &[&str] = USER_ATTRIBUTES;
    fn read(self) -> Result<(UserId, User), Error> {
        let user = self.into_user()?;
        Ok((user.user_id, user))
    }
}

impl Indexed for RoleItem {
    type Value = ();
    const ATTRIBUTES: &[&str] = &["userId"];
    fn read(self) -> Result<(UserId, ()), Error> {
        Ok((self.user_id()?, ()))
    }
}

/// One partition of the index, as far as it has been read.
struct Partition<V> {
    key: String,
    /// The part of the list that it is assumed to hold.
    assumed: f64,
    /// What was read of it.
    given: usize,
    buffer: VecDeque<(UserId, V)>,
    last: Option<Ulid>,
    exhausted: bool,
}

impl<V> Partition<V> {
    fn is_dry(&self) -> bool {
        self.buffer.is_empty() && !self.exhausted
    }

    /// The part of the list that it holds, after `merged` users of the list. It is asked for of dry
    /// partitions, and all that one of these has given is among the users that were merged.
    fn part(&self, merged: usize) -> f64 {
        match merged {
            0 => self.assumed,
            merged => self.given as f64 / merged as f64,
        }
    }
}

/// Partitions merged into one list by user id.
struct Merge<'a, T: Indexed> {
    store: &'a Store,
    order: Order,
    partitions: Vec<Partition<T::Value>>,
    /// Users that were taken.
    merged: usize,
}

impl<'a, T: Indexed> Merge<'a, T> {
    /// A list over partitions, each with the part that it is assumed to hold.
    fn new(
        store: &'a Store,
        order: Order,
        after: Option<Ulid>,
        partitions: impl Iterator<Item = (String, f64)>,
    ) -> Self {
        let partitions = partitions
            .map(|(key, assumed)| Partition {
                key,
                assumed,
                given: 0,
                buffer: VecDeque::new(),
                last: after,
                exhausted: false,
            })
            .collect();
        Self { store, order, partitions, merged: 0 }
    }

    /// The next `count` of the list; fewer only when it ends.
    async fn take(&mut self, count: usize) -> Result<Vec<(UserId, T::Value)>, Error> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            if self.partitions.iter().any(Partition::is_dry) {
                self.fill(count - taken.len()).await?;
            }
            let order = self.order;
            let next = self
                .partitions
                .iter_mut()
                .filter(|partition| !partition.buffer.is_empty())
                .min_by(|a, b| {
                    let ids = (a.buffer.front().map(|it| it.0), b.buffer.front().map(|it| it.0));
                    match order {
                        Order::Asc => ids.0.cmp(&ids.1),
                        Order::Desc => ids.1.cmp(&ids.0),
                    }
                });
            let Some(next) = next else {
                // Nothing buffered. A read can come back empty though its partition goes on, so
                // the list is only over when every partition is.
                if self.partitions.iter().all(|partition| partition.exhausted) {
                    break;
                }
                continue;
            };
            // A user whose status changes can be in two partitions of the index for a moment.
            if let Some(user) = next.buffer.pop_front()
                && taken.last().is_none_or(|(last, _): &(UserId, T::Value)| *last != user.0)
            {
                taken.push(user);
                self.merged += 1;
            }
        }
        Ok(taken)
    }

    /// Reads on in every partition that has run dry, all at once.
    async fn fill(&mut self, missing: usize) -> Result<(), Error> {
        let (store, order, merged) = (self.store, self.order, self.merged);
        try_join_all(self.partitions.iter_mut().filter(|partition| partition.is_dry()).map(
            |partition| {
                let limit = share(missing, partition.part(merged));
                store.read_partition::<T>(partition, order, limit)
            },
        ))
        .await?;
        Ok(())
    }
}

/// What a partition is asked for above what is expected of it, in standard deviations.
const MARGIN: f64 = 1.5;

/// How many users a partition is asked for when `missing` are needed of a list of which it holds a
/// `part`, so that it mostly does not run dry: users fall to partitions at random, and one partition
/// in fifteen holds more of a page than [`MARGIN`] allows for.
fn share(missing: usize, part: f64) -> usize {
    let expected = missing as f64 * part;
    let deviation = (expected * (1.0 - part)).max(0.0).sqrt();
    ((expected + MARGIN * deviation).ceil() as usize).clamp(1, missing.max(1))
}

/// The part of a list of several statuses that a status is assumed to be. Most users are active; a
/// list of which more than a fifth is disabled costs another round trip, not a wrong page.
fn prevalence(status: Status, statuses: &[Status]) -> f64 {
    match status {
        Status::Active | Status::Deleted => 1.0,
        Status::Disabled if statuses.len() > 1 => 0.2,
        Status::Disabled => 1.0,
    }
}

impl Store {
    /// A page of users.
    ///
    /// By status, what the index says is what is returned. By role, the index names the users, and
    /// their profiles are then read with strong consistency.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] or [`Error::Internal`].
    pub async fn directory_page(&self, query: &DirectoryQuery) -> Result<DirectoryPage, Error> {
        // One more than the page, to know whether there is a next one.
        let wanted = query.limit + 1;
        let mut users = match &query.role {
            None => self.by_status(query, wanted).await?,
            Some(role) => self.by_role(query, role, wanted).await?,
        };
        let more = users.len() > query.limit;
        users.truncate(query.limit);
        Ok(DirectoryPage { users, more })
    }

    async fn by_status(&self, query: &DirectoryQuery, wanted: usize) -> Result<Vec<User>, Error> {
        let shards = self.shards.read.get();
        let partitions = query.statuses.iter().flat_map(|status| {
            let part = prevalence(*status, &query.statuses) / f64::from(shards);
            (0..shards).map(move |shard| (status_partition(*status, shard), part))
        });
        let mut merge = Merge::<UserItem>::new(self, query.order, query.after, partitions);
        Ok(merge.take(wanted).await?.into_iter().map(|(_, user)| user).collect())
    }

    async fn by_role(
        &self,
        query: &DirectoryQuery,
        role: &Role,
        wanted: usize,
    ) -> Result<Vec<User>, Error> {
        let shards = self.shards.read.get();
        let part = 1.0 / f64::from(shards);
        let partitions = (0..shards).map(|shard| (role_partition(role, shard), part));
        let mut merge = Merge::<RoleItem>::new(self, query.order, query.after, partitions);
        let mut users = Vec::with_capacity(wanted);
        while users.len() < wanted {
            let missing = wanted - users.len();
            let named = merge.take(missing).await?;
            let ended = named.len() < missing;
            let ids: Vec<_> = named.into_iter().map(|(id, ())| id).collect();
            let mut found = self.users(&ids).await?;
            users.extend(ids.iter().filter_map(|id| found.remove(id)).filter(|user| {
                // The index may be a moment behind the profile.
                query.statuses.contains(&user.status) && user.roles.contains(role)
            }));
            if ended {
                break;
            }
        }
        Ok(users)
    }

    async fn read_partition<T: Indexed>(
        &self,
        partition: &mut Partition<T::Value>,
        order: Order,
        limit: usize,
    ) -> Result<(), Error> {
        let mut condition = "directoryPk = :pk".to_owned();
        let mut query = self
            .client
            .query()
            .table_name(&self.users_table)
            .index_name(DIRECTORY_INDEX)
            .expression_attribute_values(":pk", AttributeValue::S(partition.key.clone()))
            .scan_index_forward(order == Order::Asc)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let (projection, names) = projection(T::ATTRIBUTES);
        query = query.projection_expression(projection).set_expression_attribute_names(Some(names));
        if let Some(last) = partition.last {
            condition.push_str(match order {
                Order::Asc => " AND userId > :last",
                Order::Desc => " AND userId < :last",
            });
            let last = UserId::from_ulid(last).to_string();
            query = query.expression_attribute_values(":last", AttributeValue::S(last));
        }
        let output = query
            .key_condition_expression(condition)
            .send()
            .await
            .map_err(|error| classify("dynamodb:Query", &error))?;
        for item in output.items.unwrap_or_default() {
            partition.buffer.push_back(read_item::<T>(item)?.read()?);
            partition.given += 1;
        }
        match partition.buffer.back() {
            Some((id, _)) => partition.last = Some(id.ulid()),
            // Without items there is nothing to go on from; no filter is set, so it is the end.
            None => partition.exhausted = true,
        }
        if output.last_evaluated_key.is_none() {
            partition.exhausted = true;
        }
        Ok(())
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
        let (projection, names) = projection(USER_ATTRIBUTES);
        let request = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .projection_expression(projection)
            .set_expression_attribute_names(Some(names))
            .consistent_read(true)
            .build()
            .map_err(|_| {
                Error::Internal(cause("dynamodb:BatchGetItem", "the request could not be built"))
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
                users.push(read_item::<UserItem>(item)?.into_user()?);
            }
            // What did not fit into 16 MB, or met throttling, is left to another call.
            pending = output.unprocessed_keys.unwrap_or_default();
            if pending.is_empty() {
                return Ok(users);
            }
        }
        Err(Error::Unavailable(cause("dynamodb:BatchGetItem", "keys were left unprocessed")))
    }
}

/// An expression for these attributes only, and what its names stand for: each attribute has one,
/// since many of theirs are reserved words.
fn projection(attributes: &[&str]) -> (String, HashMap<String, String>) {
    let names: Vec<_> = attributes.iter().map(|name| format!("#{name}")).collect();
    let expression = names.join(",");
    (expression, names.into_iter().zip(attributes.iter().map(|&it| it.to_owned())).collect())
}

/// Most keys that DynamoDB takes in one `BatchGetItem`.
const BATCH_GET_MAX: usize = 100;
/// Calls to give a batch until it is complete.
const BATCH_GET_ROUNDS: usize = 5;

#[cfg(test)]
mod tests {
    use super::super::Shards;
    use super::{prevalence, share};
    use users_domain::Status;

    /// What the first requests for a page read at most.
    fn read(limit: usize, statuses: &[Status]) -> usize {
        let shards = Shards::DEFAULT.get();
        let one = |status| share(limit + 1, prevalence(status, statuses) / f64::from(shards));
        statuses.iter().map(|status| usize::from(shards) * one(*status)).sum()
    }

    #[test]
    fn a_page_reads_at_most_two_and_a_half_times_what_it_returns() {
        for limit in [25, 50, 100] {
            for statuses in
                [&[Status::Active, Status::Disabled][..], &[Status::Disabled], &[Status::Deleted]]
            {
                let read = read(limit, statuses);
                assert!(2 * read <= 5 * limit, "{read} for {limit} of {statuses:?}");
            }
            // By role every user of the page is read besides.
            let read = read(limit, &[Status::Active]) + limit + 1;
            assert!(2 * read <= 5 * limit, "{read} for {limit} by role");
        }
    }

    #[test]
    fn a_partition_is_asked_for_its_part_and_a_margin() {
        assert_eq!(share(26, 0.5), 17);
        assert_eq!(share(26, 0.25), 10);
        assert_eq!(share(101, 0.25), 32);
        assert_eq!(share(26, 0.05), 3);
        assert_eq!(share(2, 0.25), 2, "never more than is missing");
        assert_eq!(share(10, 1.0), 10, "all of it, when it holds the list alone");
        assert_eq!(share(10, 0.0), 1, "something, when it gave nothing so far");
    }
}
