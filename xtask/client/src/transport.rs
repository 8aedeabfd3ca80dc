//! Sends one HTTP request and reads the whole response.

use crate::{ClientError, Response};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::fmt;

/// A pool of connections. Plain HTTP has a variant of its own, so that a machine without root
/// certificates can call the local stack.
#[derive(Clone)]
pub(crate) enum Transport {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Tls(_) => "Tls",
        })
    }
}

impl Transport {
    pub(crate) fn new(tls: bool) -> Result<Self, ClientError> {
        let builder = Client::builder(TokioExecutor::new());
        if !tls {
            let mut connector = HttpConnector::new();
            connector.set_nodelay(true);
            return Ok(Self::Plain(builder.build(connector)));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(ClientError::RootCertificates)?
            .https_only()
            .enable_http1()
            .build();
        Ok(Self::Tls(builder.build(connector)))
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Result<Response, ClientError> {
        let request = request.map(Full::new);
        let response = match self {
            Self::Plain(client) => client.request(request).await,
            Self::Tls(client) => client.request(request).await,
        };
        let response = response.map_err(|error| ClientError::Connection(Box::new(error)))?;
        let (parts, body) = response.into_parts();
        let body =
            body.collect().await.map_err(|error| ClientError::Connection(Box::new(error)))?;
        Ok(Response { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }
}
