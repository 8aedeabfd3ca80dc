//! Reads the environment, once.

use std::io::Write;
use std::sync::OnceLock;
use users_client::Credentials;

/// Where the tests run and as whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The base URL, API stage included.
    pub url: String,
    /// The path of the API's root in its answers, when it is not that of the URL.
    pub base_path: Option<String>,
    /// The region that calls are signed for.
    pub region: String,
    /// The usual caller.
    pub caller: Credentials,
    /// Another caller who may do everything.
    pub other: Credentials,
    /// A caller who may only read.
    pub reader: Credentials,
    /// The origin that the stage allows.
    pub cors_origin: String,
}

/// An environment variable that is set and not empty.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Settings {
    /// The settings of this process. Without an address no test can run, so the process ends with
    /// one sentence instead of a failure of every test.
    #[must_use]
    pub fn get() -> &'static Self {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        SETTINGS.get_or_init(|| {
            let Some(url) = variable("USERS_API_URL") else {
                stop(
                    "USERS_API_URL is not set: run `cargo xtask test-local`, which starts the \
                     local stack and runs these tests against it.",
                );
            };
            let or = |name: &str, default: &str| variable(name).unwrap_or(default.to_owned());
            let keys = |id: &str, id_default: &str, secret: &str, secret_default: &str| {
                Credentials::from_keys(or(id, id_default), or(secret, secret_default), None)
            };
            let caller = Credentials::from_keys(
                or("USERS_API_ACCESS_KEY_ID", "test"),
                or("USERS_API_SECRET_ACCESS_KEY", "test"),
                variable("USERS_API_SESSION_TOKEN"),
            );
            Self {
                url,
                base_path: variable("USERS_API_BASE_PATH"),
                region: or("USERS_API_REGION", "us-east-1"),
                caller,
                other: keys(
                    "USERS_API_OTHER_KEY_ID",
                    "other",
                    "USERS_API_OTHER_SECRET",
                    "other-secret",
                ),
                reader: keys(
                    "USERS_API_READER_KEY_ID",
                    "reader",
                    "USERS_API_READER_SECRET",
                    "reader-secret",
                ),
                cors_origin: or("USERS_API_CORS_ORIGIN", "*"),
            }
        })
    }
}

/// The address of the local stack's control endpoints; ends the process when there is none.
#[must_use]
pub fn stop_unless_control_url() -> String {
    let Some(url) = variable("USERS_API_CONTROL_URL") else {
        stop(
            "USERS_API_CONTROL_URL is not set: run `cargo xtask test-local`, which starts the \
             local stack whose control endpoints this suite needs.",
        );
    };
    url.trim_end_matches('/').to_owned()
}

fn stop(sentence: &str) -> ! {
    // Straight to the stream: the test runner captures the output of the print macros, and loses
    // it when the process ends. A failure to write is ignored: there is no other way to report.
    let _ = writeln!(std::io::stderr(), "\n{sentence}");
    std::process::exit(1)
}
