//! The plan of alarms: what each watches, as far as it is understood here.

use super::Template;
use super::intrinsics::text_of;
use super::plan::whole_number;
use crate::observe::MetricKey;
use anyhow::{Context, bail};
use serde_json::Value;

/// An alarm of the template.
#[derive(Clone, Debug)]
pub(crate) struct AlarmPlan {
    pub(crate) logical_id: String,
    /// Its name as AWS would know it.
    pub(crate) name: String,
    pub(crate) description: String,
    /// What it watches; else why that is not understood here.
    pub(crate) rule: Result<AlarmRule, String>,
}

/// When an alarm goes off.
#[derive(Clone, Debug)]
pub(crate) enum AlarmRule {
    /// By a metric, or an expression over several.
    Metric(Box<MetricRule>),
    /// By other alarms.
    Composite(String),
}

/// A rule about the values of so many periods.
#[derive(Clone, Debug)]
pub(crate) struct MetricRule {
    /// What is computed of the queries; the name of the query when there is only one.
    pub(crate) expression: String,
    /// By the name that the expression has for it.
    pub(crate) queries: Vec<(String, Query)>,
    pub(crate) comparison: Comparison,
    pub(crate) threshold: f64,
    pub(crate) period_seconds: i64,
    pub(crate) periods: usize,
    /// How many of the periods must be beyond the threshold.
    pub(crate) datapoints: usize,
    pub(crate) missing: MissingData,
    /// Whether a percentile of few values counts for nothing.
    pub(crate) ignores_few_values: bool,
}

/// A statistic of a metric.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) key: MetricKey,
    /// As the template spells it.
    pub(crate) statistic: String,
}

/// How a value is held to the threshold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// What a period without a value means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MissingData {
    Breaching,
    NotBreaching,
    /// Nothing; without any value there is no state.
    Missing,
}

/// All alarms, those of other alarms last.
pub(super) fn of(template: &Template) -> Vec<AlarmPlan> {
    let plan = |id: &str, rule: anyhow::Result<AlarmRule>| AlarmPlan {
        logical_id: id.to_owned(),
        name: text(template, id, "AlarmName").unwrap_or_else(|_| id.to_owned()),
        description: text(template, id, "AlarmDescription").unwrap_or_default(),
        rule: rule.map_err(|error| format!("{error:#}")),
    };
    let metric = template.of_kind("AWS::CloudWatch::Alarm").map(|id| {
        plan(id, metric_rule(template, id).map(|rule| AlarmRule::Metric(Box::new(rule))))
    });
    let composite = template
        .of_kind("AWS::CloudWatch::CompositeAlarm")
        .map(|id| plan(id, text(template, id, "AlarmRule").map(AlarmRule::Composite)));
    metric.chain(composite).collect()
}

fn text(template: &Template, id: &str, name: &str) -> anyhow::Result<String> {
    match template.property(id, name)? {
        Value::Null => bail!("it has no {name}"),
        value => Ok(text_of(&value)),
    }
}

fn metric_rule(template: &Template, id: &str) -> anyhow::Result<MetricRule> {
    let property = |name: &str| template.property(id, name);
    let number = |name: &str| -> anyhow::Result<Option<usize>> {
        let value = property(name)?;
        let number = whole_number(&value).and_then(|number| usize::try_from(number).ok());
        if number.is_none() && !value.is_null() {
            bail!("{name} is not a whole number");
        }
        Ok(number.filter(|number| *number > 0))
    };
    let comparison = match property("ComparisonOperator")?.as_str() {
        Some("GreaterThanThreshold") => Comparison::Greater,
        Some("GreaterThanOrEqualToThreshold") => Comparison::GreaterOrEqual,
        Some("LessThanThreshold") => Comparison::Less,
        Some("LessThanOrEqualToThreshold") => Comparison::LessOrEqual,
        other => bail!("the comparison {} is not understood here", other.unwrap_or("(none)")),
    };
    let periods = number("EvaluationPeriods")?.context("it has no EvaluationPeriods")?;
    let (expression, queries, period) = match property("Metrics")? {
        Value::Array(members) => math(&members)?,
        _ => {
            let query = Query {
                key: MetricKey {
                    namespace: text(template, id, "Namespace")?,
                    name: text(template, id, "MetricName")?,
                    dimensions: dimensions(&property("Dimensions")?),
                },
                statistic: text(template, id, "Statistic")
                    .or_else(|_| text(template, id, "ExtendedStatistic"))?,
            };
            let period = whole_number(&property("Period")?).context("it has no Period")?;
            ("m0".to_owned(), vec![("m0".to_owned(), query)], period)
        }
    };
    let threshold = property("Threshold")?;
    Ok(MetricRule {
        expression,
        queries,
        comparison,
        threshold: threshold
            .as_f64()
            .or_else(|| threshold.as_str()?.parse().ok())
            .context("it has no Threshold")?,
        period_seconds: i64::try_from(period).unwrap_or(i64::MAX),
        periods,
        datapoints: number("DatapointsToAlarm")?.unwrap_or(periods),
        missing: match property("TreatMissingData")?.as_str() {
            Some("breaching") => MissingData::Breaching,
            Some("notBreaching") => MissingData::NotBreaching,
            None | Some("missing") => MissingData::Missing,
            Some(other) => bail!("TreatMissingData {other} is not understood here"),
        },
        ignores_few_values: property("EvaluateLowSampleCountPercentile")? == "ignore",
    })
}

/// Metrics by their name in an expression.
type Queries = Vec<(String, Query)>;

/// The expression that is returned, the metrics it is over, and their period in seconds.
fn math(members: &[Value]) -> anyhow::Result<(String, Queries, u64)> {
    let mut expressions = Vec::new();
    let mut queries = Vec::new();
    let mut periods = Vec::new();
    for member in members {
        let id = member["Id"].as_str().context("a metric has no Id")?.to_owned();
        if let Some(expression) = member["Expression"].as_str() {
            expressions.push(expression.to_owned());
            continue;
        }
        let stat = &member["MetricStat"];
        let of_metric = |name: &str| {
            stat["Metric"][name].as_str().with_context(|| format!("the metric {id} has no {name}"))
        };
        let key = MetricKey {
            namespace: of_metric("Namespace")?.to_owned(),
            name: of_metric("MetricName")?.to_owned(),
            dimensions: dimensions(&stat["Metric"]["Dimensions"]),
        };
        let statistic =
            stat["Stat"].as_str().with_context(|| format!("the metric {id} has no Stat"))?;
        periods.push(
            whole_number(&stat["Period"])
                .with_context(|| format!("the metric {id} has no Period"))?,
        );
        queries.push((id, Query { key, statistic: statistic.to_owned() }));
    }
    periods.dedup();
    match (expressions.as_slice(), periods.as_slice()) {
        ([expression], [period]) => Ok((expression.clone(), queries, *period)),
        ([], [period]) if queries.len() == 1 => Ok((queries[0].0.clone(), queries, *period)),
        (_, [_]) => bail!("expressions over expressions are not understood here"),
        _ => bail!("metrics of several periods in one expression are not understood here"),
    }
}

fn dimensions(list: &Value) -> std::collections::BTreeMap<String, String> {
    let list = list.as_array().into_iter().flatten();
    list.map(|one| (text_of(&one["Name"]), text_of(&one["Value"]))).collect()
}
