//! The builder of one call.

use crate::sign::{self, Scope};
use crate::typed::UNRESERVED;
use crate::{Client, ClientError, Response, Signing};
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;
use users_contract::header;

type Tamper = Arc<dyn Fn(&mut Request<Bytes>) + Send + Sync>;

/// A call. It can be cloned and sent any number of times; each attempt gets a new signature.
#[derive(Clone)]
pub struct Call {
    client: Client,
    method: Method,
    path: String,
    query: Vec<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    signing: Signing,
    region: Option<String>,
    service: String,
    time: Option<SystemTime>,
    tamper: Option<Tamper>,
}

/// Omits query, headers and body: all can hold personal data.
impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("method", &self.method)
            .field("signing", &self.signing)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Begins a call of `path`, which is relative to the base URL, begins with `/` and is already
    /// percent-encoded.
    #[must_use]
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call::new(self.clone(), method, path)
    }
}

impl Call {
    fn new(client: Client, method: Method, path: &str) -> Self {
        Self {
            client,
            method,
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            signing: Signing::Header,
            region: None,
            service: "execute-api".to_owned(),
            time: None,
            tamper: None,
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path relative to the base URL, as it was given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The values of a request header, in the order in which they were added.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(present, _)| present.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Adds a query parameter, and percent-encodes its name and value.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let encode = |text| utf8_percent_encode(text, UNRESERVED);
        self.query.push(format!("{}={}", encode(name), encode(value)));
        self
    }

    /// Adds a part of the query without encoding it.
    #[must_use]
    pub fn raw_query(mut self, piece: &str) -> Self {
        self.query.push(piece.to_owned());
        self
    }

    /// Adds a header, without replacing one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds `Idempotency-Key`.
    #[must_use]
    pub fn idempotency_key(self, key: &str) -> Self {
        self.header(header::IDEMPOTENCY_KEY, key)
    }

    /// Sets the body without a content type.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body, with `Content-Type: application/json`.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sets the kind of signature; by default it is in the `Authorization` header.
    #[must_use]
    pub fn signing(mut self, signing: Signing) -> Self {
        self.signing = signing;
        self
    }

    /// Signs with other credentials.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.client.credentials = credentials;
        self
    }

    /// Signs for another region.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Signs for a service other than `execute-api`.
    #[must_use]
    pub fn service(mut self, service: &str) -> Self {
        service.clone_into(&mut self.service);
        self
    }

    /// Signs with a time other than now.
    #[must_use]
    pub fn time(mut self, time: SystemTime) -> Self {
        self.time = Some(time);
        self
    }

    /// Changes the request after it was signed and before it is sent.
    #[must_use]
    pub fn tamper(mut self, change: impl Fn(&mut Request<Bytes>) + Send + Sync + 'static) -> Self {
        self.tamper = Some(Arc::new(change));
        self
    }

    /// The request as it would be sent now, signature included.
    ///
    /// # Errors
    /// When it is not valid HTTP or cannot be signed.
    pub fn to_request(&self) -> Result<Request<Bytes>, ClientError> {
        let mut uri = format!("{}{}{}", self.client.origin, self.client.base_path, self.path);
        if !self.query.is_empty() {
            uri.push('?');
            uri.push_str(&self.query.join("&"));
        }
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(uri)
            .body(self.body.clone())
            .map_err(ClientError::Request)?;
        let invalid = |error: http::Error| ClientError::Request(error);
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(authority).map_err(|error| invalid(error.into()))?;
        request.headers_mut().insert(http::header::HOST, host);
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().map_err(|error| {
                let error: http::header::InvalidHeaderName = error;
                invalid(error.into())
            })?;
            let value = HeaderValue::from_bytes(value).map_err(|error| invalid(error.into()))?;
            request.headers_mut().append(name, value);
        }
        let scope = Scope {
            credentials: self.client.credentials.clone(),
            region: self.region.clone().unwrap_or_else(|| self.client.region.clone()),
            service: self.service.clone(),
            time: self.time.unwrap_or_else(now),
        };
        sign::apply(&mut request, self.signing, &scope)?;
        if let Some(tamper) = &self.tamper {
            tamper(&mut request);
        }
        Ok(request)
    }

    /// Sends the call once and waits for the response.
    ///
    /// # Errors
    /// When no complete response arrived. A response with an error status is not an error here.
    pub async fn send(&self) -> Result<Response, ClientError> {
        let request = self.to_request()?;
        let limit = self.client.timeout;
        tokio::time::timeout(limit, self.client.transport.send(request))
            .await
            .map_err(|_| ClientError::Timeout(limit))?
    }
}

#[expect(clippy::disallowed_methods, reason = "servers check signatures against the real clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use crate::{Client, Credentials, Signing};
    use http::Method;

    fn client() -> Client {
        let credentials = Credentials::from_keys("id", "secret", None);
        Client::new("http://localhost:4510/prod", "us-east-1", credentials).unwrap()
    }

    #[test]
    fn path_query_and_headers_are_sent_as_given() {
        let request = client()
            .call(Method::GET, "/users/a%3Ab")
            .query("email", "ü+x@y z")
            .raw_query("limit=1&limit=2")
            .header("If-Match", "\"1\"")
            .header("If-Match", "\"2\"")
            .to_request()
            .unwrap();
        assert_eq!(
            request.uri().to_string(),
            "http://localhost:4510/prod/users/a%3Ab?email=%C3%BC%2Bx%40y%20z&limit=1&limit=2"
        );
        assert_eq!(request.headers().get_all("if-match").iter().count(), 2);
        assert_eq!(request.headers()["host"], "localhost:4510");
        assert!(request.headers().contains_key("authorization"));
    }

    #[test]
    fn an_unsigned_call_has_no_signature() {
        let request =
            client().call(Method::GET, "/users").signing(Signing::None).to_request().unwrap();
        assert!(!request.headers().contains_key("authorization"));
        assert!(!request.headers().contains_key("x-amz-date"));
    }

    #[test]
    fn a_call_is_altered_after_it_was_signed() {
        let call = client().call(Method::POST, "/users").time(std::time::UNIX_EPOCH);
        let original = call.clone().to_request().unwrap();
        let tampered = call.tamper(|request| *request.body_mut() = "x".into());
        let tampered = tampered.to_request().unwrap();
        assert_eq!(original.headers()["authorization"], tampered.headers()["authorization"]);
        assert_eq!(tampered.body().as_ref(), b"x");
    }
}
