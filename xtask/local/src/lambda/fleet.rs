//! All functions of the template.

use super::function::Function;
use super::instance::Instance;
use crate::faults::Faults;
use anyhow::Context;
use serde_json::Value;
use std::sync::Arc;

/// All functions of the template.
#[derive(Debug)]
pub(crate) struct Fleet {
    pub(super) functions: Vec<Arc<Function>>,
}

impl Fleet {
    /// Starts one instance of each function.
    ///
    /// # Errors
    /// When an instance does not start; the text names the function.
    pub(super) async fn warm_up(&self) -> anyhow::Result<()> {
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

    /// The function of a name or an ARN, perhaps with an alias or version.
    pub(crate) fn find(&self, reference: &str) -> Option<&Arc<Function>> {
        self.functions.iter().find(|function| function.plan.is(reference))
    }

    /// The state of all functions, for the control endpoint.
    pub(crate) fn describe(&self) -> Value {
        self.functions.iter().map(|function| function.describe()).collect()
    }

    /// Waits for the end of every process, after the stop signal.
    pub(crate) async fn ended(&self) {
        for function in &self.functions {
            let instances: Vec<_> = function.lock().all.values().cloned().collect();
            for instance in instances {
                instance.ended().await;
            }
        }
    }

    /// An instance of a function, with the faults of its invocations.
    pub(super) fn instance(&self, function: &str, id: u64) -> Option<(&Faults, Arc<Instance>)> {
        let function = self.functions.iter().find(|known| known.plan.binary == function)?;
        let instance = function.lock().all.get(&id).cloned()?;
        Some((&function.faults, instance))
    }
}
