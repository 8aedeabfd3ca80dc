//! What telling costs: the same invocations of three processes in turns, of which one tells nothing,
//! one writes lines and metrics, and one also sends a trace of each invocation.

use crate::instance::{Instance, Told};
use crate::measure::{Lab, Turn};
use crate::scenario::{CASES, Case};
use crate::stats::median;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A read by id, a write and a page.
const MEASURED: [&str; 3] = ["get", "update", "list"];
/// What is compared; nothing told comes first.
const KINDS: [Told; 3] = [Told::Nothing, Told::Lines, Told::Traces];
/// Processes of each kind: how many connections one keeps open is a matter of chance.
const PROCESSES: usize = 15;
/// Turns of each process; many short ones, so that whatever else the machine does meets all three.
const TURNS: usize = 10;
/// Invocations of a turn.
const INVOCATIONS: usize = 20;

/// What telling costs an operation.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Telling {
    /// CPU of a thousand invocations that tell nothing, in milliseconds.
    pub(crate) silent_cpu_ms: f64,
    /// Warm time of one that tells nothing, without the backend's, in milliseconds.
    pub(crate) silent_warm_ms: f64,
    /// By how much lines and metrics raise CPU and time: 1.1 is a tenth more.
    pub(crate) lines: Raised,
    /// By how much a trace of each invocation, too, raises them.
    pub(crate) traces: Raised,
}

/// A cost by that of telling nothing: the median over turns, each of which compares what was
/// measured within a few milliseconds, since the pace of a machine changes between turns.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Raised {
    pub(crate) cpu: f64,
    pub(crate) warm: f64,
}

/// Measures all of [`MEASURED`].
pub(crate) async fn measure(lab: &mut Lab) -> Result<BTreeMap<String, Telling>> {
    let mut measured = BTreeMap::new();
    for case in CASES.iter().filter(|case| MEASURED.contains(&case.name)) {
        eprintln!("what telling costs: {}", case.name);
        measured.insert(case.name.to_owned(), of(lab, case).await?);
    }
    Ok(measured)
}

async fn of(lab: &mut Lab, case: &Case) -> Result<Telling> {
    let mut turns = KINDS.map(|_| Vec::new());
    for _ in 0..PROCESSES {
        let mut processes = Vec::new();
        for told in KINDS {
            let mut launch = lab.launch(case.function)?;
            launch.told = told;
            let mut process = Instance::start(&launch, None).await?;
            // Opens the connections.
            lab.turn(case, &mut process, INVOCATIONS).await?;
            processes.push(process);
        }
        let mut pairs: Vec<_> = processes.iter_mut().zip(&mut turns).collect();
        for _ in 0..TURNS {
            for (process, turns) in &mut pairs {
                turns.push(lab.turn(case, process, INVOCATIONS).await?);
            }
            // None is always first.
            pairs.rotate_left(1);
        }
    }
    let [silent, lines, traces] = &turns;
    Ok(Telling {
        silent_cpu_ms: median_of(silent, |it| it.cpu) * 1000.0,
        silent_warm_ms: median_of(silent, |it| median(&it.warm)),
        lines: Raised::of(lines, silent),
        traces: Raised::of(traces, silent),
    })
}

fn median_of(turns: &[Turn], figure: impl Fn(&Turn) -> f64) -> f64 {
    median(&turns.iter().map(figure).collect::<Vec<_>>())
}

impl Raised {
    fn of(telling: &[Turn], silent: &[Turn]) -> Self {
        let ratio = |figure: fn(&Turn) -> f64| {
            let pairs = telling.iter().zip(silent);
            median(&pairs.map(|(with, without)| figure(with) / figure(without)).collect::<Vec<_>>())
        };
        Self { cpu: ratio(|it| it.cpu), warm: ratio(|it| median(&it.warm)) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Raised, Turn};

    #[test]
    fn a_cost_is_compared_turn_by_turn() {
        let turns =
            |cpu: [f64; 3]| cpu.map(|cpu| Turn { cpu, warm: vec![2.0 * cpu], ..Turn::default() });
        // The machine is slow in the second turn and busy with something else in the third.
        let raised = Raised::of(&turns([1.1, 3.3, 9.0]), &turns([1.0, 3.0, 1.0]));
        assert!((raised.cpu - 1.1).abs() < 1e-9 && (raised.warm - 1.1).abs() < 1e-9, "{raised:?}");
    }
}
