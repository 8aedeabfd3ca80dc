//! Every fault at every call of every scenario, one at a time.
//!
//! A first pass runs the scenarios without faults and learns which calls of AWS they make and which
//! faults are possible there; the cases follow from that. A case prepares its scenario, places its
//! fault in its own invocation, sends the request as a real client does, and makes sure that the
//! fault has happened. A placed fault affects no other call, so many cases run at once; the checker
//! looks at all of them together at the end.

mod fault;
mod operations;
mod plan;
mod relay;
mod stack_kill;

pub(crate) use plan::Plan;

use crate::report::Statistics;
use crate::stack::Programs;
use anyhow::{Result, bail};

/// Runs all cases; returns the figures to print.
pub(crate) async fn run(programs: &Programs, plan: &Plan) -> Result<String> {
    let (operations, relay, killed) = tokio::try_join!(
        operations::run(programs, plan),
        relay::run(programs, plan),
        stack_kill::run(programs, plan),
    )?;
    let mut statistics = Statistics::default();
    let mut count = 0;
    for (cases, part) in [&operations, &relay, &killed] {
        count += cases;
        statistics.add(part);
    }
    if count == 0 {
        bail!("no case has a name that contains this text");
    }
    Ok(format!(
        "{count} cases, no violation ({} of the operations, {} of the relay, {} of the whole stack \
         killed)\n{statistics}",
        operations.0, relay.0, killed.0
    ))
}
