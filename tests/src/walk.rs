//! Walks over all pages of a list.

use crate::{Answer, Api, Request};
use serde_json::Value;
use std::panic::Location;
use std::time::{Duration, Instant};
use users_contract::limits;

/// The items of a walk over all pages, in order, and the properties of each page.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Every item.
    pub items: Vec<Value>,
    /// How many items each page had.
    pub page_sizes: Vec<usize>,
    /// Whether each page might have exceeded 4 MiB with one more item.
    is_heavy: Vec<bool>,
}

impl Walk {
    /// The `userId` of every item.
    #[must_use]
    pub fn user_ids(&self) -> Vec<String> {
        let id = |item: &Value| item["userId"].as_str().unwrap_or_default().to_owned();
        self.items.iter().map(id).collect()
    }
}

/// Follows the cursors of a request from its first page to its last. Fails on a page before the
/// last that has fewer items than the limit although one more would have fitted in 4 MiB, and on an
/// empty page that is not the whole list. The limit must be given here rather than in the request.
#[track_caller]
pub fn walk(first: &Request, limit: usize) -> impl Future<Output = Walk> + use<> {
    let (first, place) = (first.clone().query("limit", &limit.to_string()), Location::caller());
    async move {
        let mut walk = Walk::default();
        let mut request = first.clone();
        loop {
            let page = request.send_from(place).await.expect_status(200);
            let items = page.items();
            walk.page_sizes.push(items.len());
            let with_one_more = page.response.body.len() + limits::STORED_USER_MAX_BYTES;
            walk.is_heavy.push(with_one_more > limits::PAGE_MAX_BYTES);
            walk.items.extend(items);
            let Some(cursor) = page.next_cursor() else { break };
            request = first.clone().query("cursor", &cursor);
        }
        let sizes = &walk.page_sizes;
        let (last, before) = sizes.split_last().unwrap_or((&0, &[]));
        let mut pages = before.iter().zip(&walk.is_heavy);
        let thin = pages.position(|(size, is_heavy)| *size != limit && !is_heavy);
        assert!(thin.is_none(), "page {thin:?} of {} is not full", sizes.len());
        assert!(*last > 0 || before.is_empty(), "the last of {} pages is empty", sizes.len());
        walk
    }
}

/// Walks the users of a role that only one test knows, oldest first.
#[track_caller]
pub fn users_of_role(api: &Api, role: &str, limit: usize) -> impl Future<Output = Walk> + use<> {
    walk(&api.get("/users").query("role", role).query("order", "asc"), limit)
}

/// How long an index may lag behind a write before that is an error.
pub const LAG: Duration = Duration::from_secs(15);

/// Fails unless a list by status or role comes to these users, in this order, on its first page.
/// The list reads an index that may lag behind a write, so it is read again until it agrees.
#[track_caller]
pub fn expect_listed(request: &Request, expected: &[&str]) -> impl Future<Output = Answer> + use<> {
    let (request, place) = (request.clone(), Location::caller());
    let expected: Vec<String> = expected.iter().map(|&id| id.to_owned()).collect();
    async move {
        let begun = Instant::now();
        loop {
            let answer = request.send_from(place).await.expect_status(200);
            if answer.user_ids() == expected {
                return answer;
            }
            assert!(begun.elapsed() < LAG, "expected {expected:?} but {}", answer.describe());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
