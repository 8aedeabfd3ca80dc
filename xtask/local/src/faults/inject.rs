//! Injects a fault into a call of AWS.

use super::invocation::Invocation;
use super::kind::{Fault, Place};
use super::registry::Faults;
use crate::server::{Answer, HangUp, Reply};
use http::HeaderMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longer than the timeout of one attempt in the functions, so that they retry meanwhile.
const LATE: Duration = Duration::from_millis(3500);
/// Long enough for a caller to retry in another process.
const AFTER_DEATH: Duration = Duration::from_millis(700);
/// Long enough for other calls to overtake.
const SLOW: Duration = Duration::from_millis(80);
/// Long enough for a killed process to be gone, so that it cannot react to the end of its
/// connection.
const GONE: Duration = Duration::from_millis(100);

/// A call of AWS that is watched.
#[derive(Debug)]
pub(crate) struct Call {
    invocation: Arc<Invocation>,
    fault: Option<Fault>,
}

impl Faults {
    /// Begins a call of AWS. `None` when its process is not watched.
    pub(crate) fn at_call(&self, headers: &HeaderMap, operation: &str) -> Option<Call> {
        let invocation = self.invocation(access_key(headers)?)?;
        if invocation.is_doomed() {
            return Some(Call { invocation, fault: None });
        }
        let place = Place::Call(invocation.count_call(operation));
        let fault = invocation.placed_at(place).or_else(|| {
            let (function, number) = (&invocation.function, invocation.number);
            self.by_chance(function, number, place, operation, |it| it.calls)
        });
        let fault = fault
            .filter(|fault| Fault::all_at(place, operation).contains(fault))
            .map(|fault| self.note(&invocation, place, fault));
        Some(Call { invocation, fault })
    }
}

/// The access key of a signed call: every process has one of its own.
fn access_key(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    text.split_once("Credential=")?.1.split('/').next()
}

/// Carries out a call with its fault. `apply` carries it out and can be repeated; `refuse` makes the
/// answer of a fault that refuses the call.
pub(crate) async fn around<F>(
    faults: &Faults,
    call: Option<Call>,
    apply: impl Fn(Option<Fault>) -> F,
    refuse: impl Fn(Fault) -> Answer,
) -> Reply
where
    F: Future<Output = Answer>,
{
    let Some(Call { invocation, fault }) = call else {
        return apply(None).await.into();
    };
    if invocation.is_doomed() {
        invocation.kill();
        return gone().await;
    }
    match fault {
        None => apply(None).await.into(),
        Some(fault) => {
            // Until this is over, tests must not consider the database at rest.
            let _pending = Pending::new(faults);
            carry_out(&invocation, fault, apply, refuse).await
        }
    }
}

async fn carry_out<F>(
    invocation: &Invocation,
    fault: Fault,
    apply: impl Fn(Option<Fault>) -> F,
    refuse: impl Fn(Fault) -> Answer,
) -> Reply
where
    F: Future<Output = Answer>,
{
    let done = || apply(Some(fault));
    match fault {
        Fault::KillBefore => {
            invocation.kill();
            gone().await
        }
        Fault::KillAfter => {
            let _ = done().await;
            invocation.kill();
            gone().await
        }
        Fault::KillAfterAnswer => {
            let answer = done().await;
            // Its next call kills it.
            invocation.doom();
            answer.into()
        }
        Fault::KillThenApply => {
            invocation.kill();
            tokio::time::sleep(AFTER_DEATH).await;
            let _ = done().await;
            HangUp::Close.into()
        }
        Fault::LoseAnswer => {
            let _ = done().await;
            HangUp::Close.into()
        }
        Fault::LateAnswer => {
            let answer = done().await;
            tokio::time::sleep(LATE).await;
            answer.into()
        }
        Fault::LateCall => {
            tokio::time::sleep(LATE).await;
            done().await.into()
        }
        Fault::Duplicate => {
            let _ = done().await;
            done().await.into()
        }
        Fault::Reset => HangUp::Reset.into(),
        Fault::Slow => {
            tokio::time::sleep(SLOW).await;
            done().await.into()
        }
        Fault::FunctionTimeout => {
            invocation.time_out();
            gone().await
        }
        Fault::GatewayTimeout => {
            invocation.given_up.notify_one();
            // Meanwhile the caller retries.
            tokio::time::sleep(SLOW).await;
            done().await.into()
        }
        Fault::StackKillBefore => {
            kill_the_stack();
            gone().await
        }
        Fault::StackKillAfter => {
            let _ = done().await;
            kill_the_stack();
            gone().await
        }
        Fault::RefuseFirst | Fault::RefuseSome | Fault::RefuseAll => done().await.into(),
        Fault::Throttle
        | Fault::InternalError
        | Fault::TransactionConflict
        | Fault::TransactionConflictEverywhere
        | Fault::TransactionThrottled
        | Fault::TransactionInProgress
        | Fault::ProvisionedThroughputExceeded => refuse(fault).into(),
        // Faults of other places never come here.
        Fault::None | Fault::Repeat | Fault::Split | Fault::Late => done().await.into(),
    }
}

/// Hangs up on a killed process, once it is gone.
pub(crate) async fn gone() -> Reply {
    tokio::time::sleep(GONE).await;
    HangUp::Close.into()
}

/// Kills this process, without a chance to finish anything.
pub(crate) fn kill_the_stack() {
    #[cfg(unix)]
    {
        // Should this fail, the test notices that the fault did not happen.
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Counts as a pending call until dropped.
struct Pending<'a>(&'a Faults);

impl<'a> Pending<'a> {
    fn new(faults: &'a Faults) -> Self {
        faults.pending.fetch_add(1, Ordering::SeqCst);
        Self(faults)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::access_key;
    use http::{HeaderMap, HeaderValue};

    #[test]
    fn the_access_key_is_found_in_a_signature() {
        let mut headers = HeaderMap::new();
        assert_eq!(access_key(&headers), None);
        let text = "AWS4-HMAC-SHA256 Credential=get.3/20261122/us-east-1/dynamodb/aws4_request, x";
        headers.insert("authorization", HeaderValue::from_static(text));
        assert_eq!(access_key(&headers), Some("get.3"));
    }
}
