//! The functions as callers reach them, and what feeds the relay.

use super::{Findings, Part};
use crate::explain::explain;
use crate::session::Session;
use anyhow::{Error, anyhow};
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use futures_util::future::join_all;
use serde::Serialize;
use std::collections::BTreeMap;

/// What an alias points at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) alias: String,
    pub(super) version: String,
    /// Versions that get a share of the calls besides, while a new one is being rolled out: from 0
    /// to 1, by version.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) other_versions: BTreeMap<String, f64>,
    /// SHA-256 of its archive in Base64.
    pub(super) code_sha256: String,
    pub(super) last_modified: String,
    pub(super) state: String,
}

/// What feeds a function from a stream.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mapping {
    pub(super) id: String,
    pub(super) logical_id: String,
    pub(super) state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_processing_result: Option<String>,
}

/// Looks at all functions at once.
pub(super) async fn examine(
    session: &Session,
    resources: &[StackResourceSummary],
) -> Part<Function> {
    let client = Client::new(&session.config);
    let aliases = of_type(resources, "AWS::Lambda::Alias");
    let answers = aliases.iter().map(|(_, arn)| examine_one(&client, arn));
    let mut part = Part::default();
    for answer in join_all(answers).await {
        match answer {
            Ok(one) => part.items.extend(one.collect(&mut part.findings)),
            Err(error) => part.findings.unknown.push(format!("{error:#}")),
        }
    }
    part.items.sort_by(|one, other| one.name.cmp(&other.name));
    part
}

async fn examine_one(client: &Client, arn: &str) -> Result<Part<Function>, Error> {
    // arn:aws:lambda:<region>:<account>:function:<name>:<alias>
    let Some((name, alias)) = arn.split_once(":function:").and_then(|(_, it)| it.split_once(':'))
    else {
        return Err(anyhow!("the stack has an alias that is called {arn}, not by an ARN"));
    };
    let mut part = Part::default();
    let (pointer, live) = futures_util::join!(
        client.get_alias().function_name(name).name(alias).send(),
        client.get_function_configuration().function_name(name).qualifier(alias).send(),
    );
    let pointer = match pointer {
        Ok(pointer) => pointer,
        Err(error)
            if error.as_service_error().is_some_and(|it| it.is_resource_not_found_exception()) =>
        {
            part.findings.problems.push(format!(
                "{name} has no alias `{alias}` any more, or is gone itself; see `cargo xtask drift`."
            ));
            return Ok(part);
        }
        Err(error) => return Err(explain(&format!("look at the alias of {name}"), &error)),
    };
    let live = live.map_err(|error| explain(&format!("look at {name}"), &error))?;

    let others = pointer.routing_config().and_then(|it| it.additional_version_weights());
    let other_versions: BTreeMap<_, _> =
        others.into_iter().flatten().map(|(version, share)| (version.clone(), *share)).collect();
    for (version, share) in &other_versions {
        part.findings.notes.push(format!(
            "{name} is being rolled out: version {version} gets {:.0} % of the calls.",
            share * 100.0
        ));
    }
    let mut state = live.state().map_or("unknown", State::as_str).to_owned();
    let update = live.last_update_status();
    if let Some(update) = update.filter(|update| **update != LastUpdateStatus::Successful) {
        state = format!("{state}, last update {}", update.as_str());
    }
    let reasons = [live.state_reason(), live.last_update_status_reason()];
    judge(name, live.state(), update, &reasons, &mut part.findings);
    part.items.push(Function {
        name: name.to_owned(),
        alias: alias.to_owned(),
        version: pointer.function_version().or(live.version()).unwrap_or("unknown").to_owned(),
        other_versions,
        code_sha256: live.code_sha256().unwrap_or_default().to_owned(),
        last_modified: live.last_modified().map(readable).unwrap_or_default(),
        state,
    });
    Ok(part)
}

fn judge(
    name: &str,
    state: Option<&State>,
    update: Option<&LastUpdateStatus>,
    reasons: &[Option<&str>],
    findings: &mut Findings,
) {
    // One that nobody called for weeks is inactive, and comes back with the next call.
    let well = matches!(state, None | Some(State::Active | State::Inactive | State::Pending));
    if well && update != Some(&LastUpdateStatus::Failed) {
        return;
    }
    let why: Vec<_> = reasons.iter().flatten().copied().collect();
    let why = if why.is_empty() { "no reason given".to_owned() } else { why.join("; ") };
    let state = state.map_or("unknown", State::as_str);
    let update = update.map_or(String::new(), |it| format!(", last update {}", it.as_str()));
    findings.problems.push(format!("{name} is {state}{update}: {why}."));
}

/// Looks at what feeds functions from streams.
pub(super) async fn examine_mappings(
    session: &Session,
    resources: &[StackResourceSummary],
) -> Part<Mapping> {
    let client = Client::new(&session.config);
    let mut part = Part::default();
    for (logical_id, id) in of_type(resources, "AWS::Lambda::EventSourceMapping") {
        let found = match client.get_event_source_mapping().uuid(id).send().await {
            Ok(found) => found,
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|it| it.is_resource_not_found_exception()) =>
            {
                part.findings.problems.push(format!(
                    "{logical_id} ({id}) is gone: audit entries do not become events; see `cargo \
                     xtask drift`."
                ));
                continue;
            }
            Err(error) => {
                let error = explain(&format!("look at {logical_id}"), &error);
                part.findings.unknown.push(format!("{error:#}"));
                continue;
            }
        };
        let state = found.state().unwrap_or("unknown");
        let result = found.last_processing_result();
        let reason = found.state_transition_reason().unwrap_or("no reason given");
        match state {
            "Enabled" | "Enabling" | "Creating" | "Updating" => {}
            other => part.findings.problems.push(format!(
                "{logical_id} is {other} ({reason}): audit entries do not become events, and the \
                 stream drops them after 24 hours."
            )),
        }
        if let Some(result) = result.filter(|result| result.starts_with("PROBLEM")) {
            part.findings.problems.push(format!(
                "{logical_id} could not process its last batch: {result}; see `cargo xtask logs \
                 --function {} --errors`.",
                users_contract::RELAY.function
            ));
        }
        part.items.push(Mapping {
            id: id.to_owned(),
            logical_id: logical_id.to_owned(),
            state: state.to_owned(),
            last_processing_result: result.map(str::to_owned),
        });
    }
    part
}

/// Logical and physical ids of the resources of a type that exist.
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

/// `2026-11-22T10:00:00.000+0000`, as Lambda writes times, in RFC 3339.
fn readable(time: &str) -> String {
    let offset = time.strip_suffix("+0000").map(|time| format!("{time}Z"));
    let text = offset.as_deref().unwrap_or(time);
    text.parse::<jiff::Timestamp>().map_or_else(|_| time.to_owned(), |time| format!("{time:.0}"))
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn lambdas_times_are_rewritten_and_others_left() {
        assert_eq!(readable("2026-11-22T10:00:00.123+0000"), "2026-11-22T10:00:00Z");
        assert_eq!(readable("2026-11-22T10:00:00Z"), "2026-11-22T10:00:00Z");
        assert_eq!(readable("yesterday"), "yesterday");
    }
}
