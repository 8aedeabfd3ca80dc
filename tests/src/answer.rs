//! An answer, and its checks.

use http::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::panic::Location;
use users_client::Response;
use users_contract::ErrorCode;

/// An answer that kept the contract's general promises.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The response.
    pub response: Response,
    /// The method that was sent.
    pub method: Method,
    /// The path that was sent, below the API stage.
    pub path: String,
    pub(crate) base_path: String,
    pub(crate) sent_correlation_id: Option<String>,
    pub(crate) place: &'static Location<'static>,
    /// How often the request was sent to get this answer.
    pub sent: u32,
}

impl Answer {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status.as_u16()
    }

    /// The answer in words, for a failing assertion.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "{} {} (sent at {}) was answered {}: {}",
            self.method,
            self.path,
            self.place,
            self.status(),
            String::from_utf8_lossy(&self.response.body)
        )
    }

    /// The body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match self.response.json() {
            Ok(value) => value,
            Err(error) => panic!("{}\nis not JSON: {error}", self.describe()),
        }
    }

    /// The one value of a header.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> String {
        match self.response.header(name) {
            Some(value) => value.to_owned(),
            None => panic!("{}\nhas not exactly one header {name}", self.describe()),
        }
    }

    /// Fails unless the status is this one.
    #[must_use]
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "{}", self.describe());
        self
    }

    /// Fails unless it is a success whose body is a user, and gives the user.
    #[must_use]
    #[track_caller]
    pub fn user(&self) -> Value {
        assert!(matches!(self.status(), 200 | 201), "{}", self.describe());
        let user = self.json();
        assert!(user["userId"].is_string(), "{}", self.describe());
        user
    }

    /// Fails unless it is the problem document of this code, and gives the document.
    #[track_caller]
    pub fn expect_problem(&self, code: ErrorCode) -> Value {
        assert_eq!(self.status(), code.status(), "{}", self.describe());
        let problem = self.json();
        assert_eq!(problem["code"], code.as_str(), "{}", self.describe());
        problem
    }

    /// Fails unless it is 400 `invalid-request` that names exactly these places: a JSON Pointer
    /// such as `/email` or the empty text for the whole body, `?limit` for a query parameter,
    /// `header:if-match` for a header.
    #[track_caller]
    pub fn expect_invalid(&self, places: &[&str]) {
        let problem = self.expect_problem(ErrorCode::InvalidRequest);
        let named: BTreeSet<String> = problem["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{}\nnames no place", self.describe()))
            .iter()
            .map(place_of)
            .collect();
        let expected: BTreeSet<String> = places.iter().map(|&place| place.to_owned()).collect();
        assert_eq!(named, expected, "{}", self.describe());
    }

    /// The items of a page.
    #[must_use]
    #[track_caller]
    pub fn items(&self) -> Vec<Value> {
        assert_eq!(self.status(), 200, "{}", self.describe());
        match self.json()["items"].as_array() {
            Some(items) => items.clone(),
            None => panic!("{}\nis not a page", self.describe()),
        }
    }

    /// The `userId` of every item of a page.
    #[must_use]
    #[track_caller]
    pub fn user_ids(&self) -> Vec<String> {
        let id = |item: &Value| item["userId"].as_str().unwrap_or_default().to_owned();
        self.items().iter().map(id).collect()
    }

    /// The cursor of the next page.
    #[must_use]
    #[track_caller]
    pub fn next_cursor(&self) -> Option<String> {
        self.json()["nextCursor"].as_str().map(str::to_owned)
    }

    /// Whether it is a recorded answer.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.response.header("idempotent-replayed") == Some("true")
    }

    /// Fails unless this answer is the other one, played again.
    #[track_caller]
    pub fn expect_replay_of(&self, first: &Self) {
        assert!(self.is_replayed(), "not replayed: {}", self.describe());
        self.expect_same_success(first);
    }

    /// Fails unless status, body, `Location` and `ETag` are those of the other answer.
    #[track_caller]
    pub fn expect_same_success(&self, first: &Self) {
        let both = || format!("{}\nbut first\n{}", self.describe(), first.describe());
        assert_eq!(self.status(), first.status(), "{}", both());
        assert_eq!(self.json(), first.json(), "{}", both());
        for name in ["location", "etag", "content-type"] {
            let (now, before) = (self.response.header(name), first.response.header(name));
            assert_eq!(now, before, "{name}: {}", both());
        }
    }
}

fn place_of(error: &Value) -> String {
    let text = |name: &str| error[name].as_str();
    if let Some(pointer) = text("pointer") {
        pointer.to_owned()
    } else if let Some(parameter) = text("parameter") {
        format!("?{parameter}")
    } else {
        format!("header:{}", text("header").unwrap_or_default().to_ascii_lowercase())
    }
}
