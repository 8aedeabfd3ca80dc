//! Identifiers of users and of audit entries: ULIDs in canonical upper case.

use std::fmt;

use ulid::Ulid;

use crate::Timestamp;

/// Largest time that a ULID can hold, in milliseconds since the epoch.
const ULID_MAX_MILLIS: i64 = (1 << Ulid::TIME_BITS) - 1;

macro_rules! ulid_id {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Ulid);

        impl $name {
            /// Reads the canonical form: 26 characters of Crockford's base 32 in upper case.
            /// Another spelling of the same number is refused.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let ulid = Ulid::from_string(text).ok()?;
                // Decoding is lenient about case, look-alike letters and overflow; only the
                // canonical form comes out again as it went in.
                let mut canonical = [0; ulid::ULID_LEN];
                (*ulid.array_to_str(&mut canonical) == *text).then_some(Self(ulid))
            }

            /// Takes a ULID as it is.
            #[must_use]
            pub fn from_ulid(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// The ULID.
            #[must_use]
            pub fn ulid(self) -> Ulid {
                self.0
            }

            /// The time in it.
            #[must_use]
            pub fn timestamp(self) -> Timestamp {
                // 48 bits always fit.
                Timestamp::from_millis(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.0.array_to_str(&mut [0; ulid::ULID_LEN]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }
    };
}

ulid_id! {
    /// The id of a user.
    UserId
}

ulid_id! {
    /// The id of an audit entry, and so of its change. The time in it is that of the change.
    EventId
}

impl EventId {
    /// The id of a change at `at`, made distinct by the low 80 bits of `random`. Times that a
    /// ULID cannot hold become the nearest one that it can.
    #[must_use]
    pub fn new(at: Timestamp, random: u128) -> Self {
        Self(Ulid::from_parts(ulid_millis(at), random))
    }

    /// The lowest id of the millisecond `at`: every entry at or after `at` has this id or a
    /// higher one, every entry before has a lower one.
    #[must_use]
    pub fn first_at(at: Timestamp) -> Self {
        Self::new(at, 0)
    }
}

fn ulid_millis(at: Timestamp) -> u64 {
    at.as_millis().clamp(0, ULID_MAX_MILLIS).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::{EventId, UserId};
    use crate::Timestamp;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use ulid::Ulid;

    #[test]
    fn only_the_canonical_spelling_is_an_id() {
        let rows = [
            ("01JD8Z6T3Y5V0Q4C9K2M7N8P1R", true, "canonical"),
            ("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", true, "largest"),
            ("00000000000000000000000000", true, "smallest"),
            ("8ZZZZZZZZZZZZZZZZZZZZZZZZZ", false, "first character over 7 overflows"),
            ("01jd8z6t3y5v0q4c9k2m7n8p1r", false, "lower case"),
            ("01JD8Z6T3Y5V0Q4C9K2M7N8P1I", false, "I is not of the alphabet"),
            ("01JD8Z6T3Y5V0Q4C9K2M7N8P1L", false, "L is not of the alphabet"),
            ("O1JD8Z6T3Y5V0Q4C9K2M7N8P1R", false, "O is not of the alphabet"),
            ("01JD8Z6T3Y5V0Q4C9K2M7N8P1U", false, "U is not of the alphabet"),
            ("01JD8Z6T3Y5V0Q4C9K2M7N8P1", false, "25 characters"),
            ("01JD8Z6T3Y5V0Q4C9K2M7N8P1RR", false, "27 characters"),
            (" 01JD8Z6T3Y5V0Q4C9K2M7N8P1R", false, "leading space"),
            ("01JD8Z6T3Y5V0Q4C9K2M7N8PÄ", false, "26 bytes, not all ASCII"),
            ("", false, "empty"),
        ];
        for (text, valid, description) in rows {
            assert_eq!(UserId::parse(text).is_some(), valid, "{description}");
            assert_eq!(EventId::parse(text).is_some(), valid, "{description}");
        }
    }

    #[test]
    fn first_at_is_clamped_to_what_an_id_can_hold() {
        let first = |millis| EventId::first_at(Timestamp::from_millis(millis)).to_string();
        assert_eq!(first(i64::MIN), "00000000000000000000000000");
        assert_eq!(first(-1), "00000000000000000000000000");
        assert_eq!(first(i64::MAX), "7ZZZZZZZZZ0000000000000000");
    }

    proptest! {
        #[test]
        fn an_id_reads_back_as_itself(value in any::<u128>()) {
            let id = UserId::from_ulid(Ulid(value));
            prop_assert_eq!(UserId::parse(&id.to_string()), Some(id));
            prop_assert_eq!(id.ulid().0, value);
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            if let Some(id) = UserId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn ids_sort_by_time_first(
            millis in 0_i64..1 << 47, later in 1_i64..1 << 20, one in any::<u128>(), two in any::<u128>()
        ) {
            let at = Timestamp::from_millis(millis);
            let id = EventId::new(at, one);
            prop_assert!(id < EventId::new(at.plus_millis(later), two));
            prop_assert!(EventId::first_at(at) <= id);
            prop_assert!(id < EventId::first_at(at.plus_millis(1)));
            prop_assert_eq!(id.timestamp(), at);
        }
    }
}
