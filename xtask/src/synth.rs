//! `cargo xtask synth`: the generated files under `templates/`.

use anyhow::{Result, bail};

/// Arguments of `synth`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing, and fail when a file is out of date.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let stages = users_template::files::stages(None)?;
    let directory = users_support::project::root().join("templates");
    if arguments.check {
        let stale = users_template::check_outputs(&directory, &stages)?;
        if !stale.is_empty() {
            bail!("out of date: {}; run `cargo xtask synth`", stale.join(", "));
        }
        println!("templates/ is up to date");
        return Ok(());
    }
    let written = users_template::write_outputs(&directory, &stages)?;
    for name in &written {
        println!("wrote templates/{name}");
    }
    if written.is_empty() {
        println!("templates/ is up to date");
    }
    Ok(())
}
