//! Settings of the template: the rate limit and the lifetime of idempotency keys.

use crate::functions::changed_template;
use http::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use users_contract::ErrorCode;
use users_tests::sample;
use users_tests::stack::Launch;

#[tokio::test]
async fn calls_over_the_rate_limit_are_refused_as_the_contract_says() {
    let directory = tempfile::tempdir().unwrap();
    let template = changed_template(directory.path(), |resources| {
        let settings = &mut resources["ApiStage"]["Properties"]["MethodSettings"];
        for setting in settings.as_array_mut().unwrap() {
            setting["ThrottlingRateLimit"] = json!(0.2);
            setting["ThrottlingBurstLimit"] = json!(2);
        }
    });
    let stack = Launch::new().template(&template).start().await;
    let call = stack.call(Method::GET, "/users");
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let response = call.send().await.unwrap();
        let status = response.status.as_u16();
        statuses.push(status);
        if status == 200 {
            continue;
        }
        let code = ErrorCode::TooManyRequests;
        let body: Value = response.json().unwrap();
        assert_eq!(status, code.status(), "{body}");
        assert_eq!(body["code"], code.as_str());
        assert_eq!(body["instance"], "/prod/users");
        assert_eq!(body["correlationId"], response.header("x-correlation-id").unwrap());
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    // One token comes back every five seconds, so of six quick calls two or three get through.
    assert_eq!(statuses[..2], [200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test]
async fn a_key_is_free_again_when_its_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let template = changed_template(directory.path(), |resources| {
        for resource in resources.values_mut() {
            let hours = "/Properties/Environment/Variables/IDEMPOTENCY_TTL_HOURS";
            if let Some(hours) = resource.pointer_mut(hours) {
                *hours = json!("0");
            }
        }
    });
    let stack = Launch::new().template(&template).start().await;
    let key = sample::key();
    let register = || {
        let call = stack.call(Method::POST, "/users").idempotency_key(&key);
        call.json(&sample::registration())
    };
    stack.json(register()).await;
    // With no hours at all a record still counts to the end of the second it was written in.
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let response = register().send().await.unwrap();
        match response.status.as_u16() {
            201 => {
                assert_eq!(response.header("idempotent-replayed"), None);
                return;
            }
            422 => assert!(Instant::now() < deadline, "the key is never free"),
            other => panic!("{other} {:?}", response.problem_code()),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
