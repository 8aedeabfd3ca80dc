//! The metrics that alarms watch and dashboards draw, each defined once: those of AWS here, the
//! functions' own in `users_contract::metric`, which the functions use too.

use stratosphere::value::ExpString;
use users_contract::metric::{self, Outcome};
use users_contract::{OPERATIONS, Table};

use super::envelope::{reference, substitute, text};
use super::names::{
    ALIAS, API_STAGE, AUDIT_BUS, AUDIT_DEAD_LETTERS, FunctionIds, IDEMPOTENCY_TABLE, USERS_TABLE,
};

/// A metric of one thing with a statistic.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    /// Name and value; a value may have `${…}` for CloudFormation to fill in.
    pub(super) dimensions: Vec<(&'static str, String)>,
    /// `Sum`, `Maximum`, `p99` and so on.
    pub(super) statistic: &'static str,
}

impl Metric {
    /// Of the functions' own, for the whole stack.
    pub(super) fn of_stack(metric: &metric::Metric, statistic: &'static str) -> Self {
        Self {
            namespace: metric::NAMESPACE,
            name: metric.name,
            dimensions: vec![(metric::STACK, "${AWS::StackName}".to_owned())],
            statistic,
        }
    }

    /// Of the functions' own, of one operation as far as it ended so.
    pub(super) fn of_outcome(
        metric: &metric::Metric,
        operation: &str,
        outcome: Outcome,
        statistic: &'static str,
    ) -> Self {
        let mut of_outcome = Self::of_stack(metric, statistic);
        of_outcome.dimensions.extend([
            (metric::OPERATION, operation.to_owned()),
            (metric::OUTCOME, outcome.as_str().to_owned()),
        ]);
        of_outcome
    }

    /// Of the API's stage.
    pub(super) fn api(name: &'static str, statistic: &'static str) -> Self {
        // The metric has the API's name, not its id.
        let dimensions = vec![
            ("ApiName", "${AWS::StackName}-api".to_owned()),
            ("Stage", format!("${{{API_STAGE}}}")),
        ];
        Self { namespace: "AWS/ApiGateway", name, dimensions, statistic }
    }

    /// Of a function.
    pub(super) fn function(ids: &FunctionIds, name: &'static str, statistic: &'static str) -> Self {
        let dimensions = vec![("FunctionName", format!("${{{}}}", ids.function))];
        Self { namespace: "AWS/Lambda", name, dimensions, statistic }
    }

    /// Of one version of a function, as far as calls reach it by the alias.
    pub(super) fn version(
        ids: &FunctionIds,
        version: &str,
        name: &'static str,
        statistic: &'static str,
    ) -> Self {
        let mut metric = Self::function(ids, name, statistic);
        metric.dimensions.extend([
            ("Resource", format!("${{{}}}:{ALIAS}", ids.function)),
            ("ExecutedVersion", format!("${{{version}.Version}}")),
        ]);
        metric
    }

    /// Of all functions of the account and region.
    pub(super) fn account(name: &'static str, statistic: &'static str) -> Self {
        Self { namespace: "AWS/Lambda", name, dimensions: Vec::new(), statistic }
    }

    /// Of a table, without its indexes.
    pub(super) fn table(table: &str, name: &'static str, statistic: &'static str) -> Self {
        let dimensions = vec![("TableName", format!("${{{table}}}"))];
        Self { namespace: "AWS/DynamoDB", name, dimensions, statistic }
    }

    /// Of one kind of call to a table.
    pub(super) fn table_call(
        table: &str,
        call: &str,
        name: &'static str,
        statistic: &'static str,
    ) -> Self {
        let mut metric = Self::table(table, name, statistic);
        metric.dimensions.push(("Operation", call.to_owned()));
        metric
    }

    /// Of an index of the users table.
    pub(super) fn index(index: &str, name: &'static str, statistic: &'static str) -> Self {
        let mut metric = Self::table(USERS_TABLE, name, statistic);
        metric.dimensions.push(("GlobalSecondaryIndexName", index.to_owned()));
        metric
    }

    /// Of the queue of dead letters.
    pub(super) fn dead_letters(name: &'static str, statistic: &'static str) -> Self {
        let dimensions = vec![("QueueName", format!("${{{AUDIT_DEAD_LETTERS}.QueueName}}"))];
        Self { namespace: "AWS/SQS", name, dimensions, statistic }
    }

    /// Of all buses of the account and region: EventBridge counts `PutEvents` for all of them.
    pub(super) fn put_events(name: &'static str, statistic: &'static str) -> Self {
        Self { namespace: "AWS/Events", name, dimensions: Vec::new(), statistic }
    }

    /// Of the rules of the audit bus.
    pub(super) fn bus(name: &'static str, statistic: &'static str) -> Self {
        let dimensions = vec![("EventBusName", format!("${{{AUDIT_BUS}}}"))];
        Self { namespace: "AWS/Events", name, dimensions, statistic }
    }
}

/// A dimension's value as CloudFormation takes it best: plain, as a reference, or filled in.
pub(super) fn dimension_value(pattern: &str) -> ExpString {
    let Some(rest) = pattern.split_once("${").map(|(_, rest)| rest) else { return text(pattern) };
    match pattern.strip_prefix("${").and_then(|inner| inner.strip_suffix('}')) {
        Some(id) if !rest.contains("${") && !id.contains(['.', '}']) => reference(id),
        _ => substitute(pattern),
    }
}

/// The tables, with the calls that functions make to each.
pub(super) fn table_calls() -> [(&'static str, Vec<&'static str>); 2] {
    [
        (USERS_TABLE, calls(&[Table::Users, Table::Directory, Table::Status])),
        (IDEMPOTENCY_TABLE, calls(&[Table::Idempotency])),
    ]
}

/// Reads are made one by one; every write is part of a transaction.
fn calls(tables: &[Table]) -> Vec<&'static str> {
    let mut calls: Vec<_> = OPERATIONS
        .iter()
        .flat_map(|operation| operation.access)
        .filter(|access| tables.contains(&access.table))
        .flat_map(|access| access.actions)
        .map(|action| match *action {
            "ConditionCheckItem" | "DeleteItem" | "PutItem" | "UpdateItem" => "TransactWriteItems",
            read => read,
        })
        .collect();
    calls.sort_unstable();
    calls.dedup();
    calls
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use stratosphere::value::ToValue;

    use super::{dimension_value, table_calls};

    #[test]
    fn a_dimension_is_written_in_the_simplest_form() {
        for (pattern, expected) in [
            ("Query", json!("Query")),
            ("${UsersTable}", json!({"Ref": "UsersTable"})),
            ("${AWS::StackName}", json!({"Ref": "AWS::StackName"})),
            ("${AWS::StackName}-api", json!({"Fn::Sub": "${AWS::StackName}-api"})),
            ("${Queue.QueueName}", json!({"Fn::Sub": "${Queue.QueueName}"})),
            ("${A}${B}", json!({"Fn::Sub": "${A}${B}"})),
        ] {
            assert_eq!(dimension_value(pattern).to_value(), expected, "{pattern}");
        }
    }

    #[test]
    fn a_table_is_watched_for_every_call_that_is_made() {
        let [(_, users), (_, idempotency)] = table_calls();
        assert!(users.contains(&"TransactWriteItems") && users.contains(&"Query"), "{users:?}");
        assert_eq!(idempotency, ["GetItem", "TransactWriteItems"]);
    }
}
