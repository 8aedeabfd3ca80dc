//! Walks over lists while half of the users are disabled and enabled: a user who belongs to a list
//! throughout is met exactly once, even if the indexes lag behind the writes.

use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use users_tests::stack::Launch;
use users_tests::walk::LAG;
use users_tests::{Api, Request, id_of, sample, variable};

const USERS: usize = 40;
const CALLERS: usize = 4;
const LIMITS: [usize; 2] = [7, 50];
/// Every combination of list, limit and order, twice.
const WALKS: usize = 48;

#[tokio::test]
async fn walks_meet_everybody_once_while_statuses_change() {
    walk_while_statuses_change(Duration::ZERO).await;
}

#[tokio::test]
async fn walks_meet_everybody_once_while_indexes_lag() {
    walk_while_statuses_change(Duration::from_millis(300)).await;
}

#[expect(clippy::print_stdout, reason = "the figures of a long run are wanted")]
async fn walk_while_statuses_change(lag: Duration) {
    let walks = variable("USERS_API_WALKS").map_or(WALKS, |walks| match walks.parse() {
        Ok(walks) => walks,
        Err(error) => panic!("USERS_API_WALKS must be a whole number: {error}"),
    });
    let stack = Launch::new().index_lag(lag).start().await;
    let api = stack.api();
    let scene = Scene::new(&api).await;
    scene.listed().await;

    let (changes, mut changed) = watch::channel(0_usize);
    let mut others = JoinSet::new();
    for users in scene.changing.chunks(scene.changing.len() / CALLERS) {
        others.spawn(change_statuses(api.clone(), users.to_vec(), changes.clone()));
    }
    others.spawn(register_and_delete(api.clone()));
    let mut found = Found::default();
    let walking = async {
        for index in 0..walks {
            scene.walk(index, &mut changed, &mut found).await;
        }
    };
    tokio::select! {
        () = walking => {}
        ended = others.join_next() => panic!("a caller failed: {ended:?}"),
    }
    println!("{walks} walks, lag {lag:?}: {} changes, {found:?}", *changes.borrow());
    assert_eq!((&found.missing, &found.twice), (&BTreeMap::new(), &BTreeMap::new()));
}

/// The result of the walks.
#[derive(Debug, Default)]
struct Found {
    pages: usize,
    users: usize,
    /// The number of missing users, by list.
    missing: BTreeMap<String, usize>,
    twice: BTreeMap<String, usize>,
}

/// The users, all with the same role, and who they are.
struct Scene {
    api: Api,
    role: String,
    active: BTreeSet<String>,
    disabled: BTreeSet<String>,
    changing: Vec<String>,
}

impl Scene {
    async fn new(api: &Api) -> Self {
        let mut scene = Self {
            api: api.clone(),
            role: sample::role(),
            active: BTreeSet::new(),
            disabled: BTreeSet::new(),
            changing: Vec::new(),
        };
        for index in 0..USERS {
            let user = api.new_user_with(&json!({"roles": [scene.role]})).await;
            let id = id_of(&user).to_owned();
            if index % 8 == 1 {
                let _ = api.set_status(&id, "disabled").send().await.expect_status(200);
                scene.disabled.insert(id);
            } else if index % 2 == 1 {
                scene.active.insert(id);
            } else {
                scene.changing.push(id);
            }
        }
        scene
    }

    /// The lists, with the users who are in them throughout.
    fn lists(&self) -> [(String, Request, BTreeSet<String>); 6] {
        let steady = &self.active | &self.disabled;
        let all: BTreeSet<_> = self.changing.iter().cloned().chain(steady).collect();
        let role = Some(self.role.as_str());
        [
            (None, None, &all),
            (Some("active"), None, &self.active),
            (Some("disabled"), None, &self.disabled),
            (None, role, &all),
            (Some("active"), role, &self.active),
            (Some("disabled"), role, &self.disabled),
        ]
        .map(|(status, role, users)| {
            let mut request = self.api.get("/users");
            for (name, value) in [("status", status), ("role", role)] {
                if let Some(value) = value {
                    request = request.query(name, value);
                }
            }
            (format!("status {status:?}, role {}", role.is_some()), request, users.clone())
        })
    }

    /// Waits until all lists show the writes.
    async fn listed(&self) {
        let begun = Instant::now();
        for (list, request, expected) in self.lists() {
            let request = request.query("limit", "100");
            loop {
                let page = request.send().await.expect_status(200);
                let listed: BTreeSet<_> = page.user_ids().into_iter().collect();
                if expected.is_subset(&listed) {
                    break;
                }
                assert!(begun.elapsed() < LAG, "{list}: {}", page.describe());
            }
        }
    }

    /// One walk, with a change of a status, at least, behind every page.
    async fn walk(&self, index: usize, changed: &mut watch::Receiver<usize>, found: &mut Found) {
        let lists = self.lists();
        let (list, request, expected) = &lists[index % lists.len()];
        let limit = LIMITS[index / lists.len() % LIMITS.len()];
        let order = ["desc", "asc"][index / (lists.len() * LIMITS.len()) % 2];
        let first = request.clone().query("limit", &limit.to_string()).query("order", order);
        let mut met = BTreeSet::new();
        let mut cursor: Option<String> = None;
        loop {
            changed.mark_unchanged();
            let page = match &cursor {
                Some(cursor) => first.clone().query("cursor", cursor),
                None => first.clone(),
            };
            let page = page.send().await.expect_status(200);
            found.pages += 1;
            for id in page.user_ids() {
                if !met.insert(id) {
                    *found.twice.entry(list.clone()).or_default() += 1;
                }
            }
            cursor = page.next_cursor();
            if cursor.is_none() {
                break;
            }
            assert_eq!(page.user_ids().len(), limit, "a page that is not the last is full");
            changed.changed().await.unwrap();
        }
        found.users += met.len();
        let missing = expected.difference(&met).count();
        if missing > 0 {
            *found.missing.entry(list.clone()).or_default() += missing;
        }
    }
}

/// Disables and enables users without end.
async fn change_statuses(api: Api, users: Vec<String>, changes: watch::Sender<usize>) {
    loop {
        for status in ["disabled", "active"] {
            for user in &users {
                let _ = api.set_status(user, status).send().await.expect_status(200);
                changes.send_modify(|count| *count += 1);
            }
        }
    }
}

/// Registers users and deletes them without end: one at a time, so that lists stay short.
async fn register_and_delete(api: Api) {
    loop {
        let user = api.new_user().await;
        let _ = api.set_status(id_of(&user), "deleted").send().await.expect_status(200);
    }
}
