//! Filter patterns of event source mappings: which records reach the function.

use anyhow::bail;
use serde_json::Value;

/// The filters of a mapping: a record passes when one of them lets it, or when there are none.
#[derive(Debug)]
pub(super) struct Filters(Vec<Pattern>);

#[derive(Debug)]
enum Pattern {
    /// Every member must pass.
    Members(Vec<(String, Pattern)>),
    /// The value must be one of these.
    AnyOf(Vec<Rule>),
}

#[derive(Debug)]
enum Rule {
    Equals(Value),
    Prefix(String),
    Suffix(String),
    Exists(bool),
    AnythingBut(Vec<Value>),
}

impl Filters {
    /// Understands filter patterns.
    ///
    /// # Errors
    /// When a pattern uses a rule that is not understood here.
    pub(super) fn new(patterns: &[Value]) -> anyhow::Result<Self> {
        Ok(Self(patterns.iter().map(Pattern::parse).collect::<anyhow::Result<_>>()?))
    }

    /// Whether a record passes.
    pub(super) fn pass(&self, record: &Value) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(Some(record)))
    }
}

impl Pattern {
    fn parse(pattern: &Value) -> anyhow::Result<Self> {
        match pattern {
            Value::Object(members) => Ok(Self::Members(
                members
                    .iter()
                    .map(|(name, inner)| Ok((name.clone(), Self::parse(inner)?)))
                    .collect::<anyhow::Result<_>>()?,
            )),
            Value::Array(rules) => {
                Ok(Self::AnyOf(rules.iter().map(Rule::parse).collect::<anyhow::Result<_>>()?))
            }
            other => bail!("a filter pattern has {other} where a list of values belongs"),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Members(members) => members
                .iter()
                .all(|(name, pattern)| pattern.matches(value.and_then(|value| value.get(name)))),
            Self::AnyOf(rules) => rules.iter().any(|rule| rule.matches(value)),
        }
    }
}

impl Rule {
    fn parse(rule: &Value) -> anyhow::Result<Self> {
        let Value::Object(object) = rule else {
            return match rule {
                Value::Array(_) => bail!("a filter pattern has a list inside of a list"),
                _ => Ok(Self::Equals(rule.clone())),
            };
        };
        match object.iter().next() {
            Some((name, argument)) if object.len() == 1 => match (name.as_str(), argument) {
                ("prefix", Value::String(text)) => Ok(Self::Prefix(text.clone())),
                ("suffix", Value::String(text)) => Ok(Self::Suffix(text.clone())),
                ("exists", Value::Bool(exists)) => Ok(Self::Exists(*exists)),
                ("anything-but", Value::Array(values)) => Ok(Self::AnythingBut(values.clone())),
                ("anything-but", Value::String(_) | Value::Number(_)) => {
                    Ok(Self::AnythingBut(vec![argument.clone()]))
                }
                _ => bail!("the filter rule {rule} is not understood here"),
            },
            _ => bail!("the filter rule {rule} is not understood here"),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        let text = value.and_then(Value::as_str);
        match self {
            Self::Equals(wanted) => value == Some(wanted),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::Exists(exists) => value.is_some() == *exists,
            Self::AnythingBut(values) => value.is_some_and(|value| !values.contains(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Filters;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn record(event: &str, sort_key: &str) -> Value {
        json!({"eventName": event, "dynamodb": {"Keys": {"sk": {"S": sort_key}}}})
    }

    #[rstest]
    #[case::passes("INSERT", "AUDIT#1", true)]
    #[case::other_event("MODIFY", "AUDIT#1", false)]
    #[case::other_prefix("INSERT", "PROFILE", false)]
    fn equality_and_prefix_hold_together(
        #[case] event: &str,
        #[case] sort_key: &str,
        #[case] expected: bool,
    ) {
        let pattern = json!({
            "eventName": ["INSERT"],
            "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "AUDIT#"}]}}}
        });
        let filters = Filters::new(&[pattern]).unwrap();
        assert_eq!(filters.pass(&record(event, sort_key)), expected);
    }

    #[rstest]
    #[case::one_of_several(json!({"eventName": ["MODIFY", "INSERT"]}), true)]
    #[case::suffix(json!({"dynamodb": {"Keys": {"sk": {"S": [{"suffix": "#1"}]}}}}), true)]
    #[case::exists(json!({"dynamodb": {"NewImage": [{"exists": false}]}}), true)]
    #[case::does_not_exist(json!({"nope": [{"exists": true}]}), false)]
    #[case::anything_but(json!({"eventName": [{"anything-but": ["INSERT"]}]}), false)]
    #[case::below_nothing(json!({"nope": {"inner": ["x"]}}), false)]
    fn rules_match(#[case] pattern: Value, #[case] expected: bool) {
        let filters = Filters::new(&[pattern]).unwrap();
        assert_eq!(filters.pass(&record("INSERT", "AUDIT#1")), expected);
    }

    #[test]
    fn one_filter_of_several_is_enough_and_none_lets_all_pass() {
        let patterns = [json!({"eventName": ["REMOVE"]}), json!({"eventName": ["INSERT"]})];
        assert!(Filters::new(&patterns).unwrap().pass(&record("INSERT", "x")));
        assert!(Filters::new(&[]).unwrap().pass(&record("INSERT", "x")));
    }

    #[rstest]
    #[case(json!({"a": [{"numeric": [">", 1]}]}))]
    #[case(json!({"a": "text"}))]
    #[case(json!({"a": [["b"]]}))]
    fn what_is_not_understood_is_an_error(#[case] pattern: Value) {
        assert!(Filters::new(&[pattern]).is_err());
    }
}
