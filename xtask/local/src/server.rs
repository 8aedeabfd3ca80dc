//! A small HTTP/1.1 server around hyper, shared by the gateway and the internal endpoints.
//!
//! Every request passes one guard, and everything that a peer can make this program keep is
//! bounded: connections, heads, bodies, answers that are not taken, and the time of each.

mod connection;
mod guard;

pub(crate) use guard::{Audience, foreign_page};

use self::connection::{Connection, Signals};
use crate::descriptors;
use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

/// An answer that is known in full.
pub(crate) type Answer = Response<Full<Bytes>>;

/// What a handler does with a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It answers.
    Answer(Answer),
    /// It answers nothing, because a test wants to see what callers make of that.
    HangUp(HangUp),
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<HangUp> for Reply {
    fn from(hang_up: HangUp) -> Self {
        Self::HangUp(hang_up)
    }
}

/// How a connection ends without an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HangUp {
    /// In order.
    Close,
    /// With a reset.
    Reset,
}

impl fmt::Display for HangUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the connection is to end without an answer")
    }
}

impl std::error::Error for HangUp {}

/// How long open calls may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(3);

/// Tells tasks to stop. Also true once its sender is gone, so that nothing outlives its owner.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A handle that stops all clones of the other one when set to `true` or dropped.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether it is time to stop.
    pub(crate) fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when it is time to stop.
    pub(crate) async fn wait(&mut self) {
        // An error means that the sender is gone, which is a stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// How long a head may take to arrive, and a connection may be idle.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How long a body may take to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of request line and headers together, as on AWS.
const HEAD_BYTES: usize = 10_240;
/// As many headers as fit into a head.
const HEADERS: usize = HEAD_BYTES / 4;
/// What a connection may buffer.
const BUFFER_BYTES: usize = 16 * 1024;
/// Connections that can be refused at once; further ones wait in the system's queue.
const REFUSALS: usize = 8;
/// How long a connection that is refused may take to send a head.
const REFUSAL_LIMIT: Duration = Duration::from_secs(2);
/// A body up to this size is read whenever it comes.
const SMALL_BODY_BYTES: usize = 64 * 1024;
/// Larger bodies that are read at once.
const LARGE_BODIES: usize = 8;

/// Makes the answer to a head that cannot be taken, of which the beginning is given.
pub(crate) type RefuseHead = Arc<dyn Fn(&[u8], StatusCode, SocketAddr) -> Answer + Send + Sync>;

/// How a service is to be served. Listeners that share one share its bounds.
#[derive(Clone)]
pub(crate) struct Service {
    audience: Audience,
    refuse_head: Option<RefuseHead>,
    /// Room for connections. Where there is none, calls are refused with 503 if the service can say
    /// so; else connections wait in the system's queue.
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

/// The place of a connection among those that there may be.
struct Room {
    permit: OwnedSemaphorePermit,
    /// It is one too many: its first request is refused.
    is_full: bool,
}

impl Service {
    /// A service for some audience.
    pub(crate) fn new(audience: Audience) -> Self {
        Self {
            audience,
            refuse_head: None,
            connections: Arc::new(Semaphore::new(descriptors::connections())),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
        }
    }

    /// The same, with answers of its own to heads that cannot be taken, and to requests of too many
    /// connections.
    pub(crate) fn refusing_heads(self, refuse_head: RefuseHead) -> Self {
        Self { refuse_head: Some(refuse_head), ..self }
    }

    /// Serves `handler` on `listener` until `stop`, then lets open calls end for a short while.
    pub(crate) async fn serve<H, F, R>(self, listener: TcpListener, mut stop: Stop, handler: H)
    where
        H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = R> + Send + 'static,
        R: Into<Reply> + Send,
    {
        let mut connections = JoinSet::new();
        loop {
            let (stream, peer, room) = tokio::select! {
                () = stop.wait() => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.accept(&listener) => match accepted {
                    Ok(accepted) => accepted,
                    Err(_) => {
                        // Out of file descriptors, most likely: give connections time to end.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            // Without this, small answers wait for the peer's delayed acknowledgement. Should it
            // fail, the connection is merely slower.
            let _ = stream.set_nodelay(true);
            let (handler, audience) = (handler.clone(), self.audience);
            let (refuse_head, stop) = (self.refuse_head.clone(), stop.clone());
            connections.spawn(async move {
                let signals = Arc::new(Signals::default());
                let refuse = refuse_head.clone();
                let stream = Connection::new(stream, peer, Arc::clone(&signals), refuse_head);
                match refuse.filter(|_| room.is_full) {
                    Some(refuse) => {
                        let refused =
                            async |request: Request<Incoming>| Ok(full(&request, peer, &refuse));
                        let carried = carry(stream, refused, &signals, stop);
                        // Who sends nothing keeps others from their refusal.
                        let _ = tokio::time::timeout(REFUSAL_LIMIT, carried).await;
                    }
                    None => {
                        let shared = Arc::clone(&signals);
                        let answered = move |request| {
                            answer_one(
                                request,
                                peer,
                                audience,
                                handler.clone(),
                                Arc::clone(&shared),
                            )
                        };
                        carry(stream, answered, &signals, stop).await;
                    }
                }
                drop(room.permit);
            });
        }
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(GRACE, ended).await;
    }

    /// The next connection, once there is room for it.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, Room)> {
        // Accepting comes last, because a connection would be lost in a wait that is given up.
        let Some(_) = self.refuse_head else {
            let permit = Arc::clone(&self.connections).acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            return Ok((stream, peer, Room { permit, is_full: false }));
        };
        let refusal = Arc::clone(&self.refusals).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        let room = match Arc::clone(&self.connections).try_acquire_owned() {
            Ok(permit) => Room { permit, is_full: false },
            Err(_) => Room { permit: refusal, is_full: true },
        };
        Ok((stream, peer, room))
    }
}

/// Refuses a request because there are too many connections, and ends its connection.
fn full(request: &Request<Incoming>, peer: SocketAddr, refuse: &RefuseHead) -> Answer {
    let head = format!("{} {}", request.method(), request.uri());
    let mut answer = refuse(head.as_bytes(), StatusCode::SERVICE_UNAVAILABLE, peer);
    answer.headers_mut().insert(header::CONNECTION, http::HeaderValue::from_static("close"));
    answer
}

/// Answers the requests of a connection until it ends.
async fn carry<S, F>(stream: Connection, answered: S, signals: &Signals, mut stop: Stop)
where
    S: Fn(Request<Incoming>) -> F + Send,
    F: Future<Output = Result<Answer, HangUp>> + Send,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service_fn(answered));
    let mut connection = pin!(connection);
    // What goes wrong on a connection is the peer's to see: a broken request is answered already.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.wait() => {
            signals.stop();
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer_one<H, F, R>(
    request: Request<Incoming>,
    peer: SocketAddr,
    audience: Audience,
    handler: H,
    signals: Arc<Signals>,
) -> Result<Answer, HangUp>
where
    H: Fn(Request<Incoming>, SocketAddr) -> F,
    F: Future<Output = R>,
    R: Into<Reply>,
{
    signals.begin(!request.body().is_end_stream()).await;
    let reply = match guard::refusal(audience, request.uri(), request.headers(), peer) {
        Some(text) => forbidden(text).into(),
        None => handler(request, peer).await.into(),
    };
    signals.end();
    match reply {
        Reply::Answer(answer) => Ok(answer),
        Reply::HangUp(hang_up) => {
            signals.resets.store(hang_up == HangUp::Reset, Ordering::Relaxed);
            Err(hang_up)
        }
    }
}

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It has more bytes than allowed.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// The connection broke.
    Broken,
}

/// Bounds of the bodies that a service reads at once, whatever its callers send.
#[derive(Debug)]
pub(crate) struct Bodies(Semaphore);

impl Default for Bodies {
    fn default() -> Self {
        Self(Semaphore::new(LARGE_BODIES))
    }
}

impl Bodies {
    /// Reads a body of at most `limit` bytes. Past a small size it waits for its turn.
    pub(crate) async fn read(&self, body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
        collect(body, limit, Some(&self.0)).await
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    collect(body, limit, None).await
}

/// Copies what arrives into one piece: as pieces, single bytes would each keep the buffer that they
/// were read into.
async fn collect(
    mut body: Incoming,
    limit: usize,
    turns: Option<&Semaphore>,
) -> Result<Bytes, BodyError> {
    let reading = async {
        if body.size_hint().lower() > limit as u64 {
            return Err(BodyError::TooLarge);
        }
        let mut read = BytesMut::new();
        let mut turn = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyError::Broken)?;
            let Ok(data) = frame.into_data() else { continue };
            let length = read.len() + data.len();
            if length > limit {
                return Err(BodyError::TooLarge);
            }
            if let (None, Some(turns)) = (&turn, turns)
                && length > SMALL_BODY_BYTES
            {
                turn = Some(turns.acquire().await.map_err(|_| BodyError::Broken)?);
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    };
    tokio::time::timeout(BODY_LIMIT, reading).await.unwrap_or(Err(BodyError::TooSlow))
}

/// An answer with a body of some content type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    answer
}

/// The answer to a caller that may not call here. It ends the connection, so the rest of the
/// connection's bytes are ignored. A browser hides it from pages of other origins as a whole.
pub(crate) fn forbidden(text: &str) -> Answer {
    let mut answer = json(StatusCode::FORBIDDEN, &json!({"message": "Forbidden", "hint": text}));
    for (name, value) in [
        (header::CONNECTION, "close"),
        (http::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        answer.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    answer
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json", Bytes::from(body.to_string()))
}
