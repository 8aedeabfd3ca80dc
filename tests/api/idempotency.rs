//! A write with an idempotency key takes effect at most once, and its success is the same for ever.

use http::Method;
use serde_json::{Value, json};
use users_contract::ErrorCode;
use users_tests::{Answer, Api, id_of, sample, version_of};

/// A user with the role `old`.
async fn new_user(api: &Api) -> Value {
    api.new_user_with(&json!({"roles": ["old"]})).await
}

/// Sends a request and fails unless it succeeds and is no replay.
#[track_caller]
fn first(answer: Answer) -> Answer {
    assert!(answer.status() < 300, "{}", answer.describe());
    assert!(answer.response.header("idempotent-replayed").is_none(), "{}", answer.describe());
    answer
}

#[tokio::test]
async fn a_repeated_registration_gives_the_first_success_again() {
    let api = Api::connect();
    let request = api.register(&sample::full_registration()).key(&sample::key());
    let registered = first(request.send().await);
    for _ in 0..3 {
        let again = request.send().await;
        again.expect_replay_of(&registered);
        assert_eq!(again.status(), 201);
    }
    assert_eq!(api.history(id_of(&registered.user())).await.len(), 1);
}

#[tokio::test]
async fn every_repeated_change_gives_the_first_success_again() {
    let api = Api::connect();
    for index in 0..4 {
        let user = new_user(&api).await;
        let request = api.changes(id_of(&user))[index].clone().key(&sample::key());
        let changed = first(request.send().await);
        assert_eq!(version_of(&changed.user()), 2);
        request.send().await.expect_replay_of(&changed);
        request.send().await.expect_replay_of(&changed);
        assert_eq!(api.profile(id_of(&user)).send().await.user(), changed.user());
        assert_eq!(api.history(id_of(&user)).await.len(), 2);
    }
}

#[tokio::test]
async fn a_replay_is_as_of_then_whatever_happened_since() {
    let api = Api::connect();
    for index in 0..4 {
        let user = new_user(&api).await;
        let id = id_of(&user);
        let request = api.changes(id)[index].clone().key(&sample::key());
        let changed = first(request.send().await);
        let patch = json!({"displayName": "Somebody else"});
        let _ = api.update(id, &patch).send().await.expect_status(200);
        let _ = api.assign_role(id, "later").send().await.expect_status(200);
        request.send().await.expect_replay_of(&changed);
        let _ = api.set_status(id, "deleted").send().await.expect_status(200);
        request.send().await.expect_replay_of(&changed);
        let now = api.profile(id).send().await.user();
        assert_eq!((&now["status"], version_of(&now)), (&json!("deleted"), 5));
    }
}

#[tokio::test]
async fn a_registration_is_replayed_after_the_address_went_to_somebody_else() {
    let api = Api::connect();
    let body = sample::registration();
    let request = api.register(&body).key(&sample::key());
    let registered = first(request.send().await);
    let id = id_of(&registered.user()).to_owned();
    let _ = api.set_status(&id, "deleted").send().await.expect_status(200);
    request.send().await.expect_replay_of(&registered);
    let successor = api.register(&body).send().await.expect_status(201).user();
    assert_ne!(id_of(&successor), id);
    request.send().await.expect_replay_of(&registered);
}

#[tokio::test]
async fn a_replay_comes_before_a_version_that_has_moved_on() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for (index, request) in api.changes(id_of(&user)).into_iter().enumerate() {
        let version = index as u64 + 1;
        let request = request.if_version(version).key(&sample::key());
        let changed = first(request.send().await);
        // The user is now at the next version, so without the record this would be 412.
        request.send().await.expect_replay_of(&changed);
    }
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let api = Api::connect();
    let key = sample::key();
    let body = sample::registration();
    let _ = first(api.register(&body).key(&key).send().await);
    for other in [
        sample::registration(),
        sample::with(&body, &json!({"displayName": "Ada"})),
        json!({"email": body["email"].as_str().unwrap().to_uppercase()}),
    ] {
        let answer = api.register(&other).key(&key).send().await;
        answer.expect_problem(ErrorCode::IdempotencyKeyReused);
    }

    let user = new_user(&api).await;
    let id = id_of(&user);
    let others = [
        api.update(id, &json!({"displayName": "Eve"})),
        api.set_status(id, "deleted"),
        api.assign_role(id, "other"),
    ];
    for (request, other) in api.changes(id).into_iter().zip(others) {
        let key = sample::key();
        let _ = first(request.key(&key).send().await);
        other.key(&key).send().await.expect_problem(ErrorCode::IdempotencyKeyReused);
    }
    let now = api.profile(id).send().await.user();
    assert_eq!((version_of(&now), &now["displayName"]), (4, &json!("Ada")));
}

