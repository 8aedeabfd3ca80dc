//! Output and exit status of `logs` and `status`. Requests and answers are tested beside the code.
use crate::server::{Answers, Program, identity, serve};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// The program for the stage `dev`, with a server in place of AWS.
fn program(answers: Answers, arguments: &[&str]) -> Program {
    Program::with_keys(&[arguments, &["--stage", "dev"]].concat())
        .env("AWS_ENDPOINT_URL", &serve(answers).0)
        .env("AWS_REGION", "eu-west-1")
}

fn cloudformation(operation: &'static str, result: &str) -> (&'static str, u16, String) {
    let body = format!(
        "<{operation}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <{operation}Result>{result}</{operation}Result></{operation}Response>"
    );
    (operation, 200, body)
}

fn stack(status: &str) -> (&'static str, u16, String) {
    cloudformation(
        "DescribeStacks",
        &format!(
            "<Stacks><member><StackName>users-dev</StackName><StackId>arn:aws:cloudformation:\
             eu-west-1:123456789012:stack/users-dev/1</StackId><StackStatus>{status}</StackStatus>\
             <CreationTime>2026-11-01T08:00:00Z</CreationTime><Outputs><member>\
             <OutputKey>ApiId</OutputKey><OutputValue>abc123</OutputValue></member></Outputs>\
             </member></Stacks>"
        ),
    )
}

fn no_stack() -> (&'static str, u16, String) {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                <Message>Stack with id users-dev does not exist</Message></Error></ErrorResponse>";
    ("DescribeStacks", 400, body.to_owned())
}

/// Log events: one of a function and one of the gateway.
fn log_events() -> Answers {
    let page = |time: u32, message: serde_json::Value| {
        serde_json::json!({"events": [{
            "eventId": time.to_string(),
            "ingestionTime": 1_795_341_600_900_i64,
            "logStreamName": "s",
            "message": message.to_string(),
            "timestamp": 1_795_341_600_000_i64 + i64::from(time),
        }]})
        .to_string()
    };
    let line = serde_json::json!({"level": "INFO", "message": "invocation", "status": 200});
    let access = serde_json::json!({"method": "GET", "resourcePath": "/users", "status": "200"});
    let function = "\"/aws/lambda/users-dev-users-list-query\"";
    vec![
        identity(),
        stack("UPDATE_COMPLETE"),
        (function, 200, page(7, line)),
        ("\"/aws/apigateway/users-dev-access\"", 200, page(5, access)),
        ("API-Gateway-Execution-Logs_abc123", 200, "{\"events\": []}".to_owned()),
        ("\"/aws/lambda/", 200, "{\"events\": []}".to_owned()),
    ]
}

const LINES: &str = "\
2026-11-22T10:00:00.005Z INFO  api                   GET /users 200
2026-11-22T10:00:00.007Z INFO  users-list-query      invocation status=200
";

#[test]
fn logs_prints_a_line_for_each_event_in_order() {
    let since = ["logs", "--since", "2026-11-22T10:00:00Z"];
    assert_eq!(program(log_events(), &since).run(), (0, LINES.to_owned(), String::new()));
}

