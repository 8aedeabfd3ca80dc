//! The history of deployments: a small object in the bucket for each, so that `rollback` can go back
//! to it.
//!
//! The present deployment is read from the stack, not from these records, since an interrupted run
//! leaves none.

use crate::artifacts::{Bucket, hex_digest};
use anyhow::{Context, Result};
use aws_sdk_cloudformation::types::Stack;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The content of a stack.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Record {
    /// Key of the template in the bucket.
    pub(crate) template: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Record {
    /// The record of a stack by name and template.
    pub(crate) fn new(stack: &str, template: &str, parameters: BTreeMap<String, String>) -> Self {
        let template = format!("templates/{stack}/{}.json", &hex_digest(template)[..32]);
        Self { template, parameters }
    }

    /// The record of a deployed stack and its template.
    pub(crate) fn of(stack: &str, found: &Stack, template: &str) -> Self {
        let pair = |it: &aws_sdk_cloudformation::types::Parameter| {
            Some((it.parameter_key.clone()?, it.parameter_value.clone()?))
        };
        Self::new(stack, template, found.parameters().iter().filter_map(pair).collect())
    }

    /// The digest of the content: 16 hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        let parameters: String =
            self.parameters.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        hex_digest(&format!("{}\n{parameters}", self.template))[..16].to_owned()
    }
}

/// A deployment in the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    /// Its time and the digest of its record, so that ids sort by time.
    pub(crate) id: String,
    key: String,
}

impl Deployment {
    /// Whether it deployed the content of a record.
    pub(crate) fn is(&self, record: &Record) -> bool {
        self.id.ends_with(&format!("-{}", record.digest()))
    }

    /// The content that it deployed.
    pub(crate) async fn read(&self, bucket: &Bucket) -> Result<Record> {
        let text = bucket.text(&self.key).await?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not a record of a deployment", self.key))
    }
}

/// Records the present content of a stack, unless it is the latest record.
pub(crate) async fn remember(bucket: &Bucket, stack: &str, record: &Record) -> Result<()> {
    if list(bucket, stack).await?.last().is_some_and(|latest| latest.is(record)) {
        return Ok(());
    }
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ");
    let key = format!("{}{time}-{}.json", prefix(stack), record.digest());
    let text = serde_json::to_vec(record).context("cannot write JSON")?;
    bucket.put(&key, text, "application/json").await
}

/// The deployments of a stack, earliest first.
pub(crate) async fn list(bucket: &Bucket, stack: &str) -> Result<Vec<Deployment>> {
    let prefix = prefix(stack);
    let deployment = |key: String| {
        let id = key.strip_prefix(&prefix)?.strip_suffix(".json")?.to_owned();
        Some(Deployment { id, key })
    };
    Ok(bucket.keys(&prefix).await?.into_iter().filter_map(deployment).collect())
}

fn prefix(stack: &str) -> String {
    format!("deployments/{stack}/")
}
