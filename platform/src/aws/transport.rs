//! The transport of AWS calls: HTTP/1.1 over TLS with `ring`, nothing else.
//!
//! The SDK's own transport (`aws-smithy-http-client`) also has HTTP/2 and proxies, which cannot be
//! left out of it: 4.38 MiB of `users-profile-update` with symbols instead of 4.00 MiB.

mod connection_limiter;

use crate::config::AwsConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use connection_limiter::ConnectionLimiter;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as TcpConnector, capture_connection,
};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, ClientConfig, RootCertStore, SupportedCipherSuite};
use std::error::Error as StdError;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a connection. Within a Region it takes a few milliseconds.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The files of trusted certificates of Amazon Linux, which functions run on, and of Debian, SUSE
/// and Alpine.
const BUNDLES: &[&str] = &[
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// A pool of connections; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    client: Client<HttpsConnector<TcpConnector>, SdkBody>,
    limiter: Arc<ConnectionLimiter>,
}

impl Transport {
    /// A transport to an endpoint; trusted certificates are read only for `https`.
    pub(super) fn new(config: &AwsConfig, endpoint: &str) -> Result<Self, rustls::Error> {
        let roots = match endpoint.starts_with("https:") {
            true => trust_roots(config.certificates.as_deref()),
            false => RootCertStore::empty(),
        };
        let tls = ClientConfig::builder_with_provider(crypto().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = TcpConnector::new();
        // Without this the connector rejects `https`.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build::<_, SdkBody>(connector);
        Ok(Self { client, limiter: Arc::default() })
    }

    /// The transport as the SDK takes it.
    pub(super) fn for_sdk(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// Opens a connection and leaves it in the pool, where the first call finds it.
    ///
    /// The request is unsigned, has no effect and costs nothing: load balancers use the root of
    /// DynamoDB's endpoint as a health check. Any answer leaves the connection open; without one,
    /// the first call opens a connection under its own time limits.
    ///
    /// Together with the client and credentials, this moves 1.8 ms of the first call into the
    /// initialisation.
    pub(super) async fn open(&self, endpoint: &str) {
        let request = http::Request::get(endpoint).body(SdkBody::empty());
        let Ok(request) = request else { return };
        let opening = async {
            let response = self.client.request(request).await?;
            // A connection is free for the next call when its answer has been read.
            response.into_body().collect().await?;
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(())
        };
        if let Ok(Err(_)) | Err(_) = tokio::time::timeout(CONNECT_TIMEOUT, opening).await {
            tracing::debug!("no connection was opened in advance");
        }
    }
}

/// `ring`, because aws-lc-rs gathers CPU jitter as entropy at the first handshake: 25 ms, and 163 ms
/// at the CPU share of a small function.
///
/// AES-128 comes first because its hash is SHA-256, for which processors have instructions. The keys
/// of a handshake are derived with it.
fn crypto() -> CryptoProvider {
    let mut provider = ring::default_provider();
    let is_first =
        |suite: &SupportedCipherSuite| suite.suite() == CipherSuite::TLS13_AES_128_GCM_SHA256;
    // Stable, so the others keep their order.
    provider.cipher_suites.sort_by_key(|suite| !is_first(suite));
    provider
}

/// The certificates in the named file, or else in the system's. A directory with a file for each
/// certificate takes longer to read than a handshake takes.
fn trust_roots(named: Option<&str>) -> RootCertStore {
    let places = named.as_ref().map_or(BUNDLES, std::slice::from_ref);
    let mut roots = RootCertStore::empty();
    for place in places {
        if let Ok(bundle) = File::open(place) {
            certificates(BufReader::with_capacity(PIECE, bundle), |certificate| {
                // A certificate that cannot be parsed is not trusted.
                let _ = roots.add(certificate);
            });
        }
        if !roots.is_empty() {
            return roots;
        }
    }
    tracing::warn!("no trusted certificates were found; set SSL_CERT_FILE to a file of them");
    roots
}

/// The bytes that are read from a bundle at once. Reading it whole costs more in page faults than
/// parsing it: 330 until a connection is tried instead of 233, 2.7 ms instead of 2.1 ms.
const PIECE: usize = 16 * 1024;

/// Calls `each` for every certificate of a PEM file and skips everything else.
///
/// The decoder of `rustls-pki-types` runs in constant time, for private keys. A bundle has some 140
/// certificates, for which it takes 5.4 million instructions more, as many as the rest of a start.
fn certificates(mut pem: impl BufRead, mut each: impl FnMut(CertificateDer<'_>)) {
    let (mut line, mut encoded, mut inside) = (Vec::new(), Vec::new(), false);
    // A read error ends the file.
    while let Ok(1..) = pem.read_until(b'\n', &mut line) {
        match line.trim_ascii_end() {
            BEGIN => {
                inside = true;
                encoded.clear();
            }
            END if inside => {
                inside = false;
                if let Ok(decoded) = base64_simd::STANDARD.decode_inplace(&mut encoded) {
                    each(CertificateDer::from(&*decoded));
                }
            }
            text if inside => encoded.extend_from_slice(text),
            _ => (),
        }
        line.clear();
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            let connection = connection.clone();
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let transport = self.clone();
        HttpConnectorFuture::new(async move {
            let permit = transport.limiter.acquire().await;
            let response = transport.client.request(request);
            let (response, permit) = tokio::join!(response, permit.connected(connection));
            let (parts, body) = response.map_err(classified)?.into_parts();
            // Answers are small and are needed whole.
            let body = body.collect().await.map_err(cut_off)?.to_bytes();
            // The task that returns the connection to the pool runs next.
            tokio::task::yield_now().await;
            drop(permit);
            HttpResponse::try_from(http::Response::from_parts(parts, SdkBody::from(body)))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// An answer that ended early.
fn cut_off(error: hyper::Error) -> ConnectorError {
    ConnectorError::other(error.into(), Some(ErrorKind::TransientError))
}

/// Lets the SDK discard a connection after an error that the connection may have caused.
fn metadata(captured: &CaptureConnection) -> Option<ConnectionMetadata> {
    captured.connection_metadata().as_ref()?;
    let captured = captured.clone();
    let poison = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

/// An error by the kinds that decide about the SDK's retries.
fn classified(error: hyper_util::client::legacy::Error) -> ConnectorError {
    let is_connect = error.is_connect();
    let (mut io, mut timeout, mut user, mut incomplete) = (is_connect, false, false, false);
    let mut source: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(cause) = cause.downcast_ref::<hyper::Error>() {
            timeout |= cause.is_timeout();
            user |= cause.is_user();
            io |= cause.is_closed() || cause.is_canceled();
            incomplete |= cause.is_incomplete_message();
        }
        io |= cause.is::<std::io::Error>();
        source = cause.source();
    }
    match () {
        () if timeout => ConnectorError::timeout(error.into()),
        () if user => ConnectorError::user(error.into()),
        () if io => ConnectorError::io(error.into()),
        // The server closed the connection within its answer.
        () if incomplete => ConnectorError::other(error.into(), Some(ErrorKind::TransientError)),
        () => ConnectorError::other(error.into(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::{AwsConfig, CipherSuite, Transport, certificates, crypto, trust_roots};
    use aws_credential_types::Credentials;
    use aws_smithy_runtime_api::client::http::HttpConnector;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_types::retry::ErrorKind;
    use futures_util::future::join_all;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;
    use tokio::sync::Barrier;

    /// A server that answers when so many requests wait for answers, and counts its connections.
    async fn server(at_once: usize) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::<AtomicUsize>::default();
        let (counter, barrier) = (Arc::clone(&connections), Arc::new(Barrier::new(at_once)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let barrier = Arc::clone(&barrier);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let mut line = String::new();
                    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                        if line == "\r\n" {
                            barrier.wait().await;
                            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                            stream.write_all(answer).await.unwrap();
                        }
                        line.clear();
                    }
                });
            }
        });
        (url, connections)
    }

    #[tokio::test]
    async fn a_truncated_answer_is_retryable() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0, "the request");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{").await.unwrap();
        });
        let call = transport(&url).call(HttpRequest::get(&url).unwrap()).await;
        assert_eq!(call.unwrap_err().as_other(), Some(ErrorKind::TransientError));
    }

    fn transport(url: &str) -> Transport {
        let config = AwsConfig {
            region: "eu-west-1".to_owned(),
            credentials: Credentials::new("test", "test", None, None, "test"),
            dynamodb_url: None,
            eventbridge_url: None,
            sqs_url: None,
            certificates: None,
        };
        Transport::new(&config, url).unwrap()
    }

    async fn call(transport: &Transport, url: &str) {
        let response = transport.call(HttpRequest::get(url).unwrap()).await.unwrap();
        assert_eq!(response.body().bytes(), Some(&b"{}"[..]));
    }

    #[tokio::test]
    async fn sequential_calls_use_the_connection_that_was_opened_first() {
        let (url, connections) = server(1).await;
        let transport = transport(&url);
        transport.open(&url).await;
        for _ in 0..20 {
            call(&transport, &url).await;
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn concurrent_calls_get_a_connection_each() {
        let (url, connections) = server(8).await;
        let transport = transport(&url);
        join_all((0..8).map(|_| call(&transport, &url))).await;
        assert_eq!(connections.load(Ordering::Relaxed), 8);
    }

    #[test]
    fn certificates_are_found_among_other_content() {
        let pem = "# A comment\r\n-----BEGIN CERTIFICATE-----\r\nAAEC\r\nAwQF\r\n\
                   -----END CERTIFICATE-----\n# Another\n-----BEGIN CERTIFICATE-----\n!\n\
                   -----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nCQkJ\n\
                   -----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\nBgc=\n\
                   -----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nCAgI\n\
                   -----BEGIN CERTIFICATE-----\nCAkK\n-----END CERTIFICATE-----\n\
                   -----BEGIN CERTIFICATE-----\nCAgI\n";
        let found = |pem: &[u8]| {
            let mut found = Vec::<Vec<u8>>::new();
            certificates(pem, |certificate| found.push(certificate.to_vec()));
            found
        };
        assert_eq!(found(pem.as_bytes()), [vec![0, 1, 2, 3, 4, 5], vec![6, 7], vec![8, 9, 10]]);
        assert!(found(b"\xFF\xFE").is_empty());
    }

    #[test]
    fn a_missing_bundle_trusts_nobody() {
        assert!(trust_roots(Some("/nowhere.pem")).is_empty());
    }

    #[test]
    fn the_cipher_suite_with_the_fast_hash_comes_first_and_all_others_follow() {
        let suites: Vec<_> = crypto().cipher_suites.iter().map(|it| it.suite()).collect();
        assert_eq!(suites.first(), Some(&CipherSuite::TLS13_AES_128_GCM_SHA256));
        assert_eq!(suites.len(), rustls::crypto::ring::default_provider().cipher_suites.len());
    }
}
