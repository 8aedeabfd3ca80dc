//! A call that the gateway refuses never reaches a function.

use http::Method;
use serde_json::json;
use users_contract::ErrorCode;
use users_tests::control::Control;
use users_tests::{Api, id_of, sample};

#[tokio::test]
async fn no_function_runs_for_a_call_that_the_gateway_refuses() {
    let control = Control::take_turn().await;
    let api = Api::connect();
    let user = api.new_user().await;
    let id = id_of(&user);
    let before = control.operation_invocations().await;

    let register = || api.register(&sample::registration());
    for (code, refused) in [
        (ErrorCode::NotAuthenticated, register().unsigned()),
        (ErrorCode::NotAuthenticated, register().credentials("test", "wrong")),
        (ErrorCode::NotAuthenticated, register().credentials("nobody", "secret")),
        (ErrorCode::NotAuthenticated, register().clock_off_by(-16 * 60)),
        (ErrorCode::NotAuthenticated, register().region("eu-north-9")),
        (ErrorCode::NotAuthenticated, register().service("lambda")),
        (ErrorCode::NotAuthenticated, register().tamper(|request| request.body_mut().push(b' '))),
        (ErrorCode::NotAuthenticated, api.profile(id).unsigned()),
        (ErrorCode::AccessDenied, api.as_reader().register(&sample::registration())),
        (ErrorCode::AccessDenied, api.as_reader().set_status(id, "deleted")),
        (ErrorCode::RouteNotFound, api.get("/nope")),
        (ErrorCode::RouteNotFound, api.get(&format!("/users/{id}/nope"))),
        (ErrorCode::MethodNotAllowed, api.delete("/users")),
        (ErrorCode::InvalidRequest, api.register(&json!({}))),
        (ErrorCode::InvalidRequest, api.register(&json!([]))),
        (ErrorCode::InvalidRequest, api.update(id, &json!({"email": 1}))),
    ] {
        refused.send().await.expect_problem(code);
    }
    let preflight = api.request(Method::OPTIONS, "/users").unsigned().send().await;
    assert!(preflight.status() < 300, "{}", preflight.describe());

    assert_eq!(control.operation_invocations().await, before);
    // The count does move when a function runs.
    let _ = api.profile(id).send().await.expect_status(200);
    assert_eq!(control.operation_invocations().await, before + 1);
    control.finish().await;
}
