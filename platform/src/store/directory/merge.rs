//! Partitions of an index merged into one list by user id.
//!
//! A page asks all partitions at once for their expected shares, so it reads about one and a half
//! times the items it returns, not partitions × page. The first request assumes the share; later
//! requests use the share that the partition has returned.

use crate::aws::classify;
use crate::error::Error;
use crate::store::Store;
use crate::store::items::{
    Index, Item, NamedUser, projection, read_item, read_user, user_attributes,
};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use std::collections::VecDeque;
use ulid::Ulid;
use users_domain::query::Order;
use users_domain::{User, UserId};

/// The items of an index, in the order of user ids.
pub(super) trait Indexed {
    type Value;
    /// The attributes to read. The keys are left out: they are a quarter of the response.
    fn attributes() -> impl Iterator<Item = &'static str>;
    fn read(item: Item) -> Result<(UserId, Self::Value), Error>;
}

impl Indexed for User {
    type Value = Self;
    fn attributes() -> impl Iterator<Item = &'static str> {
        user_attributes()
    }
    fn read(item: Item) -> Result<(UserId, Self), Error> {
        let user = read_user(item)?;
        Ok((user.user_id, user))
    }
}

impl Indexed for NamedUser {
    type Value = ();
    fn attributes() -> impl Iterator<Item = &'static str> {
        std::iter::once("userId")
    }
    fn read(item: Item) -> Result<(UserId, ()), Error> {
        Ok((read_item::<Self>(item)?.user_id()?, ()))
    }
}

/// One partition of an index, as far as it has been read.
struct Partition<V> {
    index: Index,
    key: String,
    /// Users read from it so far.
    read: usize,
    buffer: VecDeque<(UserId, V)>,
    last: Option<Ulid>,
    exhausted: bool,
}

impl<V> Partition<V> {
    fn needs_read(&self) -> bool {
        self.buffer.is_empty() && !self.exhausted
    }
}

/// Partitions merged into one list by user id.
pub(super) struct Merge<'a, T: Indexed> {
    store: &'a Store,
    order: Order,
    partitions: Vec<Partition<T::Value>>,
    /// The part of the list that each partition is assumed to hold.
    assumed: f64,
    /// Users that were taken out of the partitions.
    merged: usize,
    /// The last of them.
    last: Option<UserId>,
}

impl<'a, T: Indexed> Merge<'a, T> {
    /// A list over partitions, each assumed to hold the part `assumed` of it.
    pub(super) fn new(
        store: &'a Store,
        order: Order,
        after: Option<Ulid>,
        partitions: impl IntoIterator<Item = (Index, String)>,
        assumed: f64,
    ) -> Self {
        let partitions = partitions
            .into_iter()
            .map(|(index, key)| Partition {
                index,
                key,
                read: 0,
                buffer: VecDeque::new(),
                last: after,
                exhausted: false,
            })
            .collect();
        Self { store, order, partitions, assumed, merged: 0, last: None }
    }

    /// The next `count` of the list; fewer only when it ends.
    pub(super) async fn take(&mut self, count: usize) -> Result<Vec<(UserId, T::Value)>, Error> {
        let mut taken = Vec::with_capacity(count);
        while taken.len() < count {
            match self.pop() {
                Some(user) => taken.push(user),
                // A read can come back empty though its partition goes on, so the list is only over
                // when every partition is.
                None if self.is_exhausted() => break,
                None => self.fill(count - taken.len()).await?,
            }
        }
        Ok(taken)
    }

    /// The next of the list, if it is known without reading on.
    pub(super) fn pop(&mut self) -> Option<(UserId, T::Value)> {
        loop {
            if self.partitions.iter().any(Partition::needs_read) {
                return None;
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
                })?;
            let user = next.buffer.pop_front()?;
            self.merged += 1;
            // A user that is being moved to another shard, or brought over from the form before,
            // can be in two partitions for a moment.
            if self.last.replace(user.0) != Some(user.0) {
                return Some(user);
            }
        }
    }

    /// Whether all users were read and taken.
    pub(super) fn is_exhausted(&self) -> bool {
        self.partitions.iter().all(|partition| partition.exhausted && partition.buffer.is_empty())
    }

    /// Reads on in every partition whose buffer is empty, all at once, for `missing` more of the list.
    pub(super) async fn fill(&mut self, missing: usize) -> Result<(), Error> {
        let (store, order, merged, assumed) = (self.store, self.order, self.merged, self.assumed);
        try_join_all(self.partitions.iter_mut().filter(|partition| partition.needs_read()).map(
            |partition| {
                // All users of an empty buffer are among the merged ones.
                let part = match merged {
                    0 => assumed,
                    merged => partition.read as f64 / merged as f64,
                };
                store.read_partition::<T>(partition, order, share(missing, part))
            },
        ))
        .await?;
        Ok(())
    }
}

/// The number that a partition is asked for above the expected one, in standard deviations.
const MARGIN: f64 = 1.5;

/// How many users a partition is asked for when `missing` are needed of a list of which it holds a
/// `part`, so that one read mostly suffices: users fall to partitions at random, and one partition
/// in fifteen holds more of a page than [`MARGIN`] allows for.
pub(super) fn share(missing: usize, part: f64) -> usize {
    let expected = missing as f64 * part;
    let deviation = (expected * (1.0 - part)).max(0.0).sqrt();
    ((expected + MARGIN * deviation).ceil() as usize).clamp(1, missing.max(1))
}

impl Store {
    async fn read_partition<T: Indexed>(
        &self,
        partition: &mut Partition<T::Value>,
        order: Order,
        limit: usize,
    ) -> Result<(), Error> {
        let mut condition = format!("{} = :pk", partition.index.partition_key);
        let mut query = self
            .client
            .query()
            .table_name(&self.users_table)
            .index_name(partition.index.name)
            .expression_attribute_values(":pk", AttributeValue::S(partition.key.clone()))
            .scan_index_forward(order == Order::Asc)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let (projection, names) = projection(T::attributes());
        query = query.projection_expression(projection).set_expression_attribute_names(Some(names));
        if let Some(last) = partition.last {
            condition.push_str(match order {
                Order::Asc => " AND userId > :last",
                Order::Desc => " AND userId < :last",
            });
            let last = UserId::from_ulid(last).to_string();
            query = query.expression_attribute_values(":last", AttributeValue::S(last));
        }
        let output = match query.key_condition_expression(condition).send().await {
            Ok(output) => output,
            // DynamoDB refuses reads of an index that it is still building. Until it is ready, lists
            // rely on the old form.
            Err(error) if self.shards.old_form && error.code() == Some("ValidationException") => {
                partition.exhausted = true;
                return Ok(());
            }
            Err(error) => return Err(classify("dynamodb:Query", &error)),
        };
        for item in output.items.unwrap_or_default() {
            partition.buffer.push_back(T::read(item)?);
            partition.read += 1;
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
}

#[cfg(test)]
mod tests {
    use super::share;

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