#[test]
fn logs_prints_the_original_events_as_json() {
    let json = ["logs", "--output", "json"];
    let (status, printed, _) = program(log_events(), &json).run();
    let events: Vec<serde_json::Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, events.len()), (0, 2));
    assert_eq!(events[0]["logGroupName"], "/aws/apigateway/users-dev-access");
    assert!(events[1]["message"].as_str().unwrap().contains(r#""level":"INFO""#), "{printed}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_following_with_success() {
    let since = ["logs", "--follow", "--since", "2026-11-22T10:00:00Z"];
    let mut program = program(log_events(), &since);
    let mut child = program.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Then following has begun.
    for expected in LINES.lines() {
        assert_eq!(lines.next().unwrap().unwrap(), expected);
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none());
}

#[test]
fn logs_of_an_absent_stage_fail() {
    let missing = r#"{"__type": "ResourceNotFoundException", "message": "no such group"}"#;
    let answers = vec![identity(), no_stack(), ("FilterLogEvents", 400, missing.to_owned())];
    let (status, printed, said) = program(answers, &["logs"]).run();
    assert_eq!((status, printed.as_str()), (1, ""));
    assert!(said.contains("! The API's execution log is left out: there is no stack"), "{said}");
    assert!(said.contains("! There is no log group /aws/lambda/users-dev-"), "{said}");
    assert!(said.contains("error: users-dev has no log groups in eu-west-1"), "{said}");
}

#[test]
fn logs_reports_that_there_are_no_lines() {
    let empty = ("FilterLogEvents", 200, "{\"events\": []}".to_owned());
    let answers = vec![identity(), stack("UPDATE_COMPLETE"), empty];
    let (status, printed, said) = program(answers, &["logs", "--since", "1d"]).run();
    assert_eq!((status, printed.as_str()), (0, ""));
    assert!(said.starts_with("No such log lines since "), "{said}");
}

#[test]
fn logs_refuses_wrong_options_before_any_request() {
    for (arguments, status, words) in [
        (&["logs", "--since", "yesterday"][..], 1, "--since `yesterday` is neither"),
        (&["logs", "--function", "get"], 1, "there is no function `get`; there are: users-"),
        (&["logs", "--correlation-id", "a b"], 2, "a correlation id is 1 to 64 letters"),
        (&["logs", "--errors", "--filter", "x"], 2, "cannot be used with"),
        (&["logs", "--errors", "--correlation-id", "x"], 2, "cannot be used with"),
    ] {
        let (found, printed, said) = program(Vec::new(), arguments).run();
        assert_eq!((found, printed.as_str()), (status, ""), "{arguments:?}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn status_of_a_stage_that_is_not_deployed_is_3() {
    let answers = || vec![identity(), no_stack()];
    let (status, printed, _) = program(answers(), &["status"]).run();
    assert_eq!(status, 3);
    assert!(printed.starts_with("not deployed  stage dev"), "{printed}");
    let (status, printed, _) = program(answers(), &["status", "--output", "json"]).run();
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, &printed["health"]), (3, &"notDeployed".into()));
}

#[test]
fn status_is_4_for_an_unhealthy_and_0_for_a_healthy_stage() {
    for (state, status) in [("UPDATE_COMPLETE", 0), ("UPDATE_ROLLBACK_FAILED", 4)] {
        let answers = vec![
            identity(),
            stack(state),
            cloudformation("DescribeStackEvents", "<StackEvents/>"),
            cloudformation("ListStackResources", "<StackResourceSummaries/>"),
        ];
        let (found, printed, said) = program(answers, &["status"]).run();
        assert_eq!(found, status, "{printed}{said}");
    }
}

#[test]
fn status_is_1_when_it_is_unknown() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                <Message>not authorized</Message></Error></ErrorResponse>";
    let denied = |operation| (operation, 403, body.to_owned());
    // The stack cannot be read, or its resources cannot.
    let events = cloudformation("DescribeStackEvents", "<StackEvents/>");
    let known = stack("UPDATE_COMPLETE");
    for answers in [
        vec![identity(), denied("DescribeStacks")],
        vec![identity(), known, events, denied("ListStackResources")],
    ] {
        let (status, printed, said) = program(answers, &["status"]).run();
        assert_eq!(status, 1, "{printed}{said}");
        assert!((printed + &said).contains("lack a permission"), "{said}");
    }
}

fn drift(drifts: &str) -> Answers {
    let state = "<StackDriftDetectionId>d</StackDriftDetectionId>\
                 <DetectionStatus>DETECTION_COMPLETE</DetectionStatus>\
                 <Timestamp>2026-11-22T10:00:00Z</Timestamp>";
    vec![
        identity(),
        stack("UPDATE_COMPLETE"),
        cloudformation("DescribeStackEvents", "<StackEvents/>"),
        cloudformation("ListStackResources", "<StackResourceSummaries/>"),
        cloudformation("DetectStackDrift", "<StackDriftDetectionId>d</StackDriftDetectionId>"),
        cloudformation("DescribeStackDriftDetectionStatus", state),
        cloudformation(
            "DescribeStackResourceDrifts",
            &format!("<StackResourceDrifts>{drifts}</StackResourceDrifts>"),
        ),
    ]
}

#[test]
fn status_with_drift_is_0_without_and_5_with_a_difference() {
    let (status, printed, _) = program(drift(""), &["status", "--drift"]).run();
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains("No compared resource differs from the template."), "{printed}");
    let deleted = "<member><LogicalResourceId>AlarmTopic</LogicalResourceId>\
                   <ResourceType>AWS::SNS::Topic</ResourceType>\
                   <StackResourceDriftStatus>DELETED</StackResourceDriftStatus></member>";
    let json = ["status", "--drift", "--output", "json"];
    let (status, printed, _) = program(drift(deleted), &json).run();
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, &printed["drifted"][0]["status"]), (5, &"DELETED".into()));
    assert_eq!(printed["stack"]["outputs"]["ApiId"], "abc123");
    assert_eq!(
        (&printed["health"], &printed["problems"]),
        (&"drifted".into(), &serde_json::json!([]))
    );
}

#[test]
fn no_output_has_a_secret() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code>\
                <Message>no</Message></Error></ErrorResponse>";
    for command in ["logs", "status"] {
        let answers = vec![("GetCallerIdentity", 403, body.to_owned())];
        let (status, printed, said) = program(answers, &[command]).run();
        assert_eq!(status, 1, "{command}");
        assert!(said.contains("does not accept the credentials"), "{said}");
        assert!(!(printed + &said).contains("not/a+secret"), "{command}");
    }
}
