//! The OpenAPI document.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use users_contract::{ErrorCode, OPERATIONS, Operation, ParameterKind, RequestHeader, limits};
use users_template::openapi;

use crate::support::walk;

fn operation<'a>(document: &'a Value, row: &Operation) -> &'a Value {
    &document["paths"][row.path][row.method.as_str().to_lowercase()]
}

/// What a `$ref` points at, or the value itself.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

#[test]
fn it_has_exactly_the_operations_of_the_contract() {
    let document = openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let mut found = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            found.insert((
                path.as_str(),
                method.to_uppercase(),
                operation["operationId"].as_str().unwrap(),
            ));
        }
    }
    let expected: BTreeSet<_> =
        OPERATIONS.iter().map(|row| (row.path, row.method.as_str().to_owned(), row.id)).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_reference_resolves_and_every_component_is_used() {
    let document = openapi();
    let mut used = BTreeSet::new();
    walk(&document, &mut |value| {
        if let Some(reference) = value["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} points at nothing");
            used.insert(reference.to_owned());
        }
    });
    for kind in ["headers", "parameters", "schemas"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(used.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name}");
        }
    }
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    assert_eq!(document["security"], json!([{"sigv4": []}]));
    assert_eq!(schemes["sigv4"]["x-amazon-apigateway-authtype"], "awsSigv4");
}

#[test]
fn parameters_are_those_of_the_contract() {
    let document = openapi();
    for row in OPERATIONS {
        let found: Vec<_> = operation(&document, row)["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|parameter| {
                let parameter = resolve(&document, parameter);
                assert!(parameter["description"].is_string(), "{parameter}");
                let text = |key: &str| parameter[key].as_str().unwrap().to_owned();
                (text("in"), text("name"), parameter["required"] == true)
            })
            .collect();
        let mut expected = Vec::new();
        for parameter in row.path_parameters {
            expected.push(("path".to_owned(), parameter.name.to_owned(), true));
        }
        for parameter in row.query_parameters {
            expected.push(("query".to_owned(), parameter.name.to_owned(), false));
        }
        for header in row.headers {
            let name = match header {
                RequestHeader::IdempotencyKey => "Idempotency-Key",
                RequestHeader::IfMatch => "If-Match",
                RequestHeader::IfNoneMatch => "If-None-Match",
            };
            expected.push(("header".to_owned(), name.to_owned(), false));
        }
        expected.push(("header".to_owned(), "X-Correlation-Id".to_owned(), false));
        assert_eq!(found, expected, "{}", row.id);
    }
}

#[test]
fn schemas_of_query_parameters_take_their_defaults_and_words() {
    let document = openapi();
    for row in OPERATIONS {
        let parameters = operation(&document, row)["parameters"].as_array().unwrap();
        for parameter in row.query_parameters {
            let schema =
                &parameters.iter().find(|found| found["name"] == parameter.name).unwrap()["schema"];
            let validator = jsonschema::validator_for(schema).unwrap();
            let (good, bad) = match parameter.kind {
                ParameterKind::Integer { min, max, default } => {
                    assert_eq!(schema["default"], default);
                    (json!([min, max, default]), json!([min - 1, max + 1, "1"]))
                }
                ParameterKind::Enum { values, .. } => (json!(values), json!(["", "nonsense"])),
                ParameterKind::Pattern(_) => (json!(["billing:read"]), json!(["Billing", ""])),
                ParameterKind::Email => {
                    (json!(["ada@example.com", " ada@example.com "]), json!(["", "a", "a @b.c"]))
                }
                ParameterKind::Text { max_bytes } => {
                    let bad = json!(["x".repeat(max_bytes + 1), "x\u{80}"]);
                    (json!(["x".repeat(max_bytes)]), bad)
                }
                ParameterKind::DateTime => (json!(["2026-11-22T10:00:00Z"]), json!([1])),
            };
            for value in good.as_array().unwrap() {
                assert!(validator.is_valid(value), "{} {value}", parameter.name);
            }
            for value in bad.as_array().unwrap() {
                assert!(!validator.is_valid(value), "{} {value}", parameter.name);
            }
        }
    }
}

