//! `cargo xtask test-faults`: exactly once and nothing lost, proven by faults.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

mod caller;
mod conclude;
mod exhaustive;
mod report;
mod scenario;
mod stack;

use anyhow::Context as _;
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().collect();
    let programs = stack::Programs {
        stack: PathBuf::from(&arguments[1]),
        functions: PathBuf::from(&arguments[2]),
        template: PathBuf::from(&arguments[3]),
    };
    let plan = exhaustive::Plan { only: arguments.get(4).cloned(), at_once: 16 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    let begun = std::time::Instant::now();
    let (count, figures) = runtime.block_on(exhaustive::operations(&programs, &plan))?;
    println!("{count} cases in {:?}\n{figures}", begun.elapsed());
    eprintln!("ok");
    Ok(())
}
