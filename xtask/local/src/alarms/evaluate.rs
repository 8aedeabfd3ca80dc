//! A rule about a metric, judged by the values of its periods.

use super::State;
use super::expression::Expression;
use crate::observe::{Metrics, Statistic};
use crate::template::{Comparison, MetricRule, MissingData, Query};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Metrics are kept by the minute.
const MINUTE: i64 = 60;

/// How an alarm is, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) state: State,
    pub(super) reason: String,
    /// Of the periods, newest first.
    pub(super) values: Vec<Option<f64>>,
}

impl Outcome {
    pub(super) fn not_evaluated(reason: String) -> Self {
        Self { state: State::NotEvaluated, reason, values: Vec::new() }
    }
}

/// Why a rule cannot be judged; none when it can.
pub(super) fn not_understood(rule: &MetricRule, expression: &Expression) -> Option<String> {
    if rule.period_seconds < MINUTE || rule.period_seconds % MINUTE != 0 {
        return Some(format!("a period of {} s is not understood here", rule.period_seconds));
    }
    let unknown = expression
        .metrics()
        .into_iter()
        .find(|name| !rule.queries.iter().any(|(known, _)| known == name));
    if let Some(name) = unknown {
        return Some(format!("the expression has no metric {name}"));
    }
    let query = rule.queries.iter().find(|(_, query)| Statistic::parse(&query.statistic).is_none());
    query.map(|(_, query)| format!("the statistic {} is not understood here", query.statistic))
}

/// The rule in words: `p99 of AWS/ApiGateway Latency by ApiName, Stage > 1000 in 2 of 3 periods of
/// 5 min`.
pub(super) fn words(rule: &MetricRule) -> String {
    let sign = match rule.comparison {
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => "≥",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "≤",
    };
    let measure = match rule.queries.as_slice() {
        [(name, query)] if *name == rule.expression => words_of(query),
        queries => {
            let queries: Vec<_> = queries
                .iter()
                .map(|(name, query)| format!("{name} = {}", words_of(query)))
                .collect();
            format!("{} with {}", rule.expression, queries.join("; "))
        }
    };
    format!(
        "{measure} {sign} {} in {} of {} periods of {} min",
        rule.threshold,
        rule.datapoints,
        rule.periods,
        rule.period_seconds / MINUTE
    )
}

fn words_of(query: &Query) -> String {
    format!("{} of {}", query.statistic, query.key)
}

/// Judges a rule.
pub(super) fn outcome(
    rule: &MetricRule,
    expression: &Expression,
    metrics: &Metrics,
    now: Timestamp,
) -> Outcome {
    let mut few = None;
    // An expression may fill in for metrics that have no value at all.
    let mut measured = false;
    let values: Vec<_> = (0..rule.periods)
        .map(|back| {
            let back = i64::try_from(back).unwrap_or(i64::MAX).saturating_mul(rule.period_seconds);
            let end = now.checked_sub(SignedDuration::from_secs(back)).ok()?;
            let queries = rule.queries.iter().map(|(name, query)| {
                let value = value(rule, query, metrics, end);
                match value {
                    Ok(value) => measured |= value.is_some(),
                    Err(count) => few = Some(count),
                }
                (name.as_str(), value.ok().flatten())
            });
            let queries: BTreeMap<_, _> = queries.collect();
            let has_value = queries.values().any(Option::is_some);
            expression.value(&queries).filter(|_| has_value)
        })
        .collect();
    let is_beyond = |value: f64| match rule.comparison {
        Comparison::Greater => value > rule.threshold,
        Comparison::GreaterOrEqual => value >= rule.threshold,
        Comparison::Less => value < rule.threshold,
        Comparison::LessOrEqual => value <= rule.threshold,
    };
    let beyond = values
        .iter()
        .filter(|value| value.map_or(rule.missing == MissingData::Breaching, is_beyond))
        .count();
    let counted = format!(
        "{beyond} of {} periods beyond the threshold, {} are needed",
        rule.periods, rule.datapoints
    );
    let (state, reason) = match few {
        _ if beyond >= rule.datapoints => (State::Alarm, counted),
        _ if measured => (State::Ok, counted),
        Some(count) => (
            State::NoData,
            format!("{count} values are too few for {}", rule.queries[0].1.statistic),
        ),
        None => (State::NoData, "nothing was measured".to_owned()),
    };
    Outcome { state, reason, values }
}

/// The value of a query in the period that ends at `end`; none when nothing was measured.
///
/// # Errors
/// The number of values, when they are too few for the percentile that is asked for.
fn value(
    rule: &MetricRule,
    query: &Query,
    metrics: &Metrics,
    end: Timestamp,
) -> Result<Option<f64>, u64> {
    let minutes = rule.period_seconds / MINUTE;
    let window = metrics.find(&query.key).and_then(|series| series.window(end, minutes));
    let (Some(window), Some(statistic)) = (window, Statistic::parse(&query.statistic)) else {
        return Ok(None);
    };
    if let Statistic::Percentile(percent) = statistic
        && rule.ignores_few_values
        && (window.count() as f64) < enough(percent)
    {
        return Err(window.count());
    }
    Ok(Some(window.statistic(statistic)))
}

/// How many values CloudWatch wants for a percentile to say something: ten beyond it.
fn enough(percent: f64) -> f64 {
    let beyond = 1.0 - percent / 100.0;
    10.0 / if percent < 50.0 { percent / 100.0 } else { beyond }
}
