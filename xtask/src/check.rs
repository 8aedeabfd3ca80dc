//! `cargo xtask check`: the policy rules over the template of each stage.

use anyhow::{Context, Result};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use users_template::Stage;
use users_template::rules::{self, Report};
use xtask_cli::Output;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit status: 0 no finding, 1 findings, 2 for a command line that cannot be understood.

A resource leaves a rule out, with a reason, in its metadata:
  {\"users\": {\"suppress\": [{\"rule\": \"RULE\", \"reason\": \"WHY\"}]}}")]
pub(crate) struct Arguments {
    /// Only this stage of stages.toml. Default: all stages.
    #[arg(long)]
    stage: Option<String>,
    /// Check this file instead of the templates of stages.toml; with --stage, as the template of that stage.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// List the rules and check nothing.
    #[arg(long, conflicts_with_all = ["stage", "template"])]
    list: bool,
    /// `json` prints findings and suppressions as one JSON document on standard output.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// The report on one template.
#[derive(Debug, Serialize)]
struct Checked {
    /// The file of the template.
    template: String,
    #[serde(flatten)]
    report: Report,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        list(arguments.output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let checked = checked(arguments)?;
    match arguments.output {
        Output::Text => checked.iter().for_each(print),
        Output::Json => println!("{}", serde_json::to_string_pretty(&checked)?),
    }
    let clean = checked.iter().all(|it| it.report.findings.is_empty());
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn checked(arguments: &Arguments) -> Result<Vec<Checked>> {
    if let Some(path) = &arguments.template {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let stage = arguments.stage.as_deref();
        let stage = stage.map(|name| users_template::files::stage(None, name)).transpose()?;
        return Ok(vec![check(path.display().to_string(), &text, stage.as_ref())?]);
    }
    let stages = match &arguments.stage {
        Some(name) => vec![users_template::files::stage(None, name)?],
        None => users_template::files::stages(None)?.into_values().collect(),
    };
    stages
        .iter()
        .map(|stage| {
            let name = format!("templates/{}", users_template::template_file_name(&stage.name));
            check(name, &users_template::render_template(stage), Some(stage))
        })
        .collect()
}

fn check(template: String, text: &str, stage: Option<&Stage>) -> Result<Checked> {
    let report = rules::check(text, stage)
        .with_context(|| format!("cannot check {template}: the template is not JSON"))?;
    Ok(Checked { template, report })
}

fn print(checked: &Checked) {
    let Report { findings, suppressed } = &checked.report;
    for finding in findings {
        println!(
            "{} {}: {}: {}",
            finding.severity.as_str(),
            finding.rule,
            finding.place(),
            finding.detail
        );
        println!("    rule: {}", finding.expected);
        println!("    remedy: {}", finding.remedy);
    }
    for it in suppressed {
        println!("suppressed {}: {} ({})", it.finding.rule, it.finding.place(), it.reason);
    }
    println!(
        "{}: {} rules, {}, {} suppressed",
        checked.template,
        rules::all().count(),
        match findings.len() {
            0 => "no finding".to_owned(),
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        },
        suppressed.len()
    );
}

fn list(output: Output) -> Result<()> {
    match output {
        Output::Text => {
            for rule in rules::all() {
                println!("{:26} {:6} {}", rule.id, rule.severity.as_str(), rule.expected);
            }
        }
        Output::Json => {
            println!("{}", serde_json::to_string_pretty(&rules::all().collect::<Vec<_>>())?);
        }
    }
    Ok(())
}
