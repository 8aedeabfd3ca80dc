//! Directories of functions in which one is replaced, and templates with another timeout.

use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use users_tests::stack::required;

/// A directory with the real functions, to replace some of.
#[derive(Debug)]
pub(crate) struct Functions {
    directory: TempDir,
}

impl Functions {
    /// All real functions.
    pub(crate) fn real() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let built = PathBuf::from(required("USERS_LOCAL_FUNCTIONS"));
        for name in function_names() {
            symlink(built.join(&name), directory.path().join(&name)).unwrap();
        }
        Self { directory }
    }

    /// All real functions, whose output is recorded as well.
    pub(crate) fn recording() -> Self {
        let functions = Self::real();
        let built = PathBuf::from(required("USERS_LOCAL_FUNCTIONS"));
        for name in function_names() {
            let real = std::path::absolute(built.join(&name)).unwrap();
            let script = format!("'{}' | tee -a \"$0.out\"", real.display());
            functions.replace(&name, &script);
        }
        functions
    }

    /// Gives a function another value of a variable than the stack does.
    pub(crate) fn set(&self, name: &str, variable: &str, value: &str) {
        let built = PathBuf::from(required("USERS_LOCAL_FUNCTIONS"));
        let real = std::path::absolute(built.join(name)).unwrap();
        self.replace(name, &format!("{variable}='{value}' exec '{}'", real.display()));
    }

    /// The lines that recording functions have written so far.
    pub(crate) fn recorded(&self) -> Vec<Value> {
        let mut lines = Vec::new();
        for name in function_names() {
            let path = self.path().join(format!("{name}.out"));
            let text = fs::read_to_string(path).unwrap_or_default();
            // The last one may not be complete yet.
            let complete = text.rfind('\n').map_or("", |end| &text[..end]);
            lines.extend(complete.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        lines
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes a function away.
    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    /// Puts a shell script in the place of a function. It can note its process: `echo $$ > $0.pid`.
    pub(crate) fn replace(&self, name: &str, script: &str) {
        self.remove(name);
        let path = self.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The process that the script of a function noted, once it did.
    pub(crate) fn noted_pid(&self, name: &str) -> Option<u32> {
        let noted = fs::read_to_string(self.path().join(format!("{name}.pid"))).ok()?;
        noted.trim().parse().ok()
    }
}

/// The names of all functions: one for each operation, and the relay.
fn function_names() -> Vec<String> {
    let names: Vec<String> = resources()
        .iter()
        .filter_map(|(id, resource)| {
            let is_function = resource["Type"] == "AWS::Lambda::Function";
            is_function.then(|| kebab_case(id.trim_end_matches("Function")))
        })
        .collect();
    assert!(names.len() > users_contract::OPERATIONS.len(), "{names:?}");
    names
}

fn kebab_case(pascal_case: &str) -> String {
    let mut name = String::new();
    for letter in pascal_case.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn template() -> Value {
    let path = required("USERS_LOCAL_TEMPLATE");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn resources() -> serde_json::Map<String, Value> {
    template()["Resources"].as_object().unwrap().clone()
}

/// Writes the template with another timeout for all functions, in seconds.
pub(crate) fn template_with_timeout(directory: &Path, seconds: u64) -> PathBuf {
    changed_template(directory, |resources| {
        for (_, resource) in resources {
            if resource["Type"] == "AWS::Lambda::Function" {
                resource["Properties"]["Timeout"] = seconds.into();
            }
        }
    })
}

/// Writes the template with changed resources.
pub(crate) fn changed_template(
    directory: &Path,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> PathBuf {
    let mut template = template();
    change(template["Resources"].as_object_mut().unwrap());
    let path = directory.join("template.json");
    fs::write(&path, template.to_string()).unwrap();
    path
}
