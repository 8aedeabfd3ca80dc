//! Black-box tests of the REST contract: they know only the API's address.
//!
//! # Running
//! `cargo xtask test-local` starts the local stack, sets the variables below and runs everything.
//! Against a deployed API, set them by hand and run `cargo test -p users-tests --test api`.
//!
//! | variable | holds | default |
//! |---|---|---|
//! | `USERS_API_URL` | the base URL, API stage included | none: without it the tests cannot run |
//! | `USERS_API_BASE_PATH` | the path of the API's root in its answers | that of the URL |
//! | `USERS_API_REGION` | the region that calls are signed for | `us-east-1` |
//! | `USERS_API_ACCESS_KEY_ID`, `USERS_API_SECRET_ACCESS_KEY` | the usual caller | `test`, `test` |
//! | `USERS_API_SESSION_TOKEN` | the usual caller's session token | none |
//! | `USERS_API_OTHER_KEY_ID`, `USERS_API_OTHER_SECRET` | another caller who may do everything | `other`, `other-secret` |
//! | `USERS_API_READER_KEY_ID`, `USERS_API_READER_SECRET` | a caller who may only `GET /users*` | `reader`, `reader-secret` |
//! | `USERS_API_CORS_ORIGIN` | the origin that the stage allows | `*` |
//! | `USERS_API_CONTROL_URL` | the local stack's control endpoints, for the suite `stack` | none |
//! | `USERS_API_SEED` | the seed of the random sequences, to repeat a run | random |
//! | `USERS_API_SEQUENCES`, `USERS_API_STEPS` | how many random sequences the suite `stack` makes, and how many calls each has | `12`, `60` |
//! | `USERS_API_WALKS` | how many walks the suite `lifecycle` makes while statuses change | `48` |
//! | `USERS_API_VOLUME` | how many users the suite `volume` registers | `10000` |
//!
//! # The four suites
//! - `api` needs the API only and can run against any deployment, in parallel and repeatedly:
//!   every test makes its own users.
//! - `stack` needs the local stack's control endpoints: it reads the bus and the tables, and
//!   injects faults. Its tests take turns, because a fault affects every caller.
//! - `volume` registers many users and walks all lists.
//! - `lifecycle` starts, ends, kills and damages local stacks of its own.
//!
//! # Writing a test
//! [`Api::connect`] is the usual caller. A call is built with [`Api::get`] and its siblings, sent
//! with [`Request::send`], and its [`Answer`] is asked with methods that fail at the caller's line.
//! Every answer, expected or not, is checked against the parts of the contract that hold for all:
//! see [`universal`], which includes the committed OpenAPI document; every event is checked against
//! the committed schema, see [`events`].

mod answer;
mod api;
mod committed;
pub mod control;
pub mod events;
pub mod invariants;
mod item;
mod openapi;
mod request;
pub mod sample;
mod settings;
pub mod stack;
pub mod telemetry;
pub mod universal;
pub mod wait;
pub mod walk;

pub use answer::Answer;
pub use api::{Api, id_of, version_of};
pub use request::Request;
pub use settings::{Settings, stop_unless_control_url, variable};
