//! What was deployed when: a small object in the bucket for each deployment, so that one can go
//! back to any of them.

use crate::artifacts::Bucket;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that makes a stack what it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Record {
    /// Key of the template in the bucket.
    pub(crate) template: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// Remembers a deployment. The name begins with the time, so that names sort as deployments do.
pub(crate) async fn record(
    bucket: &Bucket,
    stack: &str,
    digest: &str,
    record: &Record,
) -> Result<()> {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ");
    let key = format!("{}{time}-{digest}.json", prefix(stack));
    let text = serde_json::to_vec(record).context("cannot write JSON")?;
    bucket.put(&key, text, "application/json").await
}

/// The deployments of a stack as (id, key), earliest first.
pub(crate) async fn list(bucket: &Bucket, stack: &str) -> Result<Vec<(String, String)>> {
    let prefix = prefix(stack);
    let keys = bucket.keys(&prefix).await?;
    let id = |key: String| {
        let id = key.strip_prefix(&prefix)?.strip_suffix(".json")?.to_owned();
        Some((id, key))
    };
    Ok(keys.into_iter().filter_map(id).collect())
}

/// What a deployment made of the stack.
pub(crate) async fn read(bucket: &Bucket, key: &str) -> Result<Record> {
    let text = bucket.text(key).await?;
    serde_json::from_str(&text).with_context(|| format!("{key} is not a record of a deployment"))
}

fn prefix(stack: &str) -> String {
    format!("deployments/{stack}/")
}
