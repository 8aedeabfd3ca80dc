//! The alarms.

use super::functions::of_type;
use super::{Part, time};
use crate::explain::explain;
use crate::session::Session;
use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use serde::Serialize;
use std::collections::BTreeSet;

/// Names that CloudWatch takes in one call.
const NAMES: usize = 100;

/// The alarms by their states.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alarms {
    pub(super) ok: usize,
    pub(super) insufficient_data: usize,
    /// Those that have gone off.
    pub(super) alarm: Vec<Alarm>,
}

/// An alarm that has gone off.
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

/// Looks at all alarms of the stack; of a stage without any there is nothing to say.
pub(super) async fn examine(session: &Session, resources: &[StackResourceSummary]) -> Part<Alarms> {
    let of = |kind| -> BTreeSet<String> {
        of_type(resources, kind)
            .into_iter()
            // The physical id may be the name, or the ARN: `arn:…:alarm:<name>`.
            .map(|(_, id)| id.rsplit_once(":alarm:").map_or(id, |(_, name)| name).to_owned())
            .collect()
    };
    let composite = of("AWS::CloudWatch::CompositeAlarm");
    let mut names: BTreeSet<_> = &of("AWS::CloudWatch::Alarm") | &composite;
    let mut part = Part::default();
    if names.is_empty() {
        return part;
    }
    let client = Client::new(&session.config);
    let mut alarms = Alarms::default();
    let wanted: Vec<_> = names.iter().cloned().collect();
    for names_of_call in wanted.chunks(NAMES) {
        let answer = client
            .describe_alarms()
            .set_alarm_names(Some(names_of_call.to_vec()))
            // Otherwise it tells of metric alarms only.
            .alarm_types(AlarmType::CompositeAlarm)
            .alarm_types(AlarmType::MetricAlarm)
            .send()
            .await;
        let output = match answer {
            Ok(output) => output,
            Err(error) => {
                part.findings.unknown.push(format!("{:#}", explain("look at the alarms", &error)));
                return part;
            }
        };
        // Both kinds say the same of themselves, in types of their own.
        macro_rules! add {
            ($($kind:expr),*) => {
                $(for alarm in $kind {
                    let name = alarm.alarm_name().unwrap_or_default();
                    names.remove(name);
                    alarms.add(alarm.state_value(), || Alarm {
                        name: name.to_owned(),
                        reason: alarm.state_reason().unwrap_or("no reason given").to_owned(),
                        since: alarm.state_updated_timestamp().and_then(time),
                        description: alarm.alarm_description().map(str::to_owned),
                    });
                })*
            };
        }
        add!(output.metric_alarms(), output.composite_alarms());
    }
    let problems = &mut part.findings.problems;
    for alarm in &alarms.alarm {
        let what = alarm.description.as_deref().unwrap_or(&alarm.reason);
        problems.push(format!("The alarm {} has gone off. {what}", alarm.name));
    }
    for name in names {
        if composite.contains(&name) {
            // CloudWatch keeps quiet about them where the permission is for some alarms only.
            part.findings.unknown.push(format!(
                "The alarm {name} cannot be seen: it is gone, or the permission for \
                 cloudwatch:DescribeAlarms is not one for all alarms (`*`)."
            ));
            continue;
        }
        problems.push(format!("The alarm {name} is gone; see `cargo xtask drift`."));
    }
    part.items.push(alarms);
    part
}

impl Alarms {
    fn add(&mut self, state: Option<&StateValue>, alarm: impl FnOnce() -> Alarm) {
        match state {
            Some(StateValue::Alarm) => self.alarm.push(alarm()),
            Some(StateValue::Ok) => self.ok += 1,
            _ => self.insufficient_data += 1,
        }
    }
}
