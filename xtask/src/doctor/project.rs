//! The project's own files.

use users_template::Stage;
use xtask_cli::doctor::{Check, State};

/// The stages to check for, and the check of their file.
pub(super) fn stages(wanted: Option<&str>) -> (Vec<Stage>, Vec<Check>) {
    let name = "stages.toml";
    let read = match wanted {
        Some(wanted) => users_template::files::stage(None, wanted).map(|stage| vec![stage]),
        None => users_template::files::stages(None).map(|stages| stages.into_values().collect()),
    };
    match read {
        Ok(stages) => {
            let names: Vec<_> = stages.iter().map(|stage| stage.name.as_str()).collect();
            let check = Check::ok(name, names.join(", "));
            (stages, vec![check])
        }
        Err(error) => {
            let fix = "its keys and rules are in xtask/template/src/stages/model.rs";
            let check = Check::of(State::Missing, name, format!("{error:#}"), fix);
            (Vec::new(), vec![check])
        }
    }
}

/// Whether the generated files are current; `None` when the stages cannot be read, which their own
/// check reports.
pub(super) fn templates() -> Option<Check> {
    let name = "templates/";
    let stages = users_template::files::stages(None).ok()?;
    let stale =
        users_template::check_outputs(&users_support::project::root().join("templates"), &stages);
    Some(match stale {
        Ok(stale) if stale.is_empty() => Check::ok(name, "up to date"),
        Ok(stale) => {
            let detail = format!("out of date: {}", stale.join(", "));
            Check::of(State::Warning, name, detail, "cargo xtask synth")
        }
        Err(error) => Check::of(State::Warning, name, format!("{error}"), "cargo xtask synth"),
    })
}
