//! AWS for tests: recorded answers to exactly the expected requests.

pub(crate) mod recorded;

use crate::session::Session;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::{Decoder, Encoder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use recorded::{ACCOUNT, REGION};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard};
use users_template::Stage;

/// The status of a broken connection.
const LOST: u16 = 0;

/// Answers requests. Equal ones are answered in the order of their expectations, others in any order,
/// since they can be concurrent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aws(Arc<Mutex<Exchanges>>);

#[derive(Debug, Default)]
struct Exchanges {
    expected: Vec<Exchange>,
    unexpected: Vec<String>,
}

#[derive(Debug)]
struct Exchange {
    call: String,
    input: Value,
    status: u16,
    body: String,
}

impl Exchange {
    fn is(&self, call: &str) -> bool {
        match self.call.strip_suffix('*') {
            Some(beginning) => call.starts_with(beginning),
            None => self.call == call,
        }
    }
}

/// The body of an answer.
pub(crate) struct Body(String);

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<&String> for Body {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self(value.to_string())
    }
}

impl Aws {
    /// Expects a call with an input, and answers with a body in XML or JSON, which is encoded for the
    /// protocol.
    ///
    /// The call is the name of the operation or, for Lambda and S3, method and path. The input of
    /// CloudFormation and STS is the parameters of the form.
    pub(crate) fn expect(self, call: &str, input: Value, body: impl Into<Body>) -> Self {
        self.answer(call, input, 200, body)
    }

    /// As [`Aws::expect`], with another status.
    pub(crate) fn answer(
        self,
        call: &str,
        input: Value,
        status: u16,
        body: impl Into<Body>,
    ) -> Self {
        let body = body.into().0;
        self.lock().expected.push(Exchange { call: call.to_owned(), input, status, body });
        self
    }

    /// Expects a call, and breaks the connection.
    pub(crate) fn lose(self, call: &str, input: Value) -> Self {
        self.answer(call, input, LOST, "")
    }

    /// Expects the upload of an object whose path begins with `path`; the rest holds the time.
    pub(crate) fn expect_put(self, path: &str) -> Self {
        self.expect(&format!("PUT {path}*"), Value::Null, "")
    }

    /// Expects a list of the objects with a prefix.
    pub(crate) fn expect_list(self, prefix: &str, keys: &[&str]) -> Self {
        let keys: String =
            keys.iter().map(|key| format!("<Contents><Key>{key}</Key></Contents>")).collect();
        let body = format!(
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{keys}\
             </ListBucketResult>"
        );
        let prefix = prefix.replace('/', "%2F");
        self.expect(&format!("GET /?list-type=2&prefix={prefix}"), Value::Null, body)
    }

    /// A configuration with these answers.
    pub(crate) fn config(&self) -> SdkConfig {
        let this = self.clone();
        let credentials = Credentials::new("AKIDEXAMPLE", "not/a+secret", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(this.clone())))
            .build()
    }

    /// A session of stage `dev` with these answers.
    pub(crate) fn session(&self) -> Session {
        Session {
            config: self.config(),
            stage: Stage { name: "dev".to_owned(), ..Stage::default() },
            stack: "users-dev".to_owned(),
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
        }
    }

    /// Fails unless exactly the expected requests were made.
    #[track_caller]
    pub(crate) fn finish(&self) {
        let exchanges = self.lock();
        assert!(exchanges.unexpected.is_empty(), "not expected: {:#?}", exchanges.unexpected);
        let calls: Vec<_> = exchanges.expected.iter().map(|e| (&e.call, &e.input)).collect();
        assert!(calls.is_empty(), "not asked: {calls:#?}");
    }

    fn lock(&self) -> MutexGuard<'_, Exchanges> {
        self.0.lock().unwrap()
    }

    /// The answer; `None` for a broken connection.
    fn respond(&self, request: &http::Request<SdkBody>) -> Option<http::Response<SdkBody>> {
        let (call, input, is_cbor) = read(request);
        let mut exchanges = self.lock();
        let found = exchanges.expected.iter().position(|e| e.is(&call) && e.input == input);
        let Some(found) = found else {
            exchanges.unexpected.push(format!("{call} {input}"));
            let body = json!({"__type": "UnexpectedRequest", "message": call}).to_string();
            return Some(http::Response::builder().status(400).body(body.into()).unwrap());
        };
        let Exchange { status, body, .. } = exchanges.expected.remove(found);
        if status == LOST {
            return None;
        }
        let mut response = http::Response::builder().status(status).header("date", date());
        let body = if is_cbor {
            response = response.header("smithy-protocol", "rpc-v2-cbor");
            let mut encoder = Encoder::new(Vec::new());
            encode(&mut encoder, &serde_json::from_str(&body).unwrap());
            encoder.into_writer()
        } else {
            body.into_bytes()
        };
        Some(response.body(SdkBody::from(body)).unwrap())
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.respond(&request.try_into_http1x().unwrap());
        HttpConnectorFuture::ready(match answer {
            Some(answer) => Ok(answer.try_into().unwrap()),
            None => Err(ConnectorError::io("the connection was reset".into())),
        })
    }
}

