//! Tests of the template language.

use super::{Dialect, ErrorVariables, Template, escape_javascript};
use crate::gateway::ApiIdentity;
use crate::gateway::context::Context;
use http::Request;
use jiff::Timestamp;
use rstest::rstest;

fn context() -> Context {
    let api = ApiIdentity {
        id: "api0000000".to_owned(),
        stage: "prod".to_owned(),
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let (parts, ()) = Request::builder()
        .uri("/prod/o'neil")
        .header("user-agent", "a \"quoted\" agent")
        .body(())
        .unwrap()
        .into_parts();
    Context::new(&api, &parts, "127.0.0.1:1".parse().unwrap(), Timestamp::UNIX_EPOCH)
}

const ERROR: ErrorVariables<'_> = ErrorVariables {
    message: "say \"please\"",
    response_type: "BAD_REQUEST_BODY",
    validation: "[object has missing required properties ([\"email\"])]",
};

#[rstest]
#[case::text(r#"{"statusCode": 404}"#, r#"{"statusCode": 404}"#)]
#[case::variable("stage $context.stage.", "stage prod.")]
#[case::braces("${context.stage}x", "prodx")]
#[case::money("costs $5 and $", "costs $5 and $")]
#[case::raw("$context.identity.userAgent", "a \"quoted\" agent")]
#[case::escaped("$util.escapeJavaScript($context.identity.userAgent)", "a \\\"quoted\\\" agent")]
#[case::escaped_path("$util.escapeJavaScript($context.path)", "\\/prod\\/o\\'neil")]
#[case::escaped_path_for_json(
    r#""$util.escapeJavaScript($context.path).replaceAll("\\'","'")""#,
    "\"\\/prod\\/o'neil\""
)]
#[case::no_value("[$context.identity.userArn]", "[]")]
fn a_mapping_template_renders(#[case] template: &str, #[case] expected: &str) {
    let template = Template::parse(template, Dialect::Mapping).unwrap();
    assert_eq!(template.render(&context(), ERROR), expected);
}

#[rstest]
#[case::message_with_quotes("{\"detail\": $context.error.messageString}", "say \"please\"")]
#[case::message_without("{\"detail\": \"$context.error.message\"}", "say \"please\"")]
#[case::validation(
    "{\"detail\": \"$context.error.validationErrorString\"}",
    "[object has missing required properties ([\"email\"])]"
)]
#[case::path("{\"detail\": \"$context.path\"}", "/prod/o'neil")]
fn a_gateway_response_is_json_whatever_the_values(#[case] template: &str, #[case] expected: &str) {
    let template = Template::parse(template, Dialect::GatewayResponse).unwrap();
    let rendered = template.render(&context(), ERROR);
    let document: serde_json::Value = serde_json::from_str(&rendered).unwrap();
    assert_eq!(document["detail"], expected);
}

#[rstest]
#[case::directive("#set($x = 1)", Dialect::Mapping, "#set")]
#[case::comment("## note", Dialect::Mapping, "##")]
#[case::input("$input.body", Dialect::Mapping, "$input.body")]
#[case::input_function("$input.json('$')", Dialect::Mapping, "$input.json")]
#[case::unknown_variable("$context.nope", Dialect::Mapping, "$context.nope")]
#[case::unknown_function("$util.base64Encode($context.path)", Dialect::Mapping, "$util.base64")]
#[case::unknown_method("$util.escapeJavaScript($context.path).trim()", Dialect::Mapping, ".trim")]
#[case::quiet("$!context.path", Dialect::Mapping, "$!")]
#[case::function_in_a_gateway_response(
    "$util.escapeJavaScript($context.path)",
    Dialect::GatewayResponse,
    "no functions"
)]
fn what_is_not_understood_is_an_error(
    #[case] template: &str,
    #[case] dialect: Dialect,
    #[case] words: &str,
) {
    let error = Template::parse(template, dialect).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}

#[test]
fn escaping_for_javascript_leaves_ascii_only() {
    assert_eq!(escape_javascript("é\n😀"), "\\u00E9\\n\\uD83D\\uDE00");
}
