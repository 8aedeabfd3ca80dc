//! Times and memory of functions, each next to the floor, and their AWS usage.

use crate::bundles::Programs;
use crate::cases::{CASES, Case, FLOOR, Kind};
use crate::cpu::{Cpu, Share};
use crate::endpoint::Endpoint;
use crate::engine::Engine;
use crate::events::add_parameter;
use crate::function::{Function, Invoked, Launch};
use crate::samples::{Pair, Sample, Timed, times_by_case};
use crate::usage::Usage;
use crate::world::World;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Users besides those that lose a role while time is measured: a role is taken from each once.
const USERS: usize = 1_200;
/// How long answers are held back while round trips are counted; longer than any function needs to
/// send the requests that do not wait for each other.
const HELD: Duration = Duration::from_millis(50);
/// Warm invocations of a function before the floor's turn, and the other way round.
const TURN: usize = 10;
/// The same at the share: so many that they need the quota of several periods, and the place in a
/// period where they end matters little.
const TURN_AT_SHARE: usize = 50;
/// How many times more of them there are at the share.
const MORE_AT_SHARE: usize = 3;
/// Further processes of each round that answer only once.
const STARTS: usize = 2;
/// Pages of a list that are looked at.
const PAGES: usize = 21;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Processes of each function and CPU setting.
    pub(crate) rounds: usize,
    /// Warm invocations of each process.
    pub(crate) warm: usize,
}

impl Effort {
    /// Invocations of a case at both CPU settings.
    fn invocations(self) -> usize {
        self.rounds * (2 * (STARTS + 1) + self.warm * (1 + MORE_AT_SHARE))
    }
}

/// The programs and their surroundings.
pub(crate) struct Lab {
    pub(crate) programs: Programs,
    /// How to start a program, but for the program itself.
    surroundings: Launch,
    world: World,
    /// Events that were used up, by case.
    used: BTreeMap<&'static str, usize>,
    /// Takes traces in place of the X-Ray daemon, which the kernel drops: sending to a closed port
    /// would cost less.
    _daemon: UdpSocket,
}

impl Lab {
    /// Fills an engine with as many users as the effort takes. Files go into `folder`.
    pub(crate) fn new(
        programs: Programs,
        template: &Value,
        effort: Effort,
        folder: &Path,
    ) -> Result<Self> {
        let engine = Arc::new(Engine::new(template)?);
        let roots = folder.join("roots.pem");
        let endpoint = Endpoint::start(Arc::clone(&engine), &roots)?;
        let daemon = UdpSocket::bind(("127.0.0.1", 0)).context("cannot listen for traces")?;
        let address = daemon.local_addr().context("cannot listen for traces")?;
        let surroundings = Launch { command: Vec::new(), endpoint, roots, daemon: address };
        let register = programs.program("users-register-create")?;
        let register = Launch { command: vec![register.into()], ..surroundings.clone() };
        let world = World::new(&engine, &register, USERS + effort.invocations())?;
        Ok(Self { programs, surroundings, world, used: BTreeMap::new(), _daemon: daemon })
    }

    /// How to start the function of a case.
    pub(crate) fn launch(&self, case: &Case) -> Result<Launch> {
        let command = vec![self.programs.program(case.function)?.into()];
        Ok(Launch { command, ..self.surroundings.clone() })
    }

    /// The event of a case with a number that nothing else uses.
    pub(crate) fn numbered_event(&self, case: &Case, number: u64) -> Value {
        case.event(&self.world, number as usize)
    }

    /// The next event of a case.
    fn event(&mut self, case: &Case) -> Value {
        let used = self.used.entry(case.name).or_default();
        *used += 1;
        case.event(&self.world, *used - 1)
    }

    /// Invokes a function with the next event of its case.
    pub(crate) fn invoke(&mut self, case: &Case, function: &Function) -> Result<Invoked> {
        function.invoke(&self.event(case)).context(case.name)
    }

