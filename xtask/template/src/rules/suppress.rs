//! Suppressions: the rules that a resource breaks for a stated reason. A suppression without reason,
//! rule or effect is itself a finding, so it cannot outlive its cause.

use super::report::{Finding, Report, Suppressed};
use super::rule::{Rule, medium};
use super::subject::Place;
use serde_json::Value;
use std::collections::BTreeMap;

/// The rule about suppressions, which cannot be suppressed. [`apply`] makes its findings, since
/// they depend on those of all other rules.
pub(super) fn sound() -> Rule {
    medium("suppression-sound")
        .expects("a suppression names a rule, gives a reason, and suppresses a finding")
        .remedy("correct it, or remove it")
}

/// One entry of `Metadata.users.suppress`.
struct Suppression {
    path: String,
    rule: Option<String>,
    reason: String,
    used: bool,
}

/// Sorts findings into those that stand and those that are suppressed.
pub(super) fn apply(template: &Value, rules: &[Rule], findings: Vec<Finding>) -> Report {
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
    let sound = sound();
    for (resource, entries) in all {
        for entry in entries {
            if let Some(detail) = problem(&entry, rules) {
                let place = Place { resource: resource.clone(), path: entry.path, detail };
                report.findings.push(Finding::new(&sound, place));
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

fn problem(entry: &Suppression, rules: &[Rule]) -> Option<String> {
    let Some(rule) = &entry.rule else { return Some("names no rule".to_owned()) };
    if !rules.iter().any(|it| it.id == rule) {
        Some(format!("names the rule `{rule}`, which does not exist"))
    } else if entry.reason.is_empty() {
        Some(format!("suppresses `{rule}` without a reason"))
    } else if !entry.used {
        Some(format!("suppresses `{rule}`, which finds nothing here"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::all;
    use super::super::report::{Finding, Report};
    use super::super::subject::Place;
    use serde_json::{Value, json};

    fn apply(template: &Value, findings: Vec<Finding>) -> Report {
        super::apply(template, &all().collect::<Vec<_>>(), findings)
    }

    fn template(suppress: &Value) -> Value {
        json!({"Resources": {"A": {"Metadata": {"users": {"suppress": suppress}}}, "B": {}}})
    }

    fn found(resource: &str) -> Finding {
        let rule = all().find(|rule| rule.id == "function-memory").unwrap();
        let place = Place::of_template("Properties", "");
        Finding { resource: Some(resource.to_owned()), ..Finding::new(&rule, place) }
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
