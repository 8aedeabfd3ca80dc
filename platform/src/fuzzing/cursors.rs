//! Cursors.

use super::Verdict;
use crate::cursor::{Binding, Cursor};
use ulid::Ulid;
use users_contract::limits;

/// The first byte chooses the list, the rest is the text of the cursor.
pub fn cursor(data: &[u8]) -> Verdict {
    let (list, text) = data.split_first().unwrap_or((&0, &[]));
    let binding = Binding::new(&["listUsers", &list.to_string()]);
    let other = Binding::new(&["listUsers", &list.wrapping_add(1).to_string()]);

    // Any position survives, and any change of one character of its text is noticed.
    let mut position = [0; 16];
    text.iter().zip(&mut position).for_each(|(byte, place)| *place = *byte);
    let made = Cursor { position: Ulid::from_bytes(position) };
    let written = made.encode(binding);
    assert!(written.len() <= limits::CURSOR_MAX_BYTES, "the length of a cursor");
    assert_eq!(Cursor::decode(&written, binding), Some(made), "a cursor of ours");
    assert_eq!(Cursor::decode(&written, other), None, "a cursor of another list");
    let place = usize::from(*list) % written.len();
    let changed = if written.as_bytes()[place] == b'A' { "B" } else { "A" };
    let mut altered = written;
    altered.replace_range(place..=place, changed);
    assert_eq!(Cursor::decode(&altered, binding), None, "an altered cursor");

    let Ok(text) = std::str::from_utf8(text) else {
        return Verdict::Refused;
    };
    let decoded = Cursor::decode(text, binding);
    assert_eq!(decoded, Cursor::decode(text, binding), "another value the second time");
    if let Some(cursor) = decoded {
        // There is one text for each position, so a cursor can be compared as text.
        assert_eq!(cursor.encode(binding), text, "another spelling of a cursor");
        assert_eq!(Cursor::decode(text, other), None, "a cursor of two lists");
    }
    Verdict::accepted(decoded.is_some())
}
