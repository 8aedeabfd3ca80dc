//! Renders the templates of any stages file into a directory: `render STAGES_TOML DIRECTORY`.
//!
//! The CI uses it to lint every option of a stage, of which the stages of the repository use few.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [stages, directory] = arguments.as_slice() else {
        return fail("usage: render STAGES_TOML DIRECTORY");
    };
    match render(Path::new(stages), Path::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn render(stages: &Path, directory: &Path) -> Result<(), String> {
    let text =
        fs::read_to_string(stages).map_err(|error| format!("{}: {error}", stages.display()))?;
    let stages = users_template::stages(&text).map_err(|error| error.to_string())?;
    users_template::write_outputs(directory, &stages)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a command line tool prints")]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
