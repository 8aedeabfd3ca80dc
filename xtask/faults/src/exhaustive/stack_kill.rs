//! The whole stack killed at every place of the writes and of the relay, and started again on the
//! same data, while other clients write too.

use super::{Case, Fault, Plan, nothing, relay};
use crate::caller::{Caller, Log};
use crate::conclude::conclude;
use crate::report::{Figures, tell};
use crate::scenario::Scenario;
use crate::stack::{Programs, Stack};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use users_faults::checker::check;
use users_faults::history::Request;

/// Clients that write meanwhile.
const OTHERS: usize = 3;

/// Goes through all cases; gives how many there were.
pub(crate) async fn run(programs: &Programs, plan: &Plan) -> Result<(usize, Figures)> {
    let mut stack = Stack::start(programs, &[]).await?;
    let caller = Caller::new(stack.client()?, &Log::new(), "stack killed");
    let kinds = stack.control().get("/faults/kinds").await?;
    let mut figures = Figures::default();
    let mut count = 0;
    for scenario in Scenario::killed() {
        let watched = Case { scenario, fault: nothing() };
        let placed = watched.run(&stack.control(), &caller).await?;
        for fault in killing(&kinds, &placed) {
            let case = Case { scenario, fault };
            if plan.wants(&case.name()) {
                let caller = caller.part_of(case.name());
                kill_at(&mut stack, &caller, &case).await.with_context(|| case.name())?;
                figures.add_fault(&format!("stack/{}", case.fault.kind), 1);
                count += 1;
            }
        }
    }
    // The relay's two calls are known from its own cases.
    let calls = json!({"faults": ["stack-kill-before", "stack-kill-after"]});
    for fault in killing(&kinds, &json!({"calls": [calls.clone(), calls]})) {
        let name = relay::name(&fault);
        if plan.wants(&name) {
            let _ = relay::gather(&stack.control(), &caller.part_of(&name), &fault).await?;
            // The answer may be lost with the stack.
            let _ = stack.control().post("/streams", &json!({"hold": false})).await;
            stack.killed().await.context(name)?;
            stack.restart().await?;
            stack.control().streams_carried().await?;
            figures.add_fault(&format!("stack/{}", fault.kind), 1);
            count += 1;
        }
    }
    let world = conclude(&stack.control(), &caller).await?;
    figures.add_world(&world);
    let violations = check(&world);
    if !violations.is_empty() {
        bail!("{}", tell(&violations, &world, &plan.again("stack-kill")));
    }
    Ok((count, figures))
}

fn killing(kinds: &Value, placed: &Value) -> Vec<Fault> {
    let all = Fault::all(kinds, &["start", "response"], placed);
    all.into_iter().filter(Fault::kills_the_stack).collect()
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
