//! Runs the program in an environment of the test's own, with a server of the test's own in place
//! of CloudFormation.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};

/// The program with nothing but what a test gives it: no variable, file or metadata service of the
/// machine it runs on can be seen.
struct Program {
    command: Command,
    home: tempfile::TempDir,
}

impl Program {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let package = home.path().join("xtask").join("aws");
        std::fs::create_dir_all(&package).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_users-aws"));
        command.arg("resolve").env_clear().env("HOME", home.path());
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("CARGO_MANIFEST_DIR", &package);
        let program = Self { command, home };
        program.file("stages.toml", "[dev]\n[prod]\nregion = \"eu-west-1\"\n");
        program
    }

    fn with_keys() -> Self {
        Self::new()
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "not/a+secret")
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path_text(&path)
    }

    fn run(mut self) -> Output {
        self.command.output().unwrap()
    }

    /// What it printed, read as JSON.
    #[track_caller]
    fn resolved(self) -> serde_json::Value {
        let output = self.run();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What it said when it failed.
    #[track_caller]
    fn refused(self) -> String {
        let output = self.run();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }
}

fn path_text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Answers every request the same way; gives its URL and the heads and bodies of what arrives.
fn cloudformation(status: &'static str, body: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (requests, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let request = read_request(&stream);
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\n\
                 connection: close\r\n\r\n{body}"
            )
            .unwrap();
            // The test may be over.
            let _ = requests.send(request);
        }
    });
    (url, received)
}

