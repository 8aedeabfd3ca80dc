//! The file of prices and assumptions.

use serde::Deserialize;

/// Prices in US dollars.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    /// The day of the prices.
    pub(crate) as_of: String,
    /// The Region of the prices.
    pub(crate) region: String,
    pub(crate) lambda: Lambda,
    pub(crate) dynamodb: DynamoDb,
    pub(crate) api_gateway: ApiGateway,
    pub(crate) eventbridge: EventBridge,
    pub(crate) cloudwatch: CloudWatch,
    pub(crate) xray: XRay,
    pub(crate) assumed: Assumed,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lambda {
    pub(crate) source: String,
    pub(crate) million_requests: f64,
    pub(crate) gb_second_arm64: f64,
    pub(crate) gb_second_x86_64: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DynamoDb {
    pub(crate) source: String,
    pub(crate) million_read_units: f64,
    pub(crate) million_write_units: f64,
    pub(crate) gb_month: f64,
    pub(crate) gb_month_backup: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApiGateway {
    pub(crate) source: String,
    /// Ascending; only the last has no end.
    pub(crate) tiers: Vec<Tier>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tier {
    pub(crate) up_to_million: Option<f64>,
    pub(crate) million_calls: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventBridge {
    pub(crate) source: String,
    pub(crate) million_events: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudWatch {
    pub(crate) source: String,
    pub(crate) gb_logs: f64,
    pub(crate) metric_month: f64,
    pub(crate) alarm_month: f64,
    pub(crate) dashboard_month: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct XRay {
    pub(crate) source: String,
    pub(crate) million_traces: f64,
}

/// Assumptions; `prices.toml` explains them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assumed {
    pub(crate) read_ms: f64,
    pub(crate) transaction_ms: f64,
    pub(crate) log_bytes: f64,
    pub(crate) metrics: f64,
    pub(crate) traced_share: f64,
    pub(crate) cold_share: f64,
    pub(crate) relay_batch: f64,
    pub(crate) kilobytes_per_user: f64,
}

impl ApiGateway {
    /// The cost of calls in one month.
    pub(crate) fn calls(&self, calls: f64) -> f64 {
        let (mut below, mut sum) = (0.0, 0.0);
        for tier in &self.tiers {
            let end = tier.up_to_million.map_or(f64::INFINITY, |million| million * 1e6);
            sum += (calls.min(end) - below).max(0.0) / 1e6 * tier.million_calls;
            below = end;
        }
        sum
    }
}

impl Prices {
    /// The sources of the prices.
    pub(crate) fn sources(&self) -> [&str; 6] {
        [
            &self.lambda.source,
            &self.dynamodb.source,
            &self.api_gateway.source,
            &self.eventbridge.source,
            &self.cloudwatch.source,
            &self.xray.source,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::Prices;

    #[test]
    fn calls_are_charged_tier_by_tier() {
        let prices: Prices = toml::from_str(include_str!("../../prices.toml")).unwrap();
        let near =
            |calls: f64, dollars: f64| (prices.api_gateway.calls(calls) - dollars).abs() < 1e-6;
        assert!(near(0.0, 0.0));
        assert!(near(1e6, 3.5));
        assert!(near(333e6, 1165.5));
        assert!(near(1e9, 1165.5 + 667.0 * 2.8));
        assert!(near(30e9, 1165.5 + 667.0 * 2.8 + 19_000.0 * 2.38 + 10_000.0 * 1.51));
    }
}
