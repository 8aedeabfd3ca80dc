//! `users-aws drift`: where resources differ from the template that was deployed.

use crate::explain::explain;
use crate::session::{Session, StageArguments};
use crate::stack::StackClient;
use crate::ui::{self, styled};
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{
    DifferenceType, PropertyDifference, StackDriftDetectionStatus, StackResourceDrift,
    StackResourceDriftStatus,
};
use serde::Serialize;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;

/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long a detection may take. One of our stack takes a minute or two.
const LIMIT: Duration = Duration::from_mins(15);
/// Characters of a value that people are shown.
const VALUE: usize = 300;

/// Exit status of a stack that has drifted; 2 is that of a wrong command line.
const DRIFTED: u8 = 3;

/// Arguments of `drift`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 no difference, 1 failure, 3 differences, 2 for a command line that cannot be
understood. What CloudFormation cannot compare is not compared; properties that the template does
not set are not either.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    stage: StageArguments,
    /// `json` prints the differences as one JSON document.
    #[arg(long, value_enum, default_value_t)]
    output: ui::Output,
}

/// What a detection found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    stack: String,
    drifted: Vec<Resource>,
    /// Why some resources could not be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

/// A resource that is not as the template has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    logical_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_id: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    /// `MODIFIED` or `DELETED`.
    status: String,
    /// Where our code makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    differences: Vec<Difference>,
}

/// A property that differs. A side on which there is nothing is absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    path: String,
    /// `ADD`, `REMOVE` or `NOT_EQUAL`, as CloudFormation calls it.
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    let stack = StackClient::of(&session);
    // It names a stack that is not there better than the detection would.
    stack.get().await?;
    ui::say("Comparing the resources with the template; that takes a minute or two ...");
    let report = detect(&stack).await?;
    match arguments.output {
        ui::Output::Text => ui::result(text(&report))?,
        ui::Output::Json => ui::json(&report)?,
    }
    if !report.drifted.is_empty() {
        return Ok(ExitCode::from(DRIFTED));
    }
    if let Some(why) = report.incomplete {
        bail!("not all resources could be compared: {why}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the stack compared, waits for the end, and collects the differences.
async fn detect(stack: &StackClient) -> Result<Report> {
    let begun = stack.client.detect_stack_drift().stack_name(&stack.name).send().await;
    let id = begun
        .map_err(|error| explain(&format!("compare the stack {}", stack.name), &error))?
        .stack_drift_detection_id
        .context("CloudFormation began a detection of drift and gave it no id")?;
    let incomplete = wait(stack, &id).await?;
    let mut drifted = Vec::new();
    let mut token = None;
    loop {
        let output = stack
            .client
            .describe_stack_resource_drifts()
            .stack_name(&stack.name)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| explain(&format!("read the drift of {}", stack.name), &error))?;
        let found = output.stack_resource_drifts.unwrap_or_default();
        drifted.extend(found.iter().map(|drift| resource(stack, drift)));
        token = output.next_token;
        if token.is_none() {
            break;
        }
    }
    drifted.sort_by(|one, other| one.logical_id.cmp(&other.logical_id));
    Ok(Report { stack: stack.name.clone(), drifted, incomplete })
}

/// Waits until a detection has ended; why it is incomplete, if it is.
async fn wait(stack: &StackClient, id: &str) -> Result<Option<String>> {
    let begun = Instant::now();
    let mut pause = stack.pause;
    loop {
        let output = stack
            .client
            .describe_stack_drift_detection_status()
            .stack_drift_detection_id(id)
            .send()
            .await
            .map_err(|error| explain("ask how far the comparison is", &error))?;
        match output.detection_status() {
            Some(StackDriftDetectionStatus::DetectionComplete) => return Ok(None),
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                let reason = output.detection_status_reason().unwrap_or("no reason given");
                return Ok(Some(reason.to_owned()));
            }
            // In progress, or something that a newer CloudFormation says.
            _ => {}
        }
        if begun.elapsed() >= LIMIT {
            bail!(
                "CloudFormation has not compared {} in {}; it goes on by itself, see `cargo xtask \
                 status` later",
                stack.name,
                ui::elapsed(LIMIT)
            );
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn resource(stack: &StackClient, drift: &StackResourceDrift) -> Resource {
    let logical_id = drift.logical_resource_id().unwrap_or_default().to_owned();
    Resource {
        physical_id: drift.physical_resource_id().map(str::to_owned),
        kind: drift.resource_type().unwrap_or("unknown type").to_owned(),
        status: drift
            .stack_resource_drift_status()
            .map_or("unknown", StackResourceDriftStatus::as_str)
            .to_owned(),
        source: stack.sources.get(&logical_id).cloned(),
        differences: drift.property_differences().iter().map(difference).collect(),
        logical_id,
    }
}

fn difference(difference: &PropertyDifference) -> Difference {
    let kind = difference.difference_type();
    // It says `null` where there is nothing.
    let present = |value: Option<&str>| value.filter(|value| *value != "null").map(str::to_owned);
    Difference {
        path: difference.property_path().unwrap_or_default().to_owned(),
        kind: kind.map_or("unknown", DifferenceType::as_str).to_owned(),
        expected: present(difference.expected_value()),
        actual: present(difference.actual_value()),
    }
}

fn text(report: &Report) -> String {
    let mut text = match (report.drifted.len(), &report.incomplete) {
        (0, None) => {
            let verdict = styled(ui::GOOD, "no difference");
            format!("{verdict}  {} is as its template has it", report.stack)
        }
        (0, Some(_)) => format!("{} has no difference as far as was compared", report.stack),
        (number, _) => {
            let resources = if number == 1 { "resource differs" } else { "resources differ" };
            let verdict = styled(ui::DANGER, format_args!("{number} {resources}"));
            format!("{verdict}  from the template of {}", report.stack)
        }
    };
    for resource in &report.drifted {
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
    if !report.drifted.is_empty() {
        text.push_str(
            "\nTo keep what AWS has, write it into the code or stages.toml; to undo it, change it \
             back in AWS or deploy a change of the same property. A deployment without one leaves \
             it as it is.",
        );
    }
    if let Some(why) = &report.incomplete {
        let _ = write!(text, "\n{} not everything was compared: {why}", styled(ui::WARNING, "!"));
    }
    text
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
