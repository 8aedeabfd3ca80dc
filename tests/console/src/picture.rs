//! The picture of the console that is in the documentation.

use crate::browser::Browser;
use crate::stack::{Stack, call};
use anyhow::{Context, Result};
use http::Method;
use serde_json::json;
use std::path::Path;

/// The size of the picture, in pixels: all that a call has left behind is on it.
const SIZE: (u32, u32) = (1360, 1040);

/// Makes some calls, opens a view and writes a picture of it.
pub(crate) async fn take(browser: &Browser, stack: &Stack, view: &str, path: &Path) -> Result<()> {
    let ada = json!({"email": "ada@example.com", "displayName": "Ada Lovelace"});
    let user = call(stack, Method::POST, "/users", "signup-ada", Some(ada.clone()), 201).await?;
    let user = user["userId"].as_str().context("a user has no id")?.to_owned();
    let profile = format!("/users/{user}");
    let (roles, status) = (format!("{profile}/roles"), format!("{profile}/status"));
    let grace = json!({"email": "grace@example.com", "displayName": "Grace Hopper"});
    let locale = json!({"locale": "en-GB", "attributes": {"team": "analytics"}});
    let leave = json!({"status": "disabled", "reason": "on leave"});
    for (method, path, id, body, expected) in [
        (Method::GET, profile.as_str(), "profile-page-1", None, 200),
        (Method::POST, "/users", "signup-grace", Some(grace), 201),
        (Method::POST, "/users", "signup-ada-again", Some(ada), 409),
        (Method::POST, roles.as_str(), "grant-billing", Some(json!({"role": "billing:read"})), 200),
        (Method::GET, "/users", "nightly-export-17", None, 200),
        (Method::PATCH, profile.as_str(), "checkout-41", Some(locale), 200),
        (Method::GET, profile.as_str(), "profile-page-2", None, 200),
        (Method::GET, "/users/nobody", "typo-in-a-link", None, 404),
        (Method::PUT, status.as_str(), "leave-of-ada", Some(leave), 200),
        // Once more, so that no function of it starts cold.
        (Method::PATCH, profile.as_str(), "checkout-42", Some(json!({"locale": "fr-FR"})), 200),
    ] {
        call(stack, method, path, id, body, expected).await?;
    }
    let address = match view {
        "calls" => "calls/checkout-42".to_owned(),
        "users" => format!("users/{user}"),
        "tables" => "tables/UsersTable".to_owned(),
        other => other.to_owned(),
    };
    let (width, height) = SIZE;
    browser.resize(width, height).await?;
    browser.open(&format!("{}#/{address}", stack.console)).await?;
    browser.until_text("#live", "Live").await?;
    browser.until("the view is filled", "document.querySelector('main .card')").await?;
    if view == "calls" {
        browser.until_text("#events", "UserProfileUpdated").await?;
        browser.until_text(".waterfall", "TransactWriteItems").await?;
    }
    // Rows that are new are marked for a moment.
    browser.until("nothing moves", "document.getAnimations().length === 0").await?;
    let picture = browser.picture().await?;
    std::fs::write(path, picture).with_context(|| format!("cannot write {}", path.display()))
}
