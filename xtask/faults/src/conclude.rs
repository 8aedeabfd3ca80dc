//! The end of a run: all comes to rest, every request that had an effect is sent once more, and
//! what is there is collected for the checker.

use crate::caller::Caller;
use crate::stack::Control;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use users_faults::history::{Request, World};

/// Requests at once while all is at rest.
const AT_ONCE: usize = 8;

/// Brings the stack to rest and collects everything.
pub(crate) async fn conclude(control: &Control, caller: &Caller) -> Result<World> {
    control.come_to_rest().await?;
    let at_rest_since = Some(caller.log().now());
    let again = to_repeat(control, caller).await?;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for (part_of, request) in again {
        let (caller, turns) = (caller.part_of(part_of), Arc::clone(&turns));
        tasks.spawn(async move {
            let _turn = turns.acquire().await?;
            caller.send(request).await.map(|_| ())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.context("a client broke down")??;
    }
    control.streams_carried().await?;
    let dead_letters = control.get("/dead-letters").await?;
    Ok(World {
        sights: caller.log().sights(),
        users: control.table("UsersTable").await?,
        records: control.table("IdempotencyTable").await?,
        events: control.events().await?,
        dead_letters: dead_letters["items"].as_array().cloned().unwrap_or_default(),
        at_rest_since,
    })
}

/// The requests with a key that have succeeded or had an effect, each once: what they are answered
/// when nothing goes wrong shows whether they are remembered.
async fn to_repeat(control: &Control, caller: &Caller) -> Result<Vec<(String, Request)>> {
    let items = control.table("UsersTable").await?;
    let effects: BTreeSet<&str> =
        items.iter().filter_map(|item: &Value| item["correlationId"].as_str()).collect();
    let mut again = BTreeMap::new();
    for sight in caller.log().sights() {
        let had_effect =
            || sight.attempts.iter().any(|it| effects.contains(it.correlation_id.as_str()));
        if let Some(scope) = sight.request.scope()
            && (sight.successes().next().is_some() || had_effect())
        {
            again.insert(scope, (sight.part_of.clone(), sight.request.clone()));
        }
    }
    Ok(again.into_values().collect())
}
