//! The test: a call is made, seen, opened and followed to its event, by keyboard alone.

use crate::accessibility::{check, check_focus_is_visible, check_self_contained};
use crate::browser::Browser;
use crate::stack::{Stack, call};
use anyhow::{Context, Result, ensure};
use fantoccini::key::Key;
use http::Method;
use serde_json::json;

/// Sizes of the page, in pixels: that of a desk, and that of a phone or of a desk with everything
/// four times as large.
const SIZES: &[(u32, u32)] = &[(1280, 800), (320, 700)];

/// A name that would be a script, were it ever taken for markup.
const HOSTILE: &str = "<img src=x onerror=\"document.title='broken'\"><b>Ada</b>";

/// Fragments that nothing was meant by, and the heading of the page that they lead to.
const MALFORMED: &[(&str, &str)] = &[
    ("#/users/%", NOWHERE),
    ("#/calls/%E0%A4%A", NOWHERE),
    ("#/tables/%zz", NOWHERE),
    ("#/users/%FF", NOWHERE),
    ("#/calls/%ED%A0%80", NOWHERE),
    ("#/logs/a%2", NOWHERE),
    ("#/calls/..", NOWHERE),
    ("#/calls/%2e%2e", NOWHERE),
    ("#/tables/.", NOWHERE),
    ("#/tables/NoSuchTable", NOWHERE),
    ("#/constructor", "Calls"),
    ("#/__proto__/x", "Calls"),
    ("#/toString", "Calls"),
    ("#%", "Calls"),
    ("#//", "Calls"),
    ("#users", "History of a user"),
    ("#/users/%00%1B%C2%9B", "History of a user"),
    ("#/users/<b>%3Cimg%20src=x%3E", "History of a user"),
    ("#/calls/a%2Fb?c#d", "Calls"),
];
const NOWHERE: &str = "This cannot be shown";

pub(crate) async fn run(browser: &Browser, mut stack: Stack, axe: Option<&str>) -> Result<()> {
    done("the stack and the browser are up");
    let (width, height) = SIZES[0];
    browser.resize(width, height).await?;
    browser.open(&stack.console).await?;
    browser.until_text("#live", "Live").await?;
    browser.until_text("main", "No call yet").await?;
    check(browser, "the empty console", axe).await?;

    let user = register(browser, &stack, "browser-register").await?;
    done("a call appears by itself");
    open_by_keyboard(browser, "browser-register").await?;
    done("its trace is opened by keyboard");
    find_event_by_keyboard(browser, "browser-register").await?;
    done("its event, log line and audit entry are found");
    follow_to_history(browser, &user).await?;
    done("the user's history is found, and data stay text");
    find_by_id(browser, &stack, &user).await?;
    done("a call is found by its correlation id, failures included");
    pause(browser, &stack, &user).await?;
    done("pausing holds the page still");

    look_at_every_view(browser, &stack, &user, axe).await?;
    look_at_tables_and_logs(browser, &stack).await?;
    check_self_contained(browser).await?;
    done("every view is accessible, and loads nothing from elsewhere");
    open_malformed_addresses(browser, &stack).await?;
    done("every address leads to a page");

    stack.orphan();
    stack.ended().await;
    browser.until_text("#live", "does not answer").await?;
    done("the end of the stack is noticed");
    Ok(())
}

fn done(step: &str) {
    eprintln!("ok: {step}");
}

/// Registers a user while the page is open, and gives the user's id.
async fn register(browser: &Browser, stack: &Stack, id: &str) -> Result<String> {
    // Gone when the page is reloaded.
    browser.evaluate("window.sameDocument = true; return true").await?;
    let body = json!({"email": "ada@example.com", "displayName": HOSTILE});
    let user = call(stack, Method::POST, "/users", id, Some(body), 201).await?;
    browser.until_text(".calls tbody", id).await?;
    browser.until("the row is complete", &format!("{}.includes('POST/users')", row(id))).await?;
    browser.until("no page was loaded", "window.sameDocument").await?;
    browser.until_text("#news", "1 new call").await?;
    user["userId"].as_str().map(str::to_owned).context("a user has no id")
}

