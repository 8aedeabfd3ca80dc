//! Deliberate bugs, to see that `cargo xtask test-faults` finds what it is for.
//!
//! They exist only with the feature `deliberate-bugs`, which cannot be built with optimisations, so
//! no archive for Lambda can have it. Without the feature [`on`] is `false` for the compiler, too,
//! and what depends on it is not in the program.

#[cfg(feature = "deliberate-bugs")]
mod connector;

#[cfg(feature = "deliberate-bugs")]
pub(crate) use connector::BuggyHttpClient;

#[cfg(all(any(feature = "deliberate-bugs", feature = "clock-offset"), not(debug_assertions)))]
compile_error!("the features deliberate-bugs and clock-offset are for tests, never for a release");

/// A bug in the code itself; those in the calls of AWS are made by the connector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(not(feature = "deliberate-bugs"), expect(dead_code, reason = "only named"))]
pub(crate) enum Bug {
    /// A record is replayed to any request with its key.
    FingerprintIgnored,
    /// The relay puts several entries of a user into one call.
    RelayMixesEntries,
    /// The time of a change is what the clock says, also when that is before the last change.
    RawClock,
    /// The record is written after the change, by a call of its own.
    RecordAfterChange,
    /// The audit entry is written after the change, by a call of its own.
    AuditAfterChange,
    /// The guard of an old address is deleted before the change, by a call of its own.
    GuardReleasedEarly,
    /// The guard of an old address stays.
    GuardKept,
    /// The change does not depend on the version that was read.
    VersionUnchecked,
    /// The item of a new role is not written.
    RoleItemForgotten,
    /// A request that is about to be refused is not looked up before.
    ReplayNotLookedUp,
    /// The relay takes every 200 for a success of all entries.
    FailedEntriesIgnored,
}

/// Whether the functions are to have this bug.
#[cfg(not(feature = "deliberate-bugs"))]
pub(crate) const fn on(_: Bug) -> bool {
    false
}

#[cfg(feature = "deliberate-bugs")]
pub(crate) use chosen::{check, on};

#[cfg(feature = "deliberate-bugs")]
mod chosen {
    use super::Bug;
    use crate::config::{ConfigError, Environment, optional, process_environment, rejected};
    use std::sync::OnceLock;

    const VARIABLE: &str = "DELIBERATE_BUG";

    const NAMES: &[(&str, Bug)] = &[
        ("fingerprint-ignored", Bug::FingerprintIgnored),
        ("relay-mixes-entries", Bug::RelayMixesEntries),
        ("raw-clock", Bug::RawClock),
        ("record-after-change", Bug::RecordAfterChange),
        ("audit-after-change", Bug::AuditAfterChange),
        ("guard-released-early", Bug::GuardReleasedEarly),
        ("guard-kept", Bug::GuardKept),
        ("version-unchecked", Bug::VersionUnchecked),
        ("role-item-forgotten", Bug::RoleItemForgotten),
        ("replay-not-looked-up", Bug::ReplayNotLookedUp),
        ("failed-entries-ignored", Bug::FailedEntriesIgnored),
    ];

    fn named(env: Environment<'_>) -> Option<Option<Bug>> {
        let name = optional(env, VARIABLE)?;
        Some(NAMES.iter().find(|(known, _)| *known == name).map(|(_, bug)| *bug))
    }

    /// Refuses a name that no bug has: a function without the bug would prove nothing.
    pub(crate) fn check(env: Environment<'_>) -> Result<(), ConfigError> {
        match named(env) {
            Some(None) => Err(rejected(VARIABLE, "names no bug")),
            Some(Some(_)) | None => Ok(()),
        }
    }

    /// Whether the functions are to have this bug.
    pub(crate) fn on(bug: Bug) -> bool {
        static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
        *CHOSEN.get_or_init(|| named(&process_environment).flatten()) == Some(bug)
    }
}
