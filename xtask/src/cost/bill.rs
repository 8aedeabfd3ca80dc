//! The arithmetic.

use super::measured::Taken;
use super::prices::Prices;
use serde::Serialize;
use users_template::Architecture;

/// Bytes of a GB on the bill for storage and logs.
const GB: f64 = 1024.0 * 1024.0 * 1024.0;

/// The cost of one operation for a month, in dollars.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Line {
    /// The operation.
    pub(crate) operation: String,
    /// Calls in the month.
    pub(crate) calls: f64,
    /// The billed time of a warm call, in milliseconds.
    pub(crate) billed_ms: f64,
    /// API Gateway; its tiers are shared in proportion to calls.
    pub(crate) api: f64,
    /// Lambda, the relay's part included.
    pub(crate) lambda: f64,
    /// Units of DynamoDB.
    pub(crate) dynamodb: f64,
    /// Events on the bus.
    pub(crate) events: f64,
    /// Logs and traces.
    pub(crate) telemetry: f64,
}

impl Line {
    /// The sum.
    pub(crate) fn total(&self) -> f64 {
        self.api + self.lambda + self.dynamodb + self.events + self.telemetry
    }
}

/// The cost that does not depend on calls, in dollars a month.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Standing {
    /// The tables and their backup.
    pub(crate) storage: f64,
    /// Metrics, alarms and dashboards.
    pub(crate) watching: f64,
}

/// The configuration of the functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) architecture: Architecture,
    pub(crate) memory_mb: f64,
}

/// The bill of one operation, with `all_calls` in the month of all operations together.
pub(crate) fn line(
    prices: &Prices,
    setup: Setup,
    operation: &str,
    calls: f64,
    all_calls: f64,
    taken: &Taken,
    relay: &Taken,
) -> Line {
    let assumed = &prices.assumed;
    let changes = taken.write_units > 0.0;
    let waiting = match changes {
        // The last round trip of a write is its transaction.
        true => (taken.round_trips - 1.0) * assumed.read_ms + assumed.transaction_ms,
        false => taken.round_trips * assumed.read_ms,
    };
    // Lambda rounds up to the millisecond.
    let billed_ms = (taken.own_ms + waiting).ceil();
    let mut lambda = calls * invocation(prices, setup, billed_ms)
        + calls * assumed.cold_share * duration(prices, setup, taken.initialisation_ms.ceil());
    let mut events = 0.0;
    if changes {
        // One audit entry for each change, many to an invocation.
        let relayed = (relay.own_ms + relay.round_trips * assumed.read_ms).ceil();
        lambda += calls / assumed.relay_batch * invocation(prices, setup, relayed);
        events = calls / 1e6 * prices.eventbridge.million_events;
    }
    let units = taken.read_units * prices.dynamodb.million_read_units
        + taken.write_units * prices.dynamodb.million_write_units;
    let logs = calls * assumed.log_bytes / GB * prices.cloudwatch.gb_logs;
    let traces = calls * assumed.traced_share / 1e6 * prices.xray.million_traces;
    Line {
        operation: operation.to_owned(),
        calls,
        billed_ms,
        api: prices.api_gateway.calls(all_calls) * calls / all_calls,
        lambda,
        dynamodb: calls / 1e6 * units,
        events,
        telemetry: logs + traces,
    }
}

/// One invocation.
fn invocation(prices: &Prices, setup: Setup, milliseconds: f64) -> f64 {
    prices.lambda.million_requests / 1e6 + duration(prices, setup, milliseconds)
}

fn duration(prices: &Prices, setup: Setup, milliseconds: f64) -> f64 {
    let gb_second = match setup.architecture {
        Architecture::Arm64 => prices.lambda.gb_second_arm64,
        Architecture::X8664 => prices.lambda.gb_second_x86_64,
    };
    milliseconds / 1000.0 * setup.memory_mb / 1024.0 * gb_second
}

