//! Throttling: the template's limits, others in their place, or none.

use serde_json::{Value, json};
use std::fmt;

/// How calls are limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Throttle {
    /// Not at all.
    Off,
    /// As the template says.
    Template,
    /// At so many calls a second and method, and bursts as large.
    Rate(u16),
}

impl Throttle {
    pub(crate) fn from_flag(flag: Option<Option<u16>>) -> Self {
        match flag {
            None => Self::Off,
            Some(None) => Self::Template,
            Some(Some(rate)) => Self::Rate(rate),
        }
    }

    /// Puts the limits into the method settings of every API stage of a template.
    pub(crate) fn apply(self, template: &mut Value) {
        let resources = template["Resources"].as_object_mut().into_iter().flatten();
        let stages = resources.filter(|(_, it)| it["Type"] == "AWS::ApiGateway::Stage");
        for (_, stage) in stages {
            let settings = stage["Properties"]["MethodSettings"].as_array_mut();
            for setting in settings.into_iter().flatten().filter_map(Value::as_object_mut) {
                match self {
                    Self::Template => {}
                    Self::Off => {
                        setting.remove("ThrottlingRateLimit");
                        setting.remove("ThrottlingBurstLimit");
                    }
                    Self::Rate(rate) => {
                        setting.insert("ThrottlingRateLimit".to_owned(), json!(f64::from(rate)));
                        setting.insert("ThrottlingBurstLimit".to_owned(), json!(rate));
                    }
                }
            }
        }
    }
}

impl fmt::Display for Throttle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => formatter.write_str("not throttled"),
            Self::Template => formatter.write_str("throttled as the template says"),
            Self::Rate(rate) => write!(formatter, "throttled at {rate} calls a second and method"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Throttle;
    use serde_json::{Value, json};

    fn applied(throttle: Throttle) -> Value {
        let setting = json!({
            "HttpMethod": "*", "ThrottlingRateLimit": 1000.0, "ThrottlingBurstLimit": 2000
        });
        let mut template = json!({"Resources": {
            "Stage": {
                "Type": "AWS::ApiGateway::Stage",
                "Properties": {"MethodSettings": [setting]},
            },
            "Table": {"Type": "AWS::DynamoDB::Table"},
        }});
        throttle.apply(&mut template);
        assert_eq!(template["Resources"]["Table"], json!({"Type": "AWS::DynamoDB::Table"}));
        template["Resources"]["Stage"]["Properties"]["MethodSettings"][0].clone()
    }

    #[test]
    fn limits_are_kept_replaced_or_removed() {
        let with = |rate: f64, burst: u16| {
            json!({
                "HttpMethod": "*", "ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst
            })
        };
        assert_eq!(applied(Throttle::Template), with(1000.0, 2000));
        assert_eq!(applied(Throttle::Rate(50)), with(50.0, 50));
        assert_eq!(applied(Throttle::Off), json!({"HttpMethod": "*"}));
    }
}
