//! The metrics of the functions' own, each with its unit and dimensions: the one definition that
//! the functions emit by and that alarms and dashboards of the template refer to.
//!
//! CloudWatch bills each combination of a name and dimension values as a metric of its own, so
//! there are two sets of dimensions: metrics by operation have the operation
//! and a class of outcome, and everything else has the stack alone. Nothing of a request is ever a
//! dimension.

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "Users";

/// The name of the stack, which distinguishes the stages of an account.
pub const STACK: &str = "Stack";
/// The operation's id, as in the log line; `publishAudit` for the relay.
pub const OPERATION: &str = "Operation";
/// The class of the outcome, see [`Outcome`].
pub const OUTCOME: &str = "Outcome";

/// The dimensions of metrics of every invocation.
const BY_OUTCOME: &[&str] = &[STACK, OPERATION, OUTCOME];
/// The dimensions of metrics that are counted for the stack.
const BY_STACK: &[&str] = &[STACK];

/// The units that are in use, as CloudWatch spells them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricUnit {
    /// A number of things.
    Count,
    /// Thousandths of a second.
    Milliseconds,
}

impl MetricUnit {
    /// The unit as CloudWatch spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// The outcome of an invocation, in few classes for a dimension; the log line has the code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The request succeeded.
    Success,
    /// The caller got a 4xx error.
    Refused,
    /// It failed by no fault of the caller's: a 5xx, or a batch of the relay that is repeated.
    Failed,
}

impl Outcome {
    /// Every class.
    pub const ALL: &'static [Self] = &[Self::Success, Self::Refused, Self::Failed];

    /// The value of the dimension.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The class of an answer, by its status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            500.. => Self::Failed,
            400..=499 => Self::Refused,
            _ => Self::Success,
        }
    }
}

/// A metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Metric {
    /// Its name in [`NAMESPACE`].
    pub name: &'static str,
    /// The unit of its values.
    pub unit: MetricUnit,
    /// The keys of its dimensions.
    pub dimensions: &'static [&'static str],
    /// Its meaning, and when it is emitted.
    pub description: &'static str,
}

impl Metric {
    const fn by_outcome(name: &'static str, unit: MetricUnit, description: &'static str) -> Self {
        Self { name, unit, dimensions: BY_OUTCOME, description }
    }

    const fn count(name: &'static str, description: &'static str) -> Self {
        Self { name, unit: MetricUnit::Count, dimensions: BY_STACK, description }
    }
}

/// 1 for each invocation.
pub const CALLS: Metric = Metric::by_outcome("Calls", MetricUnit::Count, "1 for each invocation");
/// Time from the event to the answer.
pub const LATENCY: Metric = Metric::by_outcome(
    "Latency",
    MetricUnit::Milliseconds,
    "time within the function, from the event to the answer",
);
/// Read capacity that DynamoDB charged.
pub const READ_UNITS: Metric = Metric::by_outcome(
    "ReadUnits",
    MetricUnit::Count,
    "read capacity units of all DynamoDB calls of an invocation, when there were any",
);
/// Write capacity that DynamoDB charged.
pub const WRITE_UNITS: Metric = Metric::by_outcome(
    "WriteUnits",
    MetricUnit::Count,
    "write capacity units of all DynamoDB calls of an invocation, when there were any; those of a \
     cancelled transaction are not reported by DynamoDB",
);
/// Processes that began.
pub const COLD_STARTS: Metric =
    Metric::count("ColdStarts", "1 for the first invocation of a process");
/// Requests that AWS was sent again.
pub const AWS_RETRIES: Metric =
    Metric::count("AwsRetries", "requests that the SDK sent again after a failure or a throttle");
/// Writes that found another version.
pub const VERSION_CONFLICTS: Metric = Metric::count(
    "VersionConflicts",
    "times that a user was at another version than expected: by a precondition, or because \
     another writer came between reading and writing",
);
/// Writes that met another transaction.
pub const TRANSACTION_CONFLICTS: Metric = Metric::count(
    "TransactionConflicts",
    "times that a write met another transaction on the same items",
);
/// Recorded answers that were given again.
pub const IDEMPOTENT_REPLAYS: Metric =
    Metric::count("IdempotentReplays", "writes that were answered with a recorded success");
/// Users who were registered.
pub const USERS_REGISTERED: Metric = Metric::count("UsersRegistered", "users registered");
/// Users who were enabled.
pub const USERS_ENABLED: Metric = Metric::count("UsersEnabled", "users enabled again");
/// Users who were disabled.
pub const USERS_DISABLED: Metric = Metric::count("UsersDisabled", "users disabled");
/// Users who were deleted.
pub const USERS_DELETED: Metric = Metric::count("UsersDeleted", "users deleted");
/// Roles that were given.
pub const ROLES_ASSIGNED: Metric =
    Metric::count("RolesAssigned", "roles given to users, at registration too");
/// Roles that were taken away.
pub const ROLES_REMOVED: Metric = Metric::count("RolesRemoved", "roles taken from users");
/// Events that the bus took.
pub const EVENTS_PUBLISHED: Metric =
    Metric::count("EventsPublished", "audit entries that the relay put on the bus");
/// Records that the relay must try again.
pub const EVENTS_FAILED: Metric =
    Metric::count("EventsFailed", "records of a batch that were not published and are tried again");
/// Entries that can never be delivered.
pub const EVENTS_GIVEN_UP: Metric = Metric::count(
    "EventsGivenUp",
    "audit entries that can never be delivered, which the relay put into the dead letters",
);
/// The delay of the bus behind the table.
pub const EVENT_LAG: Metric = Metric {
    name: "EventLag",
    unit: MetricUnit::Milliseconds,
    dimensions: BY_STACK,
    description: "age of the oldest change of a batch when the relay was done with it",
};

/// Every metric that the functions emit.
pub const METRICS: &[Metric] = &[
    CALLS,
    LATENCY,
    READ_UNITS,
    WRITE_UNITS,
    COLD_STARTS,
    AWS_RETRIES,
    VERSION_CONFLICTS,
    TRANSACTION_CONFLICTS,
    IDEMPOTENT_REPLAYS,
    USERS_REGISTERED,
    USERS_ENABLED,
    USERS_DISABLED,
    USERS_DELETED,
    ROLES_ASSIGNED,
    ROLES_REMOVED,
    EVENTS_PUBLISHED,
    EVENTS_FAILED,
    EVENTS_GIVEN_UP,
    EVENT_LAG,
];

#[cfg(test)]
mod tests {
    use super::{METRICS, Outcome};
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct() {
        let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }

    #[test]
    fn what_a_status_means_for_the_outcome() {
        for (status, expected) in [
            (201, Outcome::Success),
            (304, Outcome::Success),
            (400, Outcome::Refused),
            (429, Outcome::Refused),
            (500, Outcome::Failed),
            (503, Outcome::Failed),
        ] {
            assert_eq!(Outcome::of_status(status), expected, "{status}");
        }
    }
}
