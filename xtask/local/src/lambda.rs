//! Lambda: runs the functions as child processes and hands them invocations.
//!
//! As on AWS, an instance has one invocation at a time, and a function as many instances as it has
//! invocations at once. An instance that timed out, crashed or ended is replaced at the next call.
//! Unlike on AWS, an idle instance is not frozen.

mod instance;
mod memory;
mod observation;
mod process;
mod runtime_api;

pub(crate) use memory::LIMITS_MEMORY;
pub(crate) use process::Endpoints;

use self::instance::{Instance, Run};
use self::observation::Observation;
use crate::console::Console;
use crate::descriptors;
use crate::faults::{Faults, Invocation};
use crate::observe::{Observed, TraceHeader};
use crate::server::Stop;
use crate::template::FunctionPlan;
use anyhow::Context;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Most instances of a function that has no reserved concurrency.
const DEFAULT_CONCURRENCY: usize = 10;
/// How long an instance may take until it asks for its first invocation.
const INIT_LIMIT: Duration = Duration::from_secs(10);
/// Largest invocation and largest response, in bytes, as on AWS.
pub(crate) const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
/// How often an invocation is given to another instance when one ended before taking it.
const DELIVERY_ATTEMPTS: usize = 3;

/// Why an invocation has no result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum InvokeError {
    /// The function reported an error; the text is `type: message`.
    Function(String),
    /// The process ended while it had the invocation; the text says how.
    Crashed(String),
    /// The process was killed because it exceeded the function's memory; the text is Lambda's, with
    /// the limit and what was used.
    OutOfMemory(String),
    /// It took longer than the function's timeout, in seconds.
    TimedOut(u64),
    /// No instance could be started; the text says why.
    Init(String),
    /// No instance could be started because there are no file descriptors left.
    NoDescriptors,
    /// All instances were busy for as long as the caller could wait.
    Throttled,
    /// The invocation is larger than Lambda takes.
    TooLarge,
    /// Whoever invoked has waited long enough, by a fault that a test wanted.
    GivenUp,
    /// The result got lost on its way back, by a fault that a test wanted.
    AnswerLost,
}

impl fmt::Display for InvokeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(text) => write!(formatter, "the function failed: {text}"),
            Self::Crashed(text) => write!(formatter, "the function ended during the call: {text}"),
            Self::OutOfMemory(text) => formatter.write_str(text),
            Self::TimedOut(seconds) => write!(formatter, "Task timed out after {seconds} seconds"),
            Self::Init(text) => write!(formatter, "not started: {text}"),
            Self::NoDescriptors => formatter
                .write_str("no file descriptor is left for another instance; see `ulimit -n`"),
            Self::Throttled => formatter.write_str("all instances of the function are busy"),
            Self::TooLarge => write!(formatter, "the event is over {PAYLOAD_BYTES} bytes"),
            Self::GivenUp => formatter.write_str("nobody waits for it any more"),
            Self::AnswerLost => formatter.write_str("the result got lost"),
        }
    }
}

/// All functions of the template.
#[derive(Debug)]
pub(crate) struct Fleet {
    functions: Vec<Arc<Function>>,
}

/// One function and its instances.
#[derive(Debug)]
pub(crate) struct Function {
    plan: FunctionPlan,
    launch: process::Launch,
    console: Console,
    observation: Observation,
    faults: Arc<Faults>,
    stop: Stop,
    slots: Arc<Semaphore>,
    instances: Mutex<Instances>,
}

#[derive(Debug, Default)]
struct Instances {
    all: BTreeMap<u64, Arc<Instance>>,
    idle: Vec<Arc<Instance>>,
    cold_starts: u64,
    invocations: u64,
}

