//! What is told of an invocation, and to whom.

use super::{Telemetry, debug_share};
use crate::clock::Entropy;
use tracing::level_filters::LevelFilter;

/// Always the same bits.
#[derive(Debug)]
struct Bits(u128);

impl Entropy for Bits {
    fn bits(&self) -> u128 {
        self.0
    }
}

#[test]
fn a_share_is_a_number_from_0_to_1() {
    for (text, expected) in [
        ("0.25", 0.25),
        ("1", 1.0),
        ("0", 0.0),
        ("1.5", 0.0),
        ("-1", 0.0),
        ("NaN", 0.0),
        ("x", 0.0),
    ] {
        assert_eq!(debug_share(Some(text.to_owned())), expected, "{text}");
    }
    assert_eq!(debug_share(None), 0.0);
}

#[test]
fn the_share_of_invocations_is_drawn_from_random_bits() {
    let telemetry = Telemetry::to("s", Box::new(|_| {}), Box::new(|_| {}));
    assert_eq!(telemetry.level(&Bits(0)), LevelFilter::INFO);
    let telemetry = telemetry.with_debug_share(0.25);
    let quarter = u128::from(u32::MAX / 4);
    assert_eq!(telemetry.level(&Bits(quarter - 1)), LevelFilter::DEBUG);
    assert_eq!(telemetry.level(&Bits(quarter + 1)), LevelFilter::INFO);
    assert_eq!(telemetry.with_debug_share(1.0).level(&Bits(7)), LevelFilter::DEBUG);
}

#[test]
fn only_the_first_invocation_is_cold() {
    let telemetry = Telemetry::off();
    assert!(telemetry.is_cold());
    assert!(!telemetry.is_cold());
}
