//! The steps of the five writes: read, decide, commit together with the record, and retry after
//! losing to a concurrent writer.
//!
//! The order of answers is the contract's: a recorded success of the same request, then 404, 412
//! and 409. The record is not read up front, which would cost every write a call. A request that
//! succeeds meets it through the condition of its own transaction, and one that is about to fail
//! reads it first. It does so after reading the user, so if it saw the change of a twin, it finds
//! the record of that twin.

use super::service::{Service, check_preconditions};
use crate::error::Error;
use crate::idempotency::{Answer, Idempotency, Record};
use crate::store::{CommitError, PutRecordError};
use crate::telemetry::measure;
use crate::wire;
use std::time::Duration;
use tokio::time::Instant;
use ulid::Ulid;
use users_contract::metric;
use users_domain::request::RegisterUser;
use users_domain::{
    Action, Actor, Context, CorrelationId, Decision, Preconditions, Status, Timestamp, Transition,
    User, UserId,
};

/// The parts of a write request that do not depend on the operation.
pub struct WriteRequest<'a> {
    /// The id of the call, for the audit entry.
    pub correlation_id: CorrelationId,
    /// Who calls.
    pub actor: Actor,
    /// The tracing header to store with the audit entry, for the relay.
    pub trace_header: Option<&'a str>,
    /// The versions that the caller accepts.
    pub preconditions: Preconditions,
    /// The idempotency of the request, when it has a key.
    pub idempotency: Option<Idempotency>,
    /// The status code that a success is answered and recorded with.
    pub success_status: u16,
    /// The path of the collection, for the `Location` of a user that is registered.
    pub collection_path: Option<&'a str>,
    /// When to stop retrying.
    pub deadline: Instant,
}

impl std::fmt::Debug for WriteRequest<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("WriteRequest")
            .field("correlation_id", &self.correlation_id)
            .field("idempotency", &self.idempotency)
            .finish_non_exhaustive()
    }
}

/// The success of a write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// The answer.
    pub answer: Answer,
    /// Whether it is a recorded one.
    pub replayed: bool,
    /// Attempts lost to concurrent writers.
    pub retries: u32,
}

impl WriteRequest<'_> {
    /// The answer that a success with this user gets.
    fn answer(&self, user: &User) -> Answer {
        Answer {
            status: self.success_status,
            body: wire::user_json(user),
            etag: user.version.etag(),
            location: self.collection_path.map(|path| format!("{path}/{}", user.user_id)),
        }
    }
}

/// The decision of the pure rules.
type Decided = Result<Decision, Error>;

impl Service {
    pub(super) async fn register(
        &self,
        request: &RegisterUser,
        write: &WriteRequest<'_>,
    ) -> Result<Written, Error> {
        let mut retries = 0;
        loop {
            // Retry with a fresh id; a collision then needs no special handling.
            let context = self.context(write);
            let user_id = UserId::from_ulid(ulid_at(context.at, self.entropy.bits()));
            let transition = users_domain::register(request.clone(), user_id, &context)
                .map_err(Error::Invalid)?;
            if let Some(written) =
                self.commit(None, &transition, write, context.at, &mut retries).await?
            {
                return Ok(written);
            }
        }
    }

    pub(super) async fn change(
        &self,
        user_id: Option<UserId>,
        write: &WriteRequest<'_>,
        decide: impl Fn(User, &Context) -> Decided,
    ) -> Result<Written, Error> {
        self.change_checked(user_id, write, |_| Ok(()), decide).await
    }

    /// `check` is made before the preconditions are judged, `decide` after it.
    pub(super) async fn change_checked(
        &self,
        user_id: Option<UserId>,
        write: &WriteRequest<'_>,
        check: impl Fn(&User) -> Result<(), Error>,
        decide: impl Fn(User, &Context) -> Decided,
    ) -> Result<Written, Error> {
        // No request for a malformed id ever succeeded, so there is no record to look up.
        let user_id = user_id.ok_or(Error::UserNotFound)?;
        let mut retries = 0;
        loop {
            let before = self.store.user(user_id).await?;
            let context = self.context(write);
            let decision = before.as_ref().ok_or(Error::UserNotFound).and_then(|user| {
                check(user)?;
                check_preconditions(user, &write.preconditions)?;
                decide(user.clone(), &context)
            });
            let written = match decision {
                Err(refusal) => Some(self.refuse(refusal, write, retries).await?),
                Ok(Decision::Unchanged(user)) => {
                    self.record_unchanged(&user, write, context.at, &mut retries).await?
                }
                Ok(Decision::Changed(transition)) => {
                    let before = before.as_ref();
                    self.commit(before, &transition, write, context.at, &mut retries).await?
                }
            };
            if let Some(written) = written {
                return Ok(written);
            }
        }
    }

    /// Commits a transition. `None`: lost to a concurrent writer, try again.
    async fn commit(
        &self,
        before: Option<&User>,
        transition: &Transition,
        write: &WriteRequest<'_>,
        now: Timestamp,
        retries: &mut u32,
    ) -> Result<Option<Written>, Error> {
        let answer = write.answer(&transition.user);
        let record = self.record(write, &answer, now);
        let commit =
            self.store.commit(before, transition, record.as_ref(), now, write.trace_header);
        let error = match commit.await {
            Ok(()) => {
                count_transition(transition);
                return Ok(Some(Written { answer, replayed: false, retries: *retries }));
            }
            Err(error) => error,
        };
        match error {
            CommitError::Recorded(record) => replay(*record, write, *retries).map(Some),
            CommitError::EmailTaken => {
                self.refuse(Error::EmailAlreadyRegistered, write, *retries).await.map(Some)
            }
            CommitError::UserChanged => {
                measure(metric::VERSION_CONFLICTS, 1.0);
                self.try_again(Error::ConcurrentModification, write, retries).await
            }
            CommitError::Conflict { on_record } => {
                measure(metric::TRANSACTION_CONFLICTS, 1.0);
                let error = if on_record {
                    Error::RequestInProgress
                } else {
                    Error::ConcurrentModification
                };
                self.try_again(error, write, retries).await
            }
            CommitError::Failed(error) => Err(error),
        }
    }

