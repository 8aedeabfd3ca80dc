//! A CloudFormation stack: its state, and the operations that the state allows.

use crate::explain::Explain;
use crate::session::Session;
use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::operation::describe_stack_events::paginator::DescribeStackEventsPaginatorItems;
use aws_sdk_cloudformation::types::{Stack, StackEvent, StackResourceSummary, StackStatus};
use std::collections::BTreeMap;
use std::time::Duration;

/// The output with the API's URL.
pub(crate) const API_URL: &str = "ApiUrl";

/// The pause between two requests for a state, at AWS and at an emulator. CloudFormation begins to
/// throttle at about one call per second and account.
const PAUSE: Duration = Duration::from_millis(2_500);
const LOCAL_PAUSE: Duration = Duration::from_millis(200);

/// A client of one stack.
#[derive(Clone, Debug)]
pub(crate) struct StackClient {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) pause: Duration,
    /// The line of our code that makes each resource, by logical id.
    pub(crate) sources: BTreeMap<String, String>,
}

/// What a deployment can do in the present state of the stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Readiness {
    /// Absent, or only the shell of a change set that was never executed.
    Create,
    /// It can be updated.
    Update,
    /// Its first creation failed; the remains can only be deleted.
    Recreate,
    /// An operation is in progress.
    Busy,
    /// It needs the decision that the text names.
    Refuse(&'static str),
}

impl Readiness {
    /// What a state allows.
    pub(crate) fn of(status: Option<&StackStatus>) -> Self {
        use StackStatus as S;
        let Some(status) = status else { return Self::Create };
        match status {
            S::DeleteComplete | S::ReviewInProgress => Self::Create,
            S::CreateComplete
            | S::UpdateComplete
            | S::UpdateRollbackComplete
            | S::ImportComplete
            | S::ImportRollbackComplete => Self::Update,
            S::RollbackComplete | S::RollbackFailed | S::CreateFailed => Self::Recreate,
            S::CreateInProgress
            | S::DeleteInProgress
            | S::ImportInProgress
            | S::ImportRollbackInProgress
            | S::RollbackInProgress
            | S::UpdateCompleteCleanupInProgress
            | S::UpdateInProgress
            | S::UpdateRollbackCompleteCleanupInProgress
            | S::UpdateRollbackInProgress => Self::Busy,
            S::UpdateFailed => Self::Refuse(
                "an update failed and was not rolled back; roll it back with `cargo xtask rollback`, \
                 then deploy again",
            ),
            S::UpdateRollbackFailed => Self::Refuse(
                "the rollback of a failed update failed too; see `cargo xtask status` for the \
                 cause, remove it, finish with `cargo xtask rollback`, then deploy again",
            ),
            S::ImportRollbackFailed => Self::Refuse(
                "the rollback of a failed import failed; finish it in the console of CloudFormation, \
                 then deploy again",
            ),
            S::DeleteFailed => Self::Refuse(
                "its deletion failed; finish it with `cargo xtask destroy`, then deploy again",
            ),
            _ => Self::Refuse("this version does not know that state"),
        }
    }
}

/// Whether an operation ends in a state.
pub(crate) fn is_final(status: &StackStatus) -> bool {
    // The clean-up after an update counts as busy, since no other operation can begin.
    !matches!(Readiness::of(Some(status)), Readiness::Busy)
}

impl StackClient {
    /// The stack of a stage.
    pub(crate) fn of(session: &Session) -> Self {
        let sources = users_template::sources(&session.stage);
        Self { sources, ..Self::named(&session.config, &session.stack) }
    }

    /// Another stack, without the sources of its resources.
    pub(crate) fn named(config: &SdkConfig, name: &str) -> Self {
        Self {
            client: Client::new(config),
            name: name.to_owned(),
            pause: if config.endpoint_url().is_some() { LOCAL_PAUSE } else { PAUSE },
            sources: BTreeMap::new(),
        }
    }

    /// The stack with a name or id; `None` when it does not exist.
    pub(crate) async fn find(&self, name_or_id: &str) -> Result<Option<Stack>> {
        let answer = self.client.describe_stacks().stack_name(name_or_id).send().await;
        match answer {
            Err(error)
                if error.code() == Some("ValidationError")
                    && error.message().is_some_and(|text| text.contains("does not exist")) =>
            {
                Ok(None)
            }
            // For a name, the answer is one stack or an error.
            other => {
                let output = other.explain(format_args!("look at the stack {}", self.name))?;
                Ok(output.stacks.unwrap_or_default().into_iter().next())
            }
        }
    }

