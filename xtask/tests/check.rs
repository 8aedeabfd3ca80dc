//! `cargo xtask check`: its output and exit status.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use users_template::{Stage, rules};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("check").args(arguments).output().unwrap()
}

/// A generated template with one change, in a file.
fn file(change: impl Fn(&mut Value)) -> tempfile::NamedTempFile {
    let mut template = users_template::template(&Stage::default());
    change(&mut template);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), template.to_string()).unwrap();
    file
}

fn check_file(path: &Path, more: &[&str]) -> Output {
    let path = path.to_str().unwrap();
    run(&[&["--template", path], more].concat())
}

fn unprotected(template: &mut Value) {
    template["Resources"]["UsersTable"].as_object_mut().unwrap().remove("DeletionPolicy").unwrap();
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn the_templates_of_all_stages_have_no_finding() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_clean_template_exits_with_0() {
    let file = file(|_| ());
    let output = check_file(file.path(), &[]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("no finding"), "{said}");
}

#[test]
fn a_finding_exits_with_1_and_names_rule_place_and_remedy() {
    let file = file(unprotected);
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
    let file = file(|template| {
        unprotected(template);
        let entry = json!({"rule": "table-unnamed", "reason": "a copy is made every night"});
        let table = &mut template["Resources"]["UsersTable"];
        table["Metadata"] = json!({"users": {"suppress": [entry]}});
        table["Properties"]["TableName"] = json!("users");
    });
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
    assert_eq!(text(&output.stdout).lines().count(), rules::all().count());
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    assert_eq!(run(&["--severity"]).status.code(), Some(2));
    assert_eq!(run(&["--list", "--stage", "dev"]).status.code(), Some(2));
}

#[test]
fn an_unknown_stage_is_refused_with_the_known_ones() {
    let output = run(&["--stage", "pord"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("no stage `pord`; it has: dev, prod"), "{said}");
}

#[test]
fn a_file_that_is_not_json_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Resources: {}").unwrap();
    let output = check_file(file.path(), &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("the template is not JSON"), "{said}");
}
