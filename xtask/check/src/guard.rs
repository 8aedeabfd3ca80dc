//! The rules in the language of Guard: evaluation, and findings out of its record of events.
//!
//! The record is read rather than the crate's own report, because the report is cut off past
//! 8 KiB and the record says for every clause which value it failed on.

use crate::catalogue::{self, Rule};
use crate::finding::Finding;
use cfn_guard::{ValidateInput, run_checks};
use serde_json::{Map, Value, json};

/// The files of rules, by name.
pub(crate) const POLICIES: &[(&str, &str)] = &[
    ("access.guard", include_str!("../policies/access.guard")),
    ("api.guard", include_str!("../policies/api.guard")),
    ("data.guard", include_str!("../policies/data.guard")),
    ("functions.guard", include_str!("../policies/functions.guard")),
    ("stack.guard", include_str!("../policies/stack.guard")),
];

/// Why a template cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not JSON.
    #[error("the template is not JSON")]
    Template(#[source] serde_json::Error),
    /// A file of rules cannot be evaluated.
    #[error("{file}: the rules cannot be evaluated: {problem}")]
    Rules {
        /// The file.
        file: &'static str,
        /// What the evaluator said.
        problem: String,
    },
    /// A file has a rule that the catalogue does not list.
    #[error("{file}: rule `{rule}` is not in the catalogue")]
    Unlisted {
        /// The file.
        file: &'static str,
        /// The rule as it is named there.
        rule: String,
    },
}

/// What breaks a rule of the files.
pub(crate) fn findings(template: &Value) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for (file, rules) in POLICIES {
        let problem = |problem: String| Error::Rules { file, problem };
        let data = relevant(template, rules).to_string();
        let data = ValidateInput { content: &data, file_name: "template" };
        let rules = ValidateInput { content: rules, file_name: file };
        let record = run_checks(data, rules, true).map_err(|error| problem(error.to_string()))?;
        let record: Value =
            serde_json::from_str(&record).map_err(|error| problem(error.to_string()))?;
        for event in children(&record) {
            let check = &event["container"]["RuleCheck"];
            let Some(name) = check["name"].as_str() else { continue };
            let rule = catalogue::find(&name.replace('_', "-"))
                .ok_or_else(|| Error::Unlisted { file, rule: name.to_owned() })?;
            if check["status"] == "FAIL" {
                add(&mut findings, rule, event);
            }
        }
    }
    Ok(findings)
}

/// What a file of rules looks at: the resources of the types that it names. The evaluator records
/// every value that a filter passes over, which takes most of its time.
fn relevant(template: &Value, rules: &str) -> Value {
    let named = |resource: &Value| {
        resource["Type"].as_str().is_some_and(|kind| rules.contains(&format!("'{kind}'")))
    };
    let resources: Map<String, Value> = template["Resources"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, resource)| named(resource))
        .map(|(id, resource)| (id.clone(), resource.clone()))
        .collect();
    json!({"Parameters": template["Parameters"], "Resources": resources})
}

/// Adds the findings of a failed rule: one for each place, and one without a place when the record
/// names none, so that a failure is never lost.
fn add(findings: &mut Vec<Finding>, rule: &'static Rule, event: &Value) {
    let mut found: Vec<Finding> = Vec::new();
    for clause in failed_clauses(event) {
        if let Some(finding) = finding(rule, clause)
            && !found.iter().any(|it| it.resource == finding.resource && it.path == finding.path)
        {
            found.push(finding);
        }
    }
    if found.is_empty() {
        found.push(Finding::of_template(rule, "", "the rule fails without naming a place"));
    }
    findings.append(&mut found);
}

/// The clauses that made an event fail. Conditions and filters only chose what to look at, and of
/// alternatives that all failed the last one says it best: those before it are exceptions.
fn failed_clauses(event: &Value) -> Vec<&Value> {
    let Some((kind, content)) =
        event["container"].as_object().and_then(|container| container.iter().next())
    else {
        return Vec::new();
    };
    match kind.as_str() {
        "Filter" | "RuleCondition" | "TypeCondition" | "WhenCondition" => Vec::new(),
        "ClauseValueCheck" => vec![content],
        _ if content["status"] != "FAIL" && content != "FAIL" => Vec::new(),
        "Disjunction" => children(event)
            .iter()
            .rev()
            .map(failed_clauses)
            .find(|it| !it.is_empty())
            .unwrap_or_default(),
        // `some`: each value failed, and naming one is enough.
        "GuardClauseBlockCheck" if content["at_least_one_matches"] == true => {
            children(event).iter().flat_map(failed_clauses).take(1).collect()
        }
        _ => children(event).iter().flat_map(failed_clauses).collect(),
    }
}

fn children(event: &Value) -> &[Value] {
    event["children"].as_array().map_or(&[], Vec::as_slice)
}

/// The place where a clause failed; none for one that succeeded.
fn finding(rule: &'static Rule, clause: &Value) -> Option<Finding> {
    let (_, check) = clause.as_object()?.iter().next()?;
    // A check of one value has it one level deeper than a comparison of two.
    let check = check.get("value").unwrap_or(check);
    if check["status"] == "PASS" {
        return None;
    }
    let from = &check["from"];
    if let Some(resolved) = from.get("Resolved") {
        let path = resolved["path"].as_str()?;
        return Some(place(rule, path, &format!("is {}", shortened(&resolved["value"]))));
    }
    let unresolved = from.get("UnResolved")?;
    let rest = unresolved["remaining_query"].as_str()?.replace('.', "/");
    let path = format!("{}/{rest}", unresolved["traversed_to"]["path"].as_str()?);
    Some(place(rule, &path, "is missing"))
}

/// A finding at a path of the whole template, `/Resources/<logical id>/<path>`.
fn place(rule: &'static Rule, path: &str, detail: &str) -> Finding {
    let path = path.trim_matches('/');
    match path.strip_prefix("Resources/") {
        Some(rest) => {
            let (resource, path) = rest.split_once('/').unwrap_or((rest, ""));
            Finding::at(rule, resource, path, detail)
        }
        None => Finding::of_template(rule, path, detail),
    }
}

/// A value in at most 80 characters.
fn shortened(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::POLICIES;
    use crate::catalogue::{Evaluation, rules};
    use std::collections::BTreeSet;

    #[test]
    fn files_and_catalogue_name_the_same_rules() {
        let written: Vec<String> = POLICIES
            .iter()
            .flat_map(|(_, text)| text.lines())
            .filter_map(|line| line.strip_prefix("rule "))
            .filter_map(|line| line.split_whitespace().next())
            .map(|name| name.replace('_', "-"))
            .collect();
        let unique: BTreeSet<_> = written.iter().map(String::as_str).collect();
        assert_eq!(unique.len(), written.len(), "a rule is written twice");
        let listed: BTreeSet<_> = rules()
            .filter(|rule| matches!(rule.evaluation, Evaluation::Guard))
            .map(|rule| rule.id)
            .collect();
        assert_eq!(unique, listed);
    }
}
