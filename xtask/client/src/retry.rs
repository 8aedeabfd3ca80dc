//! Retries, as real clients make them.

use crate::{Call, ClientError, Response};
use http::Method;
use std::time::Duration;
use users_contract::{ErrorCode, header};

/// When and how often a call is retried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first.
    pub attempts: u32,
    /// The maximum pause before the second attempt; it doubles with each attempt.
    pub first_pause: Duration,
    /// The maximum of every pause, even if `Retry-After` asks for more.
    pub longest_pause: Duration,
    /// Whether 409 `concurrent-modification` is retried too. That is safe, but only the caller
    /// knows whether the change is still wanted.
    pub repeat_conflicts: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 10,
            first_pause: Duration::from_millis(25),
            longest_pause: Duration::from_secs(2),
            repeat_conflicts: false,
        }
    }
}

/// The result of a call, and the number of attempts.
#[derive(Debug)]
pub struct Outcome {
    /// The last response.
    pub response: Response,
    /// The number of attempts.
    pub sent: u32,
}

impl Call {
    /// Sends the call until a response settles it, with growing random pauses.
    ///
    /// 429 and 409 `request-in-progress` are always retried. A lost connection or a 5xx is retried
    /// if the call is idempotent, by its method or by an idempotency key. When the attempts are
    /// used up, the last response is returned.
    ///
    /// # Errors
    /// As [`Call::send`], for the last attempt.
    pub async fn send_retrying(&self, policy: RetryPolicy) -> Result<Outcome, ClientError> {
        let mut sent = 0;
        loop {
            let result = self.send().await;
            sent += 1;
            let again = match &result {
                Ok(response) => self.should_repeat(response, policy),
                Err(error) => error.is_lost() && self.is_idempotent(),
            };
            if !again || sent >= policy.attempts {
                return result.map(|response| Outcome { response, sent });
            }
            tokio::time::sleep(policy.pause(sent, result.as_ref().ok())).await;
        }
    }

    fn is_idempotent(&self) -> bool {
        let by_method = matches!(
            *self.method(),
            Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS
        );
        by_method || self.header_values(header::IDEMPOTENCY_KEY).next().is_some()
    }

    fn should_repeat(&self, response: &Response, policy: RetryPolicy) -> bool {
        match response.status.as_u16() {
            429 => true,
            409 => response.problem_code().is_some_and(|code| {
                code == ErrorCode::RequestInProgress.as_str()
                    || policy.repeat_conflicts && code == ErrorCode::ConcurrentModification.as_str()
            }),
            500..=599 => self.is_idempotent(),
            _ => false,
        }
    }
}

impl RetryPolicy {
    /// A random pause up to the attempt's maximum, but at least as long as `Retry-After` asks for.
    fn pause(&self, sent: u32, response: Option<&Response>) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << sent.saturating_sub(1).min(16));
        let random = doubled.min(self.longest_pause).mul_f64(fastrand::f64());
        let asked = response
            .and_then(|response| response.header("retry-after")?.parse().ok())
            .map_or(Duration::ZERO, Duration::from_secs);
        random.max(asked).min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::RetryPolicy;
    use crate::{Call, Client, Credentials};
    use bytes::Bytes;
    use http::Method;
    use http_body_util::Full;
    use hyper::service::service_fn;
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Serves the given status codes and problem codes, one per request, and records the keys.
    async fn server(answers: &[(u16, &'static str)]) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(Vec::new()));
        let left = Arc::new(Mutex::new(answers.to_vec()));
        let seen = Arc::clone(&keys);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (left, seen) = (Arc::clone(&left), Arc::clone(&seen));
                let service = service_fn(move |request: http::Request<_>| {
                    let key = request.headers().get("idempotency-key");
                    let key = key.map_or("", |key| key.to_str().unwrap()).to_owned();
                    seen.lock().unwrap().push(key);
                    let (status, code) = left.lock().unwrap().remove(0);
                    let response = http::Response::builder()
                        .status(status)
                        .header("content-type", "application/problem+json")
                        .body(Full::new(Bytes::from(format!("{{\"code\":\"{code}\"}}"))))
                        .unwrap();
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(hyper_util::rt::TokioIo::new(stream), service),
                );
            }
        });
        (url, keys)
    }

    fn call(url: &str, method: Method) -> Call {
        let credentials = Credentials::from_keys("id", "secret", None);
        Client::new(url, "us-east-1", credentials).unwrap().call(method, "/")
    }

    fn policy() -> RetryPolicy {
        RetryPolicy { first_pause: Duration::from_millis(1), ..RetryPolicy::default() }
    }

    #[tokio::test]
    async fn a_call_with_a_key_is_retried_with_the_same_key_until_it_is_settled() {
        let answers =
            [(503, "service-unavailable"), (409, "request-in-progress"), (429, "x"), (201, "")];
        let (url, keys) = server(&answers).await;
        let call = call(&url, Method::POST).idempotency_key("k-1");
        let outcome = call.send_retrying(policy()).await.unwrap();
        assert_eq!((outcome.response.status.as_u16(), outcome.sent), (201, 4));
        assert_eq!(*keys.lock().unwrap(), ["k-1"; 4]);
    }

    #[tokio::test]
    async fn a_post_without_a_key_is_not_retried_after_a_5xx() {
        let (url, _) = server(&[(503, "service-unavailable"), (201, "")]).await;
        let outcome = call(&url, Method::POST).send_retrying(policy()).await.unwrap();
        assert_eq!((outcome.response.status.as_u16(), outcome.sent), (503, 1));
    }

    #[tokio::test]
    async fn a_conflict_is_retried_only_on_demand() {
        let answers = [(409, "concurrent-modification"), (200, "")];
        let (url, _) = server(&answers).await;
        let outcome = call(&url, Method::PUT).send_retrying(policy()).await.unwrap();
        assert_eq!((outcome.response.status.as_u16(), outcome.sent), (409, 1));

        let (url, _) = server(&answers).await;
        let policy = RetryPolicy { repeat_conflicts: true, ..policy() };
        let outcome = call(&url, Method::PUT).send_retrying(policy).await.unwrap();
        assert_eq!((outcome.response.status.as_u16(), outcome.sent), (200, 2));
    }

    #[tokio::test]
    async fn the_last_response_is_returned_when_the_attempts_are_used_up() {
        let (url, _) = server(&[(500, ""), (500, ""), (200, "")]).await;
        let policy = RetryPolicy { attempts: 2, ..policy() };
        let outcome = call(&url, Method::GET).send_retrying(policy).await.unwrap();
        assert_eq!((outcome.response.status.as_u16(), outcome.sent), (500, 2));
    }

    #[tokio::test]
    async fn a_refused_connection_counts_as_lost() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let policy = RetryPolicy { attempts: 3, ..policy() };
        let error = call(&url, Method::GET).send_retrying(policy).await.unwrap_err();
        assert!(error.is_lost(), "{error}");
    }
}
