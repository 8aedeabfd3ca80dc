//! What the stack measures.

use crate::observe::MetricKey;

const NEVER_THROTTLED: &str = "indexes are never throttled here";

/// Why nothing here measures a metric; none when something does.
pub(super) fn missing(key: &MetricKey) -> Option<&'static str> {
    let dimensions: Vec<_> = key.dimensions.keys().map(String::as_str).collect();
    match (key.namespace.as_str(), key.name.as_str(), dimensions.as_slice()) {
        ("AWS/ApiGateway", "4XXError" | "5XXError" | "Count" | "Latency", ["ApiName", "Stage"])
        | (
            "AWS/Lambda",
            "ConcurrentExecutions"
            | "Duration"
            | "Errors"
            | "Invocations"
            | "IteratorAge"
            | "Throttles",
            ["FunctionName"],
        )
        | (
            "AWS/DynamoDB",
            "ReadThrottleEvents" | "TransactionConflict" | "WriteThrottleEvents",
            ["TableName"],
        )
        | ("AWS/DynamoDB", "SystemErrors", ["Operation", "TableName"])
        | ("AWS/Events", "PutEventsFailedEntriesCount", [])
        | ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ["QueueName"]) => None,
        ("AWS/DynamoDB", "ReadThrottleEvents" | "WriteThrottleEvents", [_, _]) => {
            Some(NEVER_THROTTLED)
        }
        ("AWS/Lambda", "ClaimedAccountConcurrency", _) => {
            Some("an account has no limit of concurrency here")
        }
        ("AWS/Lambda", _, ["ExecutedVersion", ..]) => Some("functions have no versions here"),
        (namespace, ..) if namespace.starts_with("AWS/") => {
            Some("the local stack has no such metric")
        }
        // Metrics of the functions' own, which are seen when a function writes them.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::missing;
    use crate::observe::MetricKey;

    #[test]
    fn what_is_not_measured_has_a_reason() {
        let key = |namespace, name, dimensions: &[&str]| {
            let dimensions: Vec<_> = dimensions.iter().map(|name| (*name, "x")).collect();
            MetricKey::new(namespace, name, &dimensions)
        };
        for measured in [
            key("AWS/Lambda", "Errors", &["FunctionName"]),
            key("AWS/ApiGateway", "Count", &["Stage", "ApiName"]),
            key("Users", "Replays", &[]),
        ] {
            assert_eq!(missing(&measured), None, "{measured}");
        }
        for unknown in [
            key("AWS/Lambda", "Errors", &["FunctionName", "Resource", "ExecutedVersion"]),
            key("AWS/Lambda", "ClaimedAccountConcurrency", &[]),
            key("AWS/DynamoDB", "ReadThrottleEvents", &["TableName", "GlobalSecondaryIndexName"]),
            key("AWS/WAFV2", "BlockedRequests", &["Rule"]),
            key("AWS/ApiGateway", "Count", &["ApiName"]),
        ] {
            assert!(missing(&unknown).is_some(), "{unknown}");
        }
    }
}
