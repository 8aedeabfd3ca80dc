//! What the functions call in place of AWS: DynamoDB and the bus behind TLS on loopback, with a note
//! of each request: when it was being served, what it consumed and what it read.
//!
//! The notes are what keeps the time of the backend apart from that of the function.

use crate::engine::Engine;
use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Where the certificates of public authorities lie, so that a function has as many to read as on
/// Lambda.
const SYSTEM_BUNDLES: &[&str] =
    &["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// One request that was served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    begun: Instant,
    ended: Instant,
    /// Read capacity units.
    read_units: f64,
    /// Write capacity units.
    write_units: f64,
    /// Items that were read.
    items: u64,
}

/// What one invocation asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// Requests.
    pub(crate) requests: u32,
    /// Requests that had to wait for others, and one: requests at the same time count once.
    pub(crate) round_trips: u32,
    /// Read capacity units.
    pub(crate) read_units: f64,
    /// Write capacity units.
    pub(crate) write_units: f64,
    /// Items that were read.
    pub(crate) items: u64,
    /// How long at least one request was being served.
    pub(crate) busy: Duration,
    /// Connections that were opened.
    pub(crate) connections: u32,
}

impl Asked {
    fn of(mut served: Vec<Served>) -> Self {
        served.sort_by_key(|it| it.begun);
        let mut asked = Self::default();
        let mut until: Option<Instant> = None;
        for it in served {
            asked.requests += 1;
            asked.read_units += it.read_units;
            asked.write_units += it.write_units;
            asked.items += it.items;
            match until {
                Some(end) if it.begun < end => {
                    asked.busy += it.ended.saturating_duration_since(end);
                }
                _ => {
                    asked.round_trips += 1;
                    asked.busy += it.ended - it.begun;
                }
            }
            until = until.max(Some(it.ended));
        }
        asked
    }
}

/// A request and its answer.
pub(crate) struct Exchange {
    pub(crate) operation: String,
    pub(crate) request: Bytes,
    pub(crate) answer: Bytes,
}

#[derive(Default)]
struct Shared {
    engine: Option<Engine>,
    served: Vec<Served>,
    /// Connections opened since they were last asked for.
    connections: u32,
    /// How long to hold each answer back.
    pause: Duration,
    /// What is asked and answered, while that is recorded.
    recording: Option<Vec<Exchange>>,
}

/// The endpoint. It serves until the runtime ends.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Its address, for `AWS_ENDPOINT_URL`.
    pub(crate) url: String,
    /// How it proves who it is.
    pub(crate) tls: Arc<ServerConfig>,
    shared: Arc<Mutex<Shared>>,
}

impl Endpoint {
    /// Begins to serve, and writes the certificates that a function needs to trust it to `roots`.
    pub(crate) async fn start(roots: &Path) -> Result<Self> {
        let tls = Arc::new(tls(roots)?);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen")?;
        let port = listener.local_addr().context("cannot listen")?.port();
        let shared = Arc::<Mutex<Shared>>::default();
        let endpoint = Self { url: format!("https://localhost:{port}"), tls, shared };
        tokio::spawn(endpoint.clone().serve(listener));
        Ok(endpoint)
    }

    /// Serves another engine from now on.
    pub(crate) fn use_engine(&self, engine: Engine) {
        self.lock().engine = Some(engine);
    }

    /// Holds every answer back for a while, so that requests which do not wait for each other are
    /// seen to overlap.
    pub(crate) fn hold_answers(&self, pause: Duration) {
        self.lock().pause = pause;
    }

    /// Records what is asked and answered from now on.
    pub(crate) fn record(&self) {
        self.lock().recording = Some(Vec::new());
    }

    /// What was recorded; no more is.
    pub(crate) fn recorded(&self) -> Vec<Exchange> {
        self.lock().recording.take().unwrap_or_default()
    }

    /// What was asked for since the last time.
    pub(crate) fn take(&self) -> Asked {
        let mut shared = self.lock();
        let connections = std::mem::take(&mut shared.connections);
        Asked { connections, ..Asked::of(std::mem::take(&mut shared.served)) }
    }

