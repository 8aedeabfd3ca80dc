//! Time, CPU and memory of functions, floor and ours in turn, so that a machine that is busy with
//! something else is so for both.

mod samples;

pub(crate) use self::samples::Turn;

use self::samples::{Sample, Samples};
use crate::bundles::Programs;
use crate::cpu::{Cpu, Share};
use crate::endpoint::Endpoint;
use crate::engine::Engine;
use crate::instance::{Instance, Invoked, Launch, Told};
use crate::report::{Asks, Timed};
use crate::scenario::{CASES, Case, FLOOR, World, list};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Users that there are at least while time is measured.
const USERS: usize = 6_000;
/// How long answers are held back while round trips are counted; longer than any function needs to
/// send the requests that do not wait for each other.
const HELD: Duration = Duration::from_millis(50);
/// Warm invocations of a function before it is the floor's turn, and the other way round.
const TURN: usize = 10;
/// The same at the share: so many that they need the quota of several periods, and where in one they
/// end matters little.
const TURN_AT_SHARE: usize = 50;
/// By how much there are more of them at the share.
const MORE_AT_SHARE: usize = 3;
/// Further processes of each round that answer once only.
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

/// Everything that a measurement needs.
pub(crate) struct Lab {
    pub(crate) programs: Programs,
    pub(crate) endpoint: Endpoint,
    pub(crate) roots: PathBuf,
    pub(crate) world: World,
    daemon: SocketAddr,
    /// By case, how many events were used up.
    used: BTreeMap<&'static str, usize>,
}

impl Lab {
    /// A lab over some users in memory.
    pub(crate) async fn new(
        programs: Programs,
        endpoint: Endpoint,
        roots: PathBuf,
        template: &serde_json::Value,
        effort: Effort,
    ) -> Result<Self> {
        let engine = Engine::new(None, template)?;
        let mut lab = Self {
            programs,
            endpoint,
            roots,
            world: World::default(),
            daemon: daemon().await.context("nobody can take traces")?,
            used: BTreeMap::new(),
        };
        // A role is taken from each user once, of half of the users, at both CPU settings; the rest
        // is room for what else is measured.
        let processes = effort.rounds * (2 + 2 * STARTS);
        let warm = effort.rounds * effort.warm * (1 + MORE_AT_SHARE);
        let users = USERS.max(2 * (processes + warm) + USERS / 2);
        lab.world = World::new(&engine, &lab.launch("users-register-create")?, users).await?;
        Ok(lab)
    }

    /// How to start a function.
    pub(crate) fn launch(&self, function: &str) -> Result<Launch> {
        Ok(self.launch_of(self.programs.program(function)?))
    }

    /// How to start a program in place of a function.
    pub(crate) fn launch_of(&self, program: PathBuf) -> Launch {
        Launch {
            program,
            arguments: Vec::new(),
            wrapper: Vec::new(),
            endpoint: self.endpoint.clone(),
            roots: self.roots.clone(),
            daemon: self.daemon,
            told: Told::Lines,
        }
    }

    /// The next event of a case.
    pub(crate) fn event(&mut self, case: &Case) -> serde_json::Value {
        let used = self.used.entry(case.name).or_default();
        *used += 1;
        case.event(&self.world, *used - 1)
    }

    /// Samples all functions, each beside the floor, and the floors.
    pub(crate) async fn times(
        &mut self,
        cpu: Cpu,
        cases: &[Case],
        effort: Effort,
    ) -> Result<BTreeMap<String, Timed>> {
        let share = match cpu {
            Cpu::Full => None,
            Cpu::Share256 => Some(Share::new()?),
        };
        let share = share.as_ref();
        let mut samples: BTreeMap<&str, Samples> = BTreeMap::new();
        for round in 0..effort.rounds {
            eprintln!("{}: round {} of {}", cpu.as_str(), round + 1, effort.rounds);
            for case in cases {
                // The pace of a machine changes from second to second, so both take turns.
                for _ in 0..STARTS {
                    let floor = self.begin(&FLOOR, share).await?.sample;
                    let ours = self.begin(case, share).await?.sample;
                    let samples_of_case = samples.entry(case.name).or_default();
                    samples_of_case.by_floor.add_start(&ours, &floor);
                    samples_of_case.starts.push(ours);
                    samples.entry(FLOOR.name).or_default().starts.push(floor);
                }
                let mut floor = self.begin(&FLOOR, share).await?;
                let mut ours = self.begin(case, share).await?;
                let (warm, long) = match cpu {
                    Cpu::Full => (effort.warm, TURN),
                    Cpu::Share256 => (effort.warm * MORE_AT_SHARE, TURN_AT_SHARE),
                };
                for begun in (0..warm).step_by(long) {
                    let invocations = long.min(warm - begun);
                    for (case, it) in [(&FLOOR, &mut floor), (case, &mut ours)] {
                        let turn = self.turn(case, &mut it.function, invocations).await?;
                        it.sample.turns.push(turn);
                    }
                }
                let (floor, ours) = (floor.end()?, ours.end()?);
                let samples_of_case = samples.entry(case.name).or_default();
                samples_of_case.by_floor.add_start(&ours, &floor);
                samples_of_case.by_floor.add_warm(cpu, &ours, &floor);
                samples_of_case.processes.push(ours);
                samples.entry(FLOOR.name).or_default().processes.push(floor);
            }
        }
        Ok(samples.into_iter().map(|(name, it)| (name.to_owned(), it.timed(cpu))).collect())
    }

