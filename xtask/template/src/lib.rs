//! The CloudFormation template of each stage and the OpenAPI document, generated from the contract,
//! and the policy rules ([`rules`]) that the templates must keep.
//!
//! Everything here is a pure function of `stages.toml` and the table of operations: the same input
//! gives the same bytes. The generated files are committed under `templates/`;
//! [`check_outputs`] says which of them are stale.

pub mod bundles;
pub mod files;
mod functions;
mod openapi;
mod render;
pub mod rules;
mod stages;
mod template;

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

pub use functions::functions;
pub use openapi::{openapi, render_openapi};
pub use stages::{
    Access, Alarms, Architecture, Canary, CustomDomain, Endpoint, LogLevel, Problem, Stage,
    StagesError, Waf, stages,
};
pub use template::{render_artifacts_template, render_template, sources, template};

/// The name of the generated file that holds the template of the bucket for archives.
pub const ARTIFACTS_FILE: &str = "users-artifacts.template.json";

/// The generated files as (name below `templates/`, content): the template of each stage, then the
/// OpenAPI document and the policies for callers.
#[must_use]
pub fn outputs(stages: &BTreeMap<String, Stage>) -> Vec<(String, String)> {
    stages
        .iter()
        .map(|(name, stage)| (template_file_name(name), render_template(stage)))
        .chain([
            ("openapi.json".to_owned(), render_openapi()),
            (
                "events.json".to_owned(),
                render::document(&users_contract::schema::events(), &["$schema", "title"]),
            ),
            (ARTIFACTS_FILE.to_owned(), render_artifacts_template()),
            ("caller-policies.json".to_owned(), template::render_policies()),
        ])
        .collect()
}

/// The name of the file that holds the template of a stage.
#[must_use]
pub fn template_file_name(stage: &str) -> String {
    format!("users-{stage}.template.json")
}

/// The parameters of a stage's template: the bucket of the archives, and the key of the archive of
/// each function, by the function's name.
#[must_use]
pub fn parameters<'a>(
    bucket: &str,
    archives: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<String, String> {
    let keys = archives
        .into_iter()
        .map(|(function, key)| (template::FunctionIds::of(function).key, key.to_owned()));
    keys.chain([(template::ARTIFACT_BUCKET.to_owned(), bucket.to_owned())]).collect()
}

/// Writes the generated files into a directory, which is created when it is missing. Files that
/// are current are not touched. Returns the names of those that were written.
///
/// # Errors
///
/// When the directory cannot be created or a file cannot be written.
pub fn write_outputs(
    directory: &Path,
    stages: &BTreeMap<String, Stage>,
) -> io::Result<Vec<String>> {
    fs::create_dir_all(directory)?;
    let files = outputs(stages);
    let stale = stale(directory, &files)?;
    for (name, content) in files {
        if stale.contains(&name) {
            fs::write(directory.join(&name), content)?;
        }
    }
    Ok(stale)
}

/// The names of the generated files that are missing from a directory or differ from what would
/// be generated now.
///
/// # Errors
///
/// When a file is there but cannot be read.
pub fn check_outputs(
    directory: &Path,
    stages: &BTreeMap<String, Stage>,
) -> io::Result<Vec<String>> {
    stale(directory, &outputs(stages))
}

fn stale(directory: &Path, files: &[(String, String)]) -> io::Result<Vec<String>> {
    let mut stale = Vec::new();
    for (name, content) in files {
        match fs::read(directory.join(name)) {
            Ok(found) if found == content.as_bytes() => {}
            Ok(_) => stale.push(name.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => stale.push(name.clone()),
            Err(error) => return Err(error),
        }
    }
    Ok(stale)
}