#[test]
fn texts_have_no_control_character_wherever_it_stands() {
    for (pattern, can_be_blank) in
        [(limits::TEXT_PATTERN, true), (limits::NON_BLANK_TEXT_PATTERN, false)]
    {
        let validator = jsonschema::validator_for(&json!({"pattern": pattern})).unwrap();
        for character in ('\0'..='\u{ff}').chain(['\u{2028}', '\u{1f600}']) {
            for (before, after) in [("", ""), ("", "ab"), ("a", "b"), ("ab", ""), (" ", " ")] {
                let text = format!("{before}{character}{after}");
                let expected = !character.is_control() && (can_be_blank || !text.trim().is_empty());
                assert_eq!(validator.is_valid(&json!(text)), expected, "{pattern} {text:?}");
            }
        }
    }
}

#[test]
fn requests_may_have_white_space_around_texts_that_are_trimmed() {
    let document = openapi();
    let rows = [
        ("email", "ada@example.com"),
        ("email", "jörg+x@例え.テスト"),
        ("phoneNumber", "+441234567890"),
        ("locale", "en-GB"),
        ("displayName", "Ada Lovelace"),
    ];
    let around = [(" ", ""), ("", " "), ("\u{3000}", "\u{a0}"), ("\u{2028} ", "\u{2003}\u{205f}")];
    for (field, value) in rows {
        let valid = |schema: &str, text: &str| {
            let schema = &document["components"]["schemas"][schema]["properties"][field];
            jsonschema::validator_for(schema).unwrap().is_valid(&json!(text))
        };
        for schema in ["RegisterUser", "UpdateUser", "User"] {
            assert!(valid(schema, value), "{schema} {field}");
        }
        for (before, after) in around {
            let text = format!("{before}{value}{after}");
            assert!(valid("RegisterUser", &text), "{field} {text:?}");
            assert!(valid("UpdateUser", &text), "{field} {text:?}");
        }
        for (before, after) in [("\n", ""), ("", "\t"), ("\u{85}", ""), ("", "\u{7f}")] {
            let text = format!("{before}{value}{after}");
            assert!(!valid("RegisterUser", &text), "{field} {text:?}");
        }
    }
    for (field, value) in &rows[..4] {
        let schema = &document["components"]["schemas"]["User"]["properties"][field];
        let validator = jsonschema::validator_for(schema).unwrap();
        assert!(!validator.is_valid(&json!(format!(" {value}"))), "{field} is shown trimmed");
    }
}

#[test]
fn request_bodies_have_their_schema_for_each_content_type() {
    let document = openapi();
    for row in OPERATIONS {
        let body = &operation(&document, row)["requestBody"];
        let Some(request) = row.request else {
            assert_eq!(body, &Value::Null, "{}", row.id);
            continue;
        };
        assert_eq!(body["required"], true, "{}", row.id);
        let content = body["content"].as_object().unwrap();
        let found: BTreeSet<_> = content.keys().map(String::as_str).collect();
        assert_eq!(found, request.content_types.iter().copied().collect(), "{}", row.id);
        for media in content.values() {
            let schema = format!("#/components/schemas/{}", request.schema);
            assert_eq!(media["schema"], json!({"$ref": schema}));
        }
    }
}

#[test]
fn responses_are_the_success_and_every_error_by_status() {
    let document = openapi();
    for row in OPERATIONS {
        let responses = operation(&document, row)["responses"].as_object().unwrap();
        let mut expected: BTreeSet<_> =
            row.all_errors().iter().map(|code| code.status().to_string()).collect();
        expected.insert(row.success.status.to_string());
        if row.answers_not_modified() {
            expected.insert("304".to_owned());
            assert_eq!(responses["304"]["content"], Value::Null);
        }
        assert_eq!(responses.keys().cloned().collect::<BTreeSet<_>>(), expected, "{}", row.id);
        for code in row.all_errors() {
            let response = &responses[&code.status().to_string()];
            let description = response["description"].as_str().unwrap();
            assert!(description.contains(&format!("`{code}`")), "{}: {description}", row.id);
            let content = &response["content"]["application/problem+json"];
            assert_eq!(content["schema"], json!({"$ref": "#/components/schemas/Problem"}));
            let example = &content["examples"][code.as_str()]["value"];
            assert_eq!(example["code"], code.as_str(), "{}", row.id);
            assert_eq!(example["status"], code.status(), "{}", row.id);
            if code.retry_after_seconds().is_some() {
                assert!(response["headers"]["Retry-After"].is_object(), "{} {code}", row.id);
            }
        }
    }
}