    async fn serve(self, listener: TcpListener) {
        let tls = TlsAcceptor::from(Arc::clone(&self.tls));
        while let Ok((stream, _)) = listener.accept().await {
            // Should it fail, the connection is merely slower.
            let _ = stream.set_nodelay(true);
            let (endpoint, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                // A function that is killed in between is no concern of ours.
                let Ok(stream) = tls.accept(stream).await else { return };
                endpoint.lock().connections += 1;
                let service = service_fn(|request| {
                    let endpoint = endpoint.clone();
                    async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
                });
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() == Method::GET {
            return Response::new(Full::new(Bytes::from_static(b"healthy")));
        }
        let target = request.headers().get("x-amz-target").and_then(|it| it.to_str().ok());
        let target = target.unwrap_or_default().to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let Ok(body) = request.into_body().collect().await else {
            return refusal("the request was cut off");
        };
        let body = body.to_bytes();
        let begun = Instant::now();
        let (engine, pause) = {
            let shared = self.lock();
            (shared.engine.clone(), shared.pause)
        };
        let answer = match (operation, engine) {
            ("PutEvents", _) => put_events(&body),
            (_, Some(engine)) => engine.call(operation, &body),
            (_, None) => Err(anyhow::anyhow!("there is no engine yet")),
        };
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        match answer {
            Ok(answer) => {
                self.note(operation, begun, &answer);
                let answer = Bytes::from(answer);
                if let Some(recording) = &mut self.lock().recording {
                    let (operation, answer) = (operation.to_owned(), answer.clone());
                    recording.push(Exchange { operation, request: body, answer });
                }
                let mut response = Response::new(Full::new(answer));
                response.headers_mut().insert(
                    http::header::CONTENT_TYPE,
                    http::HeaderValue::from_static("application/x-amz-json-1.0"),
                );
                response
            }
            Err(error) => refusal(&format!("{error:#}")),
        }
    }

    fn note(&self, operation: &str, begun: Instant, answer: &[u8]) {
        let ended = Instant::now();
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let consumed = &answer["ConsumedCapacity"];
        let units = match consumed {
            Value::Array(tables) => {
                tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum()
            }
            table => table["CapacityUnits"].as_f64().unwrap_or_default(),
        };
        let items = match operation {
            "GetItem" => u64::from(answer.get("Item").is_some()),
            "Query" => answer["ScannedCount"].as_u64().unwrap_or_default(),
            "BatchGetItem" => {
                let tables = answer["Responses"].as_object().into_iter().flatten();
                tables.filter_map(|(_, items)| Some(items.as_array()?.len() as u64)).sum()
            }
            _ => 0,
        };
        let writes = matches!(operation, "PutItem" | "TransactWriteItems");
        let (read_units, write_units) = if writes { (0.0, units) } else { (units, 0.0) };
        self.lock().served.push(Served { begun, ended, read_units, write_units, items });
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(reason: &str) -> Response<Full<Bytes>> {
    let body = json!({"__type": "ValidationException", "message": reason}).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = http::StatusCode::BAD_REQUEST;
    response
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

#[cfg(test)]
mod tests {
    use super::{Asked, Served};
    use std::time::{Duration, Instant};

    #[test]
    fn requests_at_the_same_time_are_one_round_trip() {
        let start = Instant::now();
        let served = |from: u64, to: u64| Served {
            begun: start + Duration::from_millis(from),
            ended: start + Duration::from_millis(to),
            read_units: 0.5,
            write_units: 0.0,
            items: 3,
        };
        let asked = Asked::of(vec![served(10, 30), served(0, 20), served(12, 15), served(40, 45)]);
        assert_eq!(asked.requests, 4);
        assert_eq!(asked.round_trips, 2);
        assert_eq!(asked.busy, Duration::from_millis(35));
        assert!((asked.read_units - 2.0).abs() < f64::EPSILON && asked.items == 12);
    }

    #[test]
    fn nothing_asked_is_nothing() {
        assert_eq!(Asked::of(Vec::new()), Asked::default());
    }
}
