//! A small HTTP/1.1 server around hyper, shared by the gateway and the internal endpoints.
//!
//! Every request passes one guard. All resources that a peer can occupy are bounded: connections,
//! heads, bodies, unread answers, and the time of each.

mod answer;
mod body;
mod connection;
mod guard;
mod stop;

pub(crate) use answer::{Answer, HangUp, RefuseHead, Reply, answer, forbidden, json};
pub(crate) use body::{Bodies, BodyError, read_body};
pub(crate) use guard::{Audience, foreign_page};
pub(crate) use stop::Stop;

use self::connection::{Connection, Signals};
use crate::descriptors;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// The grace period of open calls after the stop signal.
const GRACE: Duration = Duration::from_secs(3);
/// The maximum time for a head to arrive, and for a connection to be idle.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// The maximum size of request line and headers together, in bytes, as on AWS.
const HEAD_BYTES: usize = 10_240;
/// The maximum number of headers: more cannot fit into a head.
const HEADERS: usize = HEAD_BYTES / 4;
/// The buffer size of a connection, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;
/// The maximum number of connections that are refused at once; further ones wait in the system's
/// queue.
const REFUSALS: usize = 8;
/// The maximum time for a refused connection to send a head.
const REFUSAL_LIMIT: Duration = Duration::from_secs(2);

/// The settings of a listener. Listeners that share one share its bounds.
#[derive(Clone)]
pub(crate) struct Service {
    audience: Audience,
    refuse_head: Option<RefuseHead>,
    /// A permit for each connection. Without a permit, calls are refused with 503 if the service has
    /// an answer for that; else connections wait in the system's queue.
    connections: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

/// The permit of a connection.
struct Place {
    permit: OwnedSemaphorePermit,
    /// The connection is beyond the limit: its first request is refused.
    is_beyond_limit: bool,
}

impl Service {
    /// A service for an audience.
    pub(crate) fn new(audience: Audience) -> Self {
        Self {
            audience,
            refuse_head: None,
            connections: Arc::new(Semaphore::new(descriptors::connections())),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
        }
    }

    /// Adds its own answers to refused heads, and to requests of connections beyond the limit.
    pub(crate) fn refusing_heads(self, refuse_head: RefuseHead) -> Self {
        Self { refuse_head: Some(refuse_head), ..self }
    }

    /// Serves `handler` on `listener` until `stop`, and lets open calls end within a grace period.
    pub(crate) async fn serve<H, F, R>(self, listener: TcpListener, mut stop: Stop, handler: H)
    where
        H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = R> + Send + 'static,
        R: Into<Reply> + Send,
    {
        let mut connections = JoinSet::new();
        loop {
            let (stream, peer, place) = tokio::select! {
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
                match refuse.filter(|_| place.is_beyond_limit) {
                    Some(refuse) => {
                        let refused = async |request: Request<Incoming>| {
                            Ok(refuse_beyond_limit(&request, peer, &refuse))
                        };
                        let carried = serve_connection(stream, refused, &signals, stop);
                        // A silent peer would keep others from their refusal.
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
                        serve_connection(stream, answered, &signals, stop).await;
                    }
                }
                drop(place.permit);
            });
        }
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(GRACE, ended).await;
    }

    /// Accepts the next connection.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, Place)> {
        // Accepting comes last: cancelling a later wait would lose the connection.
        let Some(_) = self.refuse_head else {
            let permit = Arc::clone(&self.connections).acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            return Ok((stream, peer, Place { permit, is_beyond_limit: false }));
        };
        let refusal = Arc::clone(&self.refusals).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = listener.accept().await?;
        let place = match Arc::clone(&self.connections).try_acquire_owned() {
            Ok(permit) => Place { permit, is_beyond_limit: false },
            Err(_) => Place { permit: refusal, is_beyond_limit: true },
        };
        Ok((stream, peer, place))
    }
}

/// Refuses a request of a connection beyond the limit, and ends the connection.
fn refuse_beyond_limit(
    request: &Request<Incoming>,
    peer: SocketAddr,
    refuse: &RefuseHead,
) -> Answer {
    let head = format!("{} {}", request.method(), request.uri());
    let mut answer = refuse(head.as_bytes(), StatusCode::SERVICE_UNAVAILABLE, peer);
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Serves a connection until it ends.
async fn serve_connection<S, F>(stream: Connection, answered: S, signals: &Signals, mut stop: Stop)
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
    // Errors of a connection concern only the peer: a malformed request is already answered.
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