#[tokio::test]
async fn another_reason_or_type_is_another_body() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let path = format!("/users/{}/status", id_of(&user));
    let key = sample::key();
    let body = json!({"status": "disabled", "reason": "one"});
    let _ = first(api.put(&path, &body).key(&key).send().await);
    for body in [json!({"status": "disabled", "reason": "two"}), json!({"status": "disabled"})] {
        let answer = api.put(&path, &body).key(&key).send().await;
        answer.expect_problem(ErrorCode::IdempotencyKeyReused);
    }
}

#[tokio::test]
async fn white_space_member_order_and_escapes_do_not_make_another_body() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let path = format!("/users/{}", id_of(&user));
    let key = sample::key();
    let send = |body: &str| {
        api.request(Method::PATCH, &path).json_text(body.as_bytes().to_vec()).key(&key).send()
    };
    let changed =
        first(send(r#"{"displayName":"Ada","attributes":{"a":"1","b":"2"},"locale":"en"}"#).await);
    for same in [
        r#"{ "displayName" : "Ada", "attributes" : { "a": "1", "b": "2" }, "locale": "en" }"#,
        r#"{"locale":"en","attributes":{"b":"2","a":"1"},"displayName":"Ada"}"#,
        "\n{\"display\\u004eame\":\"\\u0041da\",\"attributes\":{\"a\":\"1\",\"b\":\"2\"},\n\
         \"locale\":\"en\"}\n",
    ] {
        send(same).await.expect_replay_of(&changed);
    }
    // The order of a list does count.
    let key = sample::key();
    let email = sample::email();
    let body = json!({"email": email, "roles": ["a", "b"]});
    let _ = first(api.register(&body).key(&key).send().await);
    let body = json!({"email": email, "roles": ["b", "a"]});
    let answer = api.register(&body).key(&key).send().await;
    answer.expect_problem(ErrorCode::IdempotencyKeyReused);
}

#[tokio::test]
async fn the_precondition_is_part_of_the_request() {
    let api = Api::connect();
    let user = new_user(&api).await;
    for (version, request) in api.changes(id_of(&user)).into_iter().enumerate() {
        let version = version as u64 + 1;
        let key = sample::key();
        let request = request.key(&key);
        let changed = first(request.clone().if_version(version).send().await);
        request.clone().if_version(version).send().await.expect_replay_of(&changed);
        for other in [
            request.clone(),
            request.clone().if_version(version + 1),
            request.clone().header("If-Match", "*"),
        ] {
            other.send().await.expect_problem(ErrorCode::IdempotencyKeyReused);
        }
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_caller() {
    let api = Api::connect();
    let other = api.as_other();
    let key = sample::key();
    let user = new_user(&api).await;
    let request = |api: &Api, role| api.assign_role(id_of(&user), role).key(&key);
    let mine = first(request(&api, "mine").send().await);
    let theirs = first(request(&other, "theirs").send().await);
    request(&api, "mine").send().await.expect_replay_of(&mine);
    request(&other, "theirs").send().await.expect_replay_of(&theirs);

    let body = sample::registration();
    let key = sample::key();
    let _ = first(api.register(&body).key(&key).send().await);
    let theirs = other.register(&body).key(&key).send().await;
    theirs.expect_problem(ErrorCode::EmailAlreadyRegistered);
}

#[tokio::test]
async fn a_key_belongs_to_one_operation_and_path() {
    let api = Api::connect();
    let key = sample::key();
    let (one, two) = (new_user(&api).await, new_user(&api).await);
    let _ = first(api.register(&sample::registration()).key(&key).send().await);
    for user in [&one, &two] {
        for request in api.changes(id_of(user)) {
            let request = request.key(&key);
            let changed = first(request.send().await);
            request.send().await.expect_replay_of(&changed);
        }
        assert_eq!(api.history(id_of(user)).await.len(), 5);
    }
    // Two roles are two paths.
    let user = api.new_user_with(&json!({"roles": ["a", "b"]})).await;
    let _ = first(api.remove_role(id_of(&user), "a").key(&key).send().await);
    let _ = first(api.remove_role(id_of(&user), "b").key(&key).send().await);
}

#[tokio::test]
async fn a_success_that_changed_nothing_is_recorded_too() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let id = id_of(&user);
    for request in [
        api.update(id, &json!({"email": user["email"]})),
        api.set_status(id, "active"),
        api.assign_role(id, "old"),
    ] {
        let request = request.key(&sample::key());
        let before = first(request.send().await);
        let role = sample::role();
        let _ = api.assign_role(id, &role).send().await.expect_status(200);
        request.send().await.expect_replay_of(&before);
        let _ = api.remove_role(id, &role).send().await.expect_status(200);
    }
    let key = sample::key();
    let _ = first(api.assign_role(id, "old").key(&key).send().await);
    let other = api.assign_role(id, "another").key(&key).send().await;
    other.expect_problem(ErrorCode::IdempotencyKeyReused);
}

#[tokio::test]
async fn errors_are_not_recorded_and_a_retry_is_decided_afresh() {
    let api = Api::connect();

    let body = sample::registration();
    let holder = api.new_user_with(&body).await;
    let request = api.register(&body).key(&sample::key());
    request.send().await.expect_problem(ErrorCode::EmailAlreadyRegistered);
    let _ = api.set_status(id_of(&holder), "deleted").send().await.expect_status(200);
    let registered = first(request.send().await);
    request.send().await.expect_replay_of(&registered);

    let user = new_user(&api).await;
    let id = id_of(&user);
    let request = api.remove_role(id, "later").key(&sample::key());
    request.send().await.expect_problem(ErrorCode::RoleNotAssigned);
    let _ = api.assign_role(id, "later").send().await.expect_status(200);
    let removed = first(request.send().await);
    request.send().await.expect_replay_of(&removed);

    let request = api.update(id, &json!({"locale": "en"})).if_version(4).key(&sample::key());
    request.send().await.expect_problem(ErrorCode::VersionMismatch);
    let _ = api.assign_role(id, "fourth").send().await.expect_status(200);
    let updated = first(request.send().await);
    request.send().await.expect_replay_of(&updated);
}

#[tokio::test]
async fn a_key_of_a_failed_request_is_free_for_another() {
    let api = Api::connect();
    let user = new_user(&api).await;
    let key = sample::key();
    let failed = api.assign_role(id_of(&user), "A").key(&key).send().await;
    failed.expect_invalid(&["/role"]);
    let _ = first(api.assign_role(id_of(&user), "a").key(&key).send().await);
}

#[tokio::test]
async fn a_replay_has_a_correlation_id_of_its_own_call() {
    let api = Api::connect();
    let request = api.register(&sample::registration()).key(&sample::key());
    let registered = first(request.clone().header("X-Correlation-Id", "one").send().await);
    let again = request.header("X-Correlation-Id", "two").send().await;
    again.expect_replay_of(&registered);
    assert_eq!(again.header("x-correlation-id"), "two");
}

#[tokio::test]
async fn a_large_user_can_be_replayed() {
    let api = Api::connect();
    let value = "\u{3b1}\u{313}\u{300}\u{345}".repeat(512);
    let attributes = |from: u32, to: u32| {
        let entries = (from..to).map(|index| (format!("k{index}"), json!(value)));
        json!({"attributes": Value::Object(entries.collect())})
    };
    let user = api.new_user_with(&attributes(0, 14)).await;
    let request = api.update(id_of(&user), &attributes(14, 24)).key(&sample::key());
    let changed = first(request.send().await);
    request.send().await.expect_replay_of(&changed);
}
