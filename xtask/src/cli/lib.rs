//! The parts of the command line that `cargo xtask` shares with the programs it hands commands to.
//!
//! Both parse the same definitions, so help and errors of a command need no other program, and the
//! words of a command are handed on unchanged.

pub mod aws;
pub mod doctor;

use users_contract::limits::CORRELATION_ID_MAX_BYTES;

/// The format of a result on standard output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// Parses a correlation id. Its characters have no meaning in a path or in a filter pattern.
///
/// # Errors
/// When the text cannot be a correlation id.
pub fn correlation_id(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.is_empty() || text.len() > CORRELATION_ID_MAX_BYTES || !text.bytes().all(allowed) {
        return Err(format!(
            "a correlation id is 1 to {CORRELATION_ID_MAX_BYTES} letters, digits, dots, \
             underscores and hyphens"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::correlation_id;
    use users_contract::limits::CORRELATION_ID_PATTERN;

    #[test]
    fn correlation_ids_are_those_of_the_contract() {
        assert_eq!(CORRELATION_ID_PATTERN, "^[A-Za-z0-9._-]{1,64}$");
        for text in ["a", "checkout-42", "A_b.c", &"x".repeat(64)] {
            assert_eq!(correlation_id(text).as_deref(), Ok(text));
        }
        for text in ["", "a b", "a/b", "a\"", "ä", "a*", &"x".repeat(65)] {
            assert!(correlation_id(text).unwrap_err().contains("1 to 64 letters"), "{text}");
        }
    }
}
