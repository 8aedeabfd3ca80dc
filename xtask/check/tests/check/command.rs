//! The program: what it prints, and its exit status.

use crate::support;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_users-check")).args(arguments).output().unwrap()
}

/// The clean template with one change, in a file.
fn file(change: &support::Change) -> tempfile::NamedTempFile {
    let mut template = support::clean();
    change(&mut template);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), template.to_string()).unwrap();
    file
}

fn check_file(path: &Path, more: &[&str]) -> Output {
    let path = path.to_str().unwrap();
    run(&[&["--template", path], more].concat())
}

fn unprotected() -> support::Change {
    support::remove("/Resources/UsersTable/DeletionPolicy")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_templates_of_all_stages_have_no_finding() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

/// Every option of a stage, with the stages that the generator is tested with.
#[test]
fn no_option_of_a_stage_breaks_a_rule() {
    let options = concat!(env!("CARGO_MANIFEST_DIR"), "/../template/tests/options.toml");
    let stages = users_template::stages(&std::fs::read_to_string(options).unwrap()).unwrap();
    assert!(!stages.is_empty());
    for stage in stages.values() {
        let text = users_template::render_template(stage);
        let subject = users_check::Subject { text: &text, stage: Some(stage) };
        let report = users_check::check(&subject).unwrap();
        assert!(report.findings.is_empty(), "{}: {:#?}", stage.name, report.findings);
    }
}

#[test]
fn a_clean_template_ends_with_0() {
    let file = file(&support::with(|_| ()));
    let output = check_file(file.path(), &[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("no finding"), "{said}");
}

#[test]
fn a_finding_ends_with_1_and_names_rule_place_and_remedy() {
    let file = file(&unprotected());
    let output = check_file(file.path(), &[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("high table-retained: UsersTable DeletionPolicy: is missing\n"),
        "{said}"
    );
    assert!(said.contains("remedy: set DeletionPolicy and UpdateReplacePolicy"), "{said}");
    assert!(said.contains("1 finding, 0 suppressed"), "{said}");
}

#[test]
fn json_has_findings_and_suppressions() {
    let file = file(&support::with(|template| {
        unprotected()(template);
        let reason = "a copy is made every night";
        let entry = serde_json::json!({"rule": "table-unnamed", "reason": reason});
        let table = support::at(template, "/Resources/UsersTable");
        table["Metadata"] = serde_json::json!({"users": {"suppress": [entry]}});
        table["Properties"]["TableName"] = serde_json::json!("users");
    }));
    let output = check_file(file.path(), &["--output", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report[0]["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["rule"], "table-retained");
    assert_eq!(findings[0]["severity"], "high");
    assert_eq!(findings[0]["resource"], "UsersTable");
    assert_eq!(findings[0]["path"], "DeletionPolicy");
    let suppressed = report[0]["suppressed"].as_array().unwrap();
    assert_eq!(suppressed.len(), 1, "{suppressed:#?}");
    assert_eq!(suppressed[0]["rule"], "table-unnamed");
    assert_eq!(suppressed[0]["path"], "Properties/TableName");
    assert_eq!(suppressed[0]["reason"], "a copy is made every night");
}

#[test]
fn the_list_has_every_rule() {
    let output = run(&["--list"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout).lines().count(), users_check::all_rules().count());
}

#[test]
fn a_command_line_that_cannot_be_understood_ends_with_2() {
    assert_eq!(run(&["--severity"]).status.code(), Some(2));
    assert_eq!(run(&["--list", "--stage", "dev"]).status.code(), Some(2));
}

#[test]
fn an_unknown_stage_is_refused_with_those_there_are() {
    let output = run(&["--stage", "pord"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("no stage `pord`; it has: dev, prod"), "{said}");
}

#[test]
fn a_file_that_is_no_template_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Resources: {}").unwrap();
    let output = check_file(file.path(), &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("the template is not JSON"), "{said}");
}
