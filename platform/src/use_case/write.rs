//! What the five writes share: read, decide, commit with the record, and try again when others
//! came first.
//!
//! The order of answers is the contract's: a recorded success of the same request, then 404, 412
//! and 409. The record is not read up front, which would cost every write a call. A request
//! that succeeds finds it through the condition of its own transaction, and one that is about to
//! fail looks for it first. It looks after it read the user, so a twin whose change it saw has
//! its record there too.

use super::{Decided, Service, check_preconditions};
use crate::error::Error;
use crate::idempotency::{Answer, Idempotency, Record};
use crate::store::{CommitError, PutRecordError};
use crate::telemetry::measure;
use tokio::time::Instant;
use ulid::Ulid;
use users_contract::metric;
use users_domain::request::RegisterUser;
use users_domain::{
    Action, Actor, Committed, Context, CorrelationId, Decision, Preconditions, Status, Timestamp,
    User, UserId,
};

/// What every write comes with.
pub struct WriteRequest<'a> {
    /// Names the call in the audit entry.
    pub correlation_id: CorrelationId,
    /// Who calls.
    pub actor: Actor,
    /// The tracing header that goes with the audit entry, for whoever carries it on.
    pub trace_header: Option<&'a str>,
    /// The versions that the caller accepts.
    pub preconditions: Preconditions,
    /// The idempotency of the request, when it has a key.
    pub idempotency: Option<Idempotency>,
    /// Makes the answer that a success is recorded with.
    pub answer: &'a (dyn Fn(&User) -> Answer + Send + Sync),
    /// When to stop trying.
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

/// How a write succeeded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Written {
    /// The answer.
    pub answer: Answer,
    /// Whether it is a recorded one.
    pub replayed: bool,
    /// Tries that others came before.
    pub retries: u32,
}

impl Service {
    pub(super) async fn register(
        &self,
        request: &RegisterUser,
        write: &WriteRequest<'_>,
    ) -> Result<Written, Error> {
        let mut retries = 0;
        loop {
            // Everything anew, the id too: so an id that is taken is no case of its own.
            let context = self.context(write);
            let user_id = UserId::from_ulid(ulid_at(context.at, self.entropy.bits()));
            let change = users_domain::register(request.clone(), user_id, &context)
                .map_err(Error::Invalid)?;
            if let Some(written) =
                self.commit(None, &change, write, context.at, &mut retries).await?
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

    /// `check` finds what comes before the preconditions, `decide` what comes after them.
    pub(super) async fn change_checked(
        &self,
        user_id: Option<UserId>,
        write: &WriteRequest<'_>,
        check: impl Fn(&User) -> Result<(), Error>,
        decide: impl Fn(User, &Context) -> Decided,
    ) -> Result<Written, Error> {
        // A text that is no id names no user, and a request for it never succeeded.
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
                Ok(Decision::Changed(change)) => {
                    let before = before.as_ref();
                    self.commit(before, &change, write, context.at, &mut retries).await?
                }
            };
            if let Some(written) = written {
                return Ok(written);
            }
        }
    }

    /// Commits a change. `None`: others came first, try again.
    async fn commit(
        &self,
        before: Option<&User>,
        change: &Committed,
        write: &WriteRequest<'_>,
        now: Timestamp,
        retries: &mut u32,
    ) -> Result<Option<Written>, Error> {
        let answer = (write.answer)(&change.user);
        let record = self.record(write, &answer, now);
        let commit = self.store.commit(before, change, record.as_ref(), now, write.trace_header);
        let error = match commit.await {
            Ok(()) => {
                count_change(change);
                return Ok(Some(Written { answer, replayed: false, retries: *retries }));
            }
            Err(error) => error,
        };
        match error {
            CommitError::Recorded(record) => replay(*record, write, *retries).map(Some),
            CommitError::EmailTaken => {
                self.refuse(Error::EmailAlreadyRegistered, write, *retries).await.map(Some)
            }
            CommitError::Moved => {
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

    /// Records a success that changed nothing. `None`: a twin is at work, try again.
    async fn record_unchanged(
        &self,
        user: &User,
        write: &WriteRequest<'_>,
        now: Timestamp,
        retries: &mut u32,
    ) -> Result<Option<Written>, Error> {
        let answer = (write.answer)(user);
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

    /// Waits for another try, or gives up with `error` when the time is over.
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

/// Counts what became of users.
fn count_change(change: &Committed) {
    match change.entry.action {
        Action::UserRegistered => {
            measure(metric::USERS_REGISTERED, 1.0);
            let roles = change.user.roles.len();
            if roles > 0 {
                measure(metric::ROLES_ASSIGNED, roles as f64);
            }
        }
        Action::UserProfileUpdated => {}
        Action::UserStatusChanged => measure(
            match change.user.status {
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

/// The recorded answer, if the record is of this very request.
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
