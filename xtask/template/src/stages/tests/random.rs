//! Files made of random pieces.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::stages::stages;

const PIECES: &[&str] = &[
    "[dev]",
    "[dev.waf]",
    "[[dev]]",
    "[prod]",
    "[local]",
    "[",
    "]",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "=",
    " = ",
    ".",
    ",",
    "{",
    "}",
    "\"",
    "'''",
    "\\",
    "#",
    "memory_mb = 256",
    "memory_mb",
    "waf",
    "waf.rate_limit = 10",
    "alarms.enabled = false",
    "access.cidrs = [",
    "custom_domain",
    "true",
    "-1",
    "0x",
    "1e9",
    "2026-11-22",
    "é",
    "\u{feff}",
    "\0",
    "endpoint = \"private\"",
    "reserved_concurrency.",
    "users-profile-get = 1",
];

proptest! {
    /// A file of any text is read, or refused with problems that have their places; it never ends
    /// the program.
    #[test]
    fn any_text_is_read_or_refused(pieces in vec(select(PIECES), 0..12)) {
        let text = pieces.concat();
        if let Err(error) = stages(&text) {
            prop_assert!(!error.problems().is_empty());
            for problem in error.problems() {
                let (line, _) = problem.place.unwrap_or((1, 1));
                prop_assert!(line <= 1 + text.matches('\n').count(), "{:?}", problem);
                prop_assert!(!problem.rule.is_empty());
            }
        }
    }
}