/// The text of the row of a call, an expression.
fn row(id: &str) -> String {
    format!(
        "(document.querySelector('tr[data-id=\"{id}\"]')?.textContent ?? '').replaceAll(' ', '')"
    )
}

async fn open_by_keyboard(browser: &Browser, id: &str) -> Result<()> {
    browser.press(Key::Tab).await?;
    browser
        .until("the first stop skips to the content", "document.activeElement.className === 'skip'")
        .await?;
    check_focus_is_visible(browser).await?;
    browser.press(Key::Enter).await?;
    let link = format!("it.closest('tr')?.dataset.id === '{id}'");
    browser.tab_to("the link of the call", &link).await?;
    check_focus_is_visible(browser).await?;
    browser.press(Key::Enter).await?;
    for span in
        ["POST /users", "users-register-create", "registerUser", "DynamoDB TransactWriteItems"]
    {
        browser.until_text(".waterfall tbody", span).await?;
    }
    let bars = "[...document.querySelectorAll('.span-bar')]";
    browser.until("each span has a bar", &format!("{bars}.length >= 4")).await?;
    let within = format!(
        "{bars}.every((bar) => {{
           const [own, track] = [bar, bar.parentElement].map((it) => it.getBoundingClientRect());
           return own.width >= 3 && own.left >= track.left - 1 && own.right <= track.right + 4;
         }})"
    );
    browser.until("each bar is on its line", &within).await
}

async fn find_event_by_keyboard(browser: &Browser, id: &str) -> Result<()> {
    browser.until_text("#logs", "operation=registerUser").await?;
    browser.until_text("#logs", "resourcePath=/users").await?;
    browser.until_text("#events", "UserRegistered").await?;
    browser.until_text("#items", "user.registered").await?;
    browser.tab_to("the event", "it.tagName === 'SUMMARY' && it.closest('#events')").await?;
    browser.press(Key::Enter).await?;
    browser
        .until("the event is unfolded", "document.querySelector('#events details').open")
        .await?;
    browser.until_text("#events pre", &format!("\"correlationId\": \"{id}\"")).await?;
    // New calls neither take the focus nor collapse the row.
    browser.until("the focus stays", "document.activeElement.closest('#events')").await
}

async fn follow_to_history(browser: &Browser, user: &str) -> Result<()> {
    let link = format!("it.getAttribute('href') === '#/users/{user}'");
    browser.tab_to("the link to the user", &link).await?;
    browser.press(Key::Enter).await?;
    browser.until_text("h1", "History of a user").await?;
    browser.until_text("main table", "user.registered").await?;
    browser.until_text("main table", HOSTILE).await?;
    let markup =
        browser.evaluate("return document.querySelectorAll('main img, main b').length").await?;
    ensure!(markup == 0, "data became markup");
    Ok(())
}

async fn find_by_id(browser: &Browser, stack: &Stack, user: &str) -> Result<()> {
    let path = format!("/users/{user}");
    let change = json!({"locale": "en-GB"});
    call(stack, Method::PATCH, &path, "browser-update", Some(change), 200).await?;
    call(stack, Method::GET, "/users/nobody", "browser-missing", None, 404).await?;
    for (id, expected) in [("browser-update", "updateUser"), ("browser-missing", "user-not-found")]
    {
        browser.tab_to("the field for a correlation id", "it.id === 'correlation-id'").await?;
        browser.evaluate("document.activeElement.value = ''; return true").await?;
        browser.write(id).await?;
        browser.press(Key::Enter).await?;
        browser.until_text(".detail h2", id).await?;
        browser.until_text(".waterfall tbody", expected).await?;
    }
    let failed = "tr.chosen .pill.warn";
    browser.until_text(failed, "404").await
}

