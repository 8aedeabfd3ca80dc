//! A stack that cannot start names the obstacle and the remedy, and leaves nothing behind.

use crate::functions::Functions;
use crate::process;
use http::Method;
use std::net::TcpListener;
use users_tests::stack::Launch;

#[tokio::test]
async fn a_port_in_use_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = Launch::new().port(port).expect_refusal().await;
    assert!(said.contains(&format!("port {port} is in use")), "{said}");
    assert!(said.contains("--port 0"), "{said}");
}

#[tokio::test]
async fn a_second_stack_on_the_same_data_is_refused_and_the_first_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let first = Launch::new().data(data.path()).start().await;
    let said = Launch::new().data(data.path()).expect_refusal().await;
    assert!(said.contains(&data.path().display().to_string()), "{said}");
    assert!(said.contains("in use by another local stack"), "{said}");
    assert!(said.contains("--data") && said.contains("--ephemeral"), "{said}");
    first.json(first.call(Method::GET, "/users")).await;
}

#[tokio::test]
async fn a_function_that_ends_while_starting_is_named_with_its_last_line() {
    let functions = Functions::real();
    functions.replace("users-role-assign", "echo $$ > $0.pid; echo 'there is no moon' >&2; exit 1");
    let said = Launch::new().functions(functions.path()).expect_refusal().await;
    // The last line is quoted, and not merely somewhere among the lines that came before.
    let (_, error) = said.split_once("error: the function users-role-assign: ").unwrap();
    assert!(error.contains("it ended while starting"), "{said}");
    assert!(error.contains("there is no moon"), "{said}");
}

#[tokio::test]
async fn a_function_that_hangs_while_starting_is_named_with_its_last_line_and_ended() {
    let functions = Functions::real();
    let script = "echo $$ > $0.pid; echo 'waiting for the moon'; exec sleep 600";
    functions.replace("users-audit-query", script);
    let said = Launch::new().functions(functions.path()).expect_refusal().await;
    let (_, error) = said.split_once("error: the function users-audit-query: ").unwrap();
    assert!(error.contains("it was not ready after"), "{said}");
    assert!(error.contains("waiting for the moon"), "{said}");
    process::wait_until_gone(&[functions.noted_pid("users-audit-query").unwrap()]).await;
}

#[tokio::test]
async fn a_function_without_a_binary_is_named_with_where_it_should_be() {
    let functions = Functions::real();
    functions.remove("users-list-query");
    let said = Launch::new().functions(functions.path()).expect_refusal().await;
    assert!(said.contains("users-list-query has no binary"), "{said}");
    assert!(said.contains(&functions.path().display().to_string()), "{said}");
}
