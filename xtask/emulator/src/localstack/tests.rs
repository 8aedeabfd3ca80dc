use super::{IMAGE, LocalStack, Settings, TOKEN, start};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A program cannot be run while another test's child still has it open for writing, so the tests
/// take turns.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A `docker` that logs its arguments and its token, and runs the script.
fn fake_docker(directory: &Path, script: &str) -> Settings {
    let program = directory.join("docker");
    let log = directory.join("log");
    let text = format!(
        "#!/bin/sh\necho \"$@\" >> {log}\necho \"token=${TOKEN}\" >> {log}\n{script}\n",
        log = log.display()
    );
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Settings {
        docker: program.into(),
        token: Some("secret-token".into()),
        port: 1,
        patience: Duration::from_millis(50),
        pause: Duration::from_millis(5),
    }
}

fn log(directory: &Path) -> String {
    fs::read_to_string(directory.join("log")).unwrap_or_default()
}

/// Answers every request with the health of LocalStack.
async fn healthy_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let is_own = String::from_utf8_lossy(&request[..length]).contains("/_localstack/");
            let body = r#"{"services":{"s3":"available"},"edition":"pro","version":"2026.9.0"}"#;
            let (status, body) = if is_own { ("200 OK", body) } else { ("404 Not Found", "") };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    port
}

async fn refused(settings: &Settings) -> String {
    format!("{:#}", start(settings).await.map(|it: LocalStack| it.endpoint).unwrap_err())
}

#[tokio::test]
async fn without_a_token_the_error_names_it_and_the_alternatives() {
    let _turn = TURN.lock().await;
    let directory = tempfile::tempdir().unwrap();
    let mut settings = fake_docker(directory.path(), "exit 0");
    for token in [None, Some("".into())] {
        settings.token = token;
        let error = refused(&settings).await;
        assert!(error.contains(TOKEN) && error.contains("ministack"), "{error}");
    }
    assert_eq!(log(directory.path()), "", "docker was called");
}

#[tokio::test]
async fn without_docker_the_error_names_it_and_the_alternatives() {
    let _turn = TURN.lock().await;
    let directory = tempfile::tempdir().unwrap();
    let mut settings = fake_docker(directory.path(), "exit 0");
    settings.docker = directory.path().join("absent").into();
    let error = refused(&settings).await;
    assert!(error.contains("needs Docker") && error.contains("--endpoint-url"), "{error}");
}

#[tokio::test]
async fn a_refusal_of_docker_is_passed_on() {
    let _turn = TURN.lock().await;
    let directory = tempfile::tempdir().unwrap();
    let settings = fake_docker(directory.path(), "echo 'the daemon does not run' >&2; exit 1");
    let error = refused(&settings).await;
    assert!(error.contains("the daemon does not run") && error.contains("ministack"), "{error}");
}

#[tokio::test]
async fn a_container_that_is_never_ready_is_stopped_and_its_log_is_shown() {
    let _turn = TURN.lock().await;
    let directory = tempfile::tempdir().unwrap();
    let script = "case $1 in inspect) echo true;; logs) echo 'still starting';; esac";
    let settings = fake_docker(directory.path(), script);
    let error = refused(&settings).await;
    assert!(error.contains("not ready within") && error.contains("still starting"), "{error}");
    let log = log(directory.path());
    assert!(log.contains("rm --force --volumes users-localstack-"), "{log}");
}

#[tokio::test]
async fn a_container_that_ends_is_not_waited_for() {
    let _turn = TURN.lock().await;
    let directory = tempfile::tempdir().unwrap();
    let script = "case $1 in inspect) echo false;; logs) echo 'License activation failed';; esac";
    let settings =
        Settings { patience: Duration::from_secs(600), ..fake_docker(directory.path(), script) };
    let error = refused(&settings).await;
    assert!(error.contains("is the token valid") && error.contains("License"), "{error}");
    assert!(log(directory.path()).contains("rm --force"));
}

#[tokio::test]
async fn a_container_that_is_ready_is_used_and_stopped() {
    let _turn = TURN.lock().await;
    let directory = tempfile::tempdir().unwrap();
    let port = healthy_port().await;
    let settings = Settings { port, ..fake_docker(directory.path(), "exit 0") };
    let localstack = start(&settings).await.unwrap();
    assert_eq!(localstack.endpoint(), format!("http://127.0.0.1:{port}"));
    let started = log(directory.path());
    let arguments = started.lines().next().unwrap();
    assert!(arguments.starts_with("run --detach --name users-localstack-"), "{arguments}");
    assert!(arguments.contains(&format!("--publish 127.0.0.1:{port}:4566")), "{arguments}");
    assert!(arguments.contains(&format!("--env {TOKEN} ")), "{arguments}");
    assert!(arguments.ends_with(IMAGE), "{arguments}");
    assert!(!arguments.contains("secret-token"), "a list of processes would show the token");
    assert!(started.contains("token=secret-token"), "the token is not passed on");

    localstack.stop(true).await;
    assert!(!log(directory.path()).contains("rm --force"), "it was to be kept");
    localstack.stop(false).await;
    assert!(log(directory.path()).contains("rm --force --volumes users-localstack-"));
}
