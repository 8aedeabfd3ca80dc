//! Time, CPU and memory of functions, floor and ours in turn, so that a machine that is busy with
//! something else is so for both.

use crate::bundles::Programs;
use crate::cpu::{Cpu, Share};
use crate::endpoint::Endpoint;
use crate::engine::Engine;
use crate::instance::{Instance, Invoked, Launch, Told};
use crate::report::{Asks, Timed};
use crate::scenario::{CASES, Case, FLOOR, NOOP, World, list};
use crate::stats::{Summary, median};
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
        let users = USERS.max(4 * effort.rounds * (effort.warm + 1) + USERS / 2);
        lab.world = World::new(&engine, &lab.launch("users-register-create")?, users).await?;
        Ok(lab)
    }

    /// How to start a function.
    pub(crate) fn launch(&self, function: &str) -> Result<Launch> {
        Ok(Launch {
            program: self.programs.program(function)?,
            wrapper: Vec::new(),
            endpoint: self.endpoint.clone(),
            roots: self.roots.clone(),
            daemon: self.daemon,
            told: Told::Lines,
        })
    }

    /// The next event of a case.
    pub(crate) fn event(&mut self, case: &Case) -> serde_json::Value {
        let used = self.used.entry(case.name).or_default();
        *used += 1;
        case.event(&self.world, *used - 1)
    }

    /// Samples all functions and the floors.
    pub(crate) async fn times(
        &mut self,
        cpu: Cpu,
        effort: Effort,
    ) -> Result<BTreeMap<String, Timed>> {
        let share = match cpu {
            Cpu::Full => None,
            Cpu::Share256 => Some(Share::new()?),
        };
        let cases: Vec<Case> =
            [NOOP, FLOOR].into_iter().chain(CASES.iter().copied().filter(Case::is_timed)).collect();
        let mut samples: BTreeMap<&str, Samples> = BTreeMap::new();
        for round in 0..effort.rounds {
            eprintln!("{}: round {} of {}", cpu.as_str(), round + 1, effort.rounds);
            for case in &cases {
                let samples = samples.entry(case.name).or_default();
                self.sample(case, share.as_ref(), effort.warm, samples).await?;
            }
        }
        Ok(samples.into_iter().map(|(name, it)| (name.to_owned(), it.timed())).collect())
    }

    async fn sample(
        &mut self,
        case: &Case,
        share: Option<&Share>,
        warm: usize,
        samples: &mut Samples,
    ) -> Result<()> {
        let launch = self.launch(case.function)?;
        let mut function = Instance::start(&launch, share).await?;
        let first = function.invoke(&self.event(case)).await?;
        check(case, first.status, &first.body)?;
        let initialisation = function.initialisation.as_secs_f64() * 1000.0;
        samples.initialisation.push(initialisation);
        samples.first.push(first.own_ms());
        samples.start.push(initialisation + first.own_ms());
        samples.connections.push(f64::from(first.asked.connections));
        let before = function.cpu_time()?;
        samples.start_cpu.push(before.as_secs_f64() * 1000.0);
        for _ in 0..warm {
            let invoked = function.invoke(&self.event(case)).await?;
            check(case, invoked.status, &invoked.body)?;
            samples.warm.push(invoked.own_ms());
            samples.backend.push(invoked.asked.busy.as_secs_f64() * 1000.0);
        }
        let cpu = function.cpu_time()?.saturating_sub(before).as_secs_f64();
        samples.cpu.push(cpu / warm.max(1) as f64 * 1000.0);
        samples.memory.push(function.peak_memory_kib()? as f64);
        Ok(())
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
        let cursor = walked.last().and_then(|page| page.body["nextCursor"].as_str());
        let mut query = query.to_vec();
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let page = function.invoke(&list(&query)).await?;
        walked.push(page);
    }
    Ok(walked)
}

/// Fails unless a function did what it was asked; a refusal would be fast.
pub(crate) fn check(case: &Case, status: Option<u64>, body: &serde_json::Value) -> Result<()> {
    let fine = status.is_none_or(|status| (200..300).contains(&status));
    ensure!(fine, "{} answered {}: {body}", case.name, status.unwrap_or_default());
    Ok(())
}

#[derive(Debug, Default)]
struct Samples {
    initialisation: Vec<f64>,
    first: Vec<f64>,
    start: Vec<f64>,
    start_cpu: Vec<f64>,
    connections: Vec<f64>,
    warm: Vec<f64>,
    backend: Vec<f64>,
    cpu: Vec<f64>,
    memory: Vec<f64>,
}

impl Samples {
    fn timed(&self) -> Timed {
        Timed {
            initialisation_ms: Summary::of(&self.initialisation),
            first_ms: Summary::of(&self.first),
            start_ms: Summary::of(&self.start),
            start_cpu_ms: median(&self.start_cpu),
            first_connections: median(&self.connections),
            warm_ms: Summary::of(&self.warm),
            backend_ms: Summary::of(&self.backend),
            cpu_ms: median(&self.cpu),
            memory_kib: median(&self.memory),
        }
    }
}