    /// Records a success that changed nothing. `None`: a twin is being decided, try again.
    async fn record_unchanged(
        &self,
        user: &User,
        write: &WriteRequest<'_>,
        now: Timestamp,
        retries: &mut u32,
    ) -> Result<Option<Written>, Error> {
        let answer = write.answer(user);
        let unchanged = Written { answer, replayed: false, retries: *retries };
        let Some(record) = self.record(write, &unchanged.answer, now) else {
            return Ok(Some(unchanged));
        };
        match self.store.put_record(&record, now).await {
            Ok(()) => Ok(Some(unchanged)),
            Err(PutRecordError::Recorded(record)) => replay(*record, write, *retries).map(Some),
            Err(PutRecordError::Conflict) => {
                measure(metric::TRANSACTION_CONFLICTS, 1.0);
                self.try_again(Error::RequestInProgress, write, retries).await
            }
            Err(PutRecordError::Failed(error)) => Err(error),
        }
    }

    /// Waits for another attempt, or gives up with `error` when the time is over.
    async fn try_again(
        &self,
        error: Error,
        write: &WriteRequest<'_>,
        retries: &mut u32,
    ) -> Result<Option<Written>, Error> {
        if Instant::now() >= write.deadline {
            return self.refuse(error, write, *retries).await.map(Some);
        }
        self.back_off(*retries).await;
        *retries += 1;
        Ok(None)
    }

    /// Waits before another attempt: at random up to a bound that doubles, so that the writers of one
    /// user do not collide again and again.
    async fn back_off(&self, attempt: u32) {
        const FIRST_MILLIS: u64 = 15;
        const LAST_MILLIS: u64 = 400;
        let bound = FIRST_MILLIS.saturating_mul(1 << attempt.min(10)).min(LAST_MILLIS);
        let millis = u64::try_from(self.entropy.bits() % u128::from(bound)).unwrap_or(bound);
        tokio::time::sleep(Duration::from_millis(1 + millis)).await;
    }

    /// Gives up with `error`, unless the same request has succeeded before.
    async fn refuse(
        &self,
        error: Error,
        write: &WriteRequest<'_>,
        retries: u32,
    ) -> Result<Written, Error> {
        let Some(idempotency) = &write.idempotency else {
            return Err(error);
        };
        match self.store.record(&idempotency.id, self.clock.now()).await? {
            Some(record) => replay(record, write, retries),
            None => Err(error),
        }
    }

    fn context(&self, write: &WriteRequest<'_>) -> Context {
        Context {
            at: self.clock.now(),
            event_id_random: self.entropy.bits(),
            correlation_id: write.correlation_id.clone(),
            actor: write.actor.clone(),
        }
    }

    fn record(&self, write: &WriteRequest<'_>, answer: &Answer, now: Timestamp) -> Option<Record> {
        let idempotency = write.idempotency.as_ref()?;
        let ttl = i64::try_from(self.idempotency_ttl.as_secs()).unwrap_or(i64::MAX);
        Some(Record {
            id: idempotency.id.clone(),
            fingerprint: idempotency.fingerprint.clone(),
            answer: answer.clone(),
            // Rounded up, so that a key is kept no shorter than was promised.
            expires_at: now.as_millis().div_euclid(1000).saturating_add(1).saturating_add(ttl),
        })
    }
}

/// Counts transitions of users.
fn count_transition(transition: &Transition) {
    match transition.entry.action {
        Action::UserRegistered => {
            measure(metric::USERS_REGISTERED, 1.0);
            let roles = transition.user.roles.len();
            if roles > 0 {
                measure(metric::ROLES_ASSIGNED, roles as f64);
            }
        }
        Action::UserProfileUpdated => {}
        Action::UserStatusChanged => measure(
            match transition.user.status {
                Status::Active => metric::USERS_ENABLED,
                Status::Disabled => metric::USERS_DISABLED,
                Status::Deleted => metric::USERS_DELETED,
            },
            1.0,
        ),
        Action::UserRoleAssigned => measure(metric::ROLES_ASSIGNED, 1.0),
        Action::UserRoleRemoved => measure(metric::ROLES_REMOVED, 1.0),
    }
}

/// The recorded answer, if the record is of this request.
fn replay(record: Record, write: &WriteRequest<'_>, retries: u32) -> Result<Written, Error> {
    let same = write.idempotency.as_ref().is_some_and(|it| it.fingerprint == record.fingerprint);
    if !same {
        return Err(Error::IdempotencyKeyReused);
    }
    Ok(Written { answer: record.answer, replayed: true, retries })
}

/// A ULID of a time, with random bits.
fn ulid_at(time: Timestamp, random: u128) -> Ulid {
    Ulid::from_parts(u64::try_from(time.as_millis()).unwrap_or_default(), random)
}
