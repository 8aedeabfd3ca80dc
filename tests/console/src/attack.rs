//! A page of another origin tries every listener of the stack in every way open to a page: nothing
//! is read, nothing changed, no call lost, no function ended.

use crate::browser::{Browser, FOREIGN_HOST};
use crate::stack::{Stack, call};
use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Ways that have to be tried at least.
const WAYS: u64 = 25;
/// More than all tries take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Makes all attempts, and compares the stack's state before and after.
pub(crate) async fn run(browser: &Browser, stack: &Stack) -> Result<()> {
    let new = json!({"email": "ada@example.com"});
    let user = call(stack, Method::POST, "/users", "attacked", Some(new), 201).await?;
    let id = user["userId"].as_str().context("there is no user")?;
    let port = stack.console.split(['/', ':']).nth(4).context("the console has no port")?;
    let front: u16 = port.parse()?;
    let ports = ports(stack, front).await?;
    ensure!(ports.len() >= 4, "only these listeners were found: {ports:?}");
    // The relay has done its part, and nothing else goes on.
    while stack.control.get("/events").await["items"].as_array().is_none_or(Vec::is_empty) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = look(stack).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let page = format!("http://{FOREIGN_HOST}:{}/", listener.local_addr()?.port());
    let server = tokio::spawn(serve(listener));
    browser.open(&page).await?;
    let arguments = vec![json!(ports), json!(front)];
    let found = browser.call_async(include_str!("attack.js"), arguments, PATIENCE).await?;
    server.abort();

    let leaks = found["leaks"].as_array().context("the page says nothing")?;
    ensure!(leaks.is_empty(), "the page has read: {leaks:#?}");
    ensure!(found["ways"].as_u64() >= Some(WAYS), "only {} ways were tried", found["ways"]);
    let after = look(stack).await?;
    ensure!(after == before, "before:\n{before:#}\nafter:\n{after:#}");
    // No call is lost: each goes to its function.
    for _ in 0..10 {
        let read = call(stack, Method::GET, &format!("/users/{id}"), "read", None, 200).await?;
        ensure!(read == user, "the user is now {read}");
    }
    // The console itself goes on working.
    browser.open(&stack.console).await?;
    browser.until_text("#live", "Live").await?;
    browser.until_text(".calls tbody", "attacked").await
}

/// Everything that a page could change.
async fn look(stack: &Stack) -> Result<Value> {
    let mut seen = json!({});
    for path in ["functions", "faults", "tables/UsersTable/items", "events", "dead-letters"] {
        seen[path] = stack.control.get(&format!("/{path}")).await;
    }
    Ok(seen)
}

/// The ports that the stack listens on: the front, and those given to each function. A page finds
/// them by trying all ports.
async fn ports(stack: &Stack, front: u16) -> Result<BTreeSet<u16>> {
    let functions = stack.control.get("/functions").await;
    let pid = functions["items"][0]["instances"][0]["pid"].as_u64().context("no function runs")?;
    let environment = std::fs::read(format!("/proc/{pid}/environ"))
        .context("the environment of a function cannot be read; this needs Linux")?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let addresses = environment.split('\0').filter_map(|variable| {
        let (name, value) = variable.split_once('=')?;
        let is_address = name.starts_with("AWS_ENDPOINT_URL") || name == "AWS_LAMBDA_RUNTIME_API";
        is_address.then(|| value.split(['/', ':']).nth(4)?.parse().ok())?
    });
    Ok(addresses.chain([front]).collect())
}

/// Serves an empty page, and redirects to wherever it is asked to.
async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // A lost browser is not an error of the server.
            let _ = answer(stream).await;
        });
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let read = stream.read(&mut buffer).await?;
    let head = String::from_utf8_lossy(&buffer[..read]);
    let target = head.split(' ').nth(1).unwrap_or("/");
    let answer = match target.strip_prefix("/to?") {
        Some(url) => {
            let url = url.replace("%3A", ":").replace("%2F", "/");
            format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {url}\r\ncontent-length: 0\r\n")
        }
        None => "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 21\r\n".to_owned(),
    };
    let body = if target.starts_with("/to?") { "" } else { "<title>A page</title>" };
    let answer = format!("{answer}connection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
