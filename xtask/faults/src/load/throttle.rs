//! Throttling: with the template's limits, with other limits, or off.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Throttle {
    Off,
    /// As the template says.
    Template,
    /// This many calls per second and method, with bursts of the same size.
    Rate(u16),
}

impl Throttle {
    pub(super) fn from_option(option: Option<Option<u16>>) -> Self {
        match option {
            None => Self::Off,
            Some(None) => Self::Template,
            Some(Some(rate)) => Self::Rate(rate),
        }
    }

    /// Writes a template with the limits into a folder; returns its path.
    pub(super) fn write_template(self, template: &Path, folder: &Path) -> Result<PathBuf> {
        let text = std::fs::read_to_string(template)
            .with_context(|| format!("cannot read {}", template.display()))?;
        let mut template: Value =
            serde_json::from_str(&text).context("the template is not JSON")?;
        self.apply(&mut template);
        let path = folder.join("template.json");
        std::fs::write(&path, template.to_string()).context("cannot write the template")?;
        Ok(path)
    }

    /// Puts the limits into the method settings of every API stage of a template.
    fn apply(self, template: &mut Value) {
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
            Self::Rate(rate) => {
                write!(formatter, "throttled at {rate} calls per second and method")
            }
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
