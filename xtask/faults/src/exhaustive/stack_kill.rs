//! The whole stack killed at every place of the writes and of the relay, and started again on the
//! same data, while other clients write too.

use super::relay::OfRelay;
use super::{Case, Fault, IsCase, Plan, nothing, relay, verdict};
use crate::caller::{Caller, Log};
use crate::report::Figures;
use crate::scenario::Scenario;
use crate::stack::{Programs, Stack};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use users_faults::history::Request;

/// Clients that write meanwhile.
const OTHERS: usize = 3;

/// Goes through all cases; gives how many there were.
pub(crate) async fn run(programs: &Programs, plan: &Plan) -> Result<(usize, Figures)> {
    let mut stack = Stack::start(programs, &[]).await?;
    let caller = Caller::new(stack.client()?, &Log::new(), "stack killed");
    let kinds = stack.control().get("/faults/kinds").await?;
    let mut cases = Vec::new();
    for scenario in Scenario::killed() {
        let watched = Case { scenario, fault: nothing() };
        let placed = watched.run(&stack.control(), &caller).await?;
        cases.extend(killing(&kinds, &placed).map(|fault| Case { scenario, fault }));
    }
    // The relay's two calls are known from its own cases.
    let call = json!({"faults": ["stack-kill-before", "stack-kill-after"]});
    let of_relay = killing(&kinds, &json!({"calls": [call.clone(), call]})).map(OfRelay);
    let (cases, of_relay) = (plan.choose(cases), plan.choose(of_relay.collect()));
    let mut killed: Vec<&Fault> = Vec::new();
    for case in &cases {
        let caller = caller.part_of(case.name());
        kill_at(&mut stack, &caller, case).await.with_context(|| case.name())?;
        killed.push(case.fault());
    }
    for case in &of_relay {
        let caller = caller.part_of(case.name());
        kill_while_relaying(&mut stack, &caller, case.fault())
            .await
            .with_context(|| case.name())?;
        killed.push(case.fault());
    }
    let mut figures = verdict(&stack.control(), &caller, &plan.again("stack-kill")).await?;
    // What the stack has counted died with it.
    for fault in &killed {
        figures.add_fault(&format!("stack/{}", fault.kind), 1);
    }
    Ok((killed.len(), figures))
}

fn killing(kinds: &Value, placed: &Value) -> impl Iterator<Item = Fault> + use<> {
    let all = Fault::all(kinds, &["start", "response"], placed);
    all.into_iter().filter(Fault::kills_the_stack)
}

async fn kill_while_relaying(stack: &mut Stack, caller: &Caller, fault: &Fault) -> Result<()> {
    relay::gather(&stack.control(), caller, fault).await?;
    // The answer may be lost with the stack.
    let _ = stack.control().post("/streams", &json!({"hold": false})).await;
    stack.killed().await?;
    stack.restart().await?;
    stack.control().streams_carried().await
}

async fn kill_at(stack: &mut Stack, caller: &Caller, case: &Case) -> Result<()> {
    let ticket = caller.log().ticket();
    let id = ticket.correlation_id(1);
    let prepared = case.scenario.prepare(caller, &id).await?;
    let function = prepared.request.operation.function();
    case.fault.place(&stack.control(), &id, function, &id).await?;
    let mut tasks = JoinSet::new();
    let main = caller.clone();
    let request = prepared.request.clone();
    tasks.spawn(async move { main.send_as(&ticket, request).await });
    for nth in 0..OTHERS {
        let body = json!({"email": format!("other-{nth}-{id}@example.com"), "roles": ["other"]});
        let request = Request::register(body).keyed(format!("other-{nth}-{id}"));
        let other = caller.clone();
        tasks.spawn(async move { other.send(request).await });
    }
    stack.killed().await?;
    stack.restart().await?;
    while let Some(done) = tasks.join_next().await {
        let sight = done.context("a client broke down")??;
        let came = sight.last_answer().map(|answer| answer.status);
        let expected = if sight.request == prepared.request { prepared.status } else { 201 };
        if came != Some(expected) {
            bail!("answered {came:?} at last, not {expected}: {:?}", sight.attempts);
        }
    }
    Ok(())
}
