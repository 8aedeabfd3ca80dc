//! Runs `logs`, `status` and `drift` with a server of the test's own in place of AWS: what reaches
//! standard output and the exit status. What is asked and understood is tested beside the code.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

/// Answers by what a request is about: the first whose word is in it.
type Answers = Vec<(&'static str, u16, String)>;

/// Serves answers for as long as the test runs; gives the URL.
fn serve(answers: Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read(&stream);
            let found = answers.iter().find(|(word, ..)| request.contains(word));
            let (status, body) = match found {
                Some((_, status, body)) => (*status, body.as_str()),
                None => (400, "nothing is expected of this"),
            };
            let length = body.len();
            // A program that was ended does not wait for it.
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

fn read(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        request.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8_lossy(&body)
}

/// The program with nothing but what a test gives it.
struct Program {
    command: Command,
    _home: tempfile::TempDir,
}

impl Program {
    fn new(answers: Answers, arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let stages = home.path().join("stages.toml");
        std::fs::write(&stages, "[dev]\n").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_users-aws"));
        command
            .args(arguments)
            .args(["--stage", "dev", "--stages"])
            .arg(&stages)
            .env_clear()
            .env("HOME", home.path())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", serve(answers))
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_SECRET_ACCESS_KEY", "not/a+secret")
            .stdin(Stdio::null());
        Self { command, _home: home }
    }

    /// Exit status, standard output and standard error.
    fn run(mut self) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

fn identity() -> (&'static str, u16, String) {
    let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
                <UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>";
    ("GetCallerIdentity", 200, body.to_owned())
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

/// Log events: one of a function, one of the gateway, nothing elsewhere.
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
    assert_eq!(Program::new(log_events(), &since).run(), (0, LINES.to_owned(), String::new()));
}

#[test]
fn logs_prints_events_as_they_are_for_programs() {
    let program = Program::new(log_events(), &["logs", "--output", "json"]);
    let (status, printed, _) = program.run();
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
    let mut program = Program::new(log_events(), &since);
    let mut child = program.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // By then it has begun.
    for expected in LINES.lines() {
        assert_eq!(lines.next().unwrap().unwrap(), expected);
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(lines.next().is_none());
}

#[test]
fn logs_of_a_stage_that_is_not_there_are_a_failure() {
    let missing = r#"{"__type": "ResourceNotFoundException", "message": "no such group"}"#;
    let answers = vec![identity(), no_stack(), ("FilterLogEvents", 400, missing.to_owned())];
    let (status, printed, said) = Program::new(answers, &["logs"]).run();
    assert_eq!((status, printed.as_str()), (1, ""));
    assert!(said.contains("! The API's execution log is left out: there is no stack"), "{said}");
    assert!(said.contains("! There is no log group /aws/lambda/users-dev-"), "{said}");
    assert!(said.contains("error: none of the log groups of users-dev is in eu-west-1"), "{said}");
}

#[test]
fn logs_says_when_there_is_nothing() {
    let empty = ("FilterLogEvents", 200, "{\"events\": []}".to_owned());
    let answers = vec![identity(), stack("UPDATE_COMPLETE"), empty];
    let (status, printed, said) = Program::new(answers, &["logs", "--since", "1d"]).run();
    assert_eq!((status, printed.as_str()), (0, ""));
    assert!(said.starts_with("No such log lines since "), "{said}");
}

#[test]
fn logs_refuses_what_it_cannot_understand_before_it_asks_anybody() {
    for (arguments, status, words) in [
        (&["logs", "--since", "yesterday"][..], 1, "--since `yesterday` is neither"),
        (&["logs", "--function", "get"], 1, "there is no function `get`; there are: users-"),
        (&["logs", "--correlation-id", "a b"], 2, "a correlation id is 1 to 64 letters"),
        (&["logs", "--errors", "--filter", "x"], 2, "cannot be used with"),
        (&["logs", "--errors", "--correlation-id", "x"], 2, "cannot be used with"),
    ] {
        let (found, printed, said) = Program::new(Vec::new(), arguments).run();
        assert_eq!((found, printed.as_str()), (status, ""), "{arguments:?}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn status_of_a_stage_that_is_not_deployed_is_3() {
    let answers = || vec![identity(), no_stack()];
    let (status, printed, _) = Program::new(answers(), &["status"]).run();
    assert_eq!(status, 3);
    assert!(printed.starts_with("not deployed  stage dev"), "{printed}");
    let (status, printed, _) = Program::new(answers(), &["status", "--output", "json"]).run();
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, &printed["health"]), (3, &"notDeployed".into()));
}

#[test]
fn status_of_a_stage_that_is_not_well_is_4_and_of_one_that_is_well_0() {
    for (state, status) in [("UPDATE_COMPLETE", 0), ("UPDATE_ROLLBACK_FAILED", 4)] {
        let answers = vec![
            identity(),
            stack(state),
            cloudformation("DescribeStackEvents", "<StackEvents/>"),
            cloudformation("ListStackResources", "<StackResourceSummaries/>"),
        ];
        let (found, printed, said) = Program::new(answers, &["status"]).run();
        assert_eq!(found, status, "{printed}{said}");
    }
}

#[test]
fn status_is_1_when_it_cannot_be_told() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                <Message>not authorized</Message></Error></ErrorResponse>";
    let denied = |operation| (operation, 403, body.to_owned());
    // Neither the stack nor, in the second, its resources may be looked at.
    let events = cloudformation("DescribeStackEvents", "<StackEvents/>");
    let known = stack("UPDATE_COMPLETE");
    for answers in [
        vec![identity(), denied("DescribeStacks")],
        vec![identity(), known, events, denied("ListStackResources")],
    ] {
        let (status, printed, said) = Program::new(answers, &["status"]).run();
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
        cloudformation("DetectStackDrift", "<StackDriftDetectionId>d</StackDriftDetectionId>"),
        cloudformation("DescribeStackDriftDetectionStatus", state),
        cloudformation(
            "DescribeStackResourceDrifts",
            &format!("<StackResourceDrifts>{drifts}</StackResourceDrifts>"),
        ),
    ]
}

#[test]
fn drift_is_0_without_and_3_with_a_difference() {
    let (status, printed, _) = Program::new(drift(""), &["drift"]).run();
    assert_eq!(
        (status, printed.as_str()),
        (0, "no difference  users-dev is as its template has it\n")
    );
    let deleted = "<member><LogicalResourceId>AlarmTopic</LogicalResourceId>\
                   <ResourceType>AWS::SNS::Topic</ResourceType>\
                   <StackResourceDriftStatus>DELETED</StackResourceDriftStatus></member>";
    let (status, printed, _) = Program::new(drift(deleted), &["drift", "--output", "json"]).run();
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((status, &printed["drifted"][0]["status"]), (3, &"DELETED".into()));
}

#[test]
fn drift_of_a_stage_that_is_not_deployed_is_a_failure() {
    let (status, printed, said) = Program::new(vec![identity(), no_stack()], &["drift"]).run();
    assert_eq!((status, printed.as_str()), (1, ""));
    assert!(said.contains("there is no stack users-dev"), "{said}");
}

#[test]
fn nothing_shows_a_secret() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code>\
                <Message>no</Message></Error></ErrorResponse>";
    for command in ["logs", "status", "drift"] {
        let answers = vec![("GetCallerIdentity", 403, body.to_owned())];
        let (status, printed, said) = Program::new(answers, &[command]).run();
        assert_eq!(status, 1, "{command}");
        assert!(said.contains("does not accept the credentials"), "{said}");
        assert!(!(printed + &said).contains("not/a+secret"), "{command}");
    }
}
