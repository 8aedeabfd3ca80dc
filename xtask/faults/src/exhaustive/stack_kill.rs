//! The whole stack killed at every call of the writes and of the relay, and restarted on the same
//! data, while other clients write too.

use super::fault::Fault;
use super::plan::{Plan, judge};
use super::{operations, relay};
use crate::caller::{Caller, Log};
use crate::history::Request;
use crate::report::Statistics;
use crate::scenario::Scenario;
use crate::stack::{Programs, Stack};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Other clients that write at the same time.
const OTHERS: usize = 3;

/// Runs all cases; returns their number.
pub(super) async fn run(programs: &Programs, plan: &Plan) -> Result<(usize, Statistics)> {
    let mut stack = Stack::start(programs, &[]).await?;
    let caller = Caller::new(stack.client()?, &Log::new(), "stack killed");
    let kinds = stack.control().get("/faults/kinds").await?;
    let mut of_writes = Vec::new();
    for scenario in Scenario::killed() {
        let control = stack.control();
        let observed = operations::run_case(&control, &caller, scenario, &Fault::none()).await?;
        let faults = stack_kills(&kinds, &observed);
        of_writes.extend(faults.map(|fault| operations::case(scenario, fault)));
    }
    // The relay makes two calls for its batch.
    let call = json!({"faults": ["stack-kill-before", "stack-kill-after"]});
    let of_relay = stack_kills(&kinds, &json!({"calls": [call.clone(), call]})).map(relay::case);
    let (of_writes, of_relay) = (plan.choose(of_writes), plan.choose(of_relay.collect()));
    for (name, fault, scenario) in &of_writes {
        let caller = caller.labelled(name);
        let done = kill_during_write(&mut stack, &caller, *scenario, fault).await;
        done.with_context(|| name.clone())?;
    }
    for (name, fault, ()) in &of_relay {
        let caller = caller.labelled(name);
        let done = kill_during_relay(&mut stack, &caller, fault).await;
        done.with_context(|| name.clone())?;
    }
    let mut statistics = judge(&stack.control(), &caller, "stack-kill").await?;
    // The counts of a killed stack are lost.
    let writes = of_writes.iter().map(|(_, fault, _)| fault);
    for fault in writes.chain(of_relay.iter().map(|(_, fault, ())| fault)) {
        statistics.add_fault(&format!("stack/{}", fault.kind), 1);
    }
    Ok((of_writes.len() + of_relay.len(), statistics))
}

fn stack_kills(kinds: &Value, observed: &Value) -> impl Iterator<Item = Fault> + use<> {
    let all = Fault::all(kinds, &["start", "response"], observed);
    all.into_iter().filter(Fault::kills_the_stack)
}

async fn kill_during_relay(stack: &mut Stack, caller: &Caller, fault: &Fault) -> Result<()> {
    relay::gather(&stack.control(), caller, fault).await?;
    // The answer may be lost with the stack.
    let _ = stack.control().post("/streams", &json!({"hold": false})).await;
    stack.expect_killed().await?;
    stack.restart().await?;
    stack.control().streams_drained().await
}

async fn kill_during_write(
    stack: &mut Stack,
    caller: &Caller,
    scenario: Scenario,
    fault: &Fault,
) -> Result<()> {
    let request_id = caller.log().next_id();
    let id = request_id.correlation_id(1);
    let expected = scenario.prepare(caller, &id).await?;
    fault.place(&stack.control(), expected.request.operation.function(), &id).await?;
    let mut tasks = JoinSet::new();
    let (main, request) = (caller.clone(), expected.request.clone());
    tasks.spawn(async move { main.send_as(request_id, request).await });
    for nth in 0..OTHERS {
        let body = json!({"email": format!("other-{nth}-{id}@example.com"), "roles": ["other"]});
        let request = Request::register(body).keyed(format!("other-{nth}-{id}"));
        let other = caller.clone();
        tasks.spawn(async move { other.send(request).await });
    }
    stack.expect_killed().await?;
    stack.restart().await?;
    while let Some(done) = tasks.join_next().await {
        let exchange = done.context("a client panicked")??;
        let status = exchange.last_answer().map(|answer| answer.status);
        let right = if exchange.request == expected.request { expected.status } else { 201 };
        if status != Some(right) {
            bail!("finally answered {status:?}, not {right}: {:?}", exchange.attempts);
        }
    }
    Ok(())
}
