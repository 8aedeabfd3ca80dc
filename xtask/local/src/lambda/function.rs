//! One function and its instances.

use super::error::{InvokeError, PAYLOAD_BYTES};
use super::instance::{Instance, Run};
use super::process::Launch;
use crate::console::Console;
use crate::faults::{Faults, Invocation};
use crate::names::segment_id;
use crate::observe::{self, Observed, TraceHeader};
use crate::server::Stop;
use crate::template::FunctionPlan;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The maximum duration of an instance's start.
const INIT_LIMIT: Duration = Duration::from_secs(10);
/// The maximum number of instances that an invocation is given to, when one ends before taking it.
const DELIVERY_ATTEMPTS: usize = 3;

/// One function and its instances.
#[derive(Debug)]
pub(crate) struct Function {
    pub(super) plan: FunctionPlan,
    pub(super) launch: Launch,
    pub(super) console: Console,
    pub(super) observed: Arc<Observed>,
    pub(super) faults: Arc<Faults>,
    pub(super) stop: Stop,
    /// One permit for each possible instance.
    pub(super) slots: Arc<Semaphore>,
    pub(super) instances: Mutex<Instances>,
}

#[derive(Debug, Default)]
pub(super) struct Instances {
    pub(super) all: BTreeMap<u64, Arc<Instance>>,
    pub(super) idle: Vec<Arc<Instance>>,
    cold_starts: u64,
    invocations: u64,
}

impl Function {
    /// The name of its binary, which identifies it here.
    pub(crate) fn binary(&self) -> &str {
        &self.plan.binary
    }

    /// Invokes the function with an event and returns its response.
    ///
    /// The invocation continues when the caller stops waiting, as on AWS.
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        event: Bytes,
        trace: TraceHeader,
    ) -> Result<Bytes, InvokeError> {
        let function = Arc::clone(self);
        let watched = self.faults.begin(&self.plan.binary, &event);
        let interference = watched.clone();
        let invocation = tokio::spawn(async move {
            let (asked, start) = (Instant::now(), Timestamp::now());
            // The segment of Lambda is the parent of the function's own.
            let segment_id = segment_id();
            let header = TraceHeader { root: trace.root.clone(), parent: Some(segment_id.clone()) };
            let mut cold = false;
            let result = function.run(event, &header, &mut cold, watched.as_ref()).await;
            let invocation = observe::Invocation {
                function: function.plan.binary.clone(),
                trace_id: trace.root,
                segment_id,
                parent_id: trace.parent,
                start: start.as_microsecond() as f64 / 1000.0,
                duration_ms: asked.elapsed().as_micros() as f64 / 1000.0,
                cold,
                error: result.as_ref().err().map(ToString::to_string),
            };
            function.observed.invocations.push(invocation, 0);
            if let Err(error) = &result {
                function.console.line(&function.plan.binary, &format!("ERROR {error}"));
            }
            result
        });
        let Some(interference) = interference else { return joined(invocation.await) };
        let result = tokio::select! {
            biased;
            () = interference.given_up.notified() => Err(InvokeError::GivenUp),
            result = invocation => joined(result),
        };
        match interference.is_answer_lost() {
            true => Err(InvokeError::AnswerLost),
            false => result,
        }
    }

    async fn run(
        self: &Arc<Self>,
        event: Bytes,
        trace: &TraceHeader,
        cold: &mut bool,
        watched: Option<&Arc<Invocation>>,
    ) -> Result<Bytes, InvokeError> {
        if event.len() > PAYLOAD_BYTES {
            return Err(InvokeError::TooLarge);
        }
        let patience = Duration::from_secs(self.plan.timeout_seconds);
        let slot = tokio::time::timeout(patience, Arc::clone(&self.slots).acquire_owned()).await;
        let Ok(Ok(_slot)) = slot else {
            return Err(InvokeError::Throttled);
        };
        self.lock().invocations += 1;
        for _ in 0..DELIVERY_ATTEMPTS {
            let instance = match self.take_idle() {
                Some(instance) => instance,
                None => {
                    *cold = true;
                    self.start_instance().await?
                }
            };
            if let Some(invocation) = watched {
                self.faults.assign(instance.access_key(), instance.kill_switch(), invocation);
            }
            let run = instance.run(event.clone(), trace, &self.plan, watched).await;
            if watched.is_some() {
                self.faults.unassign(instance.access_key());
            }
            match run {
                Run::NotTaken => {}
                Run::Done(result) => {
                    if !matches!(
                        result,
                        Err(InvokeError::TimedOut(_)
                            | InvokeError::Crashed(_)
                            | InvokeError::OutOfMemory(_))
                    ) {
                        self.lock().idle.push(instance);
                    }
                    return result;
                }
            }
        }
        Err(InvokeError::Crashed("instances end before they take an invocation".to_owned()))
    }

    fn take_idle(&self) -> Option<Arc<Instance>> {
        let mut instances = self.lock();
        while let Some(instance) = instances.idle.pop() {
            if instance.is_alive() {
                return Some(instance);
            }
        }
        None
    }

    pub(super) async fn start_instance(self: &Arc<Self>) -> Result<Arc<Instance>, InvokeError> {
        let (id, instance, child) = {
            // Locked during the start of the process: its first request may come at once, and must
            // find the instance.
            let mut instances = self.lock();
            instances.cold_starts += 1;
            let id = instances.cold_starts;
            let (instance, child) = self.launch.spawn(id, &self.console)?;
            instances.all.insert(id, Arc::clone(&instance));
            (id, instance, child)
        };
        let function = Arc::clone(self);
        let (watched, stop) = (Arc::clone(&instance), self.stop.clone());
        tokio::spawn(async move {
            child.watch(&watched, stop).await;
            function.lock().all.remove(&id);
        });
        instance.started(INIT_LIMIT).await.map_err(InvokeError::Init)?;
        Ok(instance)
    }

    /// The faults of its invocations.
    pub(crate) fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    pub(super) fn describe(&self) -> Value {
        let instances = self.lock();
        let listed: Vec<_> = instances
            .all
            .iter()
            .map(|(id, instance)| {
                json!({"id": id, "pid": instance.pid(), "busy": instance.is_busy()})
            })
            .collect();
        json!({
            "name": self.plan.binary,
            "instances": listed,
            "invocations": instances.invocations,
            "coldStarts": instances.cold_starts,
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined(
    result: Result<Result<Bytes, InvokeError>, tokio::task::JoinError>,
) -> Result<Bytes, InvokeError> {
    result.unwrap_or_else(|error| Err(InvokeError::Crashed(error.to_string())))
}
