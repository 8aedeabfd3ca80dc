//! Samples of a case, and their summary: medians, and ratios to the floor.

use crate::cpu::Cpu;
use crate::report::{ByFloor, Timed};
use crate::stats::{Summary, median};

/// What one process took.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) initialisation: f64,
    pub(super) first: f64,
    pub(super) start: f64,
    pub(super) start_cpu: f64,
    pub(super) connections: f64,
    pub(super) memory: f64,
    pub(super) turns: Vec<Turn>,
}

/// What warm invocations in a row took, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Of each, without the backend's.
    pub(crate) warm: Vec<f64>,
    /// What the backend took of each.
    pub(crate) backend: Vec<f64>,
    /// CPU of one.
    pub(crate) cpu: f64,
}

/// What all processes of a case took.
#[derive(Debug, Default)]
pub(super) struct Samples {
    pub(super) processes: Vec<Sample>,
    /// Those that answered once only.
    pub(super) starts: Vec<Sample>,
    pub(super) by_floor: Ratios,
}

/// What processes took by what the floor took next to them.
///
/// With all of a core these are medians, which a disturbance does not move. At the share a program
/// mostly waits for its quota, in steps of whole periods: a median there is one step or the next,
/// where the mean says what such calls take together. So means are compared there, and of starts
/// those of all, since where in a period a start falls is a matter of chance.
#[derive(Debug, Default)]
pub(super) struct Ratios {
    /// Of each process, ours and the floor's.
    starts: Vec<[f64; 2]>,
    start_cpu: Vec<f64>,
    warm: Vec<f64>,
    cpu: Vec<f64>,
    memory: Vec<f64>,
}

impl Ratios {
    pub(super) fn add_start(&mut self, ours: &Sample, floor: &Sample) {
        self.starts.push([ours.start, floor.start]);
        self.start_cpu.push(ours.start_cpu / floor.start_cpu);
    }

    pub(super) fn add_warm(&mut self, cpu: Cpu, ours: &Sample, floor: &Sample) {
        if cpu == Cpu::Share256 {
            let mean = |it: &Sample| mean(it.turns.iter().flat_map(|turn| &turn.warm));
            self.warm.push(mean(ours) / mean(floor));
        }
        for (ours, floor) in ours.turns.iter().zip(&floor.turns) {
            if cpu == Cpu::Full {
                self.warm.push(median(&ours.warm) / median(&floor.warm));
            }
            self.cpu.push(ours.cpu / floor.cpu);
        }
        self.memory.push(ours.memory / floor.memory);
    }

    fn start(&self, cpu: Cpu) -> f64 {
        let ratios: Vec<f64> = self.starts.iter().map(|[ours, floor]| ours / floor).collect();
        match cpu {
            Cpu::Full => median(&ratios),
            Cpu::Share256 => {
                mean(self.starts.iter().map(|it| &it[0]))
                    / mean(self.starts.iter().map(|it| &it[1]))
            }
        }
    }
}

impl Samples {
    pub(super) fn timed(&self, cpu: Cpu) -> Timed {
        let each = |figure: fn(&Sample) -> f64| -> Vec<f64> {
            self.processes.iter().chain(&self.starts).map(figure).collect()
        };
        let turns = || self.processes.iter().flat_map(|it| &it.turns);
        let all = |figures: fn(&Turn) -> &Vec<f64>| -> Vec<f64> {
            turns().flat_map(figures).copied().collect()
        };
        Timed {
            initialisation_ms: Summary::of(&each(|it| it.initialisation)),
            first_ms: Summary::of(&each(|it| it.first)),
            start_ms: Summary::of(&each(|it| it.start)),
            start_cpu_ms: median(&each(|it| it.start_cpu)),
            first_connections: median(&each(|it| it.connections)),
            warm_ms: Summary::of(&all(|it| &it.warm)),
            backend_ms: Summary::of(&all(|it| &it.backend)),
            cpu_ms: median(&turns().map(|it| it.cpu).collect::<Vec<_>>()),
            memory_kib: median(&self.processes.iter().map(|it| it.memory).collect::<Vec<_>>()),
            by_floor: (!self.by_floor.starts.is_empty()).then(|| ByFloor {
                start: self.by_floor.start(cpu),
                start_cpu: median(&self.by_floor.start_cpu),
                warm: median(&self.by_floor.warm),
                cpu: median(&self.by_floor.cpu),
                memory: median(&self.by_floor.memory),
            }),
        }
    }
}

fn mean<'a>(figures: impl Iterator<Item = &'a f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for figure in figures {
        sum += figure;
        count += 1.0;
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use super::{Cpu, Ratios, Sample, Samples, Turn};

    fn sample(start: f64, turns: [[f64; 3]; 2]) -> Sample {
        let turns = turns.map(|warm| Turn { warm: warm.to_vec(), cpu: warm[1], ..Turn::default() });
        let (start_cpu, memory) = (start, start);
        Sample { start, start_cpu, memory, turns: turns.into(), ..Sample::default() }
    }

    #[test]
    fn a_function_is_compared_with_the_floor_that_ran_next_to_it() {
        let mut by_floor = Ratios::default();
        // In its second turn the machine is slow, and in the second process all the time.
        let (ours, floor) =
            ([[2.0, 2.0, 9.0], [8.0, 8.0, 8.0]], [[1.0, 1.0, 1.0], [4.0, 4.0, 4.0]]);
        let mut add = |ours: &Sample, floor: &Sample| {
            by_floor.add_start(ours, floor);
            by_floor.add_warm(Cpu::Full, ours, floor);
        };
        add(&sample(30.0, ours), &sample(20.0, floor));
        add(&sample(60.0, [[8.0; 3]; 2]), &sample(40.0, [[4.0; 3]; 2]));
        let samples = Samples { by_floor, ..Samples::default() };
        let timed = samples.timed(Cpu::Full).by_floor.unwrap();
        assert_eq!([timed.start, timed.start_cpu, timed.memory], [1.5; 3]);
        assert_eq!([timed.warm, timed.cpu], [2.0; 2]);
        assert_eq!(Samples::default().timed(Cpu::Full).by_floor, None, "the floor itself");
    }

    #[test]
    fn at_the_share_waits_for_the_quota_count_whoever_they_hit() {
        let mut by_floor = Ratios::default();
        // One call of six waits for a period, of the floor none; and of two starts one a period more.
        let ours = sample(45.0, [[1.0, 1.0, 19.0], [1.0, 1.0, 1.0]]);
        by_floor.add_warm(Cpu::Share256, &ours, &sample(25.0, [[2.0; 3]; 2]));
        by_floor.add_start(&ours, &sample(25.0, [[1.0; 3]; 2]));
        by_floor.add_start(&sample(25.0, [[1.0; 3]; 2]), &sample(45.0, [[1.0; 3]; 2]));
        let samples = Samples { by_floor, ..Samples::default() };
        let timed = samples.timed(Cpu::Share256).by_floor.unwrap();
        assert_eq!([timed.warm, timed.start], [2.0, 1.0]);
    }
}
