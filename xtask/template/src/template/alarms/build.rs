//! One alarm, from its metric to the resource.

use stratosphere::services::aws::cloudwatch::{self, alarm};

use crate::stages::Stage;
use crate::template::envelope::{Resource, Template, reference, tags, text};
use crate::template::metrics::{Metric, dimension_value};
use crate::template::names::{ALARM_TOPIC, in_stack, pascal_case};

/// Seconds of the shortest period.
pub(super) const MINUTE: i32 = 60;

/// An alarm in the making: it goes off when the measure is above the threshold.
#[derive(Debug)]
pub(super) struct Alarm {
    pub(super) id: String,
    /// Its name after that of the stack.
    pub(super) name: String,
    /// The problem, one sentence.
    pub(super) says: String,
    /// The section of the runbook.
    pub(super) runbook: &'static str,
    pub(super) measure: Measure,
    pub(super) threshold: u32,
    /// Seconds.
    pub(super) period: i32,
    /// The number of periods above the threshold that count, of the number of periods looked at.
    pub(super) of_periods: (i32, i32),
}

/// The measured value.
#[derive(Debug)]
pub(super) enum Measure {
    /// One metric.
    One(Metric),
    /// An expression over metrics, which are called `m0`, `m1` and so on in it.
    Math(String, Vec<Metric>),
}

impl Measure {
    /// The percentage that one metric is of another, 0 where that is below `least`.
    pub(super) fn share(part: Metric, whole: Metric, least: u32) -> Self {
        Self::Math(format!("IF(m1 >= {least}, 100 * m0 / m1, 0)"), vec![part, whole])
    }

    /// The sum of metrics, which may each have no data.
    pub(super) fn total(metrics: Vec<Metric>) -> Self {
        let terms: Vec<_> = (0..metrics.len()).map(|index| format!("FILL(m{index}, 0)")).collect();
        Self::Math(terms.join(" + "), metrics)
    }
}

impl Alarm {
    /// An alarm whose logical id and section of the runbook follow from its name.
    pub(super) fn new(
        name: &'static str,
        says: impl Into<String>,
        measure: Measure,
        threshold: impl Into<u32>,
        period: i32,
    ) -> Self {
        Self {
            id: format!("{}Alarm", pascal_case(name)),
            name: name.to_owned(),
            says: says.into(),
            runbook: name,
            measure,
            threshold: threshold.into(),
            period,
            of_periods: (2, 3),
        }
    }

    /// Adds it to the template.
    pub(super) fn add(self, template: &mut Template, stage: &Stage) {
        let (of, periods) = self.of_periods;
        let mut resource = cloudwatch::Alarm! {
            alarm_actions: vec![reference(ALARM_TOPIC)],
            alarm_description: text(description(&self.name, &self.says, self.runbook)),
            alarm_name: in_stack(&self.name),
            comparison_operator: "GreaterThanThreshold",
            datapoints_to_alarm: of,
            evaluation_periods: periods,
            ok_actions: vec![reference(ALARM_TOPIC)],
            tags: tags(stage),
            threshold: f64::from(self.threshold),
            treat_missing_data: "notBreaching",
        };
        match self.measure {
            Measure::One(metric) => {
                resource.namespace = Some(text(metric.namespace));
                resource.metric_name = Some(text(metric.name));
                resource.period = Some(self.period);
                if metric.statistic.starts_with('p') {
                    resource.extended_statistic = Some(text(metric.statistic));
                    // With few values the 99th percentile is the largest one, which is not significant.
                    resource.evaluate_low_sample_count_percentile = Some(text("ignore"));
                } else {
                    resource.statistic = Some(text(metric.statistic));
                }
                resource.dimensions = dimensions(&metric);
            }
            Measure::Math(expression, metrics) => {
                resource.metrics = Some(queries(&self.name, expression, &metrics, self.period));
            }
        }
        template.add(self.id, Resource::new(&resource));
    }
}

/// The notice's text: the alarm, the problem, and the section of the runbook.
pub(super) fn description(name: &str, says: &str, runbook: &str) -> String {
    format!("{name}: {says} What to do: docs/runbook.md#{runbook}")
}

fn dimensions(metric: &Metric) -> Option<Vec<alarm::Dimension_>> {
    let dimensions: Vec<_> = metric
        .dimensions
        .iter()
        .map(|(name, value)| {
            alarm::Dimension! { name: text(*name), value: dimension_value(value) }
        })
        .collect();
    (!dimensions.is_empty()).then_some(dimensions)
}

fn queries(
    name: &str,
    expression: String,
    metrics: &[Metric],
    period: i32,
) -> Vec<alarm::MetricDataQuery_> {
    let mut queries = vec![alarm::MetricDataQuery! {
        expression: text(expression),
        id: "result",
        label: text(name),
        return_data: true,
    }];
    queries.extend(metrics.iter().enumerate().map(|(index, metric)| {
        let mut one = alarm::Metric! {
            metric_name: text(metric.name),
            namespace: text(metric.namespace),
        };
        one.dimensions = dimensions(metric);
        alarm::MetricDataQuery! {
            id: text(format!("m{index}")),
            metric_stat: Box::new(alarm::MetricStat! {
                metric: Box::new(one),
                period: period,
                stat: text(metric.statistic),
            }),
            return_data: false,
        }
    }));
    queries
}
