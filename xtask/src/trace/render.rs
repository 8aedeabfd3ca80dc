//! The text for people.

use crate::logs;
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use users_support::log_line::escaped;

const HEADING: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Characters of the longest bar.
const BAR: usize = 40;

/// The whole text.
pub(super) fn text(found: &Value) -> String {
    let mut lines = Vec::new();
    lines.extend(list(found, "requests").iter().map(request));
    for trace in list(found, "traces") {
        let id = text_of(trace, "traceId");
        lines.push(format!("\n{HEADING}Trace{HEADING:#} {FAINT}{id}{FAINT:#}"));
        lines.extend(waterfall(trace));
    }
    section(&mut lines, "Audit entries", &list(found, "items"), item);
    if found["searchedAllItems"] == false {
        lines.push("  (only a part of the tables was searched)".to_owned());
    }
    section(&mut lines, "Events", &list(found, "events"), event);
    section(&mut lines, "Log lines", &list(found, "logs"), |record| {
        format!("  {}", logs::text(record))
    });
    lines.join("\n")
}

fn section(lines: &mut Vec<String>, name: &str, found: &[&Value], show: impl Fn(&Value) -> String) {
    lines.push(format!("\n{HEADING}{name}{HEADING:#}"));
    lines.extend(found.iter().map(|it| show(it)));
    if found.is_empty() {
        lines.push(format!("  {FAINT}none{FAINT:#}"));
    }
}

fn list<'a>(found: &'a Value, name: &str) -> Vec<&'a Value> {
    found[name].as_array().into_iter().flatten().collect()
}

/// A member of an object as text without control characters.
fn text_of(object: &Value, name: &str) -> String {
    match &object[name] {
        Value::Null => String::new(),
        Value::String(text) => escaped(text).into_owned(),
        other => escaped(&other.to_string()).into_owned(),
    }
}

fn request(request: &&Value) -> String {
    let status = request["status"].as_u64().unwrap_or_default();
    let style = style_of(status);
    format!(
        "{HEADING}{} {}{HEADING:#} {style}{status}{style:#} {:.1} ms",
        text_of(request, "method"),
        escaped(request["resource"].as_str().unwrap_or("(no resource)")),
        request["durationMs"].as_f64().unwrap_or_default()
    )
}

fn style_of(status: u64) -> Style {
    match status {
        500.. => AnsiColor::Red.on_default(),
        400.. => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Green.on_default(),
    }
}

/// A line for each span: its name, indented below its parent's, a bar, its duration, and details.
fn waterfall(trace: &Value) -> Vec<String> {
    let total = trace["durationMs"].as_f64().unwrap_or_default();
    let spans = list(trace, "spans");
    let name = |span: &Value| {
        let depth = span["depth"].as_u64().and_then(|depth| usize::try_from(depth).ok());
        format!("{}{}", "  ".repeat(depth.unwrap_or_default() + 1), text_of(span, "name"))
    };
    let width = spans.iter().map(|span| name(span).chars().count()).max().unwrap_or_default();
    let row = |span: &&Value| {
        let of = |name: &str| span[name].as_f64().unwrap_or_default();
        let style = match (span["problem"].as_str(), span["kind"].as_str()) {
            (Some(_), _) => AnsiColor::Red.on_default(),
            (None, Some("aws")) => AnsiColor::Yellow.on_default(),
            (None, Some("function")) => AnsiColor::Cyan.on_default(),
            (None, Some("lambda")) => AnsiColor::Magenta.on_default(),
            (None, _) => AnsiColor::Blue.on_default(),
        };
        let (before, length, after) = bar(of("offsetMs"), of("durationMs"), total);
        let mut line = format!(
            "{:width$} {}{style}{}{style:#}{} {:>9}",
            name(span),
            " ".repeat(before),
            "█".repeat(length),
            " ".repeat(after),
            format!("{:.1} ms", of("durationMs"))
        );
        let mut more = vec![text_of(span, "status")];
        let detail = span["detail"].as_array().into_iter().flatten();
        more.extend(detail.filter_map(Value::as_str).map(|it| escaped(it).into_owned()));
        for word in more.iter().filter(|word| !word.is_empty()) {
            line.push_str(&format!("  {word}"));
        }
        line
    };
    spans.iter().map(row).collect()
}

