//! Random sequences of operations, compared step by step with a model that is a few maps.
//!
//! A failure names its seed; `USERS_API_SEED` repeats the run. `USERS_API_SEQUENCES` and
//! `USERS_API_STEPS` make it longer.

use crate::users::{merge, retell, roles_of, without_times};
use fastrand::Rng;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use users_contract::ErrorCode;
use users_tests::control::Control;
use users_tests::walk::expect_listed;
use users_tests::{Answer, Api, Request, id_of, sample, variable, version_of};

/// The defaults of the variables.
const SEQUENCES: u64 = 12;
const STEPS: u64 = 60;
const FIELDS: [&str; 3] = ["displayName", "givenName", "familyName"];

/// The expected state of the service.
struct Model {
    api: Api,
    random: Rng,
    /// The addresses and roles that this sequence plays with.
    emails: Vec<String>,
    roles: Vec<String>,
    /// The users as the API ought to show them, by id.
    users: BTreeMap<String, Value>,
    /// Requests that succeeded under a key, with their answers.
    recorded: Vec<(Request, Answer)>,
}

/// The expected outcome of a write.
enum Expected {
    /// The user as it ought to be now; `updatedAt` is not known before.
    Changed(Value),
    Unchanged(Value),
    Refused(ErrorCode),
}

#[tokio::test]
async fn random_sequences_agree_with_the_model() {
    let control = Control::take_turn().await;
    let seed = number("USERS_API_SEED").unwrap_or_else(|| fastrand::u64(..));
    let sequences = number("USERS_API_SEQUENCES").unwrap_or(SEQUENCES);
    let steps = number("USERS_API_STEPS").unwrap_or(STEPS);
    let mut random = Rng::with_seed(seed);
    // Shown by the test runner when the test fails.
    println!("USERS_API_SEED={seed}");
    for _ in 0..sequences {
        let mut model = Model::new(Api::connect(), random.fork());
        for _ in 0..steps {
            model.step().await;
        }
        model.compare_all().await;
    }
    control.finish().await;
}

/// A variable that holds a whole number.
fn number(name: &str) -> Option<u64> {
    variable(name).map(|text| match text.parse() {
        Ok(number) => number,
        Err(error) => panic!("{name} must be a whole number: {error}"),
    })
}

/// Whether two addresses are one; those of the model differ in ASCII case only.
fn is_same_address(one: &Value, two: &Value) -> bool {
    let folded = |email: &Value| email.as_str().map(str::to_lowercase);
    folded(one) == folded(two)
}

fn is_live(user: &Value) -> bool {
    user["status"] != "deleted"
}

fn next_version(user: &Value) -> Value {
    sample::with(user, &json!({"version": version_of(user) + 1}))
}

impl Model {
    fn new(api: Api, random: Rng) -> Self {
        let unique = sample::unique();
        Self {
            api,
            random,
            emails: (0..5).map(|index| format!("s{index}-{unique}@example.com")).collect(),
            roles: (0..4).map(|index| format!("s{index}-{unique}")).collect(),
            users: BTreeMap::new(),
            recorded: Vec::new(),
        }
    }

    async fn step(&mut self) {
        match self.random.u8(..20) {
            0..4 => self.register().await,
            4..9 => self.update().await,
            9..12 => self.set_status().await,
            12..15 => self.assign_role().await,
            15..17 => self.remove_role().await,
            17 => self.replay().await,
            18 => self.read().await,
            _ => self.look_up().await,
        }
    }