/// The present time, for the header of each answer. With another one the SDK would attribute an error
/// to a wrong clock, and try again.
fn date() -> String {
    let now = aws_smithy_types::DateTime::from_secs(jiff::Timestamp::now().as_second());
    now.fmt(aws_smithy_types::date_time::Format::HttpDate).unwrap()
}

/// Operation, input, and whether it is CBOR.
fn read(request: &http::Request<SdkBody>) -> (String, Value, bool) {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let body = request.body().bytes().unwrap_or_default();
    let path = request.uri().path();
    if header("smithy-protocol") == Some("rpc-v2-cbor") {
        let operation = path.rsplit('/').next().unwrap();
        return (operation.to_owned(), decode(&mut Decoder::new(body)), true);
    }
    if let Some(target) = header("x-amz-target") {
        let operation = target.rsplit('.').next().unwrap();
        return (operation.to_owned(), serde_json::from_slice(body).unwrap(), false);
    }
    if header("content-type") == Some("application/x-www-form-urlencoded") {
        let mut form = form(std::str::from_utf8(body).unwrap());
        let Some(Value::String(operation)) = form.remove("Action") else { panic!("no action") };
        form.remove("Version").unwrap();
        return (operation, form.into(), false);
    }
    let target = request.uri().path_and_query().unwrap();
    let input = match path.ends_with("/invocations") {
        true => serde_json::from_slice(body).unwrap(),
        false => Value::Null,
    };
    (format!("{} {target}", request.method()), input, false)
}

fn form(text: &str) -> Map<String, Value> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap();
        (decoded(name), Value::from(decoded(value)))
    };
    text.split('&').map(pair).collect()
}

/// A value in CBOR; `{"$time": seconds}` stands for a time.
fn encode(encoder: &mut Encoder, value: &Value) {
    match value {
        Value::Null => drop(encoder.null()),
        Value::Bool(value) => drop(encoder.boolean(*value)),
        Value::Number(number) => drop(encoder.long(number.as_i64().unwrap())),
        Value::String(text) => drop(encoder.str(text)),
        Value::Array(items) => {
            encoder.array(items.len());
            items.iter().for_each(|item| encode(encoder, item));
        }
        Value::Object(members) => {
            if let Some(seconds) = members.get("$time").and_then(Value::as_i64) {
                encoder.timestamp(&aws_smithy_types::DateTime::from_secs(seconds));
                return;
            }
            encoder.map(members.len());
            for (name, member) in members {
                encoder.str(name);
                encode(encoder, member);
            }
        }
    }
}

/// Decodes the kinds of values in requests.
fn decode(decoder: &mut Decoder<'_>) -> Value {
    match decoder.datatype().unwrap() {
        Type::String => decoder.string().unwrap().into(),
        Type::Array => {
            let length = decoder.list().unwrap().unwrap();
            (0..length).map(|_| decode(decoder)).collect()
        }
        Type::MapIndef => {
            decoder.map().unwrap();
            let mut members = Map::new();
            while decoder.datatype().unwrap() != Type::Break {
                let name = decoder.string().unwrap();
                members.insert(name, decode(decoder));
            }
            members.into()
        }
        other => panic!("{other:?} in a request"),
    }
}