impl Fleet {
    /// Opens the Runtime API and starts one instance of each function.
    ///
    /// # Errors
    /// When a binary is missing, or a function does not come up; the text names it.
    pub(crate) async fn start(
        plans: Vec<FunctionPlan>,
        directory: &Path,
        endpoints: Endpoints,
        faults: &Arc<Faults>,
        console: &Console,
        observed: &Arc<Observed>,
        stop: &Stop,
    ) -> anyhow::Result<Arc<Self>> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("cannot open the Lambda Runtime API")?;
        let runtime_api = listener.local_addr().context("cannot open the Lambda Runtime API")?;
        let (limit, count) = (descriptors::limit(), plans.len());
        let most = descriptors::instances_of_each(limit, count, DEFAULT_CONCURRENCY);
        if most < DEFAULT_CONCURRENCY {
            let text = format!(
                "WARN {limit} file descriptors are few: a function has {most} instances at most, \
                 and calls wait for one; `ulimit -n` raises the limit"
            );
            console.line("lambda", &text);
        }
        let functions = plans
            .into_iter()
            .map(|plan| {
                let launch =
                    process::Launch::new(&plan, directory, &endpoints, runtime_api, observed)?;
                let wanted = plan.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
                let possible = descriptors::instances_of_each(limit, count, wanted);
                Ok(Arc::new(Function {
                    // None where the template reserves none.
                    slots: Arc::new(Semaphore::new(possible.min(wanted))),
                    observation: Observation::new(&plan, observed),
                    plan,
                    launch,
                    console: console.clone(),
                    faults: Arc::clone(faults),
                    stop: stop.clone(),
                    instances: Mutex::default(),
                }))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let fleet = Arc::new(Self { functions });
        tokio::spawn(runtime_api::serve(listener, stop.clone(), Arc::clone(&fleet)));
        tokio::spawn(memory::enforce(Arc::clone(&fleet), stop.clone()));
        fleet.warm_up().await?;
        Ok(fleet)
    }

    async fn warm_up(&self) -> anyhow::Result<()> {
        let starting: Vec<_> = self
            .functions
            .iter()
            .filter(|function| function.plan.reserved_concurrency != Some(0))
            .map(|function| {
                let function = Arc::clone(function);
                tokio::spawn(async move {
                    let instance = function.start_instance().await.map_err(|error| {
                        anyhow::anyhow!("the function {}: {error}", function.plan.binary)
                    })?;
                    function.lock().idle.push(instance);
                    anyhow::Ok(())
                })
            })
            .collect();
        for started in starting {
            started.await.context("starting a function was interrupted")??;
        }
        Ok(())
    }

    /// The function that a name or an ARN, perhaps with an alias or version, refers to.
    pub(crate) fn find(&self, reference: &str) -> Option<&Arc<Function>> {
        self.functions.iter().find(|function| function.plan.is(reference))
    }

    /// The state of all functions, for the control endpoint.
    pub(crate) fn describe(&self) -> Value {
        self.functions.iter().map(|function| function.describe()).collect()
    }

    /// Returns when every process has ended. The stop signal must have been given.
    pub(crate) async fn ended(&self) {
        for function in &self.functions {
            let instances: Vec<_> = function.lock().all.values().cloned().collect();
            for instance in instances {
                instance.ended().await;
            }
        }
    }

    fn instance(&self, function: &str, id: u64) -> Option<(&Faults, Arc<Instance>)> {
        let function = self.functions.iter().find(|known| known.plan.binary == function)?;
        let instance = function.lock().all.get(&id).cloned()?;
        Some((&function.faults, instance))
    }
}

impl Function {
    /// The name of its binary, by which it goes here.
    pub(crate) fn binary(&self) -> &str {
        &self.plan.binary
    }

    /// Invokes the function with an event and gives back its response.
    ///
    /// The invocation goes on when the caller stops waiting, as on AWS.
    pub(crate) async fn invoke(
        self: &Arc<Self>,
        event: Bytes,
        trace: TraceHeader,
    ) -> Result<Bytes, InvokeError> {
        let function = Arc::clone(self);
        let watched = self.faults.begin(&self.plan.binary, &event);
        let interference = watched.clone();
        let invocation = tokio::spawn(async move {
            let mut noted = function.observation.begin(trace);
            let result = function.run(event, &mut noted, watched.as_ref()).await;
            function.observation.end(noted, result.as_ref().err());
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
        noted: &mut observation::Begun,
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
                    noted.cold = true;
                    self.start_instance().await?
                }
            };
            if let Some(invocation) = watched {
                self.faults.hand_over(instance.access_key(), instance.kill_switch(), invocation);
            }
            let run = instance.run(event.clone(), &noted.header(), &self.plan, watched).await;
            if watched.is_some() {
                self.faults.take_back(instance.access_key());
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

    async fn start_instance(self: &Arc<Self>) -> Result<Arc<Instance>, InvokeError> {
        let (id, instance, child) = {
            // Locked over the start of the process: its first request may come at once, and must
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

    /// The faults that its invocations are subject to.
    pub(crate) fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }

    fn describe(&self) -> Value {
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

    fn lock(&self) -> MutexGuard<'_, Instances> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn joined(
    result: Result<Result<Bytes, InvokeError>, tokio::task::JoinError>,
) -> Result<Bytes, InvokeError> {
    result.unwrap_or_else(|error| Err(InvokeError::Crashed(error.to_string())))
}

/// The access key that an instance signs its calls of AWS with, by which they are told apart.
fn access_key(binary: &str, instance: u64) -> String {
    format!("{binary}.{instance}")
}

/// The address that a function finds its Runtime API at: host, port, and a path that names it and
/// that only it knows.
/// AWS gives host and port alone; with a path, HTTP libraries understand a whole URL only.
fn runtime_api_address(
    runtime_api: SocketAddr,
    binary: &str,
    instance: u64,
    secret: &str,
) -> String {
    format!("http://{runtime_api}/{binary}/{instance}/{secret}")
}
