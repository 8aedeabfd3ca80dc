//! Suppressions: what a resource leaves out, with a reason. One that has no reason, names no rule
//! or leaves nothing out is a finding itself, so that none outlives its cause.

use crate::catalogue;
use crate::finding::{Finding, Report, Suppressed};
use serde_json::Value;
use std::collections::BTreeMap;

/// One entry of `Metadata.users.suppress`.
struct Suppression {
    path: String,
    rule: Option<String>,
    reason: String,
    used: bool,
}

/// Sorts findings into those that stand and those that are suppressed.
pub(crate) fn apply(template: &Value, findings: Vec<Finding>) -> Report {
    let mut all: BTreeMap<Option<String>, Vec<Suppression>> = BTreeMap::new();
    all.insert(None, suppressions(template));
    for (id, resource) in template["Resources"].as_object().into_iter().flatten() {
        all.insert(Some(id.clone()), suppressions(resource));
    }
    let mut report = Report::default();
    for finding in findings {
        let entry = all.get_mut(&finding.resource).and_then(|entries| {
            entries
                .iter_mut()
                .find(|it| it.rule.as_deref() == Some(finding.rule) && !it.reason.is_empty())
        });
        match entry {
            Some(entry) => {
                entry.used = true;
                report.suppressed.push(Suppressed { finding, reason: entry.reason.clone() });
            }
            None => report.findings.push(finding),
        }
    }
    for (resource, entries) in &all {
        for entry in entries {
            if let Some(detail) = problem(entry) {
                report.findings.push(Finding {
                    resource: resource.clone(),
                    ..Finding::of_template(&catalogue::SUPPRESSION_SOUND, &entry.path, detail)
                });
            }
        }
    }
    report.findings.sort_by(|one, other| {
        (one.severity, one.rule, &one.resource, &one.path).cmp(&(
            other.severity,
            other.rule,
            &other.resource,
            &other.path,
        ))
    });
    report
}

fn suppressions(holder: &Value) -> Vec<Suppression> {
    let entries = holder["Metadata"]["users"]["suppress"].as_array().into_iter().flatten();
    entries
        .enumerate()
        .map(|(index, entry)| Suppression {
            path: format!("Metadata/users/suppress/{index}"),
            rule: entry["rule"].as_str().map(str::to_owned),
            reason: entry["reason"].as_str().unwrap_or_default().trim().to_owned(),
            used: false,
        })
        .collect()
}

fn problem(entry: &Suppression) -> Option<String> {
    let Some(rule) = &entry.rule else { return Some("names no rule".to_owned()) };
    if catalogue::find(rule).is_none() {
        Some(format!("names the rule `{rule}`, which does not exist"))
    } else if entry.reason.is_empty() {
        Some(format!("leaves out `{rule}` without a reason"))
    } else if !entry.used {
        Some(format!("leaves out `{rule}`, which finds nothing here"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::apply;
    use crate::catalogue;
    use crate::finding::Finding;
    use serde_json::{Value, json};

    fn template(suppress: &Value) -> Value {
        json!({"Resources": {"A": {"Metadata": {"users": {"suppress": suppress}}}, "B": {}}})
    }

    fn found(resource: &str) -> Finding {
        Finding::at(catalogue::find("function-memory").unwrap(), resource, "Properties", "")
    }

    #[test]
    fn a_reason_suppresses_the_rule_on_its_own_resource_only() {
        let template = template(&json!([{"rule": "function-memory", "reason": "for once"}]));
        let report = apply(&template, vec![found("A"), found("B")]);
        assert_eq!(report.findings, [found("B")]);
        assert_eq!(report.suppressed.len(), 1);
        assert_eq!(report.suppressed[0].finding, found("A"));
        assert_eq!(report.suppressed[0].reason, "for once");
    }

    #[test]
    fn a_suppression_must_have_reason_rule_and_effect() {
        let cases = [
            (json!([{"rule": "function-memory", "reason": " "}]), 2, "without a reason"),
            (json!([{"rule": "function-memory"}]), 2, "without a reason"),
            (json!([{"rule": "function-size", "reason": "x"}]), 2, "does not exist"),
            (json!([{"reason": "x"}]), 2, "names no rule"),
            (json!([{"rule": "function-traced", "reason": "x"}]), 2, "finds nothing here"),
        ];
        for (suppress, count, words) in cases {
            let report = apply(&template(&suppress), vec![found("A")]);
            assert_eq!(report.findings.len(), count, "{suppress}");
            assert!(report.suppressed.is_empty(), "{suppress}");
            let said = report.findings.iter().find(|it| it.rule == "suppression-sound").unwrap();
            assert!(said.detail.contains(words), "{suppress}: {}", said.detail);
            assert_eq!(said.resource.as_deref(), Some("A"));
            assert_eq!(said.path, "Metadata/users/suppress/0");
        }
    }
}