/// The cost without any call.
pub(crate) fn standing(prices: &Prices, users: f64, alarms: f64, dashboards: f64) -> Standing {
    let stored = users * prices.assumed.kilobytes_per_user * 1024.0 / GB;
    Standing {
        storage: stored * (prices.dynamodb.gb_month + prices.dynamodb.gb_month_backup),
        watching: prices.assumed.metrics * prices.cloudwatch.metric_month
            + alarms * prices.cloudwatch.alarm_month
            + dashboards * prices.cloudwatch.dashboard_month,
    }
}

#[cfg(test)]
mod tests {
    use super::{Architecture, Prices, Setup, Taken, line, standing};

    const SETUP: Setup = Setup { architecture: Architecture::Arm64, memory_mb: 256.0 };
    const RELAY: Taken = Taken {
        own_ms: 1.0,
        initialisation_ms: 10.0,
        round_trips: 1.0,
        read_units: 0.0,
        write_units: 0.0,
    };

    /// Round figures, so that sums can be checked by hand.
    fn prices() -> Prices {
        let mut prices: Prices = toml::from_str(include_str!("../../prices.toml")).unwrap();
        prices.lambda.million_requests = 0.2;
        prices.lambda.gb_second_arm64 = 0.000_01;
        prices.assumed.read_ms = 3.0;
        prices.assumed.transaction_ms = 8.0;
        prices.assumed.cold_share = 0.0;
        prices.assumed.relay_batch = 10.0;
        prices.assumed.log_bytes = 1024.0;
        prices.assumed.metrics = 70.0;
        prices.assumed.traced_share = 0.1;
        prices.assumed.kilobytes_per_user = 10.0;
        prices
    }

    fn near(figure: f64, expected: f64) -> bool {
        (figure - expected).abs() < 1e-9
    }

    #[test]
    fn a_million_reads() {
        let get = Taken { read_units: 1.0, ..RELAY };
        let line = line(&prices(), SETUP, "get", 1e6, 1e6, &get, &RELAY);
        assert!(near(line.billed_ms, 4.0));
        assert!(near(line.api, 3.5));
        // 4 ms of a quarter GB, and the request.
        assert!(near(line.lambda, 0.2 + 0.01));
        assert!(near(line.dynamodb, 0.125));
        assert!(near(line.events, 0.0));
        assert!(near(line.telemetry, 1e6 / 1024.0 / 1024.0 * 0.5 + 0.1 * 5.0));
        assert!(near(line.total(), line.api + line.lambda + line.dynamodb + line.telemetry));
    }

    #[test]
    fn a_million_writes_pay_for_their_events_too() {
        let update =
            Taken { own_ms: 0.5, round_trips: 2.0, read_units: 1.0, write_units: 8.0, ..RELAY };
        let line = line(&prices(), SETUP, "update", 1e6, 1e6, &update, &RELAY);
        assert!(near(line.billed_ms, 12.0));
        let relay = 0.02 + 100_000.0 * 0.004 * 0.25 * 0.000_01;
        assert!(near(line.lambda, 0.2 + 0.03 + relay));
        assert!(near(line.dynamodb, 0.125 + 5.0));
        assert!(near(line.events, 1.0));
    }

    #[test]
    fn the_tiers_of_the_gateway_are_shared_in_proportion_to_calls() {
        let part = |calls| line(&prices(), SETUP, "get", calls, 1e9, &RELAY, &RELAY).api;
        assert!(near(part(2e8) + part(8e8), prices().api_gateway.calls(1e9)));
        assert!(near(part(8e8), 4.0 * part(2e8)));
    }

    #[test]
    fn storage_has_a_backup_and_alarms_and_metrics_are_counted() {
        let standing = standing(&prices(), 1024.0 * 1024.0, 49.0, 1.0);
        assert!(near(standing.storage, 10.0 * 0.45));
        assert!(near(standing.watching, 21.0 + 4.9 + 3.0));
    }
}
