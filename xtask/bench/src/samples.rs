//! Samples of processes, and their summary: medians, and ratios to the floor.

use crate::cpu::Cpu;
use crate::stats::{Summary, mean, median};
use serde::Serialize;
use std::collections::BTreeMap;

/// One process. Times are in milliseconds, without the backend's.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) initialisation: f64,
    /// The initialisation and the first invocation.
    pub(crate) start: f64,
    /// Warm invocations, by turn.
    pub(crate) turns: Vec<Vec<f64>>,
    /// The peak, in KiB.
    pub(crate) memory: f64,
}

/// A process of a function, and one of the floor that ran next to it.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) ours: Sample,
    pub(crate) floor: Sample,
}

/// Times and memory of a function. Times are without the backend's.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Timed {
    /// From the start of the program to its first request for an invocation.
    pub(crate) initialisation_ms: Summary,
    /// The initialisation and the first invocation.
    pub(crate) start_ms: Summary,
    /// A later invocation.
    pub(crate) warm_ms: Summary,
    /// The peak.
    pub(crate) memory_kib: f64,
    /// Ratios to the floor; `None` for the floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by_floor: Option<Ratios>,
}

/// Ratios to the floor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Ratios {
    pub(crate) start: f64,
    pub(crate) warm: f64,
    pub(crate) memory: f64,
}

/// The summary of each case, and of the floor over all of them.
pub(crate) fn times_by_case(
    pairs: &BTreeMap<&str, Vec<Pair>>,
    floor: &str,
    cpu: Cpu,
) -> BTreeMap<String, Timed> {
    let mut times = BTreeMap::new();
    for (name, pairs) in pairs {
        let by_floor = Some(Ratios::of(pairs, cpu));
        let ours: Vec<_> = pairs.iter().map(|pair| &pair.ours).collect();
        times.insert((*name).to_owned(), Timed { by_floor, ..Timed::of(&ours) });
    }
    let floors: Vec<_> = pairs.values().flatten().map(|pair| &pair.floor).collect();
    times.insert(floor.to_owned(), Timed::of(&floors));
    times
}

impl Timed {
    fn of(samples: &[&Sample]) -> Self {
        let each = |figure: fn(&Sample) -> f64| -> Vec<f64> {
            samples.iter().map(|it| figure(it)).collect()
        };
        let warm: Vec<_> = samples.iter().flat_map(|it| &it.turns).flatten().copied().collect();
        let long = samples.iter().filter(|it| !it.turns.is_empty());
        Self {
            initialisation_ms: Summary::of(&each(|it| it.initialisation)),
            start_ms: Summary::of(&each(|it| it.start)),
            warm_ms: Summary::of(&warm),
            memory_kib: median(&long.map(|it| it.memory).collect::<Vec<_>>()),
            by_floor: None,
        }
    }
}

impl Ratios {
    /// With all of a core these are medians, which a disturbance does not move. At the share a
    /// program mostly waits for its quota, in whole periods, so a median is one step or the next.
    /// There means are compared; of starts the means over all processes, since chance decides where
    /// in a period a start falls.
    fn of(pairs: &[Pair], cpu: Cpu) -> Self {
        let starts: Vec<_> = pairs.iter().map(|pair| pair.ours.start).collect();
        let floors: Vec<_> = pairs.iter().map(|pair| pair.floor.start).collect();
        let start = match cpu {
            Cpu::Full => median(&ratios(&starts, &floors)),
            Cpu::Share256 => mean(&starts) / mean(&floors),
        };
        let (mut warm, mut memory) = (Vec::new(), Vec::new());
        for Pair { ours, floor } in pairs.iter().filter(|pair| !pair.ours.turns.is_empty()) {
            memory.push(ours.memory / floor.memory);
            let each = |it: &Sample| it.turns.iter().map(|turn| median(turn)).collect::<Vec<_>>();
            match cpu {
                Cpu::Full => warm.extend(ratios(&each(ours), &each(floor))),
                Cpu::Share256 => {
                    warm.push(mean(&ours.turns.concat()) / mean(&floor.turns.concat()));
                }
            }
        }
        Self { start, warm: median(&warm), memory: median(&memory) }
    }
}

fn ratios(ours: &[f64], floors: &[f64]) -> Vec<f64> {
    ours.iter().zip(floors).map(|(ours, floor)| ours / floor).collect()
}

#[cfg(test)]
mod tests {
    use super::{Cpu, Pair, Ratios, Sample, times_by_case};
    use std::collections::BTreeMap;

    fn sample(start: f64, turns: [[f64; 3]; 2]) -> Sample {
        let turns = turns.map(|turn| turn.to_vec()).to_vec();
        Sample { start, memory: start, turns, ..Sample::default() }
    }

    #[test]
    fn a_function_is_compared_with_the_floor_that_ran_next_to_it() {
        // The machine is slow in the second turn, and all through the second process.
        let (ours, floor) =
            ([[2.0, 2.0, 9.0], [8.0, 8.0, 8.0]], [[1.0, 1.0, 1.0], [4.0, 4.0, 4.0]]);
        let pairs = vec![
            Pair { ours: sample(30.0, ours), floor: sample(20.0, floor) },
            Pair { ours: sample(60.0, [[8.0; 3]; 2]), floor: sample(40.0, [[4.0; 3]; 2]) },
        ];
        let times = times_by_case(&BTreeMap::from([("case", pairs)]), "floor", Cpu::Full);
        let expected = Ratios { start: 1.5, warm: 2.0, memory: 1.5 };
        assert_eq!(times["case"].by_floor, Some(expected));
        assert_eq!(times["floor"].by_floor, None);
        assert_eq!((times["case"].start_ms.p50, times["floor"].warm_ms.p50), (30.0, 4.0));
    }

    #[test]
    fn waits_for_the_quota_count_in_full_at_the_share() {
        // One call of six waits for a period, of the floor none; and of two starts one a period more.
        let pairs = [
            Pair {
                ours: sample(45.0, [[1.0, 1.0, 19.0], [1.0, 1.0, 1.0]]),
                floor: sample(25.0, [[2.0; 3]; 2]),
            },
            Pair {
                ours: Sample { start: 25.0, ..Sample::default() },
                floor: Sample { start: 45.0, ..Sample::default() },
            },
        ];
        let ratios = Ratios::of(&pairs, Cpu::Share256);
        assert_eq!([ratios.warm, ratios.start], [2.0, 1.0]);
    }
}