/// Characters before, in and after a bar, which has at least one.
fn bar(offset: f64, duration: f64, total: f64) -> (usize, usize, usize) {
    let scale = |part: f64| match total > 0.0 {
        true => (BAR as f64 * (part / total).clamp(0.0, 1.0)).round() as usize,
        false => 0,
    };
    let before = scale(offset).min(BAR - 1);
    let length = scale(offset + duration).saturating_sub(before).max(1);
    (before, length, BAR - before - length)
}

fn item(found: &Value) -> String {
    let item = &found["item"];
    let keys: Vec<_> = ["pk", "sk", "id"]
        .iter()
        .map(|key| text_of(item, key))
        .filter(|key| !key.is_empty())
        .collect();
    format!(
        "  {}  version {}  {}  {FAINT}{} {}{FAINT:#}",
        text_of(item, "at"),
        text_of(item, "version"),
        text_of(item, "action"),
        text_of(found, "table"),
        keys.join(" ")
    )
}

fn event(event: &Value) -> String {
    format!(
        "  {}  {}  {FAINT}{} number {}, event {}{FAINT:#}",
        text_of(event, "time"),
        text_of(event, "detailType"),
        text_of(event, "bus"),
        text_of(event, "seq"),
        text_of(&event["detail"], "eventId")
    )
}

#[cfg(test)]
mod tests {
    use super::{BAR, bar, text};
    use serde_json::json;

    #[test]
    fn bars_lie_within_the_line() {
        assert_eq!(bar(0.0, 10.0, 10.0), (0, BAR, 0));
        assert_eq!(bar(5.0, 2.5, 10.0), (20, 10, 10));
        assert_eq!(bar(10.0, 0.0, 10.0), (BAR - 1, 1, 0));
        assert_eq!(bar(0.0, 0.0, 0.0), (0, 1, BAR - 1));
        assert_eq!(bar(9.0, 5.0, 10.0), (36, 4, 0));
    }

    #[test]
    fn every_section_is_shown() {
        let found = json!({
            "requests": [{"method": "PATCH", "resource": "/users/{userId}", "status": 200,
                          "durationMs": 27.74}],
            "traces": [{"traceId": "1-a", "durationMs": 20.0, "spans": [
                {"depth": 0, "name": "PATCH /users/{userId}", "kind": "gateway", "offsetMs": 0.0,
                 "durationMs": 20.0, "status": 200, "problem": null, "detail": []},
                {"depth": 1, "name": "DynamoDB GetItem", "kind": "aws", "offsetMs": 10.0,
                 "durationMs": 5.0, "status": 500, "problem": "fault", "detail": ["2 retries"]}
            ]}],
            "items": [{"table": "UsersTable", "item": {
                "pk": "USER#1", "sk": "AUDIT#2", "version": 3, "action": "user.profile-updated",
                "at": "2026-11-22T10:00:00.000Z"}}],
            "searchedAllItems": true,
            "events": [{"time": "2026-11-22T10:00:00.100Z", "detailType": "UserProfileUpdated",
                        "bus": "local-audit", "seq": 7, "detail": {"eventId": "2"}}],
            "logs": [{"at": "2026-11-22T10:00:00.050Z", "source": "api",
                      "message": "{\"method\":\"PATCH\\u001b\",\"status\":\"200\"}"}]
        });
        let shown = anstream::adapter::strip_str(&text(&found)).to_string();
        let half = format!("{}{}{}", " ".repeat(20), "█".repeat(10), " ".repeat(10));
        for line in [
            "PATCH /users/{userId} 200 27.7 ms".to_owned(),
            format!("  PATCH /users/{{userId}} {}   20.0 ms  200", "█".repeat(BAR)),
            format!("    DynamoDB GetItem    {half}    5.0 ms  500  2 retries"),
            "  2026-11-22T10:00:00.000Z  version 3  user.profile-updated  UsersTable USER#1 AUDIT#2"
                .to_owned(),
            "  2026-11-22T10:00:00.100Z  UserProfileUpdated  local-audit number 7, event 2".to_owned(),
            r"  2026-11-22T10:00:00.050Z INFO  api                   PATCH\u{1b} - 200".to_owned(),
        ] {
            assert!(shown.lines().any(|found| found == line), "{line}\nis not in\n{shown}");
        }
    }

    #[test]
    fn empty_sections_are_marked() {
        let shown =
            text(&json!({"items": [], "events": [], "logs": [], "searchedAllItems": false}));
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert_eq!(shown.matches("  none").count(), 3, "{shown}");
        assert!(shown.contains("only a part of the tables"), "{shown}");
    }
}
