//! Makes text from callers safe for a terminal. Control characters move the cursor and change
//! colours, and some format characters reorder or hide the text around them, so both are escaped.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text on one line, with unsafe characters escaped: `\u{1b}` for escape, `\n` for a line
/// break.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    replaced(text, is_unsafe, |character, line| line.extend(character.escape_default()))
}

/// The JSON document with unsafe characters escaped, which keeps its meaning. Serializers leave
/// DEL, C1 control characters and format characters raw; JSON has them only within strings.
#[must_use]
pub fn escaped_json(document: &str) -> Cow<'_, str> {
    let layout = |character| matches!(character, '\n' | '\r' | '\t');
    replaced(
        document,
        |character| is_unsafe(character) && !layout(character),
        |character, line| {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        },
    )
}

fn replaced(
    text: &str,
    replace: impl Fn(char) -> bool,
    write: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    let Some(first) = text.find(&replace) else { return Cow::Borrowed(text) };
    let mut line = String::with_capacity(text.len() + 8);
    line.push_str(&text[..first]);
    for character in text[first..].chars() {
        if replace(character) { write(character, &mut line) } else { line.push(character) }
    }
    Cow::Owned(line)
}

/// Whether a character is a control character, or a format character that changes the direction of
/// text, breaks lines or is invisible. Joiners are safe: words of Persian and Hindi and many emoji
/// need them.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::{escaped, escaped_json};
    use std::borrow::Cow;

    #[test]
    fn unsafe_characters_are_escaped() {
        for (text, expected) in [
            ("a\u{1b}[2Jb", r"a\u{1b}[2Jb"),
            ("\u{9b}31mred", r"\u{9b}31mred"),
            ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
            ("\u{7}\u{7f}\0", r"\u{7}\u{7f}\u{0}"),
            ("user\u{202e}txt.exe", r"user\u{202e}txt.exe"),
            ("\u{2066}a\u{2069}", r"\u{2066}a\u{2069}"),
            ("line\u{2028}line", r"line\u{2028}line"),
            ("\u{feff}a\u{200b}b\u{e0041}", r"\u{feff}a\u{200b}b\u{e0041}"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn other_text_is_not_copied() {
        for text in
            ["", "ada@example.com", "Ünïcödé", "می\u{200c}خواهم", "👩\u{200d}💻", "e\u{301}", r"\n"]
        {
            assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn a_json_document_keeps_its_layout_and_its_meaning() {
        let value = serde_json::json!({
            "name": "a\u{9b}b\u{7f}\u{202e}\u{e0041}c\n", "\u{85}": ["\u{1b}", "ü"]
        });
        let document = serde_json::to_string_pretty(&value).unwrap();
        let shown = escaped_json(&document);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert_eq!(shown.lines().count(), document.lines().count());
        assert!(shown.contains(r"a\u009bb\u007f\u202e\udb40\udc41c\n"), "{shown}");
        assert!(shown.lines().all(|line| escaped(line) == line), "{shown}");
    }
}
