//! Problem documents and headers of the gateway's own answers.

use serde_json::Value;
use users_contract::{ErrorCode, header};

use crate::stages::Stage;

/// The content type of an error.
pub(super) const CONTENT_TYPE: &str = "application/problem+json";

/// The content type that templates are filed under. The gateway picks a template by content type
/// and takes this one when in doubt; the `Content-Type` header is set on its own.
pub(super) const TEMPLATE_KEY: &str = "application/json";

/// The path as the caller sees it, for a gateway response. It is as it was in the request line,
/// where quotes and backslashes are percent-encoded; there is no function to escape it with.
pub(super) const PLAIN_PATH: &str = "\"$context.path\"";

/// The same for a mapping template, where it can be escaped: for JavaScript, whose `\'` JSON does
/// not know and so is turned back.
pub(super) const ESCAPED_PATH: &str =
    r#""$util.escapeJavaScript($context.path).replaceAll("\\'","'")""#;

/// A template of a problem document. `detail` and `instance` are JSON or variables that become
/// JSON, quotes included.
pub(super) fn template(code: ErrorCode, detail: &str, instance: &str) -> String {
    format!(
        "{{\"type\": {}, \"title\": {}, \"status\": {}, \"code\": {}, \"detail\": {detail}, \
         \"instance\": {instance}, \"correlationId\": \"$context.requestId\"}}",
        quoted(&code.urn()),
        quoted(code.title()),
        code.status(),
        quoted(code.as_str()),
    )
}

/// Text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The headers that every answer of the gateway's own has, by name, as the sources of mappings: a
/// quoted text, or a variable.
pub(super) fn headers(stage: &Stage, content_type: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Access-Control-Allow-Origin", fixed(&stage.cors_allow_origin)),
        ("Access-Control-Expose-Headers", fixed(header::EXPOSED)),
        ("Cache-Control", fixed("no-store")),
        ("Content-Type", fixed(content_type)),
        ("X-Correlation-Id", "context.requestId".to_owned()),
    ]
}

/// A fixed text as the source of a header.
pub(super) fn fixed(text: &str) -> String {
    format!("'{text}'")
}
