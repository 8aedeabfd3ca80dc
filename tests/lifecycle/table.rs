//! The users table and its stream, past the service.

use crate::stack::Stack;
use http::Method;
use serde_json::{Value, json};
use users_client::{Client, Credentials};

impl Stack {
    /// Lets streams deliver nothing, so that records gather in one batch, or go on.
    pub(crate) async fn hold_streams(&self, hold: bool) {
        self.post_control("/streams", &json!({"hold": hold})).await;
    }

    /// A call of DynamoDB on the users table, by the key of an operator.
    pub(crate) async fn dynamodb(&self, operation: &str, mut input: Value) {
        let aws = self.control("/aws").await;
        input["TableName"] = aws["outputs"]["UsersTableName"].clone();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let operator =
            Credentials::from_keys(text(&aws["accessKeyId"]), text(&aws["secretAccessKey"]), None);
        let endpoint = text(&aws["endpoints"]["dynamodb"]);
        let client = Client::new(&endpoint, text(&aws["region"]), operator).unwrap();
        let call = client
            .call(Method::POST, "/")
            .service("dynamodb")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("content-type", "application/x-amz-json-1.0")
            .body(input.to_string());
        self.json(call).await;
    }

    /// The items of a user whose sort keys begin with this, in DynamoDB's JSON.
    pub(crate) async fn items(&self, user_id: &str, prefix: &str) -> Vec<Value> {
        let encode =
            |text: String| -> String { text.bytes().map(|it| format!("%{it:02X}")).collect() };
        let partition = encode(format!("USER#{user_id}"));
        let prefix = encode(prefix.to_owned());
        let path = format!("/tables/UsersTable/items?partition={partition}&sort-prefix={prefix}");
        self.control(&path).await["items"].as_array().unwrap().clone()
    }
}