    /// Starts a process and has it answer once.
    async fn begin(&mut self, case: &Case, share: Option<&Share>) -> Result<Running> {
        let launch = self.launch(case.function)?;
        let mut function = Instance::start(&launch, share).await?;
        let first = function.invoke(&self.event(case)).await?;
        check(case, first.status, &first.body)?;
        let initialisation = function.initialisation.as_secs_f64() * 1000.0;
        let sample = Sample {
            initialisation,
            first: first.own_ms(),
            start: initialisation + first.own_ms(),
            connections: f64::from(first.asked.connections),
            start_cpu: function.cpu_time()?.as_secs_f64() * 1000.0,
            ..Sample::default()
        };
        Ok(Running { function, sample })
    }

    /// Some warm invocations in a row.
    pub(crate) async fn turn(
        &mut self,
        case: &Case,
        function: &mut Instance,
        invocations: usize,
    ) -> Result<Turn> {
        let mut turn = Turn::default();
        let before = function.cpu_time()?;
        for _ in 0..invocations {
            let invoked = function.invoke(&self.event(case)).await?;
            check(case, invoked.status, &invoked.body)?;
            turn.warm.push(invoked.own_ms());
            turn.backend.push(invoked.asked.busy.as_secs_f64() * 1000.0);
        }
        let cpu = function.cpu_time()?.saturating_sub(before).as_secs_f64() * 1000.0;
        turn.cpu = cpu / invocations as f64;
        Ok(turn)
    }

    /// What each case asks of AWS, when everything is warm. Of a list it is what most pages ask.
    pub(crate) async fn asked(&mut self) -> Result<BTreeMap<String, Asks>> {
        let mut asked = BTreeMap::new();
        for case in CASES {
            let mut function = Instance::start(&self.launch(case.function)?, None).await?;
            // The first opens the connections.
            function.invoke(&self.event(case)).await?;
            self.endpoint.hold_answers(HELD);
            let invoked = match case.pages() {
                Some(query) => walk(&mut function, query, PAGES).await,
                None => function.invoke(&self.event(case)).await.map(|it| vec![it]),
            };
            self.endpoint.hold_answers(Duration::ZERO);
            let invoked = invoked?;
            for it in &invoked {
                check(case, it.status, &it.body)?;
            }
            asked.insert(case.name.to_owned(), Asks::usual(&invoked));
        }
        Ok(asked)
    }
}

/// Takes traces in place of the X-Ray daemon, and throws them away: to send what nobody takes is
/// cheaper than it is.
async fn daemon() -> std::io::Result<SocketAddr> {
    let socket = tokio::net::UdpSocket::bind(("127.0.0.1", 0)).await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move {
        let mut packet = [0; 65_536];
        while socket.recv(&mut packet).await.is_ok() {}
    });
    Ok(address)
}

/// Pages of a list, one after the other; the first is asked for again when the list ends.
pub(crate) async fn walk(
    function: &mut Instance,
    query: &[(&str, &str)],
    pages: usize,
) -> Result<Vec<Invoked>> {
    let mut walked: Vec<Invoked> = Vec::with_capacity(pages);
    for _ in 0..pages {
        let page = next_page(function, query, walked.last()).await?;
        walked.push(page);
    }
    Ok(walked)
}

/// The page behind another one, or the first.
pub(crate) async fn next_page(
    function: &mut Instance,
    query: &[(&str, &str)],
    last: Option<&Invoked>,
) -> Result<Invoked> {
    let mut query = query.to_vec();
    let cursor = last.and_then(|page| page.body["nextCursor"].as_str());
    query.extend(cursor.map(|cursor| ("cursor", cursor)));
    function.invoke(&list(&query)).await
}

/// Fails unless a function did what it was asked; a refusal would be fast.
pub(crate) fn check(case: &Case, status: Option<u64>, body: &serde_json::Value) -> Result<()> {
    let fine = status.is_none_or(|status| (200..300).contains(&status));
    ensure!(fine, "{} answered {}: {body}", case.name, status.unwrap_or_default());
    Ok(())
}

/// A process that is measured.
struct Running {
    function: Instance,
    sample: Sample,
}

impl Running {
    fn end(mut self) -> Result<Sample> {
        self.sample.memory = self.function.peak_memory_kib()? as f64;
        Ok(self.sample)
    }
}
