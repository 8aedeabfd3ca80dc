//! Every fault at every place of the relay's way from the stream to the bus.
//!
//! A batch is gathered while the stream is held: three users, and a second change of the first one,
//! which has to wait for another call. There is one stream, so the cases come one after another.

use super::{Fault, IsCase, Plan, nothing, verdict};
use crate::caller::{Caller, Log, Ticket};
use crate::report::Figures;
use crate::stack::{Control, Programs, Stack};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use users_faults::history::Request;

/// The relay.
const FUNCTION: &str = "users-audit-publish";

/// Goes through all cases; gives how many there were.
pub(crate) async fn run(programs: &Programs, plan: &Plan) -> Result<(usize, Figures)> {
    let stack = Stack::start(programs, &[]).await?;
    let control = stack.control();
    let caller = Caller::new(stack.client()?, &Log::new(), "relay");
    let kinds = control.get("/faults/kinds").await?;
    let watched = case(&control, &caller, &nothing()).await?;
    let all = Fault::all(&kinds, &["start", "response", "delivery"], &watched).into_iter();
    let cases = plan.choose(all.filter(|fault| !fault.kills_the_stack()).map(OfRelay).collect());
    for one in &cases {
        let name = one.name();
        case(&control, &caller.part_of(&name), one.fault()).await.context(name)?;
    }
    let figures = verdict(&control, &caller, &plan.again("relay/")).await?;
    Ok((cases.len(), figures))
}

/// A fault in an invocation of the relay.
#[derive(Clone, Debug)]
pub(super) struct OfRelay(pub(super) Fault);

impl IsCase for OfRelay {
    fn name(&self) -> String {
        format!("relay/{}", self.0.name())
    }

    fn fault(&self) -> &Fault {
        &self.0
    }
}

async fn case(control: &Control, caller: &Caller, fault: &Fault) -> Result<Value> {
    let id = gather(control, caller, fault).await?;
    control.post("/streams", &json!({"hold": false})).await?;
    control.streams_carried().await?;
    let placed = control.get(&format!("/faults/placed/{id}")).await?;
    if *fault != nothing() && placed["fired"] == 0 {
        bail!("the fault has not happened");
    }
    Ok(placed)
}

/// Holds the stream, makes a batch, and places the fault in the invocation that will carry it.
pub(crate) async fn gather(control: &Control, caller: &Caller, fault: &Fault) -> Result<String> {
    control.post("/streams", &json!({"hold": true})).await?;
    let tickets: [Ticket; 4] = std::array::from_fn(|_| caller.log().ticket());
    let id = tickets[0].correlation_id(1);
    let mut first = None;
    for (nth, ticket) in tickets.iter().take(3).enumerate() {
        let body = json!({"email": format!("relay-{nth}-{id}@example.com")});
        let sight = caller.send_as(ticket, Request::register(body)).await?;
        let user = sight.last_answer().map(|answer| answer.json()["userId"].clone());
        first.get_or_insert(user.unwrap_or_default());
    }
    let user = first.as_ref().and_then(Value::as_str).context("nobody was registered")?;
    caller.send_as(&tickets[3], Request::assign_role(user, "new")).await?;
    fault.place(control, &id, FUNCTION, &id).await?;
    Ok(id)
}
