//! `cargo xtask cost`: the cost of a month, from measured units, memory and times.
//!
//! Units, round trips and times come from a saved run of `cargo xtask bench`, prices and assumptions
//! from `xtask/prices.toml`.

mod bill;
mod measured;
mod prices;

use self::bill::{Line, Setup, Standing};
use self::prices::Prices;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use users_template::Architecture;
use xtask_cli::Output;

/// The relay's name in a run. It is part of every write and has no calls of its own.
const RELAY: &str = "relay";

/// Arguments of `cost`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Operations: register, get, update, set-status, assign-role, remove-role, list, list-by-status, \
list-by-role, list-by-email, audit. Prices and assumptions are in xtask/prices.toml.

Exit status: 0 estimated, 1 failed, 2 for a command line that cannot be understood.")]
pub(crate) struct Arguments {
    /// Stored users, such as 100M.
    #[arg(long, value_name = "N", value_parser = number)]
    users: f64,
    /// Calls in a month, by operation: get=300M,update=5M
    #[arg(long, value_name = "OPERATION=N,...", value_parser = calls, value_delimiter = ',', required = true)]
    calls: Vec<(String, f64)>,
    /// The instruction set of the functions.
    #[arg(long, value_enum, default_value = "arm64")]
    arch: Architecture,
    /// Memory of a function, in MB.
    #[arg(long, default_value_t = 256.0, value_name = "MB")]
    memory: f64,
    /// A saved run of `cargo xtask bench --output json`. Default: the one of the project.
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// `json` prints the bill as one JSON document.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// The bill of a month.
#[derive(Debug, Serialize)]
struct Bill {
    prices_as_of: String,
    region: String,
    operations: Vec<Line>,
    standing: Standing,
    total: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let root = users_support::project::root();
    let prices = root.join("xtask").join("prices.toml");
    let text = std::fs::read_to_string(&prices)
        .with_context(|| format!("cannot read {}", prices.display()))?;
    let prices: Prices =
        toml::from_str(&text).with_context(|| format!("cannot understand {}", prices.display()))?;
    let default = || root.join("xtask").join("bench").join("measured.json");
    let taken = measured::read(&arguments.run.clone().unwrap_or_else(default))?;
    let bill = bill(arguments, &prices, &taken, watching(&root)?)?;
    match arguments.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&bill)?),
        Output::Text => print!("{}", table(&bill, &prices)),
    }
    Ok(())
}

fn bill(
    arguments: &Arguments,
    prices: &Prices,
    taken: &BTreeMap<String, measured::Taken>,
    (alarms, dashboards): (f64, f64),
) -> Result<Bill> {
    let relay = taken.get(RELAY).context("the run has no relay")?;
    let setup = Setup { architecture: arguments.arch, memory_mb: arguments.memory };
    let all: f64 = arguments.calls.iter().map(|(_, calls)| calls).sum();
    ensure!(all > 0.0, "--calls: the counts are all 0");
    let mut operations = Vec::new();
    for (operation, calls) in &arguments.calls {
        let known = || taken.keys().filter(|name| *name != RELAY).cloned().collect::<Vec<_>>();
        let one = taken.get(operation).filter(|_| operation != RELAY).with_context(|| {
            format!("--calls: no operation `{operation}`; there are: {}", known().join(", "))
        })?;
        operations.push(bill::line(prices, setup, operation, *calls, all, one, relay));
    }
    let standing = bill::standing(prices, arguments.users, alarms, dashboards);
    let total =
        operations.iter().map(Line::total).sum::<f64>() + standing.storage + standing.watching;
    Ok(Bill {
        prices_as_of: prices.as_of.clone(),
        region: prices.region.clone(),
        operations,
        standing,
        total,
    })
}

