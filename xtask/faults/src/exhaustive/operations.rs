//! Every fault at every call and step of every scenario.

use super::fault::Fault;
use super::plan::{Named, Plan, judge};
use crate::caller::{Caller, Log};
use crate::report::Statistics;
use crate::scenario::Scenario;
use crate::stack::{Control, Programs, Stack};
use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use serde_json::Value;

/// Cases between two lines of progress.
const PROGRESS: usize = 500;

/// Runs all cases; returns their number.
pub(super) async fn run(programs: &Programs, plan: &Plan) -> Result<(usize, Statistics)> {
    let stack = Stack::start(programs, &[]).await?;
    let control = stack.control();
    let caller = Caller::new(stack.client()?, &Log::new(), "exhaustive");
    let kinds = control.get("/faults/kinds").await?;
    let observing = Scenario::all().into_iter().map(|it| case(it, Fault::none())).collect();
    let (observed, failures) = run_cases(&control, &caller, plan.at_once, observing).await;
    fail_with(&failures)?;
    let mut cases = Vec::new();
    for (scenario, observed) in observed {
        let all = Fault::all(&kinds, &["start", "response"], &observed).into_iter();
        let here = all.filter(|fault| !fault.kills_the_stack());
        cases.extend(here.map(|fault| case(scenario, fault)));
    }
    cases.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    let cases = plan.choose(cases);
    let (done, failures) = run_cases(&control, &caller, plan.at_once, cases).await;
    let statistics = judge(&control, &caller, "NAME of the case in the report").await?;
    fail_with(&failures)?;
    let happened = done.iter().filter(|(_, placed)| placed["fired"] != 0).count();
    Ok((happened, statistics))
}

/// A case of a scenario.
pub(super) fn case(scenario: Scenario, fault: Fault) -> Named<Scenario> {
    (format!("{}/{}", scenario.name(), fault.name()), fault, scenario)
}

/// Runs cases at once; returns the stack's report of each fault, and the failures.
async fn run_cases(
    control: &Control,
    caller: &Caller,
    at_once: usize,
    cases: Vec<Named<Scenario>>,
) -> (Vec<(Scenario, Value)>, Vec<String>) {
    let all = cases.len();
    let mut running = stream::iter(cases)
        .map(|(name, fault, scenario)| async move {
            let caller = caller.labelled(&name);
            let placed = run_case(control, &caller, scenario, &fault).await.context(name)?;
            anyhow::Ok((scenario, placed))
        })
        .buffer_unordered(at_once);
    let (mut done, mut failures) = (Vec::new(), Vec::new());
    while let Some(result) = running.next().await {
        match result {
            Ok(case) => done.push(case),
            Err(error) => failures.push(format!("{error:#}")),
        }
        let count = done.len() + failures.len();
        if count.is_multiple_of(PROGRESS) {
            eprintln!("{count} of {all} cases of the operations");
        }
    }
    (done, failures)
}

fn fail_with(failures: &[String]) -> Result<()> {
    if !failures.is_empty() {
        bail!("{} cases failed:\n{}", failures.len(), failures.join("\n"));
    }
    Ok(())
}

/// Runs a case; returns the stack's report on the placed fault.
pub(super) async fn run_case(
    control: &Control,
    caller: &Caller,
    scenario: Scenario,
    fault: &Fault,
) -> Result<Value> {
    let request_id = caller.log().next_id();
    let id = request_id.correlation_id(1);
    let expected = scenario.prepare(caller, &id).await?;
    let is_repeatable = expected.request.is_repeatable();
    fault.place(control, expected.request.operation.function(), &id).await?;
    let exchange = caller.send_as(request_id, expected.request).await?;
    let placed = control.get(&format!("/faults/placed/{id}")).await?;
    let calls = placed["calls"].as_array().map_or(0, Vec::len) as u64;
    // The number of calls of a list depends on the users, so the last call may not exist.
    let is_there = fault.at["call"].as_u64().is_none_or(|nth| nth <= calls);
    if fault.kind != "none" && placed["fired"] == 0 && is_there {
        bail!("the fault has not happened after {calls} calls of AWS");
    }
    let status = exchange.last_answer().map(|answer| answer.status);
    if is_repeatable && status != Some(expected.status) {
        bail!("finally answered {status:?}, not {}: {:?}", expected.status, exchange.attempts);
    }
    Ok(placed)
}
