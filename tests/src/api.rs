//! The API as a test sees it: a request by operation, and users in a given state.

use crate::request::Request;
use crate::sample;
use crate::settings::Settings;
use http::Method;
use serde_json::{Value, json};
use std::panic::Location;
use users_client::Client;

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

    /// The path of the API's root in its answers, such as `/prod`: the path of its URL, unless
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
        Request::new(self.base_path(), self.client.call(method, path))
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

    /// One request of each write to a user that exists, who is active and has the role `old`; each
    /// changes something.
    #[must_use]
    pub fn changes(&self, user_id: &str) -> [Request; 4] {
        [
            self.update(user_id, &json!({"displayName": "Ada"})),
            self.set_status(user_id, "disabled"),
            self.assign_role(user_id, "new"),
            self.remove_role(user_id, "old"),
        ]
    }

    /// One request of each operation, in the order of the contract.
    #[must_use]
    pub fn operations(&self, user_id: &str) -> [Request; 8] {
        let [update, set_status, assign_role, remove_role] = self.changes(user_id);
        [
            self.register(&sample::registration()),
            self.profile(user_id),
            update,
            set_status,
            assign_role,
            remove_role,
            self.get("/users"),
            self.audit(user_id),
        ]
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
