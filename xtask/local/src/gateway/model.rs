//! Validation of bodies against models: JSON Schema draft 4, in the words of API Gateway.

use anyhow::anyhow;
use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;
use std::collections::BTreeMap;

/// Validators by media type.
#[derive(Debug)]
pub(super) struct BodyValidator(BTreeMap<String, Validator>);

impl BodyValidator {
    /// Compiles models.
    pub(super) fn new(models: &BTreeMap<String, Value>) -> anyhow::Result<Self> {
        let mut validators = BTreeMap::new();
        for (media_type, schema) in models {
            let validator = jsonschema::draft4::new(schema)
                .map_err(|error| anyhow!("the model for {media_type} is not valid: {error}"))?;
            validators.insert(media_type.clone(), validator);
        }
        Ok(Self(validators))
    }

    /// Validates a body. A body of a media type without a model passes.
    ///
    /// # Errors
    /// The problems, in the form of `$context.error.validationErrorString`, without values of the
    /// body.
    pub(super) fn validate(&self, media_type: &str, body: &[u8]) -> Result<(), String> {
        let Some(validator) = self.0.get(media_type) else { return Ok(()) };
        let Ok(instance) = serde_json::from_slice::<Value>(body) else {
            return Err("Invalid request body".to_owned());
        };
        let mut problems = Vec::new();
        // One text names all missing members of an object.
        let mut missing = BTreeMap::<String, Vec<String>>::new();
        for error in validator.iter_errors(&instance) {
            match error.kind() {
                ValidationErrorKind::Required { property } => {
                    missing
                        .entry(error.instance_path().to_string())
                        .or_default()
                        .push(property.to_string());
                }
                ValidationErrorKind::Type { kind } => problems.push(format!(
                    "instance type ({}) does not match any allowed primitive type (allowed: [{}])",
                    type_name(error.instance()),
                    allowed(kind).join(",")
                )),
                _ => problems.push(error.masked_with("the value").to_string()),
            }
        }
        for properties in missing.values() {
            let properties = properties.join(",");
            problems.push(format!("object has missing required properties ([{properties}])"));
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(format!("[{}]", problems.join(", "))),
        }
    }
}

fn allowed(kind: &TypeKind) -> Vec<String> {
    let quoted = |name: String| format!("\"{name}\"");
    let mut names: Vec<_> = match kind {
        TypeKind::Single(single) => vec![quoted(single.to_string())],
        TypeKind::Multiple(set) => set.into_iter().map(|kind| quoted(kind.to_string())).collect(),
    };
    names.sort();
    names
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::BodyValidator;
    use rstest::rstest;
    use serde_json::json;

    fn validator() -> BodyValidator {
        let model = json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "type": "object",
            "required": ["email", "name"],
            "properties": {
                "email": {"type": "string"},
                "name": {"type": ["string", "null"]},
                "age": {"type": "integer", "maximum": 150}
            }
        });
        BodyValidator::new(&[("application/json".to_owned(), model)].into()).unwrap()
    }

    #[rstest]
    #[case::valid(br#"{"email": "a@b.c", "name": null}"#, None)]
    #[case::broken(b"{", Some("Invalid request body"))]
    #[case::empty(b"", Some("Invalid request body"))]
    #[case::not_utf8(b"{\"email\": \"\xff\"}", Some("Invalid request body"))]
    #[case::missing(b"{}", Some(r#"[object has missing required properties (["email","name"])]"#))]
    #[case::type_of_member(
        br#"{"email": 1, "name": ""}"#,
        Some(
            r#"[instance type (integer) does not match any allowed primitive type (allowed: ["string"])]"#
        )
    )]
    #[case::one_of_several_types(
        br#"{"email": "", "name": []}"#,
        Some(
            r#"[instance type (array) does not match any allowed primitive type (allowed: ["null","string"])]"#
        )
    )]
    #[case::not_an_object(
        b"[]",
        Some(
            r#"[instance type (array) does not match any allowed primitive type (allowed: ["object"])]"#
        )
    )]
    fn problems_have_the_texts_of_api_gateway(#[case] body: &[u8], #[case] expected: Option<&str>) {
        let problem = validator().validate("application/json", body).err();
        assert_eq!(problem.as_deref(), expected);
    }

    #[test]
    fn the_body_is_not_quoted() {
        let body = br#"{"email": "", "name": "", "age": 151}"#;
        let problem = validator().validate("application/json", body).unwrap_err();
        assert!(!problem.contains("151"), "{problem}");
    }

    #[test]
    fn another_media_type_is_not_judged() {
        assert_eq!(validator().validate("text/plain", b"{"), Ok(()));
    }
}
