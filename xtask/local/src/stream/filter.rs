//! Filter patterns of event source mappings: they select the records for the function.

use anyhow::bail;
use serde_json::Value;

/// The filters of a mapping: a record passes if one matches, or if the mapping has no filter.
#[derive(Debug)]
pub(super) struct Filters(Vec<Pattern>);

#[derive(Debug)]
enum Pattern {
    /// Every member must match.
    Members(Vec<(String, Pattern)>),
    /// The value must be one of these.
    AnyOf(Vec<Rule>),
}

#[derive(Debug)]
enum Rule {
    Equals(Value),
    Prefix(String),
}

impl Filters {
    /// Parses filter patterns.
    ///
    /// # Errors
    /// When a pattern uses an unsupported rule.
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
            other => bail!("a filter pattern has {other} instead of a list of values"),
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
        match rule {
            Value::Object(members) => match (members.len(), members.get("prefix")) {
                (1, Some(Value::String(prefix))) => Ok(Self::Prefix(prefix.clone())),
                _ => bail!("the filter rule {rule} is not supported here"),
            },
            Value::Array(_) => bail!("a filter pattern has a list inside of a list"),
            _ => Ok(Self::Equals(rule.clone())),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Equals(expected) => value == Some(expected),
            Self::Prefix(prefix) => {
                value.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix))
            }
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
    fn equality_and_prefix_must_both_match(
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
    #[case::below_nothing(json!({"nope": {"inner": ["x"]}}), false)]
    fn rules_match(#[case] pattern: Value, #[case] expected: bool) {
        let filters = Filters::new(&[pattern]).unwrap();
        assert_eq!(filters.pass(&record("INSERT", "AUDIT#1")), expected);
    }

    #[test]
    fn one_matching_filter_is_enough_and_without_filters_all_pass() {
        let patterns = [json!({"eventName": ["REMOVE"]}), json!({"eventName": ["INSERT"]})];
        assert!(Filters::new(&patterns).unwrap().pass(&record("INSERT", "x")));
        assert!(Filters::new(&[]).unwrap().pass(&record("INSERT", "x")));
    }

    #[rstest]
    #[case(json!({"a": [{"numeric": [">", 1]}]}))]
    #[case(json!({"a": [{"exists": false}]}))]
    #[case(json!({"a": "text"}))]
    #[case(json!({"a": [["b"]]}))]
    fn an_unsupported_pattern_is_an_error(#[case] pattern: Value) {
        assert!(Filters::new(&[pattern]).is_err());
    }
}
