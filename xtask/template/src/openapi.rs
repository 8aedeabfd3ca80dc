//! The OpenAPI 3.1 document, built from the same table as the template.

mod examples;
mod links;
mod parameters;
mod prose;
mod responses;

use serde_json::{Map, Value, json};
use users_contract::{OPERATIONS, Operation, OperationName, schema};

/// The sections of the document in the order that readers expect.
const SECTIONS: &[&str] =
    &["openapi", "info", "servers", "security", "tags", "paths", "components"];

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Users",
            "summary": "Register users, change them, list them, and read what was done to them.",
            "description": prose::description(),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": servers(),
        "security": [{"sigv4": []}],
        "tags": [
            {"name": "users", "description": "Registration, profile and status."},
            {"name": "roles", "description": "The roles of a user."},
            {"name": "audit", "description": "What was done to a user, by whom and when."},
        ],
        "paths": paths(),
        "components": {
            "headers": responses::headers(),
            "parameters": parameters::components(),
            "schemas": schema::components(),
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4 for the service `execute-api`, in \
    this header or as a presigned query. The caller's policies must allow `execute-api:Invoke` on the \
    method and path.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
            },
        },
    })
}

/// The OpenAPI document as text, always the same bytes.
#[must_use]
pub fn render_openapi() -> String {
    crate::render::document(&openapi(), SECTIONS)
}

fn servers() -> Value {
    let stage = json!({"default": "prod", "description": "Name of the API's stage."});
    json!([
        {
            "url": "https://{apiId}.execute-api.{region}.amazonaws.com/{stage}",
            "description": "A deployed stage; its stack shows the address as the output ApiUrl.",
            "variables": {
                "apiId": {"default": "api-id", "description": "Id of the REST API."},
                "region": {"default": "us-east-1", "description": "AWS region."},
                "stage": stage,
            },
        },
        {
            "url": "http://127.0.0.1:{port}/{stage}",
            "description": "The local stack.",
            "variables": {
                "port": {"default": "4510", "description": "Port of the local stack."},
                "stage": stage,
            },
        },
    ])
}

fn paths() -> Map<String, Value> {
    let mut paths: Map<String, Value> = Map::new();
    for row in OPERATIONS {
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        path[row.method.as_str().to_lowercase()] = operation(row);
    }
    paths
}

fn operation(row: &Operation) -> Value {
    let mut operation = json!({
        "operationId": row.id,
        "summary": row.summary,
        "description": prose::operation(row.name),
        "tags": [tag(row.name)],
        "parameters": parameters::of(row),
        "responses": responses::of(row),
    });
    if let Some(request) = row.request {
        let content: Map<_, _> = request
            .content_types
            .iter()
            .map(|content_type| {
                let schema = format!("#/components/schemas/{}", request.schema);
                ((*content_type).to_owned(), json!({"schema": {"$ref": schema}}))
            })
            .collect();
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

fn tag(name: OperationName) -> &'static str {
    match name {
        OperationName::RegisterUser
        | OperationName::GetUser
        | OperationName::UpdateUser
        | OperationName::SetStatus
        | OperationName::ListUsers => "users",
        OperationName::AssignRole | OperationName::RemoveRole => "roles",
        OperationName::QueryAudit => "audit",
    }
}