    /// The stack; it is an error when it does not exist.
    pub(crate) async fn get(&self) -> Result<Stack> {
        self.find(&self.name).await?.with_context(|| {
            format!(
                "there is no stack {} here; deploy the stage first, or check the Region and the \
                 account",
                self.name
            )
        })
    }

    /// The events, the latest first.
    pub(crate) fn events(&self, id: &str) -> DescribeStackEventsPaginatorItems {
        self.client.describe_stack_events().stack_name(id).into_paginator().items()
    }

    /// The latest event.
    pub(crate) async fn latest_event(&self, id: &str) -> Result<Option<StackEvent>> {
        let latest = self.events(id).send().try_next().await;
        latest.explain(format_args!("read the events of the stack {}", self.name))
    }

    /// The id of the latest event, to recognise later ones.
    pub(crate) async fn last_event(&self, id: &str) -> Result<Option<String>> {
        Ok(self.latest_event(id).await?.and_then(|event| event.event_id))
    }

    /// All resources of the stack.
    pub(crate) async fn resources(&self) -> Result<Vec<StackResourceSummary>> {
        let request = self.client.list_stack_resources().stack_name(&self.name);
        let resources = request.into_paginator().items().send().try_collect().await;
        resources.explain(format_args!("list the resources of the stack {}", self.name))
    }

    /// The deployed template as it was uploaded; `None` when there is no stack, or an empty one.
    pub(crate) async fn template(&self) -> Result<Option<String>> {
        match self.client.get_template().stack_name(&self.name).send().await {
            Err(error) if error.code() == Some("ValidationError") => Ok(None),
            other => other
                .map(|output| output.template_body)
                .explain(format_args!("read the template of the stack {}", self.name)),
        }
    }

    /// Pauses between two requests for a state.
    pub(crate) async fn rest(&self) {
        tokio::time::sleep(self.pause).await;
    }
}

/// The ARN of a stack, which unlike its name stays valid when it is deleted.
pub(crate) fn id_of(stack: &Stack) -> Result<&str> {
    stack.stack_id().with_context(|| {
        format!("AWS gives the stack {} no id", stack.stack_name().unwrap_or("without a name"))
    })
}

/// The outputs of a stack.
pub(crate) fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let pair = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key.clone()?, output.output_value.clone()?))
    };
    stack.outputs().iter().filter_map(pair).collect()
}

/// The state of a stack in AWS's term.
pub(crate) fn status_text(stack: &Stack) -> &str {
    stack.stack_status().map_or("unknown", StackStatus::as_str)
}

#[cfg(test)]
mod tests {
    use super::{Readiness, is_final};
    use aws_sdk_cloudformation::types::StackStatus;

    #[test]
    fn every_state_of_aws_is_decided() {
        for value in StackStatus::values() {
            let status = StackStatus::from(*value);
            let readiness = Readiness::of(Some(&status));
            let busy = value.ends_with("_IN_PROGRESS") && *value != "REVIEW_IN_PROGRESS";
            assert_eq!(readiness == Readiness::Busy, busy, "{value}");
            assert_eq!(is_final(&status), !busy, "{value}");
            if let Readiness::Refuse(text) = readiness {
                assert!(!text.contains("does not know"), "{value}");
                assert!(value.ends_with("_FAILED"), "{value}: {text}");
            }
        }
    }

    #[test]
    fn states_are_created_updated_recreated_or_refused() {
        let of = |value: &str| Readiness::of(Some(&StackStatus::from(value)));
        assert_eq!(Readiness::of(None), Readiness::Create);
        assert_eq!(of("REVIEW_IN_PROGRESS"), Readiness::Create);
        assert_eq!(of("UPDATE_ROLLBACK_COMPLETE"), Readiness::Update);
        assert_eq!(of("ROLLBACK_COMPLETE"), Readiness::Recreate);
        for value in ["UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED"] {
            assert!(matches!(of(value), Readiness::Refuse(text) if text.contains("rollback")));
        }
        let deletion = of("DELETE_FAILED");
        assert!(matches!(deletion, Readiness::Refuse(text) if text.contains("destroy")));
        assert!(matches!(of("SOMETHING_NEW"), Readiness::Refuse(_)));
    }
}
