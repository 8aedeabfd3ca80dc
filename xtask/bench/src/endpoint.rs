//! The endpoint that the functions call in place of AWS: DynamoDB and the bus behind TLS on loopback.
//!
//! It keeps every exchange and its times, from which the AWS usage of an invocation follows, and the
//! backend's part of its time.

use crate::engine::Engine;
use crate::http::Connection;
use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The certificates of public authorities, so that a function has as many to read as on Lambda.
const SYSTEM_BUNDLES: &[&str] =
    &["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// A request of a function and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) operation: String,
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Vec<u8>,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
}

#[derive(Default)]
struct Shared {
    exchanges: Vec<Exchange>,
    /// How long to hold each answer back.
    pause: Duration,
}

/// The endpoint. It serves until the program ends.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Its address, for `AWS_ENDPOINT_URL`.
    pub(crate) url: String,
    /// Its certificate.
    pub(crate) tls: Arc<ServerConfig>,
    shared: Arc<Mutex<Shared>>,
}

impl Endpoint {
    /// Begins to serve, and writes the certificates that a function needs to trust it to `roots`.
    pub(crate) fn start(engine: Arc<Engine>, roots: &Path) -> Result<Self> {
        let tls = Arc::new(tls(roots)?);
        let shared = Arc::<Mutex<Shared>>::default();
        let kept = Arc::clone(&shared);
        let url = serve(Arc::clone(&tls), move |operation, request| {
            let begun = Instant::now();
            let answer = match operation {
                "PutEvents" => put_events(&request)?,
                _ => engine.call(operation, &request)?,
            };
            let pause = lock(&kept).pause;
            thread::sleep(pause);
            let exchange = Exchange {
                operation: operation.to_owned(),
                request,
                answer: answer.clone(),
                begun,
                ended: Instant::now(),
            };
            lock(&kept).exchanges.push(exchange);
            Ok(answer)
        })?;
        Ok(Self { url, tls, shared })
    }

    /// Holds every answer back for a while, so that requests which do not wait for each other are
    /// seen to overlap.
    pub(crate) fn hold_answers(&self, pause: Duration) {
        lock(&self.shared).pause = pause;
    }

    /// The exchanges since the last call, in the order of their requests.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        let mut exchanges = std::mem::take(&mut lock(&self.shared).exchanges);
        exchanges.sort_by_key(|it| it.begun);
        exchanges
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves AWS operations behind TLS on a port of its own until the program ends. Returns the URL.
pub(crate) fn serve(
    tls: Arc<ServerConfig>,
    answer: impl Fn(&str, Vec<u8>) -> Result<Vec<u8>> + Send + Sync + 'static,
) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
    let port = listener.local_addr().context("cannot listen")?.port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (tls, answer) = (Arc::clone(&tls), Arc::clone(&answer));
            // A connection that breaks is that of a function which has ended.
            thread::spawn(move || converse(stream, tls, &*answer));
        }
    });
    Ok(format!("https://localhost:{port}"))
}

fn converse(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    answer: &impl Fn(&str, Vec<u8>) -> Result<Vec<u8>>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let stream = StreamOwned::new(ServerConnection::new(tls)?, stream);
    let mut connection = Connection::new(stream);
    let headers = "content-type: application/x-amz-json-1.0\r\n";
    while let Some(request) = connection.request()? {
        // A request without an operation only opens the connection.
        let answered = match &request.operation {
            Some(operation) => answer(operation, request.body),
            None => Ok(b"healthy".to_vec()),
        };
        match answered {
            Ok(body) => connection.answer("200 OK", headers, &body)?,
            Err(error) => {
                let message = format!("{error:#}");
                let body = json!({"__type": "ValidationException", "message": message});
                connection.answer("400 Bad Request", headers, body.to_string().as_bytes())?;
            }
        }
    }
    Ok(())
}

fn put_events(body: &[u8]) -> Result<Vec<u8>> {
    let request: Value = serde_json::from_slice(body).context("the request cannot be read")?;
    let count = request["Entries"].as_array().map_or(0, Vec::len);
    let entries: Vec<_> = (0..count).map(|it| json!({"EventId": it.to_string()})).collect();
    Ok(json!({"FailedEntryCount": 0, "Entries": entries}).to_string().into_bytes())
}

/// A certificate for `localhost` from an authority of its own.
fn tls(roots: &Path) -> Result<ServerConfig> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &issuer)?;

    let system = SYSTEM_BUNDLES.iter().find_map(|path| std::fs::read_to_string(path).ok());
    let bundle = system.unwrap_or_default() + &authority_certificate.pem();
    std::fs::write(roots, bundle).with_context(|| format!("cannot write {}", roots.display()))?;

    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?)
}
