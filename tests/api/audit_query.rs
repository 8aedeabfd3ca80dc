//! `GET /users/{userId}/audit`: order, pages, ranges, actions.

use jiff::{SignedDuration, Timestamp, tz::Offset};
use serde_json::{Value, json};
use users_tests::walk::walk;
use users_tests::{Api, id_of};

/// Five and a half hours ahead of UTC: an offset that is no whole hour.
const INDIA_SECONDS: i32 = 19_800;

/// A user with seven entries.
async fn user_with_history(api: &Api) -> String {
    let user = api.new_user().await;
    let id = id_of(&user);
    for request in [
        api.update(id, &json!({"locale": "en"})),
        api.assign_role(id, "a"),
        api.set_status(id, "disabled"),
        api.remove_role(id, "a"),
        api.assign_role(id, "b"),
        api.set_status(id, "deleted"),
    ] {
        let _ = request.send().await.expect_status(200);
    }
    id.to_owned()
}

fn versions(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["version"].as_u64().unwrap()).collect()
}

/// The time of the entry of a version.
fn time_of(history: &[Value], version: usize) -> Timestamp {
    history[version - 1]["at"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn entries_come_newest_first_by_default() {
    let api = Api::connect();
    let id = user_with_history(&api).await;
    let list = || api.audit(&id);
    assert_eq!(versions(&list().send().await.items()), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(
        versions(&list().query("order", "desc").send().await.items()),
        [7, 6, 5, 4, 3, 2, 1]
    );
    assert_eq!(versions(&list().query("order", "asc").send().await.items()), [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn every_page_size_meets_every_entry_in_order_exactly_once() {
    let api = Api::connect();
    let id = user_with_history(&api).await;
    for limit in [1, 2, 3, 6, 7, 8, 100] {
        let walked = walk(&api.audit(&id), limit).await;
        assert_eq!(versions(&walked.items), [7, 6, 5, 4, 3, 2, 1], "limit {limit}");
        let walked = walk(&api.audit(&id).query("order", "asc"), limit).await;
        assert_eq!(versions(&walked.items), [1, 2, 3, 4, 5, 6, 7], "limit {limit}");
        assert_eq!(walked.page_sizes.len(), 7_usize.div_ceil(limit), "limit {limit}");
    }
}

#[tokio::test]
async fn an_action_narrows_the_list_and_keeps_its_pages_full() {
    let api = Api::connect();
    let id = user_with_history(&api).await;
    for (action, expected) in [
        ("user.registered", vec![1]),
        ("user.profile-updated", vec![2]),
        ("user.role-assigned", vec![3, 6]),
        ("user.status-changed", vec![4, 7]),
        ("user.role-removed", vec![5]),
    ] {
        for limit in [1, 2, 100] {
            let request = api.audit(&id).query("action", action).query("order", "asc");
            let walked = walk(&request, limit).await;
            assert_eq!(versions(&walked.items), expected, "{action}, limit {limit}");
        }
    }
}

#[tokio::test]
async fn an_action_that_never_happened_is_an_empty_list() {
    let api = Api::connect();
    let user = api.new_user().await;
    let answer = api.audit(id_of(&user)).query("action", "user.role-removed").send().await;
    assert_eq!(answer.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_range_begins_at_from_and_ends_before_to_to_the_millisecond() {
    let api = Api::connect();
    let id = user_with_history(&api).await;
    let history = api.history(&id).await;
    let millisecond = SignedDuration::from_millis(1);
    let (third, fifth) = (time_of(&history, 3), time_of(&history, 5));
    let list = |from: Option<Timestamp>, to: Option<Timestamp>| {
        let mut request = api.audit(&id).query("order", "asc");
        if let Some(from) = from {
            request = request.query("from", &from.to_string());
        }
        if let Some(to) = to {
            request = request.query("to", &to.to_string());
        }
        request
    };
    let rows = [
        ("from an entry", list(Some(third), None), vec![3, 4, 5, 6, 7]),
        ("to an entry", list(None, Some(third)), vec![1, 2]),
        ("just behind an entry", list(Some(third + millisecond), None), vec![4, 5, 6, 7]),
        ("to just behind an entry", list(None, Some(third + millisecond)), vec![1, 2, 3]),
        ("both", list(Some(third), Some(fifth)), vec![3, 4]),
        ("one millisecond", list(Some(third), Some(third + millisecond)), vec![3]),
    ];
    for (what, request, expected) in rows {
        assert_eq!(versions(&request.send().await.items()), expected, "{what}");
        assert_eq!(versions(&walk(&request, 1).await.items), expected, "{what}, by ones");
    }
}

#[tokio::test]
async fn a_range_may_be_finer_than_a_millisecond() {
    let api = Api::connect();
    let id = user_with_history(&api).await;
    let history = api.history(&id).await;
    let third = time_of(&history, 3);
    let nanosecond = SignedDuration::from_nanos(1);
    let list = |name: &str, time: Timestamp| {
        api.audit(&id).query("order", "asc").query(name, &time.to_string())
    };
    let later = list("from", third + nanosecond).send().await;
    assert_eq!(versions(&later.items()), [4, 5, 6, 7]);
    let later = list("to", third + nanosecond).send().await;
    assert_eq!(versions(&later.items()), [1, 2, 3]);
    let earlier = list("from", third - nanosecond).send().await;
    assert_eq!(versions(&earlier.items()), [3, 4, 5, 6, 7]);
    let earlier = list("to", third - nanosecond).send().await;
    assert_eq!(versions(&earlier.items()), [1, 2]);
    // Between two milliseconds there is nothing, and that is no error.
    let between =
        list("from", third + nanosecond).query("to", &(third + nanosecond * 2).to_string());
    assert_eq!(between.send().await.json(), json!({"items": []}));
}

#[tokio::test]
async fn a_time_may_be_written_with_any_offset_and_precision() {
    let api = Api::connect();
    let id = user_with_history(&api).await;
    let history = api.history(&id).await;
    let third = time_of(&history, 3);
    let text = third.to_string();
    let in_india =
        third.display_with_offset(Offset::from_seconds(INDIA_SECONDS).unwrap()).to_string();
    let digits = format!("{}{}Z", text.trim_end_matches('Z').split('.').next().unwrap(), {
        let fraction = text.trim_end_matches('Z').split_once('.').map_or("", |(_, rest)| rest);
        format!(".{fraction:0<12}")
    });
    for spelling in [in_india, digits, text.to_lowercase()] {
        let request = api.audit(&id).query("order", "asc").query("from", &spelling);
        assert_eq!(versions(&request.send().await.items()), [3, 4, 5, 6, 7], "{spelling}");
    }
    let whole_second = api.audit(&id).query("from", "2020-01-01T00:00:00+00:00");
    assert_eq!(whole_second.send().await.items().len(), 7);
}

#[tokio::test]
async fn a_range_and_an_action_narrow_the_list_together() {
    let api = Api::connect();
    let id = user_with_history(&api).await;
    let history = api.history(&id).await;
    let request = api
        .audit(&id)
        .query("from", &time_of(&history, 4).to_string())
        .query("to", &time_of(&history, 7).to_string())
        .query("action", "user.role-assigned");
    assert_eq!(versions(&request.send().await.items()), [6]);
}

#[tokio::test]
async fn a_range_that_holds_nothing_is_an_empty_list() {
    let api = Api::connect();
    let user = api.new_user().await;
    for (name, time) in [("from", "2120-01-01T00:00:00Z"), ("to", "2020-01-01T00:00:00Z")] {
        let answer = api.audit(id_of(&user)).query(name, time).send().await;
        assert_eq!(answer.json(), json!({"items": []}), "{name}");
    }
}

#[tokio::test]
async fn from_must_lie_before_to() {
    let api = Api::connect();
    let user = api.new_user().await;
    for (from, to) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.0009Z", "2026-01-01T00:00:00.0001Z"),
        ("2026-01-01T00:00:00.0001Z", "2026-01-01T00:00:00.0001Z"),
    ] {
        let request = api.audit(id_of(&user)).query("from", from).query("to", to);
        request.send().await.expect_invalid(&["?from"]);
    }
}

#[tokio::test]
async fn an_invalid_time_is_refused() {
    let api = Api::connect();
    let user = api.new_user().await;
    for time in [
        "yesterday",
        "1700000000",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+25:00",
        "20260101T000000Z",
        "2026-W01-1T00:00:00Z",
        " 2026-01-01T00:00:00Z",
    ] {
        for name in ["from", "to"] {
            let answer = api.audit(id_of(&user)).query(name, time).send().await;
            assert_eq!(answer.status(), 400, "{time}: {}", answer.describe());
            answer.expect_invalid(&[&format!("?{name}")]);
        }
    }
}

#[tokio::test]
async fn parameters_that_break_a_rule_are_refused_all_at_once() {
    let api = Api::connect();
    let user = api.new_user().await;
    for action in ["registered", "user.deleted", "User.Registered", "user.registered,"] {
        let answer = api.audit(id_of(&user)).query("action", action).send().await;
        answer.expect_invalid(&["?action"]);
    }
    let request = api
        .audit(id_of(&user))
        .query("limit", "101")
        .query("order", "newest")
        .query("from", "x")
        .query("to", "y")
        .query("action", "z")
        .query("status", "active");
    request
        .send()
        .await
        .expect_invalid(&["?limit", "?order", "?from", "?to", "?action", "?status"]);
}

#[tokio::test]
async fn entries_that_are_written_during_a_walk_disturb_nothing() {
    let api = Api::connect();
    let user = api.new_user().await;
    for role in ["a", "b", "c", "d"] {
        let _ = api.assign_role(id_of(&user), role).send().await.expect_status(200);
    }
    let request = api.audit(id_of(&user)).query("limit", "2");
    let first = request.send().await;
    let _ = api.assign_role(id_of(&user), "e").send().await.expect_status(200);
    let mut met = versions(&first.items());
    let mut cursor = first.next_cursor();
    while let Some(at) = cursor {
        let page = request.clone().query("cursor", &at).send().await;
        met.extend(versions(&page.items()));
        cursor = page.next_cursor();
    }
    assert_eq!(met, [5, 4, 3, 2, 1]);
}
