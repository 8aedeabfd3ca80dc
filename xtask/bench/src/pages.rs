//! Pages among many users: what they read must not grow with their number.

use crate::engine::Engine;
use crate::instance::{Instance, Launch};
use crate::measure::{Lab, walk};
use crate::report::{Asks, Page, returned};
use crate::scenario::World;
use crate::stats::Summary;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

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

/// Measures pages among `users` users, which lie in a file.
pub(crate) async fn measure(lab: &Lab, template: &Value, users: usize) -> Result<Vec<Page>> {
    let folder = tempfile::tempdir().context("cannot make a folder for the database")?;
    let engine = Engine::new(Some(&folder.path().join("users.sqlite")), template)?;
    eprintln!("pages: making {users} users");
    let world = World::new(&engine, &lab.launch("users-register-create")?, users).await?;
    let mut measured = Vec::new();
    for (name, query) in LISTS {
        let mut function = started(&lab.launch("users-list-query")?).await?;
        // The first opens the connections.
        walk(&mut function, query, 1).await?;
        let walked = walk(&mut function, query, PAGES).await?;
        ensure!(walked.iter().all(|it| it.status == Some(200)), "a page was refused");
        measured.push(page(name, users, &walked));
    }
    let mut function = started(&lab.launch("users-audit-query")?).await?;
    let mut walked = Vec::with_capacity(PAGES);
    for number in 0..=PAGES {
        let user = number * (users / (PAGES + 1));
        walked.push(function.invoke(&world.audit_of(user)).await?);
    }
    measured.push(page("audit", users, &walked[1..]));
    Ok(measured)
}

async fn started(launch: &Launch) -> Result<Instance> {
    Instance::start(launch, None).await
}

fn page(name: &str, users: usize, walked: &[crate::instance::Invoked]) -> Page {
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
