//! The figures of a saved run of `cargo xtask bench` that a bill needs.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The CPU setting of the billed times, that of a function with 256 MB.
const CPU: &str = "share256";
/// The fallback, where the other could not be measured.
const OTHER_CPU: &str = "full";

#[derive(Deserialize)]
struct Run {
    times: BTreeMap<String, BTreeMap<String, Timed>>,
    asks: BTreeMap<String, Asks>,
}

#[derive(Clone, Copy, Deserialize)]
struct Timed {
    initialisation_ms: Median,
    warm_ms: Median,
}

#[derive(Clone, Copy, Deserialize)]
struct Median {
    p50: f64,
}

#[derive(Clone, Copy, Deserialize)]
struct Asks {
    round_trips: f64,
    read_units: f64,
    write_units: f64,
}

/// The cost of one call of an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Taken {
    /// The function's own time, in milliseconds.
    pub(crate) own_ms: f64,
    /// Its initialisation, in milliseconds.
    pub(crate) initialisation_ms: f64,
    /// Consecutive round trips to DynamoDB.
    pub(crate) round_trips: f64,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
}

/// Reads the cases of a saved run, by name.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Taken>> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("cannot read {}; `cargo xtask bench --output json` makes it", path.display())
    })?;
    parse(&text).with_context(|| format!("{} is no saved run", path.display()))
}

fn parse(text: &str) -> Result<BTreeMap<String, Taken>> {
    let run: Run = serde_json::from_str(text)?;
    let times =
        run.times.get(CPU).or_else(|| run.times.get(OTHER_CPU)).context("it has no times")?;
    let mut taken = BTreeMap::new();
    for (name, asks) in run.asks {
        // All lists are the same function, timed once.
        let timed =
            times.get(&name).or_else(|| name.starts_with("list").then(|| times.get("list"))?);
        let timed = timed.with_context(|| format!("it has no times of {name}"))?;
        let one = Taken {
            own_ms: timed.warm_ms.p50,
            initialisation_ms: timed.initialisation_ms.p50,
            round_trips: asks.round_trips,
            read_units: asks.read_units,
            write_units: asks.write_units,
        };
        taken.insert(name, one);
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_those_at_the_cpu_share_of_functions() {
        let summary = |p50: f64| format!(r#"{{"p50": {p50}, "p99": 9.0}}"#);
        let timed = |warm: f64| {
            let (initialisation, warm) = (summary(5.0), summary(warm));
            format!(r#"{{"initialisation_ms": {initialisation}, "warm_ms": {warm}}}"#)
        };
        let text = format!(
            r#"{{"times": {{"full": {{"list": {}}}, "share256": {{"list": {}}}}},
                "asks": {{"list-by-role": {{"round_trips": 2, "read_units": 30, "write_units": 0}}}}}}"#,
            timed(1.0),
            timed(2.5)
        );
        let taken = parse(&text).unwrap()["list-by-role"];
        assert_eq!((taken.own_ms, taken.initialisation_ms), (2.5, 5.0));
        assert_eq!((taken.round_trips, taken.read_units), (2.0, 30.0));
        assert!(parse("{}").is_err());
    }
}
