//! Instants: milliseconds since the Unix epoch, written and read as RFC 3339.

use std::fmt;
use std::ops::Range;

use jiff::SignedDuration;
use jiff::civil::DateTime;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// `0000-01-01T00:00:00.000Z` and `9999-12-31T23:59:59.999Z`: what RFC 3339 can write.
const WRITABLE_MILLIS: (i64, i64) = (-62_167_219_200_000, 253_402_300_799_999);
const SECONDS_PER_DAY: i64 = 86_400;

/// An instant, in whole milliseconds since the Unix epoch.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant so many milliseconds after the epoch, or before when negative.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 date-time of any offset; what is finer than a millisecond is cut off.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Instant::parse(text).map(|instant| instant.floor())
    }

    /// The instant so many milliseconds later, or earlier when negative; stays at the end of the
    /// range when it would pass it.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with exactly three decimals. An instant outside the years 0 to 9999 is
    /// written as the nearest one inside.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.clamp(WRITABLE_MILLIS.0, WRITABLE_MILLIS.1);
        // The clamped range is well inside what the calendar can hold.
        let civil = EPOCH.checked_add(SignedDuration::from_millis(millis)).unwrap_or(EPOCH);
        // A page of a list has hundreds of digits of these, which `write!` formats one by one.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let numbers = [
            (0..4, civil.year()),
            (5..7, civil.month().into()),
            (8..10, civil.day().into()),
            (11..13, civil.hour().into()),
            (14..16, civil.minute().into()),
            (17..19, civil.second().into()),
            (20..23, civil.millisecond()),
        ];
        for (place, number) in numbers {
            let mut rest = number.unsigned_abs();
            for digit in text.get_mut(place).into_iter().flatten().rev() {
                *digit += (rest % 10) as u8;
                rest /= 10;
            }
        }
        formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Timestamp({self})")
    }
}

/// Reads a bound of a time range: a strict RFC 3339 date-time of any precision, rounded up to the
/// millisecond.
///
/// Stored times are whole milliseconds, so rounding up keeps the meaning of an inclusive lower
/// bound and of an exclusive upper bound alike.
#[must_use]
pub fn parse_bound(text: &str) -> Option<Timestamp> {
    Instant::parse(text).map(|instant| instant.ceil())
}

/// An instant of any precision. The derived order is the order in time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Instant {
    /// Whole seconds since the epoch, rounded down.
    seconds: i64,
    /// The decimals of the second, without zeros at the end.
    fraction: String,
}

impl Instant {
    /// Reads a date-time by the grammar of RFC 3339: with an offset, `T` and `Z` in either case,
    /// and a leap second only where UTC can have one; a leap second is the second after it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let separators = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
        if separators.iter().any(|&(at, separator)| text.get(at..=at) != Some(separator))
            || !matches!(text.get(10..11), Some("T" | "t"))
        {
            return None;
        }
        let minute_start = DateTime::new(
            digits(text, 0..4)?,
            digits(text, 5..7)?.try_into().ok()?,
            digits(text, 8..10)?.try_into().ok()?,
            digits(text, 11..13)?.try_into().ok()?,
            digits(text, 14..16)?.try_into().ok()?,
            0,
            0,
        )
        .ok()?;
        let second = i64::from(digits(text, 17..19)?);

        let rest = text.get(19..)?;
        let (fraction, offset) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(after_dot) => {
                let end = after_dot.find(|character: char| !character.is_ascii_digit())?;
                if end == 0 {
                    return None;
                }
                after_dot.split_at(end)
            }
        };
        let minute_start =
            minute_start.duration_since(EPOCH).as_secs() - parse_offset_seconds(offset)?;
        let is_last_minute_of_day =
            minute_start.rem_euclid(SECONDS_PER_DAY) == SECONDS_PER_DAY - 60;
        if second > 60 || (second == 60 && !is_last_minute_of_day) {
            return None;
        }
        Some(Self {
            seconds: minute_start + second,
            fraction: fraction.trim_end_matches('0').to_owned(),
        })
    }

    /// The millisecond that this instant is in.
    fn floor(&self) -> Timestamp {
        let millis = self
            .fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(3)
            .fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
        // Years have four digits, so this is far from the ends of the range.
        Timestamp::from_millis(self.seconds * 1_000 + millis)
    }

    /// The first millisecond that is not before this instant.
    pub(crate) fn ceil(&self) -> Timestamp {
        self.floor().plus_millis(i64::from(self.fraction.len() > 3))
    }
}

