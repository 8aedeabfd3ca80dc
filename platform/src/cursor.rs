//! Cursors: the position at which the next page of a list begins.
//!
//! 29 bytes in unpadded base64url: a version, the first 8 bytes of a hash of the list it belongs
//! to, the ULID of the last item of the page, and the first 4 bytes of a hash over all that. The
//! hash at the end detects accidents, not attackers: a cursor holds no secret and nothing that the
//! caller has not seen. A forged one only leads to another page of the same list.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use ulid::Ulid;
use users_contract::limits;

const VERSION: u8 = 1;
const BINDING_LENGTH: usize = 8;
const POSITION_LENGTH: usize = 16;
const CHECKSUM_LENGTH: usize = 4;
const CHECKED_LENGTH: usize = 1 + BINDING_LENGTH + POSITION_LENGTH;

/// The list that a cursor belongs to: operation, user, filters and order, but not the page size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Binding([u8; BINDING_LENGTH]);

impl Binding {
    /// The binding to a list that is described by these parts, in order.
    #[must_use]
    pub fn new(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut binding = [0; BINDING_LENGTH];
        binding.copy_from_slice(&hasher.finalize()[..BINDING_LENGTH]);
        Self(binding)
    }
}

/// A position in a list: the id of the last item that was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cursor {
    /// The id of the last item that was given.
    pub position: Ulid,
}

impl Cursor {
    /// The cursor as text, 39 characters of base64url.
    #[must_use]
    pub fn encode(self, binding: Binding) -> String {
        let mut bytes = Vec::with_capacity(CHECKED_LENGTH + CHECKSUM_LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&binding.0);
        bytes.extend_from_slice(&self.position.to_bytes());
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor from text, or `None` when it was altered or belongs to another list.
    #[must_use]
    pub fn decode(text: &str, binding: Binding) -> Option<Self> {
        if text.len() > limits::CURSOR_MAX_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (checked, sum) = bytes.split_at_checked(CHECKED_LENGTH)?;
        let (version, rest) = checked.split_first()?;
        let (bound_to, position) = rest.split_at_checked(BINDING_LENGTH)?;
        let matches = *version == VERSION && sum == checksum(checked) && bound_to == binding.0;
        let position = <[u8; POSITION_LENGTH]>::try_from(position).ok()?;
        matches.then(|| Self { position: Ulid::from_bytes(position) })
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut sum = [0; CHECKSUM_LENGTH];
    sum.copy_from_slice(&Sha256::digest(bytes)[..CHECKSUM_LENGTH]);
    sum
}

#[cfg(test)]
mod tests {
    use super::{Binding, Cursor};
    use proptest::prelude::*;
    use ulid::Ulid;

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_position(bits: u128, filter: String) {
            let cursor = Cursor { position: Ulid::from_bytes(bits.to_be_bytes()) };
            let binding = Binding::new(&["listUsers", &filter]);
            let text = cursor.encode(binding);
            prop_assert!(text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it)));
            prop_assert_eq!(Cursor::decode(&text, binding), Some(cursor));
        }

        #[test]
        fn any_altered_character_is_noticed(bits: u128, index in 0usize..39, other in "[A-Za-z0-9_-]") {
            let cursor = Cursor { position: Ulid::from_bytes(bits.to_be_bytes()) };
            let binding = Binding::new(&["listUsers"]);
            let text = cursor.encode(binding);
            let mut altered = text.clone();
            altered.replace_range(index..=index, &other);
            prop_assume!(altered != text);
            prop_assert_eq!(Cursor::decode(&altered, binding), None);
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = Cursor::decode(&text, Binding::new(&[]));
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let text = Cursor { position: Ulid::from_bytes([7; 16]) }.encode(Binding::new(&["a", "b"]));
        assert_eq!(Cursor::decode(&text, Binding::new(&["ab", ""])), None);
        assert_eq!(Cursor::decode("", Binding::new(&["a", "b"])), None);
        assert_eq!(Cursor::decode(&text.repeat(20), Binding::new(&["a", "b"])), None);
    }
}
