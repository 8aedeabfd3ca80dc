//! Time and randomness, injected so that tests decide both.

use std::fmt::Debug;
use users_domain::Timestamp;

/// A source of the time.
pub trait Clock: Debug + Send + Sync {
    /// Now, to the millisecond.
    fn now(&self) -> Timestamp;
}

/// A source of random bits.
pub trait Entropy: Debug + Send + Sync {
    /// 128 random bits; ULIDs use the lowest 80.
    fn bits(&self) -> u128;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that others inject")]
        let now = std::time::SystemTime::now();
        // A clock before 1970 or after year 292 million is broken; zero is as good as any.
        let since_epoch = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or_default();
        Timestamp::from_millis(millis)
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bits(&self) -> u128 {
        let mut bytes = [0; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // Without getrandom there is no TLS either, so a working function never gets here. The
            // keys of a std hasher are random too, and better than a panic.
            use std::hash::{BuildHasher, RandomState};
            let (high, low) = (RandomState::new().hash_one(0), RandomState::new().hash_one(1));
            return (u128::from(high) << 64) | u128::from(low);
        }
        u128::from_le_bytes(bytes)
    }
}