fn digits(text: &str, range: Range<usize>) -> Option<i16> {
    let digits = text.get(range)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Reads `Z` or `±hh:mm`.
fn parse_offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = match text.get(0..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    if text.len() != 6 || text.get(3..4) != Some(":") {
        return None;
    }
    let (hours, minutes) = (digits(text, 1..3)?, digits(text, 4..6)?);
    (hours < 24 && minutes < 60).then(|| sign * (i64::from(hours) * 60 + i64::from(minutes)) * 60)
}

#[cfg(test)]
mod tests {
    use super::{Instant, Timestamp, WRITABLE_MILLIS, parse_bound};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn bounds_follow_rfc_3339_and_are_rounded_up() {
        let rows = [
            ("2026-11-22T10:05:00Z", Some("2026-11-22T10:05:00.000Z"), "whole second"),
            ("2026-11-22t10:05:00z", Some("2026-11-22T10:05:00.000Z"), "lower case"),
            ("2026-11-22T10:05:00.1Z", Some("2026-11-22T10:05:00.100Z"), "one decimal"),
            ("2026-11-22T10:05:00.123Z", Some("2026-11-22T10:05:00.123Z"), "milliseconds"),
            ("2026-11-22T10:05:00.123000000000Z", Some("2026-11-22T10:05:00.123Z"), "zeros"),
            ("2026-11-22T10:05:00.1230001Z", Some("2026-11-22T10:05:00.124Z"), "rounded up"),
            (
                "2026-11-22T10:05:00.00000000000000000001Z",
                Some("2026-11-22T10:05:00.001Z"),
                "finer than nanoseconds",
            ),
            ("2026-12-31T23:59:59.9999Z", Some("2027-01-01T00:00:00.000Z"), "carries over"),
            ("2026-11-22T10:05:00+01:30", Some("2026-11-22T08:35:00.000Z"), "east of Greenwich"),
            ("2026-11-22T23:05:00-01:30", Some("2026-11-23T00:35:00.000Z"), "west of Greenwich"),
            ("2026-11-22T10:05:00-00:00", Some("2026-11-22T10:05:00.000Z"), "unknown local offset"),
            ("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00.000Z"), "leap day"),
            ("2016-12-31T23:59:60Z", Some("2017-01-01T00:00:00.000Z"), "leap second"),
            ("2017-01-01T00:59:60+01:00", Some("2017-01-01T00:00:00.000Z"), "leap second abroad"),
            ("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00.000Z"), "first year"),
            ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59.000Z"), "last year"),
            ("9999-12-31T23:59:59-23:59", Some("9999-12-31T23:59:59.999Z"), "past the last year"),
            ("2026-11-22T12:00:60Z", None, "leap second at noon"),
            ("2026-11-22T10:05:61Z", None, "second 61"),
            ("2026-02-29T00:00:00Z", None, "no leap day"),
            ("2026-13-01T00:00:00Z", None, "month 13"),
            ("2026-00-01T00:00:00Z", None, "month 0"),
            ("2026-11-31T00:00:00Z", None, "day 31 of November"),
            ("2026-11-22T24:00:00Z", None, "hour 24"),
            ("2026-11-22T10:60:00Z", None, "minute 60"),
            ("2026-11-22T10:05:00+24:00", None, "offset of 24 hours"),
            ("2026-11-22T10:05:00+01:60", None, "offset with minute 60"),
            ("2026-11-22T10:05:00+0130", None, "offset without colon"),
            ("2026-11-22T10:05:00+01", None, "offset without minutes"),
            ("2026-11-22T10:05:00+01:30Z", None, "two offsets"),
            ("2026-11-22T10:05:00", None, "no offset"),
            ("2026-11-22 10:05:00Z", None, "space as separator"),
            ("2026-11-22T10:05Z", None, "no seconds"),
            ("2026-11-22T10:05:00.Z", None, "dot without decimals"),
            ("2026-11-22T10:05:00,5Z", None, "comma"),
            ("2026-11-22T10:05:00.5", None, "decimals without offset"),
            ("2026-11-22", None, "date only"),
            ("+2026-11-22T10:05:00Z", None, "sign"),
            ("2026-+1-22T10:05:00Z", None, "sign inside"),
            ("20261122T100500Z", None, "basic format"),
            ("2026-11-22T10:05:00Z[UTC]", None, "annotation"),
            (" 2026-11-22T10:05:00Z", None, "leading space"),
            ("2026-11-22T10:05:00Z ", None, "trailing space"),
            ("２026-11-22T10:05:00Z", None, "fullwidth digit"),
            ("", None, "empty"),
        ];
        for (text, expected, description) in rows {
            let bound = parse_bound(text).map(|bound| bound.to_string());
            assert_eq!(bound.as_deref(), expected, "{description}");
        }
    }

    #[test]
    fn reading_cuts_off_what_a_timestamp_cannot_hold() {
        let read = Timestamp::parse("2026-11-22T10:05:00.1239Z").map(|at| at.to_string());
        assert_eq!(read.as_deref(), Some("2026-11-22T10:05:00.123Z"));
        assert_eq!(Timestamp::parse("1970-01-01T00:00:01.5Z"), Some(Timestamp::from_millis(1_500)));
        assert_eq!(Timestamp::parse("1969-12-31T23:59:59.5Z"), Some(Timestamp::from_millis(-500)));
    }

    #[test]
    fn instants_outside_the_years_of_rfc_3339_are_written_as_the_nearest() {
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).plus_millis(1).as_millis(), i64::MAX);
    }

    #[test]
    fn instants_compare_beyond_milliseconds() {
        let instant =
            |fraction: &str| Instant::parse(&format!("2026-11-22T10:05:00{fraction}Z")).unwrap();
        assert!(instant(".0001") < instant(".0002"));
        assert!(instant(".01") > instant(".0099"));
        assert!(instant("") < instant(".000000000001"));
        assert_eq!(instant(".1000"), instant(".1"));
        assert!(Instant::parse("2026-11-22T10:05:00.9+01:00").unwrap() < instant(""));
    }

    proptest! {
        #[test]
        fn the_written_form_reads_back(millis in WRITABLE_MILLIS.0..=WRITABLE_MILLIS.1) {
            let at = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
            prop_assert_eq!(parse_bound(&at.to_string()), Some(at));
        }

        #[test]
        fn writing_never_panics(millis in any::<i64>()) {
            prop_assert_eq!(Timestamp::from_millis(millis).to_string().len(), 24);
        }

        #[test]
        fn reading_never_panics(text in "\\PC*", near in "[0-9]{4}-[0-9:T.+Zé-]{0,40}") {
            for text in [text, near] {
                if let Some(bound) = parse_bound(&text) {
                    prop_assert!(Timestamp::parse(&text) <= Some(bound));
                }
            }
        }
    }
}
