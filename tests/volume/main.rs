//! Ten thousand users, and every way to list them, while more are being registered. With the local
//! stack's control endpoints, the invariants of the whole table are checked at the end.

use futures_util::{StreamExt, stream};
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use users_tests::control::Control;
use users_tests::walk::walk;
use users_tests::{Api, id_of, sample, variable};

/// How many registrations are under way at a time.
const AT_A_TIME: usize = 16;

async fn register(api: &Api, role: &str) -> String {
    let body = sample::with(&sample::registration(), &json!({"roles": [role]}));
    // A key, so that a refusal for too many requests at once can be retried.
    let answer = api.register(&body).key(&sample::key()).send_retrying().await;
    id_of(&answer.expect_status(201).user()).to_owned()
}

#[tokio::test]
async fn every_walk_meets_each_of_many_users_exactly_once_while_more_register() {
    let api = Api::connect();
    let role = sample::role();
    let count = variable("USERS_API_VOLUME").map_or(10_000, |count| match count.parse() {
        Ok(count) => count,
        Err(error) => panic!("USERS_API_VOLUME must be a whole number: {error}"),
    });
    let ids: Vec<String> = stream::iter(0..count)
        .map(|_| register(&api, &role))
        .buffer_unordered(AT_A_TIME)
        .collect()
        .await;

    let lists = [
        ("all", api.get("/users")),
        ("by status", api.get("/users").query("status", "active")),
        ("by role", api.get("/users").query("role", &role)),
        ("by role and status", api.get("/users").query("role", &role).query("status", "active")),
    ];
    let done = AtomicBool::new(false);
    let background = async {
        let mut more = 0;
        while !done.load(Ordering::Relaxed) {
            let _ = register(&api, &role).await;
            more += 1;
        }
        more
    };
    let walks = async {
        for (what, list) in &lists {
            for order in ["asc", "desc"] {
                let walked = walk(&list.clone().query("order", order), 100).await.user_ids();
                let sorted = walked
                    .is_sorted_by(|one, two| if order == "asc" { one < two } else { one > two });
                assert!(sorted, "{what} {order}: not in the order of registration");
                let mut times: HashMap<&str, u32> = HashMap::new();
                for id in &walked {
                    *times.entry(id).or_default() += 1;
                }
                let wrong: Vec<_> = ids
                    .iter()
                    .map(|id| (id, times.get(id.as_str()).copied().unwrap_or_default()))
                    .filter(|(_, times)| *times != 1)
                    .collect();
                assert!(wrong.is_empty(), "{what} {order}: met other than once: {wrong:?}");
            }
        }
        done.store(true, Ordering::Relaxed);
    };
    let (more, ()) = tokio::join!(background, walks);
    assert!(more > 0, "nobody was registered during the walks");
    if variable("USERS_API_CONTROL_URL").is_some() {
        Control::take_turn().await.finish().await;
    }
}
