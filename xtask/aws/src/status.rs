//! `status`: the state of a deployed stage.

mod alarms;
mod deployed;
mod drift;
mod findings;
mod functions;
mod report;
mod show;

use crate::session::Session;
use crate::stack::StackClient;
use crate::ui;
use anyhow::Result;
use report::{Health, Report};
use std::process::ExitCode;
use xtask_cli::Output;
use xtask_cli::aws::Status;

pub(crate) async fn run(arguments: &Status) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    let report = inspect(&session, arguments.drift).await?;
    match arguments.output {
        Output::Text => ui::result(show::text(&report))?,
        Output::Json => ui::json(&report)?,
    }
    Ok(ExitCode::from(report.health.exit_code()))
}

/// Examines all parts. Only a failure to read the stack itself is an error; others are findings.
async fn inspect(session: &Session, with_drift: bool) -> Result<Report> {
    let stack = StackClient::of(session);
    let mut report = Report::new(session);
    let Some(mut found) = deployed::find(&stack).await? else { return Ok(report) };
    let findings = &mut report.findings;
    if with_drift {
        report.drift = drift::examine(&stack, findings).await;
        // The stack has the time of its last comparison.
        found = stack.get().await?;
    }
    report.stack = Some(deployed::examine(&stack, &found, findings).await);
    match stack.resources().await {
        Ok(resources) => {
            report.functions = functions::examine(session, &resources, findings).await;
            report.event_source_mappings =
                functions::examine_mappings(session, &resources, findings).await;
            report.alarms = alarms::examine(session, &resources, findings).await;
        }
        Err(error) => findings.unknown.push(format!("{error:#}")),
    }
    let is_drifted = report.drift.as_ref().is_some_and(|drift| !drift.drifted.is_empty());
    report.health = match (&findings.problems[..], &findings.unknown[..]) {
        ([_, ..], _) => Health::Unhealthy,
        _ if is_drifted => Health::Drifted,
        ([], [_, ..]) => Health::Unknown,
        ([], []) => Health::Healthy,
    };
    Ok(report)
}

#[cfg(test)]
mod tests;
