//! Ids and times in the forms that AWS uses.

use jiff::{Timestamp, tz::TimeZone};

/// Lower-case hexadecimal digits of `bytes`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|it| char::from_digit(it.into(), 16))
        .collect()
}

/// Random bytes.
///
/// The ids only distinguish calls and guard nothing, so without randomness the time is used instead
/// of failing a call.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        let nanoseconds = Timestamp::now().as_nanosecond().to_be_bytes();
        for (byte, source) in bytes.iter_mut().rev().zip(nanoseconds.iter().rev()) {
            *byte = *source;
        }
    }
    bytes
}

/// A secret: 256 random bits in hexadecimal digits.
///
/// # Errors
/// When the system provides no randomness.
pub(crate) fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex(&bytes))
}

/// A random UUID (version 4), the form of request ids and event ids.
pub(crate) fn uuid() -> String {
    let mut bytes = random::<16>();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    )
}

/// A new X-Ray trace id.
pub(crate) fn trace_root() -> String {
    format!("1-{:08x}-{}", Timestamp::now().as_second(), hex(&random::<12>()))
}

/// A new X-Ray segment id.
pub(crate) fn segment_id() -> String {
    hex(&random::<8>())
}

/// An API Gateway extended request id: 15 characters and a padding sign.
pub(crate) fn extended_request_id() -> String {
    format!("{}=", &hex(&random::<8>())[..15])
}

/// A time as RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// A time as access logs write it: `22/Nov/2026:10:00:00 +0000`.
pub(crate) fn access_log_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::{access_log_time, extended_request_id, rfc3339, trace_root, uuid};
    use jiff::Timestamp;

    #[test]
    fn ids_have_the_shapes_of_aws() {
        let id = uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert_eq!(trace_root().len(), 35);
        assert_eq!(extended_request_id().len(), 16);
    }

    #[test]
    fn times_are_written_in_utc() {
        let time: Timestamp = "2026-11-22T10:05:00.123456Z".parse().unwrap();
        assert_eq!(rfc3339(time), "2026-11-22T10:05:00.123Z");
        assert_eq!(access_log_time(time), "22/Nov/2026:10:05:00 +0000");
    }
}
