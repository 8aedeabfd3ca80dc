//! The line and the errors of `resolve`.

use crate::server::{Program, identity, serve};
use std::net::TcpListener;
use std::sync::mpsc::Receiver;

/// The program with keys in its environment.
fn with_keys() -> Program {
    Program::with_keys(&["resolve"])
}

/// STS, and CloudFormation with one answer to every request.
fn aws(status: u16, body: String) -> (String, Receiver<String>) {
    serve(vec![identity(), ("", status, body)])
}

fn stack(outputs: &str) -> String {
    format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DescribeStacksResult><Stacks><member><StackName>users</StackName>\
         <StackId>arn:aws:cloudformation:eu-west-1:123456789012:stack/users/1</StackId>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime>\
         <StackStatus>ROLLBACK_COMPLETE</StackStatus>\
         <Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult>\
         </DescribeStacksResponse>"
    )
}

const API_URL: &str = "<member><OutputKey>UsersTableName</OutputKey><OutputValue>t</OutputValue>\
                       </member><member><OutputKey>ApiUrl</OutputKey>\
                       <OutputValue>https://a.example.com/prod</OutputValue></member>";

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
         <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>1</RequestId></ErrorResponse>"
    )
}

#[test]
fn keys_of_the_environment_are_printed_without_any_request() {
    let printed = with_keys().resolved();
    let expected =
        serde_json::json!({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "not/a+secret"});
    assert_eq!(printed, expected);
}

#[test]
fn a_session_token_and_the_region_are_printed_too() {
    let printed =
        with_keys().env("AWS_SESSION_TOKEN", "token").env("AWS_REGION", "eu-north-1").resolved();
    assert_eq!(printed["sessionToken"], "token");
    assert_eq!(printed["region"], "eu-north-1");
    let given =
        with_keys().env("AWS_REGION", "eu-north-1").args(&["--region", "us-west-2"]).resolved();
    assert_eq!(given["region"], "us-west-2");
}

#[test]
fn a_profile_gives_keys_and_region() {
    let program = Program::new(&["resolve"]);
    let config = program.file("config", "[profile work]\nregion = ap-south-1\n");
    let keys = "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = s\n";
    let keys = program.file("credentials", keys);
    let printed = program
        .env("AWS_CONFIG_FILE", &config)
        .env("AWS_SHARED_CREDENTIALS_FILE", &keys)
        .env("AWS_PROFILE", "work")
        .resolved();
    assert_eq!(printed["accessKeyId"], "AKIDWORK");
    assert_eq!(printed["region"], "ap-south-1");
}

#[cfg(unix)]
#[test]
fn a_credential_process_is_run() {
    let program = Program::new(&["resolve"]);
    let answer = r#"{"Version": 1, "AccessKeyId": "AKIDPROC", "SecretAccessKey": "s"}"#;
    let answer = program.file("answer.json", answer);
    let config = format!("[default]\ncredential_process = /bin/cat {answer}\n");
    let config = program.file("config", &config);
    let printed = program.env("AWS_CONFIG_FILE", &config).env("PATH", "/usr/bin:/bin").resolved();
    assert_eq!(printed["accessKeyId"], "AKIDPROC");
}

#[test]
fn a_stage_is_looked_up_in_its_region() {
    let (url, requests) = aws(200, stack(API_URL));
    let printed = with_keys()
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_REGION", "us-east-1")
        .args(&["--stage", "prod"])
        .resolved();
    assert_eq!(printed["url"], "https://a.example.com/prod");
    assert_eq!(printed["region"], "eu-west-1");
    let (_, request) = (requests.recv().unwrap(), requests.recv().unwrap());
    assert!(request.contains("Action=DescribeStacks"), "{request}");
    assert!(request.contains("StackName=users-prod"), "{request}");
    assert!(request.contains("/eu-west-1/cloudformation/aws4_request"), "{request}");
}

