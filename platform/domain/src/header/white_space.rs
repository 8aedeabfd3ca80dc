//! Optional white space of HTTP headers: spaces and tabs.

/// Removes optional white space at both ends.
pub(super) fn trim_white_space(bytes: &[u8]) -> &[u8] {
    let start = skip_white_space(bytes);
    let end = start.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    &start[..end.map_or(0, |last| last + 1)]
}

/// Removes optional white space at the start.
pub(super) fn skip_white_space(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
    &bytes[start.unwrap_or(bytes.len())..]
}
