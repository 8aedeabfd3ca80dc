//! Refusals, which have an exit status of their own.

use std::fmt;

/// Exit status of a refusal.
pub(crate) const EXIT_STATUS: u8 = 4;

/// The error when nothing was changed because a decision or an agreement is missing.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl Refused {
    pub(crate) fn error(text: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self(text.into()))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}