#[test]
fn responses_have_their_headers() {
    let document = openapi();
    for row in OPERATIONS {
        let responses = operation(&document, row)["responses"].as_object().unwrap();
        for (status, response) in responses {
            for name in ["Access-Control-Allow-Origin", "Cache-Control", "X-Correlation-Id"] {
                let header = resolve(&document, &response["headers"][name]);
                assert!(header["description"].is_string(), "{} {status} {name}", row.id);
                assert!(header["schema"].is_object(), "{} {status} {name}", row.id);
            }
        }
        let success = &responses[&row.success.status.to_string()]["headers"];
        assert_eq!(success["ETag"].is_object(), row.success.etag, "{}", row.id);
        assert_eq!(success["Location"].is_object(), row.success.location, "{}", row.id);
        assert_eq!(success["Idempotent-Replayed"].is_object(), row.is_write(), "{}", row.id);
    }
}

#[test]
fn examples_and_schemas_agree() {
    let document = openapi();
    let mut checked = 0;
    let mut check = |schema: &Value, example: &Value, place: &str| {
        let mut schema = schema.clone();
        // The schemas refer to each other by their place in this document.
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator.iter_errors(example).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{place}: {errors:?}");
        checked += 1;
    };
    for row in OPERATIONS {
        let responses = operation(&document, row)["responses"].as_object().unwrap();
        for (status, response) in responses {
            for media in response["content"].as_object().into_iter().flat_map(|map| map.values()) {
                for example in media["examples"].as_object().unwrap().values() {
                    let place = format!("{} {status}", row.id);
                    check(&media["schema"], &example["value"], &place);
                }
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            check(schema, example, name);
        }
    }
    assert!(checked > OPERATIONS.len() * ErrorCode::ALL.len() / 2, "only {checked} examples");
}

#[test]
fn the_description_answers_what_the_schemas_leave_open() {
    let document = openapi();
    let description = document["info"]["description"].as_str().unwrap();
    for words in
        ["Control characters", "before trimming", "White_Space", "Idempotency-Key", "preflight"]
    {
        assert!(description.contains(words), "{words}");
    }
}

#[test]
fn links_lead_from_what_is_there_to_parameters_that_are_there() {
    let document = openapi();
    let mut followed = BTreeSet::new();
    for row in OPERATIONS {
        let operation_here = operation(&document, row);
        let success = &operation_here["responses"][row.success.status.to_string()];
        let example = &success["content"]["application/json"]["examples"]["success"]["value"];
        let names = |row: &Operation| -> BTreeSet<String> {
            let parameters = operation(&document, row)["parameters"].as_array().unwrap();
            let parameters = parameters.iter().map(|parameter| resolve(&document, parameter));
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            parameters.map(|it| format!("{}.{}", text(&it["in"]), text(&it["name"]))).collect()
        };
        for (key, link) in success["links"].as_object().into_iter().flatten() {
            let to = OPERATIONS.iter().find(|row| link["operationId"] == row.id);
            let to = to.unwrap_or_else(|| panic!("{}.{key} leads to nothing", row.id));
            followed.insert(to.id);
            assert!(link["description"].is_string(), "{key}");
            for (name, expression) in link["parameters"].as_object().unwrap() {
                assert!(names(to).contains(name), "{key}: {} has no {name}", to.id);
                let expression = expression.as_str().unwrap();
                let is_there = if let Some(pointer) = expression.strip_prefix("$response.body#") {
                    // Only the last page of a list has no cursor.
                    example.pointer(pointer).is_some() || pointer == "/nextCursor"
                } else if let Some(header) = expression.strip_prefix("$response.header.") {
                    success["headers"].get(header).is_some()
                } else {
                    names(row).contains(expression.strip_prefix("$request.").unwrap())
                };
                assert!(is_there, "{key}: {} has no {expression}", row.id);
            }
        }
    }
    let all: BTreeSet<_> = OPERATIONS.iter().map(|row| row.id).collect();
    let unreached: Vec<_> = all.difference(&followed).collect();
    assert_eq!(unreached, [&"registerUser"], "where each sequence begins");
}