fn read_request(stream: &TcpStream) -> String {
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
        let is_last = line.trim().is_empty();
        request.push_str(&line);
        if is_last {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    request + &String::from_utf8(body).unwrap()
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
fn keys_of_the_environment_are_printed_without_asking_anybody() {
    let printed = Program::with_keys().resolved();
    let expected =
        serde_json::json!({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "not/a+secret"});
    assert_eq!(printed, expected);
}

#[test]
fn a_session_token_and_the_region_are_printed_too() {
    let printed = Program::with_keys()
        .env("AWS_SESSION_TOKEN", "token")
        .env("AWS_REGION", "eu-north-1")
        .resolved();
    assert_eq!(printed["sessionToken"], "token");
    assert_eq!(printed["region"], "eu-north-1");
    let given = Program::with_keys()
        .env("AWS_REGION", "eu-north-1")
        .args(&["--region", "us-west-2"])
        .resolved();
    assert_eq!(given["region"], "us-west-2");
}

#[test]
fn a_profile_gives_keys_and_region() {
    let program = Program::new();
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
    let program = Program::new();
    let answer = r#"{"Version": 1, "AccessKeyId": "AKIDPROC", "SecretAccessKey": "s"}"#;
    let answer = program.file("answer.json", answer);
    let config = format!("[default]\ncredential_process = /bin/cat {answer}\n");
    let config = program.file("config", &config);
    let printed = program.env("AWS_CONFIG_FILE", &config).env("PATH", "/usr/bin:/bin").resolved();
    assert_eq!(printed["accessKeyId"], "AKIDPROC");
}

#[test]
fn a_stage_is_looked_up_in_its_region() {
    let (url, requests) = cloudformation("200 OK", stack(API_URL));
    let printed = Program::with_keys()
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_REGION", "us-east-1")
        .args(&["--stage", "prod"])
        .resolved();
    assert_eq!(printed["url"], "https://a.example.com/prod");
    assert_eq!(printed["region"], "eu-west-1");
    let request = requests.recv().unwrap();
    assert!(request.contains("Action=DescribeStacks"), "{request}");
    assert!(request.contains("StackName=users-prod"), "{request}");
    assert!(request.contains("/eu-west-1/cloudformation/aws4_request"), "{request}");
}

#[test]
fn a_stage_without_a_region_takes_that_of_the_environment() {
    let (url, requests) = cloudformation("200 OK", stack(API_URL));
    let printed = Program::with_keys()
        .env("AWS_ENDPOINT_URL_CLOUDFORMATION", &url)
        .env("AWS_REGION", "us-east-2")
        .args(&["--stage", "dev"])
        .resolved();
    assert_eq!(printed["region"], "us-east-2");
    assert!(requests.recv().unwrap().contains("StackName=users-dev"));
}

/// What is said when CloudFormation answers with an error, or with a stack of these outputs.
#[track_caller]
fn refused(status: &'static str, body: String) -> String {
    let (url, _requests) = cloudformation(status, body);
    Program::with_keys().env("AWS_ENDPOINT_URL", &url).args(&["--stage", "prod"]).refused()
}

#[test]
fn a_stack_that_is_not_there_is_named_with_its_region() {
    let body = error("ValidationError", "Stack with id users-prod does not exist");
    let said = refused("400 Bad Request", body);
    assert!(said.contains("there is no stack users-prod in eu-west-1"), "{said}");
}

#[test]
fn a_stack_without_the_output_is_named_with_its_status() {
    let said = refused("200 OK", stack(""));
    assert!(said.contains("no output ApiUrl"), "{said}");
    assert!(said.contains("ROLLBACK_COMPLETE"), "{said}");
}

#[test]
fn expired_credentials_are_called_expired() {
    let said = refused("403 Forbidden", error("ExpiredToken", "The token is expired"));
    assert!(said.contains("have expired; sign in again"), "{said}");
}

#[test]
fn missing_permissions_are_told_in_the_words_of_aws() {
    let words = "User: u is not authorized to perform: cloudformation:DescribeStacks";
    let said = refused("403 Forbidden", error("AccessDenied", words));
    assert!(
        said.contains("cannot look at the stack users-prod: the credentials lack a permission")
            && said.contains(words),
        "{said}"
    );
    let said = refused("403 Forbidden", error("InvalidClientTokenId", "Unknown token"));
    assert!(
        said.contains("AWS does not accept the credentials (InvalidClientTokenId: Unknown token)"),
        "{said}"
    );
}

#[test]
fn other_errors_keep_their_code() {
    let said = refused("400 Bad Request", error("Odd", "Something else"));
    assert!(said.contains("answers Odd: Something else"), "{said}");
}

#[test]
fn nobody_listening_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let program = Program::with_keys().env("AWS_ENDPOINT_URL", &url).env("AWS_MAX_ATTEMPTS", "1");
    let said = program.args(&["--stage", "prod"]).refused();
    assert!(said.contains("AWS could not be reached; check the network and the Region"), "{said}");
}

#[test]
fn a_stage_of_another_account_is_refused() {
    let (url, _requests) = cloudformation("200 OK", stack(API_URL));
    let program = Program::with_keys().env("AWS_ENDPOINT_URL", &url);
    program.file("stages.toml", "[prod]\naccount = \"999999999999\"\nregion = \"eu-west-1\"\n");
    let said = program.args(&["--stage", "prod"]).refused();
    assert!(said.contains("999999999999") && said.contains("123456789012"), "{said}");
}

#[test]
fn without_credentials_the_ways_to_give_them_are_named() {
    let said = Program::new().refused();
    assert!(said.contains("no AWS credentials were found; set AWS_PROFILE"), "{said}");
}

#[test]
fn without_a_region_the_ways_to_give_one_are_named() {
    let said = Program::with_keys().args(&["--stage", "dev"]).refused();
    assert!(said.contains("no Region to look for the stack users-dev in"), "{said}");
    assert!(said.contains("--region") && said.contains("AWS_REGION"), "{said}");
}

#[test]
fn an_unknown_stage_is_refused_with_those_there_are() {
    let said = Program::with_keys().args(&["--stage", "pord"]).refused();
    assert!(said.contains("no stage `pord`; it has: dev, prod"), "{said}");
}

#[test]
fn no_error_shows_a_secret() {
    let (url, _requests) = cloudformation("403 Forbidden", error("ExpiredToken", "x"));
    let said = Program::with_keys()
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_SESSION_TOKEN", "token-of-session")
        .args(&["--stage", "prod"])
        .refused();
    assert!(!said.contains("not/a+secret") && !said.contains("token-of-session"), "{said}");
}
