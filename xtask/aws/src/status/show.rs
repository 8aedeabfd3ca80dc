//! The report as text.

use super::drift;
use super::functions::Function;
use super::report::{Health, Report};
use crate::ui::{self, styled};
use std::fmt::Write as _;

/// Enough characters of a hash to compare by eye.
const HASH: usize = 12;

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let place = format!("stage {}, account {}, {}", report.stage, report.account, report.region);
    let (style, verdict) = match report.health {
        Health::Healthy => (ui::GOOD, "deployed and healthy"),
        Health::Unknown => (ui::WARNING, "unknown"),
        Health::NotDeployed => (ui::WARNING, "not deployed"),
        Health::Unhealthy => (ui::DANGER, "not healthy"),
        Health::Drifted => (ui::DANGER, "drifted"),
    };
    let _ = write!(text, "{}  {place}", styled(style, verdict));
    if report.health == Health::NotDeployed {
        let _ = write!(text, "\n  cargo xtask deploy --stage {}", report.stage);
    }
    if let Some(stack) = &report.stack {
        let since = stack.since.as_ref().map(|since| format!(" since {since}"));
        row(&mut text, "stack", &format!("{} {}", stack.name, stack.status), since.as_deref());
        row(&mut text, "last deployment", stack.last_deployment.as_deref().unwrap_or("-"), None);
        let checked = stack.drift_checked.as_ref().map(|at| format!(" as of {at}"));
        row(&mut text, "drift", &stack.drift, checked.as_deref());
        let protection = if stack.termination_protection { "on" } else { "off" };
        row(&mut text, "protection", protection, Some(" against deletion of the stack"));
        for (key, value) in &stack.outputs {
            row(&mut text, "output", &format!("{key} = {value}"), None);
        }
    }
    functions(&mut text, &report.functions);
    for mapping in &report.event_source_mappings {
        let result = mapping.last_processing_result.as_deref().unwrap_or("nothing processed yet");
        let result = format!(", last result: {result}");
        row(&mut text, &mapping.logical_id, &mapping.state, Some(&result));
    }
    if let Some(alarms) = &report.alarms {
        let quiet = format!("{} ok, {} without data", alarms.ok, alarms.insufficient_data);
        row(
            &mut text,
            "alarms",
            &format!("{} gone off", alarms.alarm.len()),
            Some(&format!(", {quiet}")),
        );
        for alarm in &alarms.alarm {
            let since = alarm.since.as_ref().map(|since| format!(" since {since}"));
            let name = styled(ui::DANGER, &alarm.name);
            let _ = write!(text, "\n  {name}{}: {}", since.unwrap_or_default(), alarm.reason);
        }
    }
    if let Some(drift) = &report.drift {
        drift::show(&mut text, drift);
    }
    for (style, mark, lines) in [
        (ui::DANGER, "✗", &report.findings.problems),
        (ui::WARNING, "?", &report.findings.unknown),
        (ui::WARNING, "!", &report.findings.notes),
    ] {
        for line in lines {
            let line = line.replace('\n', "\n  ");
            let _ = write!(text, "\n{} {line}", styled(style, mark));
        }
    }
    text
}

fn row(text: &mut String, name: &str, value: &str, faint: Option<&str>) {
    let faint = faint.map(|faint| styled(ui::FAINT, faint)).unwrap_or_default();
    let _ = write!(text, "\n{name:<17}{value}{faint}");
}

fn functions(text: &mut String, functions: &[Function]) {
    let width = functions.iter().map(|function| function.name.len()).max().unwrap_or(0);
    if !functions.is_empty() {
        let heading = format!(
            "{:<width$}  version  {:<HASH$}  {:<20}  state",
            "function", "code", "modified"
        );
        let _ = write!(text, "\n{}", styled(ui::STRONG, heading));
    }
    for function in functions {
        let hash: String = function.code_sha256.chars().take(HASH).collect();
        let _ = write!(
            text,
            "\n{:<width$}  {:<7}  {hash:<HASH$}  {:<20}  {}",
            function.name, function.version, function.last_modified, function.state
        );
    }
}