    fn pick<'a>(random: &mut Rng, choices: &'a [String]) -> &'a str {
        &choices[random.usize(..choices.len())]
    }

    /// One of the addresses, in some spelling.
    fn email(&mut self) -> String {
        let email = Self::pick(&mut self.random, &self.emails).to_owned();
        if self.random.u8(..3) == 0 { email.to_uppercase() } else { email }
    }

    fn role(&mut self) -> String {
        Self::pick(&mut self.random, &self.roles).to_owned()
    }

    fn user(&mut self) -> Option<Value> {
        let users = self.users.len();
        if users == 0 {
            return None;
        }
        self.users.values().nth(self.random.usize(..users)).cloned()
    }

    /// Whether an address belongs to a live user other than one.
    fn is_taken(&self, email: &Value, except: Option<&str>) -> bool {
        self.users.values().any(|user| {
            is_live(user) && Some(id_of(user)) != except && is_same_address(&user["email"], email)
        })
    }

    async fn register(&mut self) {
        let mut body = json!({"email": self.email()});
        for field in FIELDS {
            if self.random.bool() {
                body[field] = json!(format!("name {}", self.random.u8(..3)));
            }
        }
        let roles: BTreeSet<String> = (0..self.random.u8(..3)).map(|_| self.role()).collect();
        body["roles"] = json!(roles);
        let expected = if self.is_taken(&body["email"], None) {
            Expected::Refused(ErrorCode::EmailAlreadyRegistered)
        } else {
            Expected::Changed(sample::with(&body, &json!({"status": "active", "version": 1})))
        };
        let request = self.api.register(&body);
        self.write(request, None, expected).await;
    }

    async fn update(&mut self) {
        let Some(user) = self.user() else { return };
        let mut patch = Map::new();
        if self.random.u8(..3) == 0 {
            patch.insert("email".to_owned(), json!(self.email()));
        }
        for field in FIELDS {
            match self.random.u8(..6) {
                0 => patch.insert(field.to_owned(), Value::Null),
                1 | 2 => {
                    patch.insert(field.to_owned(), json!(format!("name {}", self.random.u8(..3))))
                }
                _ => None,
            };
        }
        if self.random.bool() || patch.is_empty() {
            let value = match self.random.u8(..6) {
                0 => Value::Null,
                1 => json!({}),
                2 => json!({"a": null, "b": "1"}),
                3 => json!({"a.b": "2"}),
                _ => json!({"a": self.random.u8(..3).to_string()}),
            };
            patch.insert("attributes".to_owned(), value);
        }
        let merged = merge(&user, &patch);
        let expected = if !is_live(&user) {
            Expected::Refused(ErrorCode::UserDeleted)
        } else if merged == user {
            Expected::Unchanged(user.clone())
        } else if self.is_taken(&merged["email"], Some(id_of(&user))) {
            Expected::Refused(ErrorCode::EmailAlreadyRegistered)
        } else {
            Expected::Changed(next_version(&merged))
        };
        let request = self.api.update(id_of(&user), &Value::Object(patch));
        self.write(request, Some(&user), expected).await;
    }

    async fn set_status(&mut self) {
        let Some(user) = self.user() else { return };
        // Deleting is rarer, so that users remain to be changed.
        let status = match self.random.u8(..7) {
            0..3 => "active",
            3..6 => "disabled",
            _ => "deleted",
        };
        let expected = if user["status"] == status {
            Expected::Unchanged(user.clone())
        } else if !is_live(&user) {
            Expected::Refused(ErrorCode::InvalidStatusTransition)
        } else {
            Expected::Changed(sample::with(&next_version(&user), &json!({"status": status})))
        };
        let request = self.api.set_status(id_of(&user), status);
        self.write(request, Some(&user), expected).await;
    }

    async fn assign_role(&mut self) {
        let Some(user) = self.user() else { return };
        let role = self.role();
        let mut roles = roles_of(&user);
        let expected = if !is_live(&user) {
            Expected::Refused(ErrorCode::UserDeleted)
        } else if roles.insert(role.clone()) {
            Expected::Changed(sample::with(&next_version(&user), &json!({"roles": roles})))
        } else {
            Expected::Unchanged(user.clone())
        };
        let request = self.api.assign_role(id_of(&user), &role);
        self.write(request, Some(&user), expected).await;
    }

    async fn remove_role(&mut self) {
        let Some(user) = self.user() else { return };
        let role = self.role();
        let mut roles = roles_of(&user);
        let expected = if !roles.remove(&role) {
            Expected::Refused(ErrorCode::RoleNotAssigned)
        } else if !is_live(&user) {
            Expected::Refused(ErrorCode::UserDeleted)
        } else {
            Expected::Changed(sample::with(&next_version(&user), &json!({"roles": roles})))
        };
        let request = self.api.remove_role(id_of(&user), &role);
        self.write(request, Some(&user), expected).await;
    }

    /// Sends a write, sometimes with a precondition and a key, and compares its answer.
    async fn write(&mut self, request: Request, before: Option<&Value>, expected: Expected) {
        let mut request = request;
        let mut expected = expected;
        if let Some(before) = before
            && self.random.u8(..4) == 0
        {
            let is_stale = self.random.bool();
            request = request.if_version(version_of(before) + u64::from(is_stale));
            let role_is_missing = matches!(expected, Expected::Refused(ErrorCode::RoleNotAssigned));
            if is_stale && !role_is_missing {
                expected = Expected::Refused(ErrorCode::VersionMismatch);
            }
        }
        let is_keyed = self.random.bool();
        if is_keyed {
            request = request.key(&sample::key());
        }
        let answer = request.send().await;
        match expected {
            Expected::Refused(code) => {
                answer.expect_problem(code);
                return;
            }
            Expected::Unchanged(user) => assert_eq!(answer.user(), user, "{}", answer.describe()),
            Expected::Changed(user) => {
                let shown = answer.user();
                // Only the service knows these.
                let mut expected = sample::with(&user, &json!({"updatedAt": shown["updatedAt"]}));
                match before {
                    Some(before) => assert!(
                        shown["updatedAt"].as_str() > before["updatedAt"].as_str(),
                        "{}",
                        answer.describe()
                    ),
                    None => {
                        for field in ["userId", "createdAt"] {
                            expected[field] = shown[field].clone();
                        }
                    }
                }
                assert_eq!(shown, expected, "{}", answer.describe());
                self.users.insert(id_of(&shown).to_owned(), shown);
            }
        }
        assert!(!answer.is_replayed(), "{}", answer.describe());
        if is_keyed {
            self.recorded.push((request, answer));
        }
    }

    async fn replay(&mut self) {
        if self.recorded.is_empty() {
            return;
        }
        let (request, answer) = &self.recorded[self.random.usize(..self.recorded.len())];
        request.send().await.expect_replay_of(answer);
    }

    async fn read(&mut self) {
        let Some(user) = self.user() else { return };
        let request = self.api.profile(id_of(&user));
        let version = self.random.u64(1..4);
        let answer = request.header("If-None-Match", format!("\"{version}\"")).send().await;
        if version == version_of(&user) {
            let _ = answer.expect_status(304);
        } else {
            assert_eq!(answer.expect_status(200).user(), user);
        }
    }

    async fn look_up(&mut self) {
        let email = self.email();
        let expected: Vec<Value> = self
            .users
            .values()
            .filter(|user| is_live(user) && is_same_address(&user["email"], &json!(email)))
            .cloned()
            .collect();
        assert!(expected.len() <= 1, "the model itself is wrong");
        let answer = self.api.get("/users").query("email", &email).send().await;
        assert_eq!(answer.items(), expected, "{}", answer.describe());
    }

    /// Compares every user, every history and the list of every role.
    async fn compare_all(&self) {
        for (id, user) in &self.users {
            assert_eq!(self.api.profile(id).send().await.user(), *user);
            let history = self.api.history(id).await;
            assert_eq!(history.len() as u64, version_of(user), "{history:?}");
            assert_eq!(retell(&history), without_times(user), "{history:?}");
        }
        for role in &self.roles {
            for status in [None, Some("active"), Some("disabled"), Some("deleted")] {
                let listed: Vec<&str> = self
                    .users
                    .values()
                    .filter(|user| roles_of(user).contains(role))
                    .filter(|user| match status {
                        None => is_live(user),
                        Some(status) => user["status"] == status,
                    })
                    .map(id_of)
                    .collect();
                let mut request = self.api.get("/users").query("role", role);
                if let Some(status) = status {
                    request = request.query("status", status);
                }
                let request = request.query("order", "asc").query("limit", "100");
                let _ = expect_listed(&request, &listed).await;
            }
        }
    }
}
