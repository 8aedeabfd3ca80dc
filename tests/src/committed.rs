//! The generated documents that the project holds under `templates/`.

use serde_json::Value;

/// A document by the name of its file.
pub(crate) fn document(name: &str) -> Value {
    let path = format!("{}/../templates/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("templates/{name} cannot be read ({error}); `cargo xtask synth` writes it")
    });
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("templates/{name} is not JSON: {error}"))
}
