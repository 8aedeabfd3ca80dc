//! The end of a run: waits until the stack is quiet and collects everything for the checker.

use crate::caller::Caller;
use crate::history::{History, Request};
use crate::stack::Control;
use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Most requests that are repeated at once.
const AT_ONCE: usize = 8;

/// Waits for quiet, then repeats every request with a key that had an effect, to see whether its
/// answer is remembered; then collects.
pub(crate) async fn repeat_and_collect(control: &Control, caller: &Caller) -> Result<History> {
    control.quiesce().await?;
    let quiet_since = Some(caller.log().now());
    stream::iter(repeatable(control, caller).await?)
        .map(|(label, request)| async move { caller.labelled(label).send(request).await })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(History { quiet_since, ..collect(control, caller).await? })
}

/// Waits for quiet and collects.
pub(crate) async fn collect(control: &Control, caller: &Caller) -> Result<History> {
    control.quiesce().await?;
    let dead_letters = control.get("/dead-letters").await?;
    Ok(History {
        exchanges: caller.log().take(),
        users: control.table("UsersTable").await?,
        records: control.table("IdempotencyTable").await?,
        events: control.events().await?,
        dead_letters: dead_letters["items"].as_array().cloned().unwrap_or_default(),
        quiet_since: None,
    })
}

/// One request for each key that has succeeded or had an effect.
async fn repeatable(control: &Control, caller: &Caller) -> Result<Vec<(String, Request)>> {
    let items = control.table("UsersTable").await?;
    let effects: BTreeSet<&str> =
        items.iter().filter_map(|item: &Value| item["correlationId"].as_str()).collect();
    let mut again = BTreeMap::new();
    for exchange in caller.log().exchanges() {
        let had_effect =
            || exchange.attempts.iter().any(|it| effects.contains(it.correlation_id.as_str()));
        if let Some(scope) = exchange.request.scope()
            && (exchange.successes().next().is_some() || had_effect())
        {
            again.insert(scope, (exchange.label, exchange.request));
        }
    }
    Ok(again.into_values().collect())
}
