//! Change sets: the changes of an operation, reviewed before it begins.

use crate::explain::Explain;
use crate::follow::{Ended, Since};
use crate::stack::StackClient;
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{
    Capability, Change, ChangeSetStatus, ChangeSetType, Parameter, ResourceChange, Tag,
};
use std::collections::BTreeMap;

/// The template of a change set.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// In the request itself, at most 51,200 bytes.
    Body(String),
    /// At a URL of S3.
    Url(String),
}

/// The desired state of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) source: Source,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// The name of this content and direction: 1 to 128 letters, digits and hyphens. Change set and
    /// operation carry it, so that a later run recognises them as its own.
    pub(crate) token: String,
}

/// A change set that is not executed yet.
#[derive(Clone, Debug)]
pub(crate) struct ChangeSet {
    /// Its ARN, which unlike its name always means the change set that was shown.
    pub(crate) id: String,
    pub(crate) stack_id: String,
    pub(crate) changes: Vec<ResourceChange>,
}

impl StackClient {
    /// Creates a change set; `None` when there is nothing to change.
    ///
    /// # Errors
    /// When CloudFormation refuses the template or the parameters.
    pub(crate) async fn propose(
        &self,
        wanted: &Wanted,
        kind: ChangeSetType,
    ) -> Result<Option<ChangeSet>> {
        let (id, stack_id) = self.create_change_set(wanted, kind).await?;
        loop {
            let page = self.describe_change_set(&id, None).await?;
            match page.status() {
                Some(ChangeSetStatus::CreateComplete) => {
                    let changes = self.all_changes(&id, page).await?;
                    return Ok(Some(ChangeSet { id, stack_id, changes }));
                }
                Some(ChangeSetStatus::Failed) => {
                    let reason = page.status_reason().unwrap_or("no reason given").to_owned();
                    self.discard(&id).await?;
                    if is_nothing_to_change(&reason) {
                        return Ok(None);
                    }
                    bail!("CloudFormation refuses the change set of {}: {reason}", self.name);
                }
                _ => self.rest().await,
            }
        }
    }

    async fn create_change_set(
        &self,
        wanted: &Wanted,
        kind: ChangeSetType,
    ) -> Result<(String, String)> {
        let name = &wanted.token;
        let parameter = |(key, value): (&String, &String)| {
            Parameter::builder().parameter_key(key).parameter_value(value).build()
        };
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        let (body, url) = match &wanted.source {
            Source::Body(body) => (Some(body.clone()), None),
            Source::Url(url) => (None, Some(url.clone())),
        };
        let request = self
            .client
            .create_change_set()
            .stack_name(&self.name)
            .change_set_name(name)
            .change_set_type(kind)
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(some(wanted.parameters.iter().map(parameter).collect()))
            .set_tags(some(wanted.tags.iter().map(tag).collect()))
            .capabilities(Capability::CapabilityIam);
        let mut answer = request.clone().send().await;
        if let Err(error) = &answer
            && error.code() == Some("AlreadyExistsException")
        {
            // It is of an earlier run that was interrupted or declined, and may be out of date.
            self.discard(name).await?;
            answer = request.send().await;
        }
        let output = answer.explain(format_args!("create a change set of {}", self.name))?;
        let id = output.id.context("CloudFormation gives the change set no id")?;
        let stack_id = output.stack_id.context("CloudFormation gives the stack no id")?;
        Ok((id, stack_id))
    }

    async fn describe_change_set(
        &self,
        id: &str,
        token: Option<String>,
    ) -> Result<DescribeChangeSetOutput> {
        self.client
            .describe_change_set()
            .stack_name(&self.name)
            .change_set_name(id)
            .set_next_token(token)
            .send()
            .await
            .explain(format_args!("read the change set of {}", self.name))
    }

    async fn all_changes(
        &self,
        id: &str,
        first: DescribeChangeSetOutput,
    ) -> Result<Vec<ResourceChange>> {
        let of = |page: Option<Vec<Change>>| {
            page.unwrap_or_default().into_iter().filter_map(|change| change.resource_change)
        };
        let mut changes: Vec<_> = of(first.changes).collect();
        let mut token = first.next_token;
        while token.is_some() {
            let page = self.describe_change_set(id, token).await?;
            changes.extend(of(page.changes));
            token = page.next_token;
        }
        Ok(changes)
    }

    /// Deletes a change set by ARN or name, if it exists.
    pub(crate) async fn discard(&self, name_or_id: &str) -> Result<()> {
        let answer = self
            .client
            .delete_change_set()
            .stack_name(&self.name)
            .change_set_name(name_or_id)
            .send()
            .await;
        match answer {
            Err(error) if error.code() == Some("ChangeSetNotFound") => Ok(()),
            other => other.map(drop).explain(format_args!("delete a change set of {}", self.name)),
        }
    }

    /// Executes exactly this change set and follows it to its end.
    ///
    /// # Errors
    /// When the stack changed after the change set was created.
    pub(crate) async fn execute(&self, change_set: &ChangeSet, token: &str) -> Result<Ended> {
        let since = Since::Event(self.last_event(&change_set.stack_id).await?);
        let answer = self
            .client
            .execute_change_set()
            .stack_name(&self.name)
            .change_set_name(&change_set.id)
            .client_request_token(token)
            .send()
            .await;
        let is_outdated =
            answer.as_ref().is_err_and(|error| error.code() == Some("InvalidChangeSetStatus"));
        let answer = answer.explain(format_args!("execute the change set of {}", self.name));
        if let (true, Err(error)) = (is_outdated, &answer) {
            bail!(
                "{error:#}; the stack changed after the change set was created: run the command again \
                 and review the new changes"
            );
        }
        answer?;
        self.follow(&change_set.stack_id, &since).await
    }
}

/// A list that is not empty, since the protocol has no empty ones.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn is_nothing_to_change(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}