async fn pause(browser: &Browser, stack: &Stack, user: &str) -> Result<()> {
    let path = format!("/users/{user}");
    browser.tab_to("the button that pauses", "it.id === 'pause'").await?;
    browser.press(Key::Enter).await?;
    browser.until_text("#live", "Paused").await?;
    call(stack, Method::GET, &path, "browser-paused", None, 200).await?;
    // The stack has it, and the page does not show it.
    let asked = "fetch('/_local/requests?correlation-id=browser-paused').then((it) => it.json())
         .then((it) => arguments[0](it.items.length))";
    let kept = browser.evaluate_async(asked).await?;
    ensure!(kept == 1, "the stack has kept {kept} requests");
    let text = browser.evaluate(&format!("return {}", row("browser-paused"))).await?;
    ensure!(text == "", "a paused page goes on");
    browser.press(Key::Enter).await?;
    browser.until_text(".calls tbody", "browser-paused").await
}

/// Checks every view with something in it, wide and narrow, light and dark.
async fn look_at_every_view(
    browser: &Browser,
    stack: &Stack,
    user: &str,
    axe: Option<&str>,
) -> Result<()> {
    let history = format!("users/{user}");
    let views = ["calls", "calls/browser-update", "events", "users", &history];
    let views = views.into_iter().chain(["tables", "tables/UsersTable", "logs"]);
    for view in views {
        browser.open(&format!("{}#/{view}", stack.console)).await?;
        let opened = format!("document.title === {}", json!(title(view)));
        browser.until("the view is open", &opened).await?;
        let filled = "document.querySelector('main .card :is(tbody tr, li, .empty)')";
        browser.until("the view is filled", filled).await?;
        for (width, height) in SIZES {
            browser.resize(*width, *height).await?;
            for dark in [false, true] {
                browser.prefer(dark).await?;
                check(browser, &format!("{view} (width {width}, dark: {dark})"), axe).await?;
            }
        }
    }
    Ok(())
}

/// The title of a view: its subject, the view, the console.
fn title(view: &str) -> String {
    let (name, parameter) = view.split_once('/').unwrap_or((view, ""));
    let of = if parameter.is_empty() { String::new() } else { format!("{parameter} · ") };
    let initial = name[..1].to_ascii_uppercase();
    format!("{of}{initial}{} · Local stack", &name[1..])
}

async fn open_malformed_addresses(browser: &Browser, stack: &Stack) -> Result<()> {
    for (fragment, heading) in MALFORMED {
        // From nothing, and from a page that is open.
        browser.open("about:blank").await?;
        browser.open(&format!("{}{fragment}", stack.console)).await?;
        for way in ["loaded", "followed"] {
            let shown =
                format!("document.querySelector('main h1')?.textContent === {}", json!(heading));
            browser.until(&format!("{fragment} is {way}"), &shown).await?;
            browser.until_text("#live", "Live").await?;
            if fragment.starts_with("#/") && way == "loaded" {
                browser.evaluate("location.hash = '#/events'; return true").await?;
                browser.until_text("main h1", "Events").await?;
                browser
                    .evaluate(&format!("location.hash = {}; return true", json!(fragment)))
                    .await?;
            }
        }
        let thrown: Vec<_> = browser.messages().await?;
        let thrown: Vec<_> = thrown.iter().filter(|it| it.contains("Error:")).collect();
        ensure!(thrown.is_empty(), "{fragment}: {thrown:#?}");
    }
    Ok(())
}

async fn look_at_tables_and_logs(browser: &Browser, stack: &Stack) -> Result<()> {
    browser.open(&format!("{}#/tables/UsersTable", stack.console)).await?;
    for text in ["PROFILE", "AUDIT#", "EMAIL#ada@example.com"] {
        browser.until_text(".items", text).await?;
    }
    browser.open(&format!("{}#/logs", stack.console)).await?;
    browser.until_text("main .lines", "browser-paused").await
}
