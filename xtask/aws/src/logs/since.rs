//! The start of the lines to show.

use anyhow::{Context, Result, bail};
use jiff::{Span, SpanRelativeTo, Timestamp};

/// Parses a time, or a duration before `now`.
///
/// # Errors
/// When the text is neither, or the time lies in the future.
pub(super) fn parse(text: &str, now: Timestamp) -> Result<Timestamp> {
    let time = match text.parse::<Timestamp>() {
        Ok(time) => time,
        Err(_) => before(text, now).with_context(|| {
            format!(
                "--since `{text}` is neither a duration, such as `15m`, `2h` or `1d`, nor a \
                     time with its offset, such as `2026-11-22T10:00:00Z`"
            )
        })?,
    };
    if time > now {
        bail!("--since `{text}` is in the future; it is {now:.0} now (UTC)");
    }
    Ok(time)
}

fn before(text: &str, now: Timestamp) -> Option<Timestamp> {
    // Months and years have no fixed length and are refused.
    let duration = text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours());
    now.checked_sub(duration.ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use jiff::Timestamp;

    fn since(text: &str) -> Result<String, String> {
        let now: Timestamp = "2026-11-22T10:00:00.5Z".parse().unwrap();
        parse(text, now).map(|time| time.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn durations_reach_back_from_now() {
        for (text, expected) in [
            ("15m", "2026-11-22T09:45:00.5Z"),
            ("1h", "2026-11-22T09:00:00.5Z"),
            ("1h30m", "2026-11-22T08:30:00.5Z"),
            ("2d", "2026-11-20T10:00:00.5Z"),
            ("1w", "2026-11-15T10:00:00.5Z"),
            ("PT90S", "2026-11-22T09:58:30.5Z"),
        ] {
            assert_eq!(since(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn times_have_an_offset() {
        assert_eq!(since("2026-11-22T10:00:00Z").as_deref(), Ok("2026-11-22T10:00:00Z"));
        assert_eq!(since("2026-11-22T10:00:00+02:00").as_deref(), Ok("2026-11-22T08:00:00Z"));
    }

    #[test]
    fn anything_else_is_refused_with_examples() {
        for text in ["", "yesterday", "15", "2026-11-22", "2026-11-22T10:00:00", "1mo", "1y"] {
            let error = since(text).unwrap_err();
            assert!(error.contains(&format!("`{text}` is neither a duration")), "{error}");
            assert!(error.contains("`15m`") && error.contains("T10:00:00Z"), "{error}");
        }
    }

    #[test]
    fn the_future_is_refused() {
        for text in ["2026-11-22T10:00:01Z", "-5m"] {
            let error = since(text).unwrap_err();
            assert!(error.contains("future; it is 2026-11-22T10:00:00Z now"), "{error}");
        }
    }
}
