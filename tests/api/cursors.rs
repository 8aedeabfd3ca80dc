//! Cursors: opaque, whole, and at home in one list only.

use serde_json::json;
use users_contract::ErrorCode;
use users_tests::walk::expect_listed;
use users_tests::{Api, Request, id_of, sample};

/// The list of a role that three users have, one per page, and its first cursor.
async fn list_with_cursor(api: &Api, role: &str) -> (Request, String) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let user = api.new_user_with(&json!({"roles": [role]})).await;
        ids.push(id_of(&user).to_owned());
    }
    ids.sort_unstable_by(|one, two| two.cmp(one));
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let request = api.get("/users").query("role", role);
    let _ = expect_listed(&request, &ids).await;
    let cursor = request.clone().query("limit", "1").send().await.next_cursor().unwrap();
    (request, cursor)
}

#[track_caller]
fn refuse(answer: &users_tests::Answer) {
    answer.expect_problem(ErrorCode::InvalidCursor);
}

#[tokio::test]
async fn a_cursor_is_url_safe_and_at_most_512_characters() {
    let api = Api::connect();
    let (_, cursor) =
        list_with_cursor(&api, &format!("r{}", "x".repeat(46) + &sample::unique()[..16])).await;
    assert!(cursor.len() <= 512, "{}", cursor.len());
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(cursor.bytes().all(is_safe), "{cursor}");
}

#[tokio::test]
async fn a_cursor_with_any_character_altered_is_refused() {
    let api = Api::connect();
    let (request, cursor) = list_with_cursor(&api, &sample::role()).await;
    for index in 0..cursor.len() {
        let mut altered = cursor.clone().into_bytes();
        // Far away in the alphabet, so that the change is not lost in padding bits.
        altered[index] = match altered[index] {
            b'A'..=b'M' => b'z',
            _ => b'B',
        };
        let altered = String::from_utf8(altered).unwrap();
        if altered != cursor {
            refuse(&request.clone().query("cursor", &altered).send().await);
        }
    }
}

#[tokio::test]
async fn a_cursor_that_was_cut_or_lengthened_or_made_up_is_refused() {
    let api = Api::connect();
    let (request, cursor) = list_with_cursor(&api, &sample::role()).await;
    let half = &cursor[..cursor.len() / 2];
    for made_up in [
        half.to_owned(),
        cursor[1..].to_owned(),
        cursor[..cursor.len() - 1].to_owned(),
        format!("{cursor}A"),
        format!("{cursor}{cursor}"),
        format!("{cursor}="),
        format!(" {cursor}"),
        cursor.to_lowercase(),
        "A".to_owned(),
        "x".repeat(512),
        "x".repeat(513),
        "x".repeat(2000),
        "%00".to_owned(),
        "e30".to_owned(),
        "ünï".to_owned(),
    ] {
        refuse(&request.clone().query("cursor", &made_up).send().await);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters_and_order() {
    let api = Api::connect();
    let (role, other) = (sample::role(), sample::role());
    let (request, cursor) = list_with_cursor(&api, &role).await;
    let list = || api.get("/users").query("cursor", &cursor);
    refuse(&list().send().await);
    refuse(&list().query("role", &other).send().await);
    refuse(&list().query("status", "active").send().await);
    refuse(&list().query("role", &role).query("status", "active").send().await);
    refuse(&list().query("role", &role).query("order", "asc").send().await);
    // The default, written out, is the same order.
    let _ = list().query("role", &role).query("order", "desc").send().await.expect_status(200);
    let _ = request.query("cursor", &cursor).query("limit", "100").send().await.expect_status(200);
}

#[tokio::test]
async fn a_cursor_belongs_to_its_operation_and_user() {
    let api = Api::connect();
    let (list, list_cursor) = list_with_cursor(&api, &sample::role()).await;
    let (one, two) = (api.new_user_in_status("disabled").await, api.new_user().await);
    let audit = |id: &str| api.audit(id).query("limit", "1");
    let audit_cursor = audit(id_of(&one)).send().await.next_cursor().unwrap();

    refuse(&audit(id_of(&one)).query("cursor", &list_cursor).send().await);
    refuse(&list.query("cursor", &audit_cursor).send().await);
    refuse(&audit(id_of(&two)).query("cursor", &audit_cursor).send().await);
    let own = audit(id_of(&one)).query("cursor", &audit_cursor).send().await;
    assert_eq!(own.items().len(), 1);
}

#[tokio::test]
async fn an_audit_cursor_belongs_to_its_filters_and_order() {
    let api = Api::connect();
    let user = api.new_user_in_status("disabled").await;
    let audit = || api.audit(id_of(&user)).query("limit", "1");
    let cursor = audit().send().await.next_cursor().unwrap();
    let with = |name, value| audit().query("cursor", &cursor).query(name, value);
    refuse(&with("order", "asc").send().await);
    refuse(&with("action", "user.registered").send().await);
    refuse(&with("from", "2020-01-01T00:00:00Z").send().await);
    refuse(&with("to", "2120-01-01T00:00:00Z").send().await);
}

#[tokio::test]
async fn an_address_takes_no_cursor() {
    let api = Api::connect();
    let (_, cursor) = list_with_cursor(&api, &sample::role()).await;
    let request = api.get("/users").query("email", &sample::email()).query("cursor", &cursor);
    request.send().await.expect_invalid(&["?cursor"]);
}
