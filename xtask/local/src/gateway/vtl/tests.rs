//! Tests of the template language.

use super::{Dialect, ErrorVariables, Template};
use crate::gateway::context::RequestContext;
use crate::gateway::testing::context;
use http::Request;
use rstest::rstest;

fn request(path: &str) -> RequestContext {
    context(&Request::builder().uri(path).body(()).unwrap().into_parts().0)
}

const ERROR: ErrorVariables<'_> = ErrorVariables {
    message: "say \"please\"",
    response_type: "BAD_REQUEST_BODY",
    validation: "[object has missing required properties ([\"email\"])]",
};

#[rstest]
#[case::text(r#"{"statusCode": 404}"#, r#"{"statusCode": 404}"#)]
#[case::variable("path $context.path.", "path /prod/a\"b.")]
#[case::money("costs $5 and $", "costs $5 and $")]
#[case::escaped(
    r#""$util.escapeJavaScript($context.path).replaceAll("\\'","'")""#,
    "\"/prod/a\\\"b\""
)]
fn a_mapping_template_renders(#[case] template: &str, #[case] expected: &str) {
    let template = Template::parse(template, Dialect::Mapping).unwrap();
    let mut context = request("/");
    "/prod/a\"b".clone_into(&mut context.path);
    assert_eq!(template.render(&context, ERROR), expected);
}

#[rstest]
#[case::message_with_quotes("{\"detail\": $context.error.messageString}", "say \"please\"")]
#[case::message_without("{\"detail\": \"$context.error.message\"}", "say \"please\"")]
#[case::validation(
    "{\"detail\": \"$context.error.validationErrorString\"}",
    "[object has missing required properties ([\"email\"])]"
)]
#[case::path("{\"detail\": \"$context.path\"}", "/prod/o'neil")]
fn a_gateway_response_is_json_for_any_value(#[case] template: &str, #[case] expected: &str) {
    let template = Template::parse(template, Dialect::GatewayResponse).unwrap();
    let rendered = template.render(&request("/prod/o'neil"), ERROR);
    let document: serde_json::Value = serde_json::from_str(&rendered).unwrap();
    assert_eq!(document["detail"], expected);
}

#[rstest]
#[case::directive("#set($x = 1)", Dialect::Mapping, "#set")]
#[case::comment("## note", Dialect::Mapping, "##")]
#[case::input("$input.body", Dialect::Mapping, "$input.body")]
#[case::unknown_variable("$context.nope", Dialect::Mapping, "$context.nope")]
#[case::braces("${context.path}", Dialect::Mapping, "${context")]
#[case::unknown_function("$util.base64Encode($context.path)", Dialect::Mapping, "$util.base64")]
#[case::apostrophes_for_json("$util.escapeJavaScript($context.path)", Dialect::Mapping, "$util")]
#[case::method("$context.path.trim()", Dialect::Mapping, "$context.path.trim")]
#[case::function_in_a_gateway_response(
    r#"$util.escapeJavaScript($context.path).replaceAll("\\'","'")"#,
    Dialect::GatewayResponse,
    "$util"
)]
fn an_unsupported_template_is_an_error(
    #[case] template: &str,
    #[case] dialect: Dialect,
    #[case] words: &str,
) {
    let error = Template::parse(template, dialect).unwrap_err().to_string();
    assert!(error.contains(words), "{error}");
}
