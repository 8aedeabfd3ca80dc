//! Compares answers with the committed OpenAPI document.

use jsonschema::Validator;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use users_client::Response;
use users_contract::Operation;

static COMMITTED: LazyLock<Description> =
    LazyLock::new(|| Description::new(crate::committed::document("openapi.json")));

/// Whether the committed document describes this answer of an operation.
pub(crate) fn check(operation: &Operation, response: &Response) -> Result<(), String> {
    COMMITTED.check(operation, response)
}

/// An OpenAPI document, with the validators that were needed so far by the pointer of their schema.
struct Description {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Description {
    fn new(document: Value) -> Self {
        Self { document, validators: Mutex::new(HashMap::new()) }
    }

    fn check(&self, operation: &Operation, response: &Response) -> Result<(), String> {
        let pointer = self.follow(format!(
            "/paths/{}/{}/responses/{}",
            escape(operation.path),
            operation.method.as_str().to_ascii_lowercase(),
            response.status.as_u16()
        ));
        let Some(described) = self.document.pointer(&pointer) else {
            return Err(format!(
                "templates/openapi.json does not describe status {} of {}",
                response.status, operation.id
            ));
        };
        self.check_headers(&pointer, described, response)?;
        let Some(content) = described["content"].as_object() else {
            return if response.body.is_empty() {
                Ok(())
            } else {
                Err("templates/openapi.json describes no body".to_owned())
            };
        };
        let media_type = response.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !content.contains_key(media_type) {
            return Err(format!("templates/openapi.json does not describe {media_type}"));
        }
        let body = response.json().map_err(|error| format!("the body is not JSON: {error}"))?;
        let schema = format!("{pointer}/content/{}/schema", escape(media_type));
        let validator = self.validator(&schema)?;
        let problems: Vec<String> = validator
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }

    fn check_headers(
        &self,
        pointer: &str,
        described: &Value,
        response: &Response,
    ) -> Result<(), String> {
        for name in described["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            let header = self.follow(format!("{pointer}/headers/{}", escape(name)));
            let header = self.document.pointer(&header).unwrap_or(&Value::Null);
            if header["required"] == true && !response.headers.contains_key(name) {
                return Err(format!("templates/openapi.json requires the header {name}"));
            }
        }
        Ok(())
    }

    /// The pointer of a pointer's target, after following references.
    fn follow(&self, pointer: String) -> String {
        let mut pointer = pointer;
        while let Some(target) =
            self.document.pointer(&pointer).and_then(|value| value["$ref"].as_str())
        {
            target.trim_start_matches('#').clone_into(&mut pointer);
        }
        pointer
    }

    /// The validator of the schema at a pointer, with the components that it refers to.
    fn validator(&self, pointer: &str) -> Result<Arc<Validator>, String> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(pointer) {
            return Ok(Arc::clone(validator));
        }
        let Some(Value::Object(mut root)) = self.document.pointer(pointer).cloned() else {
            return Err(format!("templates/openapi.json has no schema at {pointer}"));
        };
        root.insert("components".to_owned(), self.document["components"].clone());
        let root = Value::Object(root);
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .build(&root)
            .map_err(|error| format!("templates/openapi.json{pointer} is not a schema: {error}"))?;
        let validator = Arc::new(validator);
        validators.insert(pointer.to_owned(), Arc::clone(&validator));
        Ok(validator)
    }
}

/// A name as one segment of a JSON Pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::{COMMITTED, Description};
    use serde_json::{Value, json};
    use users_client::Response;
    use users_contract::{OPERATIONS, Operation, OperationName, schema};

    fn description() -> Description {
        Description::new(json!({
            "paths": {"/users/{userId}": {"get": {"responses": {
                "200": {
                    "headers": {"ETag": {"required": true}},
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/User"}}
                    }
                },
                "304": {"description": "not modified"},
                "404": {"$ref": "#/components/responses/NotFound"}
            }}}},
            "components": {
                "schemas": schema::components(),
                "responses": {"NotFound": {"content": {
                    "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                }}}
            }
        }))
    }

    fn response(status: u16, media_type: &str, body: &str) -> Response {
        let response = http::Response::builder()
            .status(status)
            .header("content-type", media_type)
            .header("etag", "\"1\"")
            .body(())
            .unwrap();
        let (parts, ()) = response.into_parts();
        Response { status: parts.status, headers: parts.headers, body: body.to_owned().into() }
    }

    fn user() -> Value {
        json!({
            "userId": "01JD8Z6T3Y5V0Q4C9K2M7N8P1R", "email": "a@example.com", "status": "active",
            "roles": [], "version": 1,
            "createdAt": "2026-11-22T10:00:00.000Z", "updatedAt": "2026-11-22T10:00:00.000Z"
        })
    }

    fn check(response: &Response) -> Result<(), String> {
        description().check(Operation::of(OperationName::GetUser), response)
    }

    #[test]
    fn a_described_answer_passes() {
        assert_eq!(check(&response(200, "application/json", &user().to_string())), Ok(()));
        assert_eq!(check(&response(304, "application/json", "")), Ok(()));
    }

    #[test]
    fn the_committed_document_describes_every_answer_of_every_operation() {
        for operation in OPERATIONS {
            let problems = operation
                .all_errors()
                .into_iter()
                .map(|code| (code.status(), "application/problem+json"));
            let success = (operation.success.status, "application/json");
            for (status, media_type) in problems.chain([success]) {
                // An empty object breaks every schema: only a schema that was found can say so.
                let said = COMMITTED.check(operation, &response(status, media_type, "{}"));
                let id = operation.id;
                let complained = said.unwrap_err();
                assert!(
                    complained.contains("is a required property")
                        || complained.contains("requires the header"),
                    "{id} {status}: {complained}"
                );
            }
        }
    }

    #[test]
    fn an_undescribed_answer_is_caught() {
        let renamed = user().to_string().replace("userId", "userID");
        let extra = crate::sample::with(&user(), &json!({"extra": 1})).to_string();
        let half = "{\"status\": 404}";
        for (rule, response) in [
            ("does not describe status 418", response(418, "application/json", "{}")),
            ("does not describe text/plain", response(200, "text/plain", "hello")),
            ("\"userId\" is a required", response(200, "application/json", &renamed)),
            ("'extra' was unexpected", response(200, "application/json", &extra)),
            ("describes no body", response(304, "application/json", "{}")),
            ("\"code\" is a required", response(404, "application/problem+json", half)),
        ] {
            let said = check(&response).unwrap_err();
            assert!(said.contains(rule), "{rule}: {said}");
        }
        let mut bare = response(200, "application/json", &user().to_string());
        bare.headers.remove("etag");
        assert!(check(&bare).unwrap_err().contains("requires the header ETag"));
    }
}
