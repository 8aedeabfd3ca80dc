//! Pages among many users: what they read must not grow with their number.

use crate::engine::Engine;
use crate::instance::{Instance, Invoked, Launch};
use crate::measure::{Lab, next_page};
use crate::report::{Asks, Page, returned};
use crate::scenario::World;
use crate::stats::Summary;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

/// Kinds of pages, with the parameters of the list.
const LISTS: &[(&str, &[(&str, &str)])] = &[
    ("all", &[]),
    ("all, 100 a page", &[("limit", "100")]),
    ("by status", &[("status", "active")]),
    ("by status, 100 a page", &[("status", "active"), ("limit", "100")]),
    ("by role", &[("role", "member")]),
];
/// Pages of each kind.
const PAGES: usize = 41;

/// Users in a database of their own.
struct Crowd {
    users: usize,
    engine: Engine,
    world: World,
    /// Where the database lies, until this is dropped.
    _folder: TempDir,
}

/// Measures pages among each number of users, in turns, which lie in files.
pub(crate) async fn measure(lab: &Lab, template: &Value, counts: &[usize]) -> Result<Vec<Page>> {
    let mut crowds = Vec::with_capacity(counts.len());
    for &users in counts {
        let folder = tempfile::tempdir().context("cannot make a folder for the database")?;
        let engine = Engine::new(Some(&folder.path().join("users.sqlite")), template)?;
        eprintln!("pages: making {users} users");
        let world = World::new(&engine, &lab.launch("users-register-create")?, users).await?;
        crowds.push(Crowd { users, engine, world, _folder: folder });
    }
    let mut measured = Vec::new();
    for (name, query) in LISTS {
        let mut walks = Vec::with_capacity(crowds.len());
        for crowd in &crowds {
            walks.push((crowd, started(&lab.launch("users-list-query")?).await?, Vec::new()));
        }
        // The first opens the connections.
        for _ in 0..=PAGES {
            for (crowd, function, walked) in &mut walks {
                lab.endpoint.use_engine(crowd.engine.clone());
                let page = next_page(function, query, walked.last()).await?;
                ensure!(page.status == Some(200), "a page was refused");
                walked.push(page);
            }
        }
        measured.extend(walks.iter().map(|(crowd, _, walked)| page(name, crowd.users, walked)));
    }
    let mut histories = Vec::with_capacity(crowds.len());
    for crowd in &crowds {
        histories.push((crowd, started(&lab.launch("users-audit-query")?).await?, Vec::new()));
    }
    for number in 0..=PAGES {
        for (crowd, function, walked) in &mut histories {
            lab.endpoint.use_engine(crowd.engine.clone());
            let user = number * (crowd.users / (PAGES + 1));
            walked.push(function.invoke(&crowd.world.audit_of(user)).await?);
        }
    }
    measured.extend(histories.iter().map(|(crowd, _, walked)| page("audit", crowd.users, walked)));
    Ok(measured)
}

async fn started(launch: &Launch) -> Result<Instance> {
    Instance::start(launch, None).await
}

/// What pages took but for the first.
fn page(name: &str, users: usize, walked: &[Invoked]) -> Page {
    let walked = walked.get(1..).unwrap_or_default();
    let asks = Asks::usual(walked);
    let read: u64 = walked.iter().map(|it| it.asked.items).sum();
    let given: usize = walked.iter().map(returned).sum();
    let times: Vec<_> = walked.iter().map(|it| it.took.as_secs_f64() * 1000.0).collect();
    Page {
        name: name.to_owned(),
        users,
        read_units: asks.read_units,
        round_trips: asks.round_trips,
        read_for_each: read as f64 / given.max(1) as f64,
        page_ms: Summary::of(&times),
    }
}
