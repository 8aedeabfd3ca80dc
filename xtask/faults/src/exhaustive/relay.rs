//! Every fault at every call and step of the relay.
//!
//! A batch gathers while the stream is held: three users, and a second change of the first one,
//! which has to wait for another call. There is only one stream, so the cases run one by one.

use super::fault::Fault;
use super::plan::{Named, Plan, judge};
use crate::caller::{Caller, Log, RequestId};
use crate::history::Request;
use crate::report::Statistics;
use crate::stack::{Control, Programs, Stack};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const FUNCTION: &str = "users-audit-publish";

/// Runs all cases; returns their number.
pub(super) async fn run(programs: &Programs, plan: &Plan) -> Result<(usize, Statistics)> {
    let stack = Stack::start(programs, &[]).await?;
    let control = stack.control();
    let caller = Caller::new(stack.client()?, &Log::new(), "relay");
    let kinds = control.get("/faults/kinds").await?;
    let observed = run_case(&control, &caller, &Fault::none()).await?;
    let all = Fault::all(&kinds, &["start", "response", "delivery"], &observed).into_iter();
    let cases = plan.choose(all.filter(|fault| !fault.kills_the_stack()).map(case).collect());
    for (name, fault, ()) in &cases {
        let caller = caller.labelled(name);
        run_case(&control, &caller, fault).await.with_context(|| name.clone())?;
    }
    let statistics = judge(&control, &caller, "relay/").await?;
    Ok((cases.len(), statistics))
}

/// A case of the relay.
pub(super) fn case(fault: Fault) -> Named<()> {
    (format!("relay/{}", fault.name()), fault, ())
}

async fn run_case(control: &Control, caller: &Caller, fault: &Fault) -> Result<Value> {
    let id = gather(control, caller, fault).await?;
    control.post("/streams", &json!({"hold": false})).await?;
    control.streams_drained().await?;
    let placed = control.get(&format!("/faults/placed/{id}")).await?;
    if *fault != Fault::none() && placed["fired"] == 0 {
        bail!("the fault has not happened");
    }
    Ok(placed)
}

/// Holds the stream, makes a batch, and places the fault in the invocation that will publish it.
pub(super) async fn gather(control: &Control, caller: &Caller, fault: &Fault) -> Result<String> {
    control.post("/streams", &json!({"hold": true})).await?;
    let requests: [RequestId; 4] = std::array::from_fn(|_| caller.log().next_id());
    let id = requests[0].correlation_id(1);
    let mut first = None;
    for (nth, request) in requests.iter().take(3).enumerate() {
        let body = json!({"email": format!("relay-{nth}-{id}@example.com")});
        let exchange = caller.send_as(*request, Request::register(body)).await?;
        let user = exchange.last_answer().map(|answer| answer.json()["userId"].clone());
        first.get_or_insert(user.unwrap_or_default());
    }
    let user = first.as_ref().and_then(Value::as_str).context("no user was registered")?;
    caller.send_as(requests[3], Request::assign_role(user, "new")).await?;
    fault.place(control, FUNCTION, &id).await?;
    Ok(id)
}
