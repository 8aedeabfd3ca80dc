//! The bucket of archives and templates, which has a stack of its own. Objects are named after their
//! content, so one that exists is not uploaded again.

use crate::bundles::Archive;
use crate::change_set::{Source, Wanted};
use crate::explain::Explain;
use crate::session::Session;
use crate::stack::{Readiness, StackClient, outputs};
use crate::ui;
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use base64::Engine;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The stack of the bucket, for all stages of an account and Region.
pub(crate) const STACK: &str = "users-artifacts";

/// The bucket.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    client: Client,
    pub(crate) name: String,
    /// The beginning of its objects' URLs, in the form that CloudFormation requires.
    base_url: String,
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hex_digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Creates or updates the bucket.
pub(crate) async fn ensure(session: &Session) -> Result<Bucket> {
    let stack = StackClient::named(&session.config, STACK);
    let body = users_template::render_artifacts_template();
    let found = stack.find(STACK).await?;
    let kind = match Readiness::of(found.as_ref().and_then(|stack| stack.stack_status())) {
        Readiness::Update => {
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            let deployed = stack.template().await?;
            let is_current = deployed.as_deref().and_then(read) == read(&body);
            (!is_current).then_some(ChangeSetType::Update)
        }
        Readiness::Create => Some(ChangeSetType::Create),
        Readiness::Recreate => {
            stack.delete(STACK).await?;
            Some(ChangeSetType::Create)
        }
        Readiness::Busy => {
            bail!("the stack {STACK} is being changed by another operation; try again in a minute")
        }
        Readiness::Refuse(why) => bail!("the stack {STACK} cannot be used: {why}"),
    };
    if let Some(kind) = kind {
        ui::say(format_args!("Creating the bucket for archives (stack {STACK}) ..."));
        let wanted = Wanted {
            token: format!("users-{}", &hex_digest(&body)[..16]),
            source: Source::Body(body),
            parameters: BTreeMap::new(),
            tags: BTreeMap::from([("service".to_owned(), "users".to_owned())]),
        };
        if let Some(change_set) = stack.propose(&wanted, kind).await? {
            let ended = stack.execute(&change_set, &wanted.token).await?;
            if !matches!(
                ended.status,
                Some(StackStatus::CreateComplete | StackStatus::UpdateComplete)
            ) {
                bail!("the bucket could not be created\n{}", stack.story(&ended.failures));
            }
        }
    }
    find(session)
        .await?
        .with_context(|| format!("the stack {STACK} has no output with the name of its bucket"))
}

/// The bucket, if it exists.
pub(crate) async fn find(session: &Session) -> Result<Option<Bucket>> {
    let stack = StackClient::named(&session.config, STACK);
    let name = match stack.find(STACK).await? {
        Some(found) => outputs(&found).remove("ArtifactBucketName"),
        None => None,
    };
    Ok(name.map(|name| Bucket::new(session, name)))
}

impl Bucket {
    fn new(session: &Session, name: String) -> Self {
        let mut config = aws_sdk_s3::config::Builder::from(&session.config);
        let base_url = match session.endpoint() {
            Some(endpoint) => {
                // The host names of an emulator's buckets do not resolve.
                config = config.force_path_style(true);
                format!("{}/{name}", endpoint.trim_end_matches('/'))
            }
            None => {
                let suffix = if session.region.starts_with("cn-") {
                    "amazonaws.com.cn"
                } else {
                    "amazonaws.com"
                };
                format!("https://{name}.s3.{}.{suffix}", session.region)
            }
        };
        Self { client: Client::from_conf(config.build()), name, base_url }
    }

    /// A bucket by its name.
    #[cfg(test)]
    pub(crate) fn for_tests(session: &Session, name: &str) -> Self {
        Self::new(session, name.to_owned())
    }

    /// The URL of an object.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.base_url)
    }

    /// Uploads the archives that do not exist yet; returns their number.
    pub(crate) async fn upload(&self, archives: &[Archive]) -> Result<usize> {
        let mut uploaded = 0;
        for archive in archives {
            if self.has(&archive.key).await? {
                continue;
            }
            let content = std::fs::read(&archive.path)
                .with_context(|| format!("cannot read {}", archive.path.display()))?;
            let found = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&content));
            if found != archive.sha256 {
                bail!(
                    "{} differs from its manifest; build the archives again",
                    archive.path.display()
                );
            }
            ui::say(format_args!(
                "  uploading {} ({} KiB)",
                archive.function,
                content.len().div_ceil(1024)
            ));
            self.put(&archive.key, content, "application/zip").await?;
            uploaded += 1;
        }
        Ok(uploaded)
    }

    /// Uploads a text unless its object exists; `key` names its content.
    pub(crate) async fn upload_text(&self, key: &str, text: &str) -> Result<()> {
        if self.has(key).await? {
            return Ok(());
        }
        self.put(key, text.as_bytes().to_vec(), "application/json").await
    }

    async fn has(&self, key: &str) -> Result<bool> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => {
                Ok(false)
            }
            other => other.map(|_| true).explain(format_args!("look for {key} in {}", self.name)),
        }
    }

    /// Uploads an object. S3 compares its content with the digest in the request.
    pub(crate) async fn put(&self, key: &str, content: Vec<u8>, kind: &str) -> Result<()> {
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .content_type(kind)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(ByteStream::from(content))
            .send()
            .await
            .map(drop)
            .explain(format_args!("upload {key} to the bucket {}", self.name))
    }

    /// The content of an object.
    pub(crate) async fn text(&self, key: &str) -> Result<String> {
        let task = || format!("read {key} in the bucket {}", self.name);
        let output =
            self.client.get_object().bucket(&self.name).key(key).send().await.explain(task())?;
        let bytes =
            output.body.collect().await.with_context(|| format!("cannot {}", task()))?.into_bytes();
        String::from_utf8(bytes.into()).with_context(|| format!("cannot {}: not text", task()))
    }

    /// The keys that begin with `prefix`, sorted.
    pub(crate) async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let request = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        let pages: Result<Vec<_>, _> = request.into_paginator().send().collect().await;
        let pages = pages.explain(format_args!("list the bucket {}", self.name))?;
        let objects = pages.into_iter().flat_map(|page| page.contents.unwrap_or_default());
        let mut keys: Vec<_> = objects.filter_map(|object| object.key).collect();
        keys.sort();
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;
