//! Permissions of callers, and routes of paths.

use crate::harness::Harness;
use http::StatusCode;

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_path_does_not_lift_a_restriction() {
    let stack = Harness::new()
        .principal("one:secret=GET/items/*")
        .principal("poster:secret=POST/items")
        .start()
        .await;
    for path in ["/items/1", "/items/1/", "/%69tems/1", "/items/a%2Fb"] {
        let allowed = stack.call_as("one", "secret", "GET", path, &[], "").await;
        assert_eq!(allowed.status, StatusCode::OK, "{path}");
    }
    for (who, method, path) in [
        ("one", "POST", "/items/"),
        ("one", "POST", "/%69tems/"),
        ("one", "POST", "/items"),
        ("one", "GET", "/items/"),
        ("one", "GET", "//items/1"),
        ("one", "GET", "/Items/1"),
        ("one", "HEAD", "/items/1"),
        ("one", "GET", "/nowhere/items/1"),
        ("one", "GET", "/items%2F1"),
        ("poster", "PUT", "/items"),
        ("poster", "GET", "/items/1"),
        ("poster", "GET", "/items/."),
    ] {
        let body = if method == "POST" { r#"{"do":"echo"}"# } else { "" };
        let denied = stack.call_as(who, "secret", method, path, &[], body).await;
        assert_eq!(denied.status, StatusCode::FORBIDDEN, "{who} {method} {path}");
        if method != "HEAD" {
            assert_eq!(denied.problem().1, "access-denied", "{who} {method} {path}");
        }
    }
    // Only a caller that may call everything learns that a route does not exist.
    let unknown = stack.call("GET", "/items//1", &[], "").await;
    assert_eq!(unknown.problem(), (404, "route-not-found".to_owned()));
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn path_variables_reach_the_function_as_sent() {
    let stack = Harness::new().start().await;
    for spelling in ["a%2Fb", "a%252Fb", "%61", "%FF", "a%20b", "100%25"] {
        let answer = stack.call("GET", &format!("/items/{spelling}"), &[], "").await;
        assert_eq!(answer.json()["event"]["pathParameters"]["itemId"], spelling);
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_given_to_one_principal_only() {
    let twice = Harness::new().principal("dup:a=GET/items").principal("dup:a");
    assert!(twice.failure().await.contains("more than one principal"));
    assert!(Harness::new().principal("test:other").failure().await.contains("test"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_makes_only_allowed_calls() {
    let stack = Harness::new().principal("reader:secret=GET/items*").start().await;
    let read = stack.call_as("reader", "secret", "GET", "/items/1", &[], "").await;
    assert_eq!(read.status, StatusCode::OK);
    let write = stack.call_as("reader", "secret", "POST", "/items", &[], r#"{"do":"echo"}"#).await;
    assert_eq!(write.problem(), (403, "access-denied".to_owned()));
    stack.stop().await;
}
