//! The API as a test sees it, and one request to it.

use crate::answer::Answer;
use crate::sample;
use crate::settings::Settings;
use crate::universal;
use http::Method;
use serde_json::{Value, json};
use std::panic::Location;
use std::time::{Duration, SystemTime};
use users_client::{Call, Client, Credentials, RetryPolicy, Signing};
use users_contract::header;

/// The API, called by one principal. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client,
}

impl Api {
    /// The API, called by the usual caller.
    #[must_use]
    #[track_caller]
    pub fn connect() -> Self {
        let settings = Settings::get();
        match Client::new(&settings.url, settings.region.clone(), settings.caller.clone()) {
            Ok(client) => Self { client },
            Err(error) => panic!("USERS_API_URL cannot be used: {error}"),
        }
    }

    /// The API that a client calls, of a stack that a test has started itself.
    #[must_use]
    pub fn of(client: Client) -> Self {
        Self { client }
    }

    /// The same API called by another caller who may do everything.
    #[must_use]
    pub fn as_other(&self) -> Self {
        Self { client: self.client.with_credentials(Settings::get().other.clone()) }
    }

    /// The same API called by somebody who may only `GET /users*`.
    #[must_use]
    pub fn as_reader(&self) -> Self {
        Self { client: self.client.with_credentials(Settings::get().reader.clone()) }
    }

    /// The path of the API's root in what it answers, such as `/prod`: the path of its URL, unless
    /// the settings say that something before it serves it elsewhere.
    #[must_use]
    pub fn base_path(&self) -> &str {
        Settings::get().base_path.as_deref().unwrap_or(self.url_path())
    }

    /// The path of the API's root in its URL.
    #[must_use]
    pub fn url_path(&self) -> &str {
        self.client.base_path()
    }

    /// Begins a request with any method.
    #[must_use]
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request { base_path: self.base_path().to_owned(), call: self.client.call(method, path) }
    }

    /// Begins a `GET`.
    #[must_use]
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// Begins a `POST` with a JSON body.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> Request {
        self.request(Method::POST, path).json(body)
    }

    /// Begins a `PUT` with a JSON body.
    #[must_use]
    pub fn put(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PUT, path).json(body)
    }

    /// Begins a `PATCH` with a JSON body.
    #[must_use]
    pub fn patch(&self, path: &str, body: &Value) -> Request {
        self.request(Method::PATCH, path).json(body)
    }

    /// Begins a `DELETE`.
    #[must_use]
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// Begins a registration.
    #[must_use]
    pub fn register(&self, body: &Value) -> Request {
        self.post("/users", body)
    }

    /// Begins reading a profile.
    #[must_use]
    pub fn profile(&self, user_id: &str) -> Request {
        self.get(&format!("/users/{user_id}"))
    }

    /// Begins a change of a profile.
    #[must_use]
    pub fn update(&self, user_id: &str, patch: &Value) -> Request {
        self.patch(&format!("/users/{user_id}"), patch)
    }

    /// Begins a change of status, without a reason.
    #[must_use]
    pub fn set_status(&self, user_id: &str, status: &str) -> Request {
        self.put(&format!("/users/{user_id}/status"), &json!({"status": status}))
    }

    /// Begins giving a role.
    #[must_use]
    pub fn assign_role(&self, user_id: &str, role: &str) -> Request {
        self.post(&format!("/users/{user_id}/roles"), &json!({"role": role}))
    }

    /// Begins taking a role.
    #[must_use]
    pub fn remove_role(&self, user_id: &str, role: &str) -> Request {
        self.delete(&format!("/users/{user_id}/roles/{role}"))
    }

    /// Begins reading a user's audit history.
    #[must_use]
    pub fn audit(&self, user_id: &str) -> Request {
        self.get(&format!("/users/{user_id}/audit"))
    }

    /// Registers a user who has nothing but an email address.
    #[track_caller]
    pub fn new_user(&self) -> impl Future<Output = Value> + use<> {
        self.new_user_with(&json!({}))
    }

    /// Registers a user with these fields, and an email address of its own if they have none.
    #[track_caller]
    pub fn new_user_with(&self, fields: &Value) -> impl Future<Output = Value> + use<> {
        let sent = self.register(&sample::with(&sample::registration(), fields)).send();
        async move { sent.await.expect_status(201).json() }
    }

    /// Registers a user and brings it to a status.
    #[track_caller]
    pub fn new_user_in_status(&self, status: &str) -> impl Future<Output = Value> + use<> {
        let (api, status, place) = (self.clone(), status.to_owned(), Location::caller());
        async move {
            let user = api.new_user().await;
            let changed = api.set_status(id_of(&user), &status).send_from(place).await;
            changed.expect_status(200).json()
        }
    }

    /// Every audit entry of a user, oldest first.
    #[track_caller]
    pub fn history(&self, user_id: &str) -> impl Future<Output = Vec<Value>> + use<> {
        let request = self.audit(user_id).query("order", "asc").query("limit", "100");
        let place = Location::caller();
        async move {
            let mut entries = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let page = match &cursor {
                    Some(cursor) => request.clone().query("cursor", cursor),
                    None => request.clone(),
                };
                let page = page.send_from(place).await.expect_status(200);
                entries.extend(page.items());
                cursor = page.next_cursor();
                if cursor.is_none() {
                    return entries;
                }
            }
        }
    }
}

/// The id of a user resource.
#[must_use]
#[track_caller]
pub fn id_of(user: &Value) -> &str {
    match user["userId"].as_str() {
        Some(id) => id,
        None => panic!("this is not a user: {user}"),
    }
}

/// The version of a user resource.
#[must_use]
#[track_caller]
pub fn version_of(user: &Value) -> u64 {
    match user["version"].as_u64() {
        Some(version) => version,
        None => panic!("this is not a user: {user}"),
    }
}

/// One request, put together step by step.
#[derive(Clone, Debug)]
pub struct Request {
    base_path: String,
    call: Call,
}

impl Request {
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

    /// Signs as somebody else.
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

    /// Sends the request once. Checks what holds for every answer; fails at the caller's line,
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

    /// Sends the request once and takes a lost connection for an answer as well.
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
