//! A text with places for a number: events and answers that differ from invocation to invocation.

/// Stands for the number in the text of a template.
pub(super) const MARK: u64 = 987_654_321_098;
/// Digits of the number.
const DIGITS: usize = 12;
/// Characters at the beginning of a user's id that all users share; the number takes the rest.
const PREFIX: usize = 14;

/// The pieces of the text between the places.
pub(super) struct Template(Vec<String>);

impl Template {
    /// A text in which the mark, and the end of a user's id, are places for the number.
    pub(super) fn new(text: &str, user_id: Option<&str>) -> Self {
        let mark = MARK.to_string();
        let text = match user_id {
            Some(id) => text.replace(id, &format!("{}{mark}", prefix(id))),
            None => text.to_owned(),
        };
        Self(text.split(&mark).map(str::to_owned).collect())
    }

    /// The text with a number.
    pub(super) fn fill(&self, number: u64) -> Vec<u8> {
        self.0.join(&format!("{number:0DIGITS$}")).into_bytes()
    }
}

/// The beginning of every user's id.
pub(super) fn prefix(user_id: &str) -> &str {
    user_id.get(..PREFIX).unwrap_or_default()
}

/// The number after the first place of `prefix` in a text.
pub(super) fn number_after(prefix: &str, text: &[u8]) -> Option<u64> {
    let begin = memchr::memmem::find(text, prefix.as_bytes())? + prefix.len();
    str::from_utf8(text.get(begin..begin + DIGITS)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{MARK, Template, number_after};

    const ID: &str = "01JD8Z6T3Y5V0Q4C9K2M7N8P1R";

    #[test]
    fn mark_and_user_are_places_for_the_number() {
        let filled = |text: &str| Template::new(text, Some(ID)).fill(17);
        let text = format!("{ID} has {MARK} and {ID}");
        let id = "01JD8Z6T3Y5V0Q000000000017";
        assert_eq!(filled(&text), format!("{id} has 000000000017 and {id}").into_bytes());
        assert_eq!(id.len(), ID.len());
        assert_eq!(filled("neither"), b"neither");
        assert_eq!(filled(""), b"");
    }

    #[test]
    fn a_number_is_found_after_a_prefix() {
        let number = |text: &str| number_after("01JD", text.as_bytes());
        assert_eq!(number("x01JD000000000017y"), Some(17));
        assert_eq!(number("x01JD0000000000"), None, "too short");
        assert_eq!(number("x01JDabcdefghijkl"), None);
        assert_eq!(number("x"), None);
    }
}
