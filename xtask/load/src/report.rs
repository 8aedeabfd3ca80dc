//! The figures of a run, for people.

use crate::memory::{MIB, Memory};
use crate::record::{Record, Seen};
use std::time::Duration;

/// Prints them on standard output.
pub(crate) fn print(record: &Record, memory: &Memory, held: Duration) {
    let per_second = |count: u64| count as f64 / held.as_secs_f64();
    println!(
        "\n{} operations in {:.0} s: {:.0} a second",
        record.calls(),
        held.as_secs_f64(),
        per_second(record.calls())
    );
    println!("\noperation      calls     /s    p50 ms    p90    p99  p99.9    max  answers");
    for (id, seen) in &record.0 {
        println!("{}", line(id, seen, per_second(seen.calls)));
    }
    println!("\nmemory");
    let shown = |course: Option<_>| match course {
        Some(course) => format!("{course}"),
        None => "not measured (too short, or not on this system)".to_owned(),
    };
    println!("  stack       {}", shown(memory.stack()));
    println!("  a function  {}", shown(memory.function()));
    if let Some(last) = memory.0.last() {
        let all = last.functions as f64 / MIB;
        println!("  functions   {:.0} MiB in {} processes at the end", all, last.processes);
    }
}

/// One operation.
fn line(id: &str, seen: &Seen, per_second: f64) -> String {
    let milliseconds = |quantile: f64| match &seen.latency {
        Some(latency) => latency.value_at_quantile(quantile) as f64 / 1000.0,
        None => 0.0,
    };
    let [p50, p90, p99, p999, max] = [0.5, 0.9, 0.99, 0.999, 1.0].map(milliseconds);
    let answers: Vec<_> = seen
        .answers
        .iter()
        .map(|((status, code), count)| match code {
            Some(code) => format!("{count} x {status} {code}"),
            None => format!("{count} x {status}"),
        })
        .collect();
    format!(
        "{id:<12} {:>7} {per_second:>6.1}   {p50:>7.1} {p90:>6.1} {p99:>6.1} {p999:>6.1} \
         {max:>6.1}  {}",
        seen.calls,
        answers.join(", ")
    )
}
