//! One request to the API.

use crate::answer::Answer;
use crate::universal;
use serde_json::Value;
use std::panic::Location;
use std::time::{Duration, SystemTime};
use users_client::{Call, Credentials, RetryPolicy, Signing};
use users_contract::header;

/// One request, put together step by step.
#[derive(Clone, Debug)]
pub struct Request {
    base_path: String,
    call: Call,
}

impl Request {
    pub(crate) fn new(base_path: &str, call: Call) -> Self {
        Self { base_path: base_path.to_owned(), call }
    }

    fn change(self, change: impl FnOnce(Call) -> Call) -> Self {
        Self { call: change(self.call), ..self }
    }

    /// Adds a query parameter, percent-encoded here.
    #[must_use]
    pub fn query(self, name: &str, value: &str) -> Self {
        self.change(|call| call.query(name, value))
    }

    /// Adds a piece of the query as it is.
    #[must_use]
    pub fn raw_query(self, piece: &str) -> Self {
        self.change(|call| call.raw_query(piece))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.change(|call| call.header(name, value))
    }

    /// Adds `Idempotency-Key`.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.change(|call| call.idempotency_key(key))
    }

    /// Adds `If-Match` with the tag of this version.
    #[must_use]
    pub fn if_version(self, version: u64) -> Self {
        self.header(header::IF_MATCH, format!("\"{version}\""))
    }

    /// Sets the body, and no content type.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        self.change(|call| call.body(body.into()))
    }

    /// Sets the body with `Content-Type: application/json`.
    #[must_use]
    pub fn json_text(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    /// Sets a JSON body with `Content-Type: application/json`.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.change(|call| call.json(body))
    }

    /// Leaves the request unsigned.
    #[must_use]
    pub fn unsigned(self) -> Self {
        self.signing(Signing::None)
    }

    /// Chooses where the signature goes.
    #[must_use]
    pub fn signing(self, signing: Signing) -> Self {
        self.change(|call| call.signing(signing))
    }

    /// Signs as another caller.
    #[must_use]
    pub fn credentials(self, id: &str, secret: &str) -> Self {
        self.change(|call| call.credentials(Credentials::from_keys(id, secret, None)))
    }

    /// Signs for another region.
    #[must_use]
    pub fn region(self, region: &str) -> Self {
        self.change(|call| call.region(region))
    }

    /// Signs for another service.
    #[must_use]
    pub fn service(self, service: &str) -> Self {
        self.change(|call| call.service(service))
    }

    /// Signs as of a time that lies so many seconds from now, in the past when negative.
    #[must_use]
    pub fn clock_off_by(self, seconds: i64) -> Self {
        let off = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { now() - off } else { now() + off };
        self.change(|call| call.time(time))
    }

    /// Changes the request after it was signed.
    #[must_use]
    pub fn tamper(
        self,
        change: impl Fn(&mut http::Request<Vec<u8>>) + Send + Sync + 'static,
    ) -> Self {
        self.change(|call| {
            call.tamper(move |request| {
                let mut owned = http::Request::new(request.body().to_vec());
                *owned.method_mut() = request.method().clone();
                *owned.uri_mut() = request.uri().clone();
                *owned.headers_mut() = request.headers().clone();
                change(&mut owned);
                let (parts, body) = owned.into_parts();
                *request = http::Request::from_parts(parts, body.into());
            })
        })
    }

    /// Sends the request once and checks the rules for every answer. Fails at the caller's line,
    /// also when no answer comes.
    #[track_caller]
    pub fn send(&self) -> impl Future<Output = Answer> + use<> {
        self.send_from(Location::caller())
    }

    pub(crate) fn send_from(
        &self,
        place: &'static Location<'static>,
    ) -> impl Future<Output = Answer> + use<> {
        let request = self.clone();
        async move {
            match request.call.send().await {
                Ok(response) => request.answer(response, place, 1),
                Err(error) => panic!("no answer to {} at {place}: {error:?}", request.describe()),
            }
        }
    }

    /// Sends the request until an answer settles it, as real clients do. Conflicts with other
    /// writers are tried again too.
    #[track_caller]
    pub fn send_retrying(&self) -> impl Future<Output = Answer> + use<> {
        let (request, place) = (self.clone(), Location::caller());
        let policy = RetryPolicy { attempts: 40, repeat_conflicts: true, ..RetryPolicy::default() };
        async move {
            match request.call.send_retrying(policy).await {
                Ok(outcome) => request.answer(outcome.response, place, outcome.sent),
                Err(error) => panic!("no answer to {} at {place}: {error:?}", request.describe()),
            }
        }
    }

    /// Sends the request once and allows the connection to be lost.
    ///
    /// # Errors
    /// When no answer came.
    #[track_caller]
    pub fn try_send(
        &self,
    ) -> impl Future<Output = Result<Answer, users_client::ClientError>> + use<> {
        let (request, place) = (self.clone(), Location::caller());
        async move {
            let response = request.call.send().await?;
            Ok(request.answer(response, place, 1))
        }
    }

    /// Sends the request once and checks nothing of the answer: for a request that is changed on
    /// the way so much that the harness no longer knows what arrives.
    #[track_caller]
    pub fn send_unchecked(&self) -> impl Future<Output = users_client::Response> + use<> {
        let (request, place) = (self.clone(), Location::caller());
        async move {
            match request.call.send().await {
                Ok(response) => response,
                Err(error) => panic!("no answer to {} at {place}: {error:?}", request.describe()),
            }
        }
    }

    fn describe(&self) -> String {
        format!("{} {}", self.call.method(), self.call.path())
    }

    fn answer(
        &self,
        response: users_client::Response,
        place: &'static Location<'static>,
        sent: u32,
    ) -> Answer {
        let correlation_id = self
            .call
            .header_values(header::CORRELATION_ID)
            .next()
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(str::to_owned);
        let answer = Answer {
            response,
            method: self.call.method().clone(),
            path: self.call.path().to_owned(),
            base_path: self.base_path.clone(),
            sent_correlation_id: correlation_id,
            place,
            sent,
        };
        universal::check(&answer);
        answer
    }
}

#[expect(clippy::disallowed_methods, reason = "a signature is judged against the real clock")]
fn now() -> SystemTime {
    SystemTime::now()
}
