//! The alarms of a stage.

use super::findings::{Findings, time};
use super::functions::of_type;
use crate::explain::Explain;
use crate::session::Session;
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use serde::Serialize;
use std::collections::BTreeSet;

/// The most names in one call of CloudWatch.
const NAMES: usize = 100;

/// The alarms by state.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alarms {
    pub(super) ok: usize,
    pub(super) insufficient_data: usize,
    /// The alarms in the state `ALARM`.
    pub(super) alarm: Vec<Alarm>,
}

/// An alarm in the state `ALARM`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alarm {
    pub(super) name: String,
    pub(super) reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

/// Examines all alarms of the stack; `None` when there are none or they cannot be read.
pub(super) async fn examine(
    session: &Session,
    resources: &[StackResourceSummary],
    findings: &mut Findings,
) -> Option<Alarms> {
    let of = |kind| -> BTreeSet<String> {
        of_type(resources, kind)
            .into_iter()
            // The physical id is the name, or the ARN: `arn:…:alarm:<name>`.
            .map(|(_, id)| id.rsplit_once(":alarm:").map_or(id, |(_, name)| name).to_owned())
            .collect()
    };
    let composite = of("AWS::CloudWatch::CompositeAlarm");
    let mut missing: BTreeSet<_> = &of("AWS::CloudWatch::Alarm") | &composite;
    let names: Vec<_> = missing.iter().cloned().collect();
    let client = Client::new(&session.config);
    let mut alarms = Alarms::default();
    for names in names.chunks(NAMES) {
        let answer = client
            .describe_alarms()
            .set_alarm_names(Some(names.to_vec()))
            // The default is metric alarms only.
            .alarm_types(AlarmType::CompositeAlarm)
            .alarm_types(AlarmType::MetricAlarm)
            .send()
            .await;
        let output = match answer.explain("look at the alarms") {
            Ok(output) => output,
            Err(error) => {
                findings.unknown.push(format!("{error:#}"));
                return None;
            }
        };
        let metric = output.metric_alarms().iter().map(|it| {
            let since = it.state_updated_timestamp();
            (it.alarm_name(), it.state_value(), it.state_reason(), since, it.alarm_description())
        });
        let composite = output.composite_alarms().iter().map(|it| {
            let since = it.state_updated_timestamp();
            (it.alarm_name(), it.state_value(), it.state_reason(), since, it.alarm_description())
        });
        for (name, state, reason, since, description) in metric.chain(composite) {
            let name = name.unwrap_or_default();
            missing.remove(name);
            match state {
                Some(StateValue::Alarm) => alarms.alarm.push(Alarm {
                    name: name.to_owned(),
                    reason: reason.unwrap_or("no reason given").to_owned(),
                    since: since.and_then(time),
                    description: description.map(str::to_owned),
                }),
                Some(StateValue::Ok) => alarms.ok += 1,
                _ => alarms.insufficient_data += 1,
            }
        }
    }
    for alarm in &alarms.alarm {
        let text = alarm.description.as_deref().unwrap_or(&alarm.reason);
        findings.problems.push(format!("The alarm {} has gone off. {text}", alarm.name));
    }
    for name in missing {
        if composite.contains(&name) {
            // CloudWatch omits them when the permission does not cover all alarms.
            findings.unknown.push(format!(
                "The alarm {name} cannot be seen: it was deleted, or the permission \
                 cloudwatch:DescribeAlarms does not cover all alarms (`*`)."
            ));
        } else {
            findings
                .problems
                .push(format!("The alarm {name} was deleted; see `cargo xtask status --drift`."));
        }
    }
    (!names.is_empty()).then_some(alarms)
}