    /// The times of cases and of the floor.
    pub(crate) fn times(
        &mut self,
        cpu: Cpu,
        cases: &[Case],
        effort: Effort,
    ) -> Result<BTreeMap<String, Timed>> {
        let share = match cpu {
            Cpu::Full => None,
            Cpu::Share256 => Some(Share::new()?),
        };
        let (warm, turn) = match cpu {
            Cpu::Full => (effort.warm, TURN),
            Cpu::Share256 => (effort.warm * MORE_AT_SHARE, TURN_AT_SHARE),
        };
        let mut pairs: BTreeMap<&str, Vec<Pair>> = BTreeMap::new();
        for round in 0..effort.rounds {
            eprintln!("{}: round {} of {}", cpu.as_str(), round + 1, effort.rounds);
            for case in cases {
                let of_case = pairs.entry(case.name).or_default();
                for _ in 0..STARTS {
                    of_case.push(self.pair(case, share.as_ref(), 0, turn)?);
                }
                of_case.push(self.pair(case, share.as_ref(), warm, turn)?);
            }
        }
        Ok(times_by_case(&pairs, FLOOR.name, cpu))
    }

    /// A process of a case and one of the floor, which take turns, since the pace of a machine
    /// changes from second to second.
    fn pair(
        &mut self,
        case: &Case,
        share: Option<&Share>,
        warm: usize,
        turn: usize,
    ) -> Result<Pair> {
        let (floor, mut floor_sample) = self.begin(&FLOOR, share)?;
        let (ours, mut our_sample) = self.begin(case, share)?;
        for begun in (0..warm).step_by(turn) {
            let invocations = turn.min(warm - begun);
            floor_sample.turns.push(self.turn(&FLOOR, &floor, invocations)?);
            our_sample.turns.push(self.turn(case, &ours, invocations)?);
        }
        floor_sample.memory = floor.kib("status", "VmHWM:")?;
        our_sample.memory = ours.kib("status", "VmHWM:")?;
        Ok(Pair { ours: our_sample, floor: floor_sample })
    }

    /// Starts a process and has it answer once.
    fn begin(&mut self, case: &Case, share: Option<&Share>) -> Result<(Function, Sample)> {
        let function = Function::start(&self.launch(case)?, share)?;
        let first = self.invoke(case, &function)?;
        let initialisation = function.initialisation_ms;
        let start = initialisation + first.own_ms();
        Ok((function, Sample { initialisation, start, ..Sample::default() }))
    }

    /// The function's own time of some warm invocations in a row.
    fn turn(&mut self, case: &Case, function: &Function, invocations: usize) -> Result<Vec<f64>> {
        (0..invocations).map(|_| Ok(self.invoke(case, function)?.own_ms())).collect()
    }

    /// The AWS usage of each case when it is warm; of a list, the median page.
    pub(crate) fn usage(&mut self) -> Result<BTreeMap<String, Usage>> {
        let mut usage = BTreeMap::new();
        for case in CASES {
            let function = Function::start(&self.launch(case)?, None)?;
            // The first invocation opens the connections.
            self.invoke(case, &function)?;
            let endpoint = self.surroundings.endpoint.clone();
            endpoint.hold_answers(HELD);
            let pages = if case.kind == Kind::List { PAGES } else { 1 };
            let of_case = self.walk(case, &function, pages)?;
            endpoint.hold_answers(Duration::ZERO);
            usage.insert(case.name.to_owned(), Usage::median(&of_case));
        }
        Ok(usage)
    }

    /// The usage of invocations that continue a list where there is one, from its beginning at its
    /// end.
    fn walk(&mut self, case: &Case, function: &Function, pages: usize) -> Result<Vec<Usage>> {
        let mut usage = Vec::with_capacity(pages);
        let mut cursor: Option<String> = None;
        for _ in 0..pages {
            let mut event = self.event(case);
            if let Some(cursor) = cursor {
                add_parameter(&mut event, "cursor", &cursor);
            }
            let page = function.invoke(&event).context(case.name)?;
            cursor = page.body["nextCursor"].as_str().map(str::to_owned);
            usage.push(page.usage());
        }
        Ok(usage)
    }
}
