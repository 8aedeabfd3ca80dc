//! Faults between the SDK and AWS services, one for each matching call until all are used.

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A fault of a call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is answered with this status and body, and never arrives.
    Answer(u16, String),
    /// It arrives, and its answer is lost.
    LoseAnswer,
    /// Nothing happens to it.
    None,
}

impl Fault {
    /// A transaction that is cancelled for conflicts at these of its members.
    pub(crate) fn conflict(members: &[bool]) -> Self {
        let reasons: Vec<_> = members
            .iter()
            .map(|conflict| json!({"Code": if *conflict { "TransactionConflict" } else { "None" }}))
            .collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled",
            "CancellationReasons": reasons
        });
        Self::Answer(400, body.to_string())
    }

    /// An error by its name.
    pub(crate) fn error(status: u16, name: &str) -> Self {
        let body = json!({
            "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"),
            "message": "a message that quotes ada@example.com"
        });
        Self::Answer(status, body.to_string())
    }
}

/// The faults to come, by the target of the call (`TransactWriteItems`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    planned: Arc<Mutex<VecDeque<(&'static str, Fault)>>>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Faults {
    /// Plans a fault for the next call to a target that has none planned yet.
    pub(crate) fn plan(&self, target: &'static str, fault: Fault) {
        self.planned.lock().expect("no panic in a test").push_back((target, fault));
    }

    /// Forgets all planned faults and recorded calls.
    pub(crate) fn clear(&self) {
        self.planned.lock().expect("no panic in a test").clear();
        self.calls.lock().expect("no panic in a test").clear();
    }

    /// The targets that were called since the last clearing, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("no panic in a test").clone()
    }

    /// A client that meets these faults.
    pub(crate) fn over(&self, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(Client { faults: self.clone(), inner })
    }

    fn next(&self, target: &str) -> Fault {
        self.calls.lock().expect("no panic in a test").push(target.to_owned());
        let mut planned = self.planned.lock().expect("no panic in a test");
        let index = planned.iter().position(|(planned_for, _)| *planned_for == target);
        index.and_then(|index| planned.remove(index)).map_or(Fault::None, |(_, fault)| fault)
    }
}

#[derive(Debug)]
struct Client {
    faults: Faults,
    inner: SharedHttpClient,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { faults: self.faults.clone(), inner })
    }
}

#[derive(Debug)]
struct Connector {
    faults: Faults,
    inner: SharedHttpConnector,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let target = target.rsplit('.').next().unwrap_or_default().to_owned();
        let inner = self.inner.clone();
        let fault = self.faults.next(&target);
        HttpConnectorFuture::new(async move {
            match fault {
                Fault::None => inner.call(request).await,
                Fault::LoseAnswer => {
                    inner.call(request).await?;
                    Err(ConnectorError::io("the connection was reset".into()))
                }
                Fault::Answer(status, body) => Ok(answer(status, &body)),
            }
        })
    }
}

fn answer(status: u16, body: &str) -> HttpResponse {
    let status = StatusCode::try_from(status).expect("a status code");
    HttpResponse::new(status, SdkBody::from(body.to_owned()))
}

/// A client whose answers are given by a function of target and body.
pub(crate) fn scripted(
    script: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> SharedHttpClient {
    struct Script<F>(F);
    impl<F> std::fmt::Debug for Script<F> {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("Script")
        }
    }
    impl<F: Fn(&str) -> (u16, String) + Send + Sync> HttpConnector for Script<F> {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let body = request.body().bytes().unwrap_or_default();
            let (status, text) = (self.0)(std::str::from_utf8(body).unwrap_or_default());
            HttpConnectorFuture::ready(Ok(answer(status, &text)))
        }
    }
    let connector = SharedHttpConnector::new(Script(script));
    aws_smithy_runtime_api::client::http::http_client_fn(move |_, _| connector.clone())
}
