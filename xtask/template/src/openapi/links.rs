//! Links from the response of one operation to calls of others, for readers of the document and for
//! tools that test sequences of operations.

use serde_json::{Map, Value, json};
use users_contract::{Operation, OperationName};

/// The user of the answer.
const USER_ID: &str = "$response.body#/userId";
/// The version of the answer.
const ETAG: &str = "$response.header.ETag";

/// The links of an operation's success, by name.
pub(super) fn of(name: OperationName) -> Option<Map<String, Value>> {
    let links = match name {
        OperationName::RegisterUser => user_links(),
        OperationName::GetUser
        | OperationName::UpdateUser
        | OperationName::SetStatus
        | OperationName::RemoveRole => history_links(),
        OperationName::AssignRole => {
            let mut links = history_links();
            links.extend([link(
                "RemoveRole",
                OperationName::RemoveRole,
                "Take the first role away again.",
                &[("path.userId", USER_ID), ("path.role", "$response.body#/roles/0")],
            )]);
            links
        }
        OperationName::ListUsers => vec![
            link(
                "GetFirstUser",
                OperationName::GetUser,
                "The first user of the page.",
                &[("path.userId", "$response.body#/items/0/userId")],
            ),
            next_page(name, &["status", "role", "order"], &[]),
        ],
        OperationName::QueryAudit => {
            let path = [("path.userId", "$request.path.userId")];
            vec![next_page(name, &["from", "to", "action", "order"], &path)]
        }
    };
    (!links.is_empty()).then(|| links.into_iter().collect())
}

/// Calls that make sense for a new user.
fn user_links() -> Vec<(String, Value)> {
    let mut links = history_links();
    links.extend([
        link("GetUser", OperationName::GetUser, "The profile.", &[("path.userId", USER_ID)]),
        link(
            "UpdateUser",
            OperationName::UpdateUser,
            "Change this version and no other.",
            &[("path.userId", USER_ID), ("header.If-Match", ETAG)],
        ),
        link(
            "SetStatus",
            OperationName::SetStatus,
            "Disable or delete the user.",
            &[("path.userId", USER_ID)],
        ),
        link(
            "AssignRole",
            OperationName::AssignRole,
            "Give the user one more role.",
            &[("path.userId", USER_ID)],
        ),
        link(
            "RemoveRole",
            OperationName::RemoveRole,
            "Take the first role away.",
            &[("path.userId", USER_ID), ("path.role", "$response.body#/roles/0")],
        ),
        link(
            "FindByEmail",
            OperationName::ListUsers,
            "Find the user by the address.",
            &[("query.email", "$response.body#/email")],
        ),
    ]);
    links
}

fn history_links() -> Vec<(String, Value)> {
    vec![link(
        "QueryAudit",
        OperationName::QueryAudit,
        "What was done to the user.",
        &[("path.userId", USER_ID)],
    )]
}

/// The same list from its cursor on: with the same filters, to which the cursor is bound.
fn next_page(name: OperationName, filters: &[&str], path: &[(&str, &str)]) -> (String, Value) {
    let filters: Vec<_> = filters
        .iter()
        .map(|filter| (format!("query.{filter}"), format!("$request.query.{filter}")))
        .collect();
    let mut parameters = vec![("query.cursor", "$response.body#/nextCursor")];
    parameters.extend(path);
    parameters.extend(filters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let description = "The next page; there is one when the answer has `nextCursor`.";
    link("NextPage", name, description, &parameters)
}

fn link(
    key: &str,
    to: OperationName,
    description: &str,
    parameters: &[(&str, &str)],
) -> (String, Value) {
    let parameters: Map<_, _> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let link = json!({
        "operationId": Operation::of(to).id,
        "description": description,
        "parameters": parameters,
    });
    (key.to_owned(), link)
}
