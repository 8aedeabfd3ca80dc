//! The files under `templates/`.

use std::fs;
use std::path::Path;

use users_template::{check_outputs, outputs, write_outputs};

use crate::support::repository_stages;

#[test]
fn production_is_protected() {
    assert!(repository_stages()["prod"].protected);
}

#[test]
fn the_committed_files_are_current() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let stale = check_outputs(&directory, &repository_stages()).unwrap();
    assert!(stale.is_empty(), "{stale:?} are not current: run `cargo xtask synth` and commit");
}

#[test]
fn there_is_a_template_per_stage_and_what_callers_need() {
    let names: Vec<_> = outputs(&repository_stages()).into_iter().map(|(name, _)| name).collect();
    let expected = [
        "users-dev.template.json",
        "users-prod.template.json",
        "openapi.json",
        "events.json",
        "users-artifacts.template.json",
        "caller-policies.json",
    ];
    assert_eq!(names, expected);
}

#[test]
fn stale_and_missing_files_are_found_and_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("templates");
    let stages = repository_stages();
    let all: Vec<_> = outputs(&stages).into_iter().map(|(name, _)| name).collect();
    assert_eq!(check_outputs(&path, &stages).unwrap(), all);
    assert_eq!(write_outputs(&path, &stages).unwrap(), all);
    assert_eq!(check_outputs(&path, &stages).unwrap(), Vec::<String>::new());

    fs::write(path.join("openapi.json"), "{}").unwrap();
    fs::remove_file(path.join("users-dev.template.json")).unwrap();
    let stale = ["users-dev.template.json", "openapi.json"];
    assert_eq!(check_outputs(&path, &stages).unwrap(), stale);
    assert_eq!(write_outputs(&path, &stages).unwrap(), stale);
    assert_eq!(write_outputs(&path, &stages).unwrap(), Vec::<String>::new());
}
