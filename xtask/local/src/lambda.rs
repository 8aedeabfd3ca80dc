//! Lambda: runs the functions as child processes and hands them invocations.
//!
//! As on AWS, an instance handles one invocation at a time, and a function has an instance for each
//! concurrent invocation. An instance that timed out, crashed or ended is replaced at the next call.
//! Unlike on AWS, an idle instance is not frozen.

mod error;
mod fleet;
mod function;
mod instance;
mod memory;
mod process;
mod runtime_api;

pub(crate) use error::{InvokeError, PAYLOAD_BYTES};
pub(crate) use fleet::Fleet;
pub(crate) use function::Function;
pub(crate) use memory::LIMITS_MEMORY;
pub(crate) use process::Endpoints;

use crate::console::Console;
use crate::descriptors;
use crate::faults::Faults;
use crate::observe::Observed;
use crate::server::Stop;
use crate::template::FunctionPlan;
use anyhow::Context;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// The maximum number of instances of a function without reserved concurrency.
const DEFAULT_CONCURRENCY: usize = 10;

/// Opens the Runtime API and starts one instance of each function.
///
/// # Errors
/// When a binary is missing, or a function does not start; the text names it.
pub(crate) async fn start(
    plans: Vec<FunctionPlan>,
    directory: &Path,
    endpoints: Endpoints,
    faults: &Arc<Faults>,
    console: &Console,
    observed: &Arc<Observed>,
    stop: &Stop,
) -> anyhow::Result<Arc<Fleet>> {
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).await.context("cannot open the Lambda Runtime API")?;
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
            let launch = process::Launch::new(&plan, directory, &endpoints, runtime_api, observed)?;
            let wanted = plan.reserved_concurrency.unwrap_or(DEFAULT_CONCURRENCY);
            let possible = descriptors::instances_of_each(limit, count, wanted);
            Ok(Arc::new(Function {
                // No permit for a reserved concurrency of 0.
                slots: Arc::new(Semaphore::new(possible.min(wanted))),
                observed: Arc::clone(observed),
                plan,
                launch,
                console: console.clone(),
                faults: Arc::clone(faults),
                stop: stop.clone(),
                instances: Mutex::default(),
            }))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let fleet = Arc::new(Fleet { functions });
    tokio::spawn(runtime_api::serve(listener, stop.clone(), Arc::clone(&fleet)));
    tokio::spawn(memory::enforce(Arc::clone(&fleet), stop.clone()));
    fleet.warm_up().await?;
    Ok(fleet)
}
