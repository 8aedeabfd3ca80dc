//! One CloudFormation stack: what state it is in, and what that state allows.

use crate::explain::explain;
use crate::session::Session;
use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Stack, StackEvent, StackResourceSummary, StackStatus};
use std::collections::BTreeMap;
use std::time::Duration;
use users_template::Stage;

/// The template's output that holds the API's URL.
pub(crate) const API_URL: &str = "ApiUrl";

/// How long to wait between two looks at AWS, and at something on this machine that stands in for
/// it. CloudFormation begins to throttle at about one call per second and account.
const PAUSE: Duration = Duration::from_millis(2_500);
const LOCAL_PAUSE: Duration = Duration::from_millis(200);

/// A stack by its name.
#[derive(Clone, Debug)]
pub(crate) struct StackClient {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) pause: Duration,
    /// Where our code makes each resource, by logical id.
    pub(crate) sources: BTreeMap<String, String>,
}

/// What a deployment can do with a stack as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Readiness {
    /// There is none, or only the shell of a change set that was never executed.
    Create,
    /// It stands and can be changed.
    Update,
    /// Its first creation failed; nothing can be done with what is left but to delete it.
    Recreate,
    /// Something is going on in it.
    Busy,
    /// It needs a decision first; the text says which.
    Refuse(&'static str),
}

impl Readiness {
    /// What every state of a stack allows.
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
                "an update failed and was left where it stopped; go back with `cargo xtask \
                 rollback`, then deploy again",
            ),
            S::UpdateRollbackFailed => Self::Refuse(
                "going back from a failed update failed as well; see `cargo xtask status` for the \
                 cause, remove it, finish with `cargo xtask rollback`, then deploy again",
            ),
            S::ImportRollbackFailed => Self::Refuse(
                "going back from a failed import failed; finish it in the console of \
                 CloudFormation, then deploy again",
            ),
            S::DeleteFailed => Self::Refuse(
                "its deletion failed; finish it with `cargo xtask destroy`, then deploy again",
            ),
            _ => Self::Refuse("this program does not know that state; a newer one may"),
        }
    }
}

/// Whether a state is one that an operation ends in.
pub(crate) fn is_final(status: &StackStatus) -> bool {
    // Not before the clean-up after an update is through, too: no other operation can begin.
    !matches!(Readiness::of(Some(status)), Readiness::Busy)
}

impl StackClient {
    /// The stack of a stage.
    pub(crate) fn of(session: &Session) -> Self {
        let sources = users_template::sources(&session.stage);
        Self { sources, ..Self::named(&session.config, &session.stack) }
    }

    /// Another stack, none of whose resources are made by our code.
    pub(crate) fn named(config: &SdkConfig, name: &str) -> Self {
        Self {
            client: Client::new(config),
            name: name.to_owned(),
            pause: if config.endpoint_url().is_some() { LOCAL_PAUSE } else { PAUSE },
            sources: BTreeMap::new(),
        }
    }

    /// The stack, or `None` when there is none of that name or with that id.
    pub(crate) async fn find(&self, name_or_id: &str) -> Result<Option<Stack>> {
        let answer = self.client.describe_stacks().stack_name(name_or_id).send().await;
        match answer {
            // One that is named is answered with one, or with an error.
            Ok(output) => Ok(output.stacks.unwrap_or_default().into_iter().next()),
            Err(error)
                if error.code() == Some("ValidationError")
                    && error.message().is_some_and(|text| text.contains("does not exist")) =>
            {
                Ok(None)
            }
            Err(error) => Err(explain(&format!("look at the stack {}", self.name), &error)),
        }
    }

    /// The stack, which has to be there.
    pub(crate) async fn get(&self) -> Result<Stack> {
        self.find(&self.name).await?.with_context(|| {
            format!(
                "there is no stack {} here; deploy the stage first, or check the Region and the \
                 account",
                self.name
            )
        })
    }

    /// A page of events, the latest first.
    pub(crate) async fn events(
        &self,
        id: &str,
        token: Option<String>,
    ) -> Result<(Vec<StackEvent>, Option<String>)> {
        let output = self
            .client
            .describe_stack_events()
            .stack_name(id)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| {
                explain(&format!("read the events of the stack {}", self.name), &error)
            })?;
        Ok((output.stack_events.unwrap_or_default(), output.next_token))
    }

    /// The latest event.
    pub(crate) async fn latest_event(&self, id: &str) -> Result<Option<StackEvent>> {
        let (events, _) = self.events(id, None).await?;
        Ok(events.into_iter().next())
    }

    /// The id of the latest event, to tell what comes after it.
    pub(crate) async fn last_event(&self, id: &str) -> Result<Option<String>> {
        Ok(self.latest_event(id).await?.and_then(|event| event.event_id))
    }

    /// All resources of the stack.
    pub(crate) async fn resources(&self) -> Result<Vec<StackResourceSummary>> {
        let mut resources = Vec::new();
        let mut token = None;
        loop {
            let output = self
                .client
                .list_stack_resources()
                .stack_name(&self.name)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| {
                    explain(&format!("list the resources of the stack {}", self.name), &error)
                })?;
            resources.extend(output.stack_resource_summaries.unwrap_or_default());
            token = output.next_token;
            if token.is_none() {
                return Ok(resources);
            }
        }
    }

    /// The template that is deployed, as it was given; `None` when there is no stack or it was
    /// never deployed.
    pub(crate) async fn template(&self) -> Result<Option<String>> {
        match self.client.get_template().stack_name(&self.name).send().await {
            Ok(output) => Ok(output.template_body),
            Err(error) if error.code() == Some("ValidationError") => Ok(None),
            Err(error) => {
                Err(explain(&format!("read the template of the stack {}", self.name), &error))
            }
        }
    }

    /// Waits for as long as one should between two looks.
    pub(crate) async fn rest(&self) {
        tokio::time::sleep(self.pause).await;
    }
}

/// The ARN of a stack: its name is gone as soon as it is deleted.
pub(crate) fn id_of(stack: &Stack) -> Result<&str> {
    stack.stack_id().with_context(|| {
        format!("AWS gives the stack {} no id", stack.stack_name().unwrap_or("without a name"))
    })
}

/// What a stack shows to whoever deployed it.
pub(crate) fn outputs(stack: &Stack) -> BTreeMap<String, String> {
    let pair = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key.clone()?, output.output_value.clone()?))
    };
    stack.outputs().iter().filter_map(pair).collect()
}

/// The state of a stack in AWS's word.
pub(crate) fn status_text(stack: &Stack) -> &str {
    stack.stack_status().map_or("unknown", StackStatus::as_str)
}

/// A stage that is kept in one account must not be looked up in another of the same name.
pub(crate) fn check_account(stack: &Stack, name: &str, stage: &Stage) -> Result<()> {
    let found = stack.stack_id().and_then(|arn| arn.split(':').nth(4));
    match (stage.account.as_deref(), found) {
        (Some(pinned), Some(found)) if pinned != found => bail!(
            "stages.toml keeps stage `{}` in account {pinned}, but these credentials see {name} in \
             account {found}",
            stage.name
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Readiness, is_final};
    use aws_sdk_cloudformation::types::StackStatus;

    #[test]
    fn every_state_that_aws_knows_has_a_decided_answer() {
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
