//! A text with a place for a number, filled in without a search: events and answers that differ
//! from invocation to invocation.

use memchr::memmem;
use std::io::Write;

/// Stands for the number in a text that becomes a template: twelve digits.
pub(super) const MARK: u64 = 987_654_321_098;
/// Characters of a user's id that all users share; the number takes the place of the others.
const PREFIX: usize = 14;

/// A text with places for a number.
pub(super) struct Template {
    pieces: Vec<Vec<u8>>,
}

impl Template {
    /// A text in which the mark, and the end of a user's id, are places for the number.
    pub(super) fn new(text: &str, user_id: Option<&str>) -> Self {
        let mark = MARK.to_string();
        let text = match user_id {
            Some(id) => text.replace(id, &format!("{}{mark}", Self::prefix_of(id))),
            None => text.to_owned(),
        };
        Self { pieces: text.split(&mark).map(|piece| piece.as_bytes().to_vec()).collect() }
    }

    /// What all users' ids begin with.
    pub(super) fn prefix_of(user_id: &str) -> &str {
        user_id.get(..PREFIX).unwrap_or_default()
    }

    /// Appends the text with a number.
    pub(super) fn fill(&self, number: u64, text: &mut Vec<u8>) {
        for (index, piece) in self.pieces.iter().enumerate() {
            if index > 0 {
                // A vector takes everything.
                let _ = write!(text, "{number:012}");
            }
            text.extend_from_slice(piece);
        }
    }
}

/// The number behind the first place of `prefix` in a text.
pub(super) fn number_after(prefix: &[u8], text: &[u8]) -> Option<u64> {
    let begin = memmem::find(text, prefix)? + prefix.len();
    str::from_utf8(text.get(begin..begin + 12)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{MARK, Template, number_after};

    const ID: &str = "01JD8Z6T3Y5V0Q4C9K2M7N8P1R";

    fn filled(text: &str, number: u64) -> String {
        let mut filled = b">".to_vec();
        Template::new(text, Some(ID)).fill(number, &mut filled);
        String::from_utf8(filled).unwrap()
    }

    #[test]
    fn mark_and_user_are_places_for_the_number() {
        let text = format!("{ID} has {MARK} and {ID}");
        let id = "01JD8Z6T3Y5V0Q000000000017";
        assert_eq!(filled(&text, 17), format!(">{id} has 000000000017 and {id}"));
        assert_eq!(id.len(), ID.len());
        assert_eq!(filled("neither", 17), ">neither");
        assert_eq!(filled("", 17), ">");
    }

    #[test]
    fn a_number_is_found_behind_a_prefix() {
        let number = |text: &str| number_after(b"01JD", text.as_bytes());
        assert_eq!(number("x01JD000000000017y"), Some(17));
        assert_eq!(number("x01JD0000000000"), None, "too short");
        assert_eq!(number("x01JDabcdefghijkl"), None);
        assert_eq!(number("x"), None);
    }
}
