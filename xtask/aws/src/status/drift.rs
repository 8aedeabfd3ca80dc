//! Differences between the resources and the deployed template, found by CloudFormation.

use super::findings::Findings;
use crate::explain::Explain;
use crate::stack::StackClient;
use crate::ui::{self, styled};
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{
    DifferenceType, PropertyDifference, StackDriftDetectionStatus, StackResourceDrift,
    StackResourceDriftStatus,
};
use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait for a detection, which takes a minute or two for our stack.
const LIMIT: Duration = Duration::from_mins(15);
/// Characters of a value in text.
const VALUE: usize = 300;

/// The result of a detection.
#[derive(Debug, Serialize)]
pub(super) struct Drift {
    pub(super) drifted: Vec<Resource>,
    /// Why some resources could not be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) incomplete: Option<String>,
}

/// A resource that differs from the template.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resource {
    logical_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    /// `MODIFIED` or `DELETED`.
    status: String,
    /// The line of our code that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    differences: Vec<Difference>,
}

/// A property that differs. A missing value is absent.
#[derive(Debug, Serialize)]
struct Difference {
    path: String,
    /// `ADD`, `REMOVE` or `NOT_EQUAL`.
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
}

/// Detects drift; a failure or a gap is a finding.
pub(super) async fn examine(stack: &StackClient, findings: &mut Findings) -> Option<Drift> {
    ui::say("Comparing the resources with the template; this takes a minute or two ...");
    match detect(stack).await {
        Ok(drift) => {
            if let Some(why) = &drift.incomplete {
                findings.unknown.push(format!("Not all resources could be compared: {why}"));
            }
            Some(drift)
        }
        Err(error) => {
            findings.unknown.push(format!("{error:#}"));
            None
        }
    }
}

async fn detect(stack: &StackClient) -> Result<Drift> {
    let name = &stack.name;
    let begun = stack.client.detect_stack_drift().stack_name(name).send().await;
    let id = begun
        .explain(format_args!("compare the stack {name}"))?
        .stack_drift_detection_id
        .context("CloudFormation gave the detection of drift no id")?;
    let incomplete = wait(stack, &id).await?;
    let found = stack
        .client
        .describe_stack_resource_drifts()
        .stack_name(name)
        .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
        .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
        .into_paginator()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .explain(format_args!("read the drift of {name}"))?;
    let found = found.iter().flat_map(|page| page.stack_resource_drifts());
    let mut drifted: Vec<_> = found.map(|drift| resource(stack, drift)).collect();
    drifted.sort_by(|left, right| left.logical_id.cmp(&right.logical_id));
    Ok(Drift { drifted, incomplete })
}

/// Waits for the end of a detection; returns why it is incomplete, if it is.
async fn wait(stack: &StackClient, id: &str) -> Result<Option<String>> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let request = stack.client.describe_stack_drift_detection_status();
        let output = request
            .stack_drift_detection_id(id)
            .send()
            .await
            .explain("read the state of the comparison")?;
        match output.detection_status() {
            Some(StackDriftDetectionStatus::DetectionComplete) => return Ok(None),
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                let reason = output.detection_status_reason().unwrap_or("no reason given");
                return Ok(Some(reason.to_owned()));
            }
            _ if Instant::now() >= deadline => bail!(
                "CloudFormation has not compared {} in {}; it continues by itself, see `cargo xtask \
                 status` later",
                stack.name,
                ui::elapsed(LIMIT)
            ),
            // In progress, or a state of a newer CloudFormation.
            _ => stack.rest().await,
        }
    }
}

fn resource(stack: &StackClient, drift: &StackResourceDrift) -> Resource {
    let logical_id = drift.logical_resource_id().unwrap_or_default().to_owned();
    let status = drift.stack_resource_drift_status();
    Resource {
        physical_id: drift.physical_resource_id().map(str::to_owned),
        kind: drift.resource_type().unwrap_or("unknown type").to_owned(),
        status: status.map_or("unknown", StackResourceDriftStatus::as_str).to_owned(),
        source: stack.sources.get(&logical_id).cloned(),
        differences: drift.property_differences().iter().map(difference).collect(),
        logical_id,
    }
}

fn difference(difference: &PropertyDifference) -> Difference {
    let kind = difference.difference_type();
    // CloudFormation writes a missing value as `null`.
    let present = |value: Option<&str>| value.filter(|value| *value != "null").map(str::to_owned);
    Difference {
        path: difference.property_path().unwrap_or_default().to_owned(),
        kind: kind.map_or("unknown", DifferenceType::as_str).to_owned(),
        expected: present(difference.expected_value()),
        actual: present(difference.actual_value()),
    }
}

/// Appends the differences as text.
pub(super) fn show(text: &mut String, drift: &Drift) {
    for resource in &drift.drifted {
        let _ = write!(
            text,
            "\n{}  {}  {}",
            styled(ui::STRONG, &resource.logical_id),
            resource.kind,
            styled(ui::WARNING, &resource.status)
        );
        if let Some(source) = &resource.source {
            let _ = write!(text, "\n  made in {source}");
        }
        if let Some(id) = &resource.physical_id {
            let _ = write!(text, "\n  {}", styled(ui::FAINT, id));
        }
        for difference in &resource.differences {
            let _ = write!(
                text,
                "\n  {}\n    template: {}\n    AWS:      {}",
                difference.path,
                styled(ui::GOOD, shown(difference.expected.as_deref())),
                styled(ui::DANGER, shown(difference.actual.as_deref())),
            );
        }
    }
    if drift.drifted.is_empty() {
        text.push_str("\nNo compared resource differs from the template.");
    } else {
        text.push_str(
            "\nTo keep the values in AWS, write them into the code or stages.toml; to undo them, \
             change them back in AWS or deploy a change of the same property. Other deployments \
             leave them as they are.",
        );
    }
}

fn shown(value: Option<&str>) -> String {
    let Some(value) = value else { return "(nothing)".to_owned() };
    match value.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{} ... (--output json has all of it)", &value[..end]),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests;
