//! The functions behind their aliases, and the stream mapping of the relay.

use super::findings::Findings;
use crate::explain::Explain;
use crate::session::Session;
use anyhow::Result;
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_alias::GetAliasOutput;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use futures_util::future::join_all;
use serde::Serialize;
use std::collections::BTreeMap;

/// The version that an alias points at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) alias: String,
    pub(super) version: String,
    /// The shares of calls, from 0 to 1, of versions that are being rolled out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) other_versions: BTreeMap<String, f64>,
    /// SHA-256 of its archive in Base64.
    pub(super) code_sha256: String,
    pub(super) last_modified: String,
    pub(super) state: String,
}

/// The mapping of a stream to a function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mapping {
    pub(super) id: String,
    pub(super) logical_id: String,
    pub(super) state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_processing_result: Option<String>,
}

/// Examines all functions.
pub(super) async fn examine(
    session: &Session,
    resources: &[StackResourceSummary],
    findings: &mut Findings,
) -> Vec<Function> {
    let client = Client::new(&session.config);
    let mut aliases = Vec::new();
    for (_, arn) in of_type(resources, "AWS::Lambda::Alias") {
        // arn:aws:lambda:<region>:<account>:function:<name>:<alias>
        match arn.split_once(":function:").and_then(|(_, it)| it.split_once(':')) {
            Some(alias) => aliases.push(alias),
            None => findings.unknown.push(format!("The alias {arn} has no ARN as its id.")),
        }
    }
    aliases.sort_unstable();
    let answers = join_all(aliases.iter().map(|(name, alias)| read(&client, name, alias))).await;
    let mut functions = Vec::new();
    for ((name, alias), answer) in aliases.into_iter().zip(answers) {
        match answer {
            Ok(Some((pointer, live))) => {
                functions.push(function(name, alias, &pointer, &live, findings));
            }
            Ok(None) => findings.problems.push(format!(
                "{name} or its alias `{alias}` was deleted; see `cargo xtask status --drift`."
            )),
            Err(error) => findings.unknown.push(format!("{error:#}")),
        }
    }
    functions
}

/// An alias and the function behind it; `None` when either was deleted.
async fn read(
    client: &Client,
    name: &str,
    alias: &str,
) -> Result<Option<(GetAliasOutput, GetFunctionConfigurationOutput)>> {
    let (pointer, live) = futures_util::join!(
        client.get_alias().function_name(name).name(alias).send(),
        client.get_function_configuration().function_name(name).qualifier(alias).send(),
    );
    if let Err(error) = &pointer
        && error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception())
    {
        return Ok(None);
    }
    let pointer = pointer.explain(format_args!("look at the alias of {name}"))?;
    Ok(Some((pointer, live.explain(format_args!("look at {name}"))?)))
}

fn function(
    name: &str,
    alias: &str,
    pointer: &GetAliasOutput,
    live: &GetFunctionConfigurationOutput,
    findings: &mut Findings,
) -> Function {
    let others = pointer.routing_config().and_then(|it| it.additional_version_weights());
    let other_versions: BTreeMap<_, _> =
        others.into_iter().flatten().map(|(version, share)| (version.clone(), *share)).collect();
    for (version, share) in &other_versions {
        findings.notes.push(format!(
            "{name} is being rolled out: version {version} gets {:.0} % of the calls.",
            share * 100.0
        ));
    }
    let mut state = live.state().map_or("unknown", State::as_str).to_owned();
    let update = live.last_update_status();
    if let Some(update) = update.filter(|update| **update != LastUpdateStatus::Successful) {
        state = format!("{state}, last update {}", update.as_str());
    }
    // A function without calls for weeks is inactive, and starts again with the next call.
    let is_usable =
        matches!(live.state(), None | Some(State::Active | State::Inactive | State::Pending));
    if !is_usable || update == Some(&LastUpdateStatus::Failed) {
        let reasons = [live.state_reason(), live.last_update_status_reason()];
        let reasons: Vec<_> = reasons.into_iter().flatten().collect();
        let reason =
            if reasons.is_empty() { "no reason given".to_owned() } else { reasons.join("; ") };
        findings.problems.push(format!("{name} is {state}: {reason}."));
    }
    Function {
        name: name.to_owned(),
        alias: alias.to_owned(),
        version: pointer.function_version().or(live.version()).unwrap_or("unknown").to_owned(),
        other_versions,
        code_sha256: live.code_sha256().unwrap_or_default().to_owned(),
        last_modified: live.last_modified().map(readable).unwrap_or_default(),
        state,
    }
}

/// Examines the mappings of streams to functions.
pub(super) async fn examine_mappings(
    session: &Session,
    resources: &[StackResourceSummary],
    findings: &mut Findings,
) -> Vec<Mapping> {
    let client = Client::new(&session.config);
    let mut mappings = Vec::new();
    for (logical_id, id) in of_type(resources, "AWS::Lambda::EventSourceMapping") {
        let answer = client.get_event_source_mapping().uuid(id).send().await;
        if let Err(error) = &answer
            && error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception())
        {
            findings.problems.push(format!(
                "{logical_id} ({id}) was deleted, so audit entries do not become events; see `cargo \
                 xtask status --drift`."
            ));
            continue;
        }
        let found = match answer.explain(format_args!("look at {logical_id}")) {
            Ok(found) => found,
            Err(error) => {
                findings.unknown.push(format!("{error:#}"));
                continue;
            }
        };
        let state = found.state().unwrap_or("unknown");
        let result = found.last_processing_result();
        if !matches!(state, "Enabled" | "Enabling" | "Creating" | "Updating") {
            let reason = found.state_transition_reason().unwrap_or("no reason given");
            findings.problems.push(format!(
                "{logical_id} is {state} ({reason}): audit entries do not become events, and the \
                 stream drops them after 24 hours."
            ));
        }
        if let Some(result) = result.filter(|result| result.starts_with("PROBLEM")) {
            findings.problems.push(format!(
                "{logical_id} could not process its last batch: {result}; see `cargo xtask logs \
                 --function {} --errors`.",
                users_contract::RELAY.function
            ));
        }
        mappings.push(Mapping {
            id: id.to_owned(),
            logical_id: logical_id.to_owned(),
            state: state.to_owned(),
            last_processing_result: result.map(str::to_owned),
        });
    }
    mappings
}

/// Logical and physical ids of the resources of a type.
pub(super) fn of_type<'a>(
    resources: &'a [StackResourceSummary],
    kind: &str,
) -> Vec<(&'a str, &'a str)> {
    resources
        .iter()
        .filter(|resource| resource.resource_type() == Some(kind))
        .filter_map(|it| Some((it.logical_resource_id()?, it.physical_resource_id()?)))
        .collect()
}

/// A time of Lambda, such as `2026-11-22T10:00:00.000+0000`, in RFC 3339.
fn readable(time: &str) -> String {
    let offset = time.strip_suffix("+0000").map(|time| format!("{time}Z"));
    let text = offset.as_deref().unwrap_or(time);
    text.parse::<jiff::Timestamp>().map_or_else(|_| time.to_owned(), |time| format!("{time:.0}"))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn times_of_lambda_become_rfc_3339() {
        assert_eq!(readable("2026-11-22T10:00:00.123+0000"), "2026-11-22T10:00:00Z");
        assert_eq!(readable("2026-11-22T10:00:00Z"), "2026-11-22T10:00:00Z");
        assert_eq!(readable("yesterday"), "yesterday");
    }
}