fn table(bill: &Bill, prices: &Prices) -> String {
    let mut text = format!(
        "{:15} {:>15} {:>9} {:>12} {:>12} {:>12} {:>12} {:>12} {:>13} {:>12}\n",
        "dollars a month",
        "calls",
        "billed ms",
        "API Gateway",
        "Lambda",
        "DynamoDB",
        "EventBridge",
        "logs, traces",
        "sum",
        "per million"
    );
    for it in &bill.operations {
        text += &format!(
            "{:15} {:>15} {:>9} {:>12.2} {:>12.2} {:>12.2} {:>12.2} {:>12.2} {:>13.2} {:>12.2}\n",
            it.operation,
            it.calls,
            it.billed_ms,
            it.api,
            it.lambda,
            it.dynamodb,
            it.events,
            it.telemetry,
            it.total(),
            it.total() / it.calls * 1e6
        );
    }
    text += &format!("{:15} {:>107.2}\n", "storage", bill.standing.storage);
    text += &format!("{:15} {:>107.2}\n", "metrics, alarms", bill.standing.watching);
    text += &format!("{:15} {:>107.2}\n\n", "all", bill.total);
    text +=
        &format!("List prices of {}, {}, without free tiers:\n", bill.region, bill.prices_as_of);
    prices.sources().iter().for_each(|source| text += &format!("  {source}\n"));
    text
}

/// The numbers of alarms and dashboards of the stage `prod`.
fn watching(root: &Path) -> Result<(f64, f64)> {
    let path = root.join("templates").join("users-prod.template.json");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}; `cargo xtask synth` makes it", path.display()))?;
    let template: Value = serde_json::from_str(&text).context("the template is no JSON")?;
    let resources = template["Resources"].as_object().context("the template has no resources")?;
    let count = |kind: &str| resources.values().filter(|it| it["Type"] == kind).count() as f64;
    Ok((count("AWS::CloudWatch::Alarm"), count("AWS::CloudWatch::Dashboard")))
}

/// A count, with `k`, `M` or `G` for thousands, millions or billions.
fn number(text: &str) -> Result<f64, String> {
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'k')) => (&text[..at], 1e3),
        Some((at, 'M')) => (&text[..at], 1e6),
        Some((at, 'G')) => (&text[..at], 1e9),
        _ => (text, 1.0),
    };
    let value = digits.parse::<f64>().ok().filter(|it| it.is_finite() && *it >= 0.0);
    value
        .map(|it| it * factor)
        .ok_or_else(|| "must be a count, such as 5000, 20k, 3M or 1G".to_owned())
}

fn calls(text: &str) -> Result<(String, f64), String> {
    let (operation, count) =
        text.split_once('=').ok_or_else(|| "must be OPERATION=N, such as get=3M".to_owned())?;
    Ok((operation.to_owned(), number(count)?))
}

#[cfg(test)]
mod tests {
    use super::measured::Taken;
    use super::{Arguments, bill, number};
    use clap::Parser;
    use std::collections::BTreeMap;

    const TAKEN: Taken = Taken {
        own_ms: 1.0,
        initialisation_ms: 10.0,
        round_trips: 1.0,
        read_units: 1.0,
        write_units: 0.0,
    };

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn counts_have_units() {
        assert_eq!(number("5000"), Ok(5e3));
        assert_eq!(number("1.5k"), Ok(1.5e3));
        assert_eq!(number("3M"), Ok(3e6));
        assert_eq!(number("1G"), Ok(1e9));
        for wrong in ["", "M", "-1", "3m", "NaN", "inf"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_bill_is_the_sum_of_its_lines_and_refuses_unknown_operations() {
        let prices = toml::from_str(include_str!("../prices.toml")).unwrap();
        let taken = BTreeMap::from([("get".to_owned(), TAKEN), ("relay".to_owned(), TAKEN)]);
        let of = |calls: &str| {
            let program = Program::parse_from(["cost", "--users", "1M", "--calls", calls]);
            bill(&program.arguments, &prices, &taken, (10.0, 0.0))
        };
        let bill = of("get=2M").unwrap();
        let lines: f64 = bill.operations.iter().map(super::Line::total).sum();
        let standing = bill.standing.storage + bill.standing.watching;
        assert!((bill.total - lines - standing).abs() < 1e-9 && lines > 7.0);
        for calls in ["fetch=1", "relay=1"] {
            let error = of(calls).unwrap_err().to_string();
            assert!(error.ends_with("there are: get"), "{error}");
        }
        assert!(of("get=0").is_err());
    }
}
