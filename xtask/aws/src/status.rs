//! `users-aws status`: whether a stage is deployed and well.

mod alarms;
mod deployed;
mod functions;
mod show;

use crate::session::{Session, StageArguments};
use crate::stack::StackClient;
use crate::ui;
use anyhow::Result;
use serde::Serialize;
use std::process::ExitCode;

use self::alarms::Alarms;
use self::deployed::Deployed;
use self::functions::{Function, Mapping};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 deployed and well, 1 it cannot be told, 3 not deployed, 4 deployed but not well,
2 for a command line that cannot be understood.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    stage: StageArguments,
    /// `json` prints everything as one JSON document.
    #[arg(long, value_enum, default_value_t)]
    output: ui::Output,
}

/// How a stage is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Health {
    /// Deployed and well.
    Healthy,
    /// Something could not be asked, and nothing is known to be wrong.
    Unknown,
    /// There is no stack, or nothing in it.
    NotDeployed,
    /// Something is wrong.
    Unhealthy,
}

impl Health {
    fn exit_code(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Unknown => 1,
            Self::NotDeployed => 3,
            Self::Unhealthy => 4,
        }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    health: Health,
    stage: String,
    account: String,
    region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<Deployed>,
    functions: Vec<Function>,
    event_source_mappings: Vec<Mapping>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alarms: Option<Alarms>,
    /// What is wrong, one sentence each.
    problems: Vec<String>,
    /// What could not be asked, and why.
    unknown: Vec<String>,
    /// What to know besides.
    notes: Vec<String>,
}

/// What was found wrong, left open or worth knowing.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<String>,
    pub(super) unknown: Vec<String>,
    pub(super) notes: Vec<String>,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.stage).await?;
    let report = inspect(&session).await?;
    match arguments.output {
        ui::Output::Text => ui::result(show::text(&report))?,
        ui::Output::Json => ui::json(&report)?,
    }
    Ok(ExitCode::from(report.health.exit_code()))
}

/// Asks about everything; only the stack itself has to be answered.
async fn inspect(session: &Session) -> Result<Report> {
    let stack = StackClient::of(session);
    let mut report = Report {
        health: Health::NotDeployed,
        stage: session.stage.name.clone(),
        account: session.account.clone(),
        region: session.region.clone(),
        stack: None,
        functions: Vec::new(),
        event_source_mappings: Vec::new(),
        alarms: None,
        problems: Vec::new(),
        unknown: Vec::new(),
        notes: Vec::new(),
    };
    let Some(found) = deployed::find(&stack).await? else { return Ok(report) };
    let mut findings = Findings::default();
    let deployed = deployed::examine(&stack, &found, &mut findings).await;
    match stack.resources().await {
        Ok(resources) => {
            let (functions, mappings, alarms) = futures_util::join!(
                functions::examine(session, &resources),
                functions::examine_mappings(session, &resources),
                alarms::examine(session, &resources),
            );
            report.functions = functions.collect(&mut findings);
            report.event_source_mappings = mappings.collect(&mut findings);
            report.alarms = alarms.collect(&mut findings).pop();
        }
        Err(error) => findings.unknown.push(format!("{error:#}")),
    }
    report.health = match (&findings.problems[..], &findings.unknown[..]) {
        ([], []) => Health::Healthy,
        ([], _) => Health::Unknown,
        _ => Health::Unhealthy,
    };
    report.stack = Some(deployed);
    report.problems = findings.problems;
    report.unknown = findings.unknown;
    report.notes = findings.notes;
    Ok(report)
}

/// What one part found, with what to say about it; parts are examined at once.
#[derive(Debug)]
pub(super) struct Part<T> {
    pub(super) items: Vec<T>,
    pub(super) findings: Findings,
}

impl<T> Part<T> {
    fn collect(self, findings: &mut Findings) -> Vec<T> {
        findings.problems.extend(self.findings.problems);
        findings.unknown.extend(self.findings.unknown);
        findings.notes.extend(self.findings.notes);
        self.items
    }
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { items: Vec::new(), findings: Findings::default() }
    }
}

/// A time as AWS gives it, in RFC 3339 without fractions of seconds.
pub(super) fn time(time: &aws_sdk_cloudformation::primitives::DateTime) -> Option<String> {
    jiff::Timestamp::from_second(time.secs()).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests;
