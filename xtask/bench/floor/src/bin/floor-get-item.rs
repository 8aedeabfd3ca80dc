//! The floor of a read: `lambda_http`, and one `GetItem` over TLS with `ring`, by a connection that
//! is opened during initialisation. It decides nothing, checks nothing, logs nothing.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use http_body_util::BodyExt;
use lambda_http::{Body, Error, Request, RequestExt, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let table = &variable("USERS_TABLE")?;
    let endpoint = variable("AWS_ENDPOINT_URL")?;
    let connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
    let connector = SharedHttpConnector::new(connector);
    let opened = connector.call(HttpRequest::get(endpoint.as_str())?).await?;
    // Read to its end, so that the connection is free for the first call.
    opened.into_body().collect().await?;
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    );
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    let client = &Client::from_conf(config);
    run(service_fn(move |request: Request| async move {
        let parameters = request.path_parameters();
        let user_id = parameters.first("userId").unwrap_or_default();
        let output = client
            .get_item()
            .table_name(table)
            .key("pk", AttributeValue::S(format!("USER#{user_id}")))
            .key("sk", AttributeValue::S("PROFILE".to_owned()))
            .consistent_read(true)
            .send()
            .await?;
        let email = output.item.as_ref().and_then(|item| item.get("email")?.as_s().ok());
        let body = format!("{{\"userId\":\"{user_id}\",\"email\":{email:?}}}");
        Ok::<_, Error>(
            Response::builder()
                .header("content-type", "application/json")
                .body(Body::from(body))?,
        )
    }))
    .await
}

fn variable(name: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}
