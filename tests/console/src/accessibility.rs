//! Accessibility of every view by screen reader and keyboard; and that the page loads nothing from
//! elsewhere.

use crate::browser::Browser;
use anyhow::{Context, Result, ensure};
use serde_json::json;

/// The elements that can have the focus.
const CONTROLS: &str = "a[href], button, input, select, summary, [tabindex='0']";

/// Checks the view that is open.
pub(crate) async fn check(browser: &Browser, view: &str, axe: Option<&str>) -> Result<()> {
    for control in browser.all(CONTROLS).await? {
        if !control.is_displayed().await? {
            continue;
        }
        let name = browser.name_of(&control).await?;
        let html = control.html(false).await?;
        ensure!(!name.trim().is_empty(), "{view}: a control has no name: {html}");
    }
    let structure = browser
        .evaluate(
            "const ids = [...document.querySelectorAll('[id]')].map((it) => it.id);
             const orders = [...document.querySelectorAll('[tabindex]')].map((it) => it.tabIndex);
             return {
               headings: document.querySelectorAll('h1').length,
               twice: ids.filter((id, at) => ids.indexOf(id) !== at),
               language: document.documentElement.lang,
               title: document.title,
               mains: document.querySelectorAll('main').length,
               current: document.querySelectorAll('nav [aria-current=page]').length,
               ordered: orders.filter((order) => order > 0).length,
               sideways: document.documentElement.scrollWidth > innerWidth,
               cut: [...document.querySelectorAll('header *, main *')]
                 .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
                 .map((it) => it.outerHTML.slice(0, 80)),
             }",
        )
        .await?;
    ensure!(structure["headings"] == 1, "{view} has {} main headings", structure["headings"]);
    ensure!(structure["twice"] == json!([]), "{view}: ids are not unique: {structure}");
    ensure!(structure["language"] == "en", "{view} does not say its language");
    let title = structure["title"].as_str().unwrap_or_default();
    ensure!(title.ends_with("Local stack") && title.len() > 15, "{view} has the title {title}");
    ensure!(structure["mains"] == 1 && structure["current"] == 1, "{view}: {structure}");
    ensure!(structure["ordered"] == 0, "{view} puts controls out of order");
    ensure!(structure["sideways"] == false, "{view} is wider than the window");
    ensure!(structure["cut"] == json!([]), "{view} cuts something off: {}", structure["cut"]);
    match axe {
        Some(script) => by_axe(browser, view, script).await,
        None => Ok(()),
    }
}

/// Checks the view against the rules of axe-core, including best practices.
async fn by_axe(browser: &Browser, view: &str, script: &str) -> Result<()> {
    browser.evaluate(&format!("{script}; return true")).await?;
    let found = browser
        .evaluate_async(
            "const done = arguments[arguments.length - 1];
             axe.run(document).then(
               (found) => done(found.violations.map((it) => ({
                 rule: it.id, help: it.help, at: it.nodes.map((node) => node.html),
               }))),
               (error) => done(String(error)));",
        )
        .await?;
    ensure!(found == json!([]), "{view} breaks rules of axe-core: {found:#}");
    Ok(())
}

/// Checks that everything was loaded from the stack itself and that the browser had nothing to
/// complain about.
pub(crate) async fn check_self_contained(browser: &Browser) -> Result<()> {
    let addresses = browser
        .evaluate(
            "return performance.getEntriesByType('resource').map((it) => it.name)
               .filter((name) => new URL(name).origin !== location.origin)",
        )
        .await?;
    ensure!(addresses == json!([]), "the page loads from elsewhere: {addresses}");
    let messages = browser.messages().await?;
    ensure!(messages.is_empty(), "the browser complains: {messages:#?}");
    Ok(())
}

/// Checks that the focus is visible.
pub(crate) async fn check_focus_is_visible(browser: &Browser) -> Result<()> {
    let outline = browser
        .evaluate(
            "const style = getComputedStyle(document.activeElement);
             return [style.outlineStyle, parseFloat(style.outlineWidth)]",
        )
        .await?;
    let width = outline[1].as_f64().context("an outline has no width")?;
    ensure!(outline[0] != "none" && width >= 2.0, "the focus is not visible: {outline}");
    Ok(())
}
