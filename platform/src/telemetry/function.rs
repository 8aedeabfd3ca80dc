//! The function that every line names.

use std::sync::OnceLock;

/// The service that every line names.
pub(crate) const SERVICE: &str = "users";

static NAME: OnceLock<String> = OnceLock::new();

/// Sets the function's name. A second call, as tests may make it, has no effect.
pub(super) fn set_function_name(name: String) {
    let _ = NAME.set(name);
}

/// The name of this function; empty outside Lambda.
pub(crate) fn function_name() -> &'static str {
    NAME.get().map(String::as_str).unwrap_or_default()
}
