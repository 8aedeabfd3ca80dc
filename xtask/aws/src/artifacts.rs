//! The bucket of archives and templates: made by a stack of its own, filled with what is not there
//! yet. Objects are named after their content, so one that is there is the right one.

use crate::bundles::Archive;
use crate::change_set::{Source, Wanted};
use crate::explain::explain;
use crate::session::Session;
use crate::stack::{Readiness, StackClient, outputs, status_text};
use crate::ui;
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{ChangeSetType, StackStatus};
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use base64::Engine;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The stack that has the bucket; one for all stages of an account and Region.
pub(crate) const STACK: &str = "users-artifacts";

/// The bucket.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    client: Client,
    pub(crate) name: String,
    /// What its objects' URLs begin with, in the form that CloudFormation wants.
    base_url: String,
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hex_digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes the bucket, or brings it up to date, and hands it back.
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
            crate::destroy::delete(&stack, STACK).await?;
            Some(ChangeSetType::Create)
        }
        Readiness::Busy => {
            bail!("the stack {STACK} is being changed by somebody else; try again in a minute")
        }
        Readiness::Refuse(why) => bail!("the stack {STACK} cannot be used: {why}"),
    };
    if let Some(kind) = kind {
        ui::say(format_args!("Making the bucket for archives (stack {STACK}) ..."));
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
                bail!("the bucket could not be made\n{}", stack.story(&ended.failures));
            }
        }
    }
    let made = stack.get().await?;
    let name = outputs(&made).remove("ArtifactBucketName").with_context(|| {
        format!("the stack {STACK} ({}) does not name its bucket", status_text(&made))
    })?;
    Ok(Bucket::new(session, name))
}

/// The bucket, when it is there.
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
                // No name server knows a bucket of something on this machine.
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

    /// A bucket that nobody made.
    #[cfg(test)]
    pub(crate) fn for_tests(session: &Session, name: &str) -> Self {
        Self::new(session, name.to_owned())
    }

    /// The URL of an object.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.base_url)
    }

    /// Uploads the archives that are not there yet; says how many that were.
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
                    "{} is not what its manifest says; build the archives anew",
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

    /// Uploads a text unless it is there; `key` names its content.
    pub(crate) async fn upload_text(&self, key: &str, text: &str) -> Result<()> {
        if self.has(key).await? {
            return Ok(());
        }
        self.put(key, text.as_bytes().to_vec(), "application/json").await
    }

    async fn has(&self, key: &str) -> Result<bool> {
        match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => {
                Ok(false)
            }
            Err(error) => {
                Err(explain(&format!("look into the bucket {} for {key}", self.name), &error))
            }
        }
    }

    /// Puts an object. S3 itself checks that what arrives has the digest that was sent.
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
            .map_err(|error| explain(&format!("upload {key} to the bucket {}", self.name), &error))
    }

    /// The content of an object.
    pub(crate) async fn text(&self, key: &str) -> Result<String> {
        let task = || format!("read {key} in the bucket {}", self.name);
        let output = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(key)
            .send()
            .await
            .map_err(|error| explain(&task(), &error))?;
        let bytes =
            output.body.collect().await.with_context(|| format!("cannot {}", task()))?.into_bytes();
        String::from_utf8(bytes.into()).with_context(|| format!("cannot {}: not text", task()))
    }

    /// The keys that begin with `prefix`, sorted.
    pub(crate) async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut token = None;
        loop {
            let output = self
                .client
                .list_objects_v2()
                .bucket(&self.name)
                .prefix(prefix)
                .set_continuation_token(token)
                .send()
                .await
                .map_err(|error| explain(&format!("list the bucket {}", self.name), &error))?;
            keys.extend(output.contents.unwrap_or_default().into_iter().filter_map(|it| it.key));
            token = output.next_continuation_token;
            if token.is_none() {
                keys.sort();
                return Ok(keys);
            }
        }
    }
}

#[cfg(test)]
mod tests;
