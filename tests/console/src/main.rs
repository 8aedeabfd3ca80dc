//! Drives the console of the local stack in a headless Chromium: makes calls, and finds what they
//! left behind, by keyboard. Also takes the picture of it that is in the documentation, and has a
//! page of another origin attack the stack.
//!
//! A program and not a test of `cargo test`, because it needs Chromium and chromedriver:
//! `cargo run --package users-console-test`, or `.ci/console`, which gets both.
#![expect(clippy::print_stderr, reason = "a command line tool prints")]

mod accessibility;
mod attack;
mod browser;
mod picture;
mod scenario;
mod stack;

use anyhow::{Context, Result};
use browser::Browser;
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Drives the console of the local stack in a browser.
#[derive(Debug, Parser)]
struct Arguments {
    /// Write a picture of the console to this file instead of testing it.
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
    /// The view to take a picture of: calls, events, users, tables or logs.
    #[arg(long, default_value = "calls", requires = "screenshot")]
    view: String,
    /// Take the picture in dark colours.
    #[arg(long, requires = "screenshot")]
    dark: bool,
    /// The script of axe-core (`axe.min.js`), to check every view with, too.
    #[arg(long, value_name = "FILE")]
    axe: Option<PathBuf>,
    /// Let a page of another origin attack the stack, instead of testing the console.
    #[arg(long, conflicts_with = "screenshot")]
    attack: bool,
    /// The program chromedriver.
    #[arg(long, value_name = "FILE", default_value = "chromedriver")]
    chromedriver: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let axe = match &arguments.axe {
        None => None,
        Some(path) => Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
        ),
    };
    let stack = stack::start().await?;
    let browser = Browser::start(&arguments.chromedriver).await?;
    let result = match &arguments.screenshot {
        Some(path) => {
            browser.prefer(arguments.dark).await?;
            picture::take(&browser, &stack, &arguments.view, path).await
        }
        None if arguments.attack => attack::run(&browser, &stack).await,
        None => scenario::run(&browser, stack, axe.as_deref()).await,
    };
    if result.is_err() {
        browser.explain().await;
    }
    browser.close().await;
    result
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