#[test]
fn a_stage_without_a_region_takes_that_of_the_environment() {
    let (url, requests) = aws(200, stack(API_URL));
    let printed = with_keys()
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_REGION", "us-east-2")
        .args(&["--stage", "dev"])
        .resolved();
    assert_eq!(printed["region"], "us-east-2");
    let (_, request) = (requests.recv().unwrap(), requests.recv().unwrap());
    assert!(request.contains("StackName=users-dev"), "{request}");
}

/// The error for an answer of CloudFormation.
#[track_caller]
fn refused(status: u16, body: String) -> String {
    let (url, _requests) = aws(status, body);
    with_keys().env("AWS_ENDPOINT_URL", &url).args(&["--stage", "prod"]).refused()
}

#[test]
fn an_absent_stack_is_named() {
    let body = error("ValidationError", "Stack with id users-prod does not exist");
    let said = refused(400, body);
    assert!(said.contains("there is no stack users-prod here"), "{said}");
}

#[test]
fn a_stack_without_the_output_is_named_with_its_status() {
    let said = refused(200, stack(""));
    assert!(said.contains("no output ApiUrl"), "{said}");
    assert!(said.contains("ROLLBACK_COMPLETE"), "{said}");
}

#[test]
fn expired_credentials_are_reported() {
    let said = refused(403, error("ExpiredToken", "The token is expired"));
    assert!(said.contains("have expired; sign in again"), "{said}");
}

#[test]
fn missing_permissions_are_reported_with_the_text_of_aws() {
    let words = "User: u is not authorized to perform: cloudformation:DescribeStacks";
    let said = refused(403, error("AccessDenied", words));
    assert!(
        said.contains("cannot look at the stack users-prod: the credentials lack a permission")
            && said.contains(words),
        "{said}"
    );
    let said = refused(403, error("InvalidClientTokenId", "Unknown token"));
    assert!(
        said.contains("AWS does not accept the credentials (InvalidClientTokenId: Unknown token)"),
        "{said}"
    );
}

#[test]
fn other_errors_keep_their_code() {
    let said = refused(400, error("Odd", "Something else"));
    assert!(said.contains("answers Odd: Something else"), "{said}");
}

#[test]
fn an_unreachable_endpoint_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let program = with_keys().env("AWS_ENDPOINT_URL", &url).env("AWS_MAX_ATTEMPTS", "1");
    let said = program.args(&["--stage", "prod"]).refused();
    assert!(said.contains("AWS could not be reached; check the network and the Region"), "{said}");
}

#[test]
fn a_stage_of_another_account_is_refused() {
    let (url, _requests) = aws(200, stack(API_URL));
    let program = with_keys().env("AWS_ENDPOINT_URL", &url);
    program.file("stages.toml", "[prod]\naccount = \"999999999999\"\nregion = \"eu-west-1\"\n");
    let said = program.args(&["--stage", "prod"]).refused();
    assert!(said.contains("999999999999") && said.contains("123456789012"), "{said}");
}

#[test]
fn without_credentials_the_ways_to_give_them_are_named() {
    let said = Program::new(&["resolve"]).refused();
    assert!(said.contains("no AWS credentials were found; set AWS_PROFILE"), "{said}");
}

#[test]
fn without_a_region_the_ways_to_give_one_are_named() {
    let said = with_keys().args(&["--stage", "dev"]).refused();
    assert!(said.contains("no Region for the stack users-dev"), "{said}");
    assert!(said.contains("--region") && said.contains("AWS_REGION"), "{said}");
}

#[test]
fn an_unknown_stage_is_refused_with_the_known_ones() {
    let said = with_keys().args(&["--stage", "pord"]).refused();
    assert!(said.contains("no stage `pord`; it has: dev, prod"), "{said}");
}

#[test]
fn no_error_has_a_secret() {
    let (url, _requests) = aws(403, error("ExpiredToken", "x"));
    let said = with_keys()
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_SESSION_TOKEN", "token-of-session")
        .args(&["--stage", "prod"])
        .refused();
    assert!(!said.contains("not/a+secret") && !said.contains("token-of-session"), "{said}");
}
