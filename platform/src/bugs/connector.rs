//! Bugs in what is asked of AWS, made between the SDK and the network, so that the code of the
//! store stays as it is. What they change is signed anew.

use super::{Bug, on};
use crate::config::{optional, process_environment};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};

/// An HTTP client whose calls have the bug that was chosen.
#[derive(Debug)]
pub(crate) struct BuggyHttpClient(pub(crate) SharedHttpClient);

impl HttpClient for BuggyHttpClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Buggy(self.0.http_connector(settings, components)))
    }
}

#[derive(Clone, Debug)]
struct Buggy(SharedHttpConnector);

impl HttpConnector for Buggy {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let buggy = self.clone();
        HttpConnectorFuture::new(async move { buggy.send(request).await })
    }
}

impl Buggy {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let Some(body) = body else { return self.0.call(request).await };
        match operation.as_str() {
            "TransactWriteItems" => self.transact(request, body).await,
            "GetItem" if on(Bug::ReplayNotLookedUp) && !body["Key"]["id"].is_null() => {
                let response = self.0.call(request).await?;
                Ok(with_answer(response, &json!({})))
            }
            "PutEvents" if on(Bug::FailedEntriesIgnored) => {
                let (response, mut answer) = read(self.0.call(request).await?).await;
                if let Some(entries) = answer["Entries"].as_array_mut() {
                    entries.fill(json!({"EventId": "00000000-0000-4000-8000-000000000000"}));
                    answer["FailedEntryCount"] = json!(0);
                }
                Ok(with_answer(response, &answer))
            }
            _ => self.0.call(request).await,
        }
    }

    async fn transact(
        &self,
        request: HttpRequest,
        mut body: Value,
    ) -> Result<HttpResponse, ConnectorError> {
        let put_with = |member: &Value, prefix: &str| {
            let key = member["Put"]["Item"]["sk"]["S"].as_str();
            key.is_some_and(|key| key.starts_with(prefix))
        };
        let is_guard_delete = |member: &Value| {
            let key = member["Delete"]["Key"]["pk"]["S"].as_str();
            key.is_some_and(|key| key.starts_with("EMAIL#"))
        };
        let members = body["TransactItems"].as_array().cloned().unwrap_or_default();
        let taken_out: Vec<bool> = members
            .iter()
            .map(|member| {
                (on(Bug::RecordAfterChange) && !member["Put"]["Item"]["fingerprint"].is_null())
                    || (on(Bug::AuditAfterChange) && put_with(member, "AUDIT#"))
                    || (on(Bug::RoleItemForgotten) && put_with(member, "ROLE#"))
                    || ((on(Bug::GuardReleasedEarly) || on(Bug::GuardKept))
                        && is_guard_delete(member))
            })
            .collect();
        let mut kept = Vec::new();
        let mut out = Vec::new();
        for (mut member, is_out) in members.into_iter().zip(&taken_out) {
            if on(Bug::VersionUnchecked)
                && member["Put"]["ConditionExpression"] == "version = :version"
                && let Some(put) = member["Put"].as_object_mut()
            {
                put.remove("ConditionExpression");
                put.remove("ExpressionAttributeValues");
            }
            if *is_out { out.push(member) } else { kept.push(member) }
        }
        body["TransactItems"] = json!(kept);
        if on(Bug::GuardReleasedEarly) {
            for member in &out {
                let _ = self.0.call(single(&request, "DeleteItem", &member["Delete"])).await?;
            }
        }
        let response = self.0.call(with_body(&request, &body)).await?;
        if !response.status().is_success() {
            let (response, mut answer) = read(response).await;
            // One reason for each member, also for those that were not sent.
            if let Some(reasons) = answer["CancellationReasons"].as_array_mut() {
                for (index, _) in taken_out.iter().enumerate().filter(|(_, is_out)| **is_out) {
                    reasons.insert(index.min(reasons.len()), json!({"Code": "None"}));
                }
            }
            return Ok(with_answer(response, &answer));
        }
        if on(Bug::RecordAfterChange) || on(Bug::AuditAfterChange) {
            for member in &out {
                let mut put = member["Put"].clone();
                if let Some(put) = put.as_object_mut() {
                    put.retain(|name, _| name == "TableName" || name == "Item");
                }
                let _ = self.0.call(single(&request, "PutItem", &put)).await?;
            }
        }
        Ok(response)
    }
}

/// The same request with another body.
fn with_body(request: &HttpRequest, body: &Value) -> HttpRequest {
    let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
    signed(request, target, body)
}

/// A call of its own, like one member of a transaction.
fn single(request: &HttpRequest, operation: &'static str, body: &Value) -> HttpRequest {
    signed(request, format!("DynamoDB_20120810.{operation}"), body)
}

/// The request with another target and body, signed with the keys of the function.
fn signed(request: &HttpRequest, target: String, body: &Value) -> HttpRequest {
    let text = body.to_string();
    // A request with a body in memory can be cloned.
    let mut request = request.try_clone().unwrap_or_else(|| HttpRequest::new(SdkBody::empty()));
    let headers = request.headers_mut();
    for name in ["authorization", "x-amz-date", "x-amz-security-token"] {
        headers.remove(name);
    }
    headers.insert("x-amz-target", target);
    headers.insert("content-length", text.len().to_string());
    // Unsigned, it is refused, and the run that wanted the bug says so.
    for (name, value) in signature(&request, text.as_bytes()).unwrap_or_default() {
        request.headers_mut().insert(name, value);
    }
    *request.body_mut() = SdkBody::from(text);
    request
}

fn signature(request: &HttpRequest, body: &[u8]) -> Option<Vec<(String, String)>> {
    let variable = |name| optional(&process_environment, name);
    let identity: Identity = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "environment",
    )
    .into();
    let region = variable("AWS_REGION")?;
    #[expect(clippy::disallowed_methods, reason = "signatures have the real time")]
    let now = std::time::SystemTime::now();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name("dynamodb")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .ok()?;
    let headers = request.headers().iter();
    let body = SignableBody::Bytes(body);
    let request = SignableRequest::new(request.method(), request.uri(), headers, body).ok()?;
    let (instructions, _) = sign(request, &parameters.into()).ok()?.into_parts();
    let headers = instructions.headers();
    Some(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

async fn read(mut response: HttpResponse) -> (HttpResponse, Value) {
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let bytes = ByteStream::new(body).collect().await.map(|data| data.into_bytes());
    let answer = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    (response, answer.unwrap_or_default())
}

fn with_answer(mut response: HttpResponse, answer: &Value) -> HttpResponse {
    let text = answer.to_string();
    response.headers_mut().insert("content-length", text.len().to_string());
    *response.body_mut() = SdkBody::from(text);
    response
}
