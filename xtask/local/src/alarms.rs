//! Which alarms of the template would be on, by what the stack itself has measured.
//!
//! An alarm whose metrics nothing here measures is said to be not evaluated, with the reason: what
//! is not known must not look like all is well.
//!
//! Unlike CloudWatch, a period ends with the minute that is going on, so that what was just done
//! counts at once; and nothing is remembered, so a state is that of the periods looked at.

mod evaluate;
mod expression;
mod rule;
mod sources;

use self::evaluate::Outcome;
use self::expression::Expression;
use crate::observe::Metrics;
use crate::template::{AlarmPlan, AlarmRule, MetricRule};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// The alarms of the template.
#[derive(Debug)]
pub(crate) struct Alarms(Vec<Alarm>);

#[derive(Debug)]
struct Alarm {
    plan: AlarmPlan,
    watch: Watch,
}

#[derive(Debug)]
enum Watch {
    /// A rule whose metrics are measured, but for those of `blind`, each with the reason.
    Metric {
        rule: Box<MetricRule>,
        expression: Expression,
        blind: Vec<String>,
    },
    Composite(rule::Rule),
    /// Not evaluated, for this reason.
    Nothing(String),
}

/// How an alarm is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It would be on.
    Alarm,
    /// It would be off, and something was measured.
    Ok,
    /// It would be off because nothing was measured.
    NoData,
    /// Nobody knows.
    NotEvaluated,
}

/// An alarm and how it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlarmState {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) state: State,
    /// Why, in a sentence.
    pub(crate) reason: String,
    /// When it goes off, in words.
    pub(crate) rule: String,
    /// The value of each period, newest first; none where there is none.
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) threshold: Option<f64>,
}

impl Alarms {
    /// The alarms of a plan.
    pub(crate) fn new(plans: Vec<AlarmPlan>) -> Self {
        Self(plans.into_iter().map(Alarm::new).collect())
    }

    /// How all of them are at a moment: those that are on first, then as the template has them.
    pub(crate) fn states(&self, metrics: &Metrics, now: Timestamp) -> Vec<AlarmState> {
        let mut known = BTreeMap::new();
        let mut states = Vec::new();
        // Alarms over others come last, see the plan.
        for alarm in &self.0 {
            let state = alarm.state(metrics, now, &known);
            known.insert(alarm.plan.name.clone(), state.state);
            known.insert(alarm.plan.logical_id.clone(), state.state);
            states.push(state);
        }
        states.sort_by_key(|state| state.state != State::Alarm);
        states
    }
}

impl Alarm {
    fn new(plan: AlarmPlan) -> Self {
        let watch = match &plan.rule {
            Err(reason) => Watch::Nothing(reason.clone()),
            Ok(AlarmRule::Composite(text)) => match rule::Rule::parse(text) {
                Ok(rule) => Watch::Composite(rule),
                Err(reason) => Watch::Nothing(reason),
            },
            Ok(AlarmRule::Metric(rule)) => watch(rule),
        };
        Self { plan, watch }
    }

    fn state(
        &self,
        metrics: &Metrics,
        now: Timestamp,
        known: &BTreeMap<String, State>,
    ) -> AlarmState {
        let mut threshold = None;
        let mut words = String::new();
        let outcome = match &self.watch {
            Watch::Nothing(reason) => Outcome::not_evaluated(reason.clone()),
            Watch::Composite(rule) => {
                words = rule.to_string();
                rule.outcome(known)
            }
            Watch::Metric { rule, expression, blind } => {
                threshold = Some(rule.threshold);
                words = evaluate::words(rule);
                let mut outcome = evaluate::outcome(rule, expression, metrics, now);
                if !blind.is_empty() {
                    outcome.reason =
                        format!("{}. Without {}", outcome.reason, blind.join(", and without "));
                }
                outcome
            }
        };
        AlarmState {
            logical_id: self.plan.logical_id.clone(),
            name: self.plan.name.clone(),
            description: self.plan.description.clone(),
            state: outcome.state,
            reason: outcome.reason,
            rule: words,
            values: outcome.values,
            threshold,
        }
    }
}

/// What can be watched of a rule.
fn watch(rule: &MetricRule) -> Watch {
    let expression = match Expression::parse(&rule.expression) {
        Ok(expression) => expression,
        Err(reason) => return Watch::Nothing(reason),
    };
    if let Some(reason) = evaluate::not_understood(rule, &expression) {
        return Watch::Nothing(reason);
    }
    let mut blind: Vec<_> = rule
        .queries
        .iter()
        .filter_map(|(_, query)| {
            let reason = sources::missing(&query.key)?;
            Some(format!("{}: {reason}", query.key))
        })
        .collect();
    let all = blind.len() == rule.queries.len();
    blind.dedup();
    if all {
        return Watch::Nothing(blind.join("; "));
    }
    Watch::Metric { rule: Box::new(rule.clone()), expression, blind }
}

#[cfg(test)]
mod tests;
