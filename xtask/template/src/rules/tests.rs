//! Every rule is broken at least once, on purpose, in a template that is otherwise clean: that rule
//! must find it in that resource, and no other rule may.

mod access;
mod api;
mod data;
mod functions;
mod stack;
mod support;

use self::support::{Change, check, clean};
use super::Finding;
use serde_json::Value;
use std::collections::BTreeSet;

/// Stands for the logical id of the deployment, which is a hash.
const DEPLOYMENT: &str = "(the deployment)";

/// Stands for the logical id of a function's version, which ends in one.
const VERSION: &str = "(the version)";
const VERSIONED: &str = "UsersProfileGetFunction";

/// The rules that find every change of what is published.
const PUBLICATION: &[&str] = &["api-deployment-current", "function-version-current"];

/// One fault.
struct Mutation {
    /// The change in words.
    name: &'static str,
    /// The rule that must find it.
    rule: &'static str,
    /// The resource it must be found in; empty for the template as a whole.
    resource: &'static str,
    change: Change,
}

fn row(rule: &'static str, resource: &'static str, name: &'static str, change: Change) -> Mutation {
    Mutation { name, rule, resource, change }
}

fn all() -> Vec<Mutation> {
    [
        access::mutations(),
        api::mutations(),
        data::mutations(),
        functions::mutations(),
        stack::mutations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn the_template_that_is_mutated_is_clean() {
    let report = check(&clean());
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn every_rule_has_a_mutation() {
    let broken: BTreeSet<_> = all().iter().map(|it| it.rule).collect();
    let rules: BTreeSet<_> = super::all().map(|rule| rule.id).collect();
    assert_eq!(broken, rules);
    assert_eq!(rules.len(), super::all().count(), "two rules have the same id");
}

#[test]
fn texts_read_as_parts_of_a_sentence() {
    for rule in super::all() {
        for text in [rule.expected, rule.remedy] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}", rule.id);
        }
    }
}

/// Every option of a stage, with the stages that the generator is tested with.
#[test]
fn no_option_of_a_stage_breaks_a_rule() {
    let stages = crate::stages(include_str!("../../tests/options.toml")).unwrap();
    assert!(!stages.is_empty());
    for stage in stages.values() {
        let report = super::check(&crate::render_template(stage), Some(stage)).unwrap();
        assert!(report.findings.is_empty(), "{}: {:#?}", stage.name, report.findings);
    }
}

#[test]
fn every_mutation_is_found_by_its_rule_and_by_no_other() {
    let base = clean();
    let problems: Vec<_> = all().iter().flat_map(|it| problems(&base, it)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The faults in the findings about a template with this mutation.
fn problems(base: &Value, mutation: &Mutation) -> Vec<String> {
    let Mutation { name, rule, resource, change } = mutation;
    let deployment = crate::deployment_id(base);
    let version = support::version_of(base, VERSIONED);
    let resource = match *resource {
        DEPLOYMENT => &deployment,
        VERSION => &version,
        other => other,
    };
    let mut template = base.clone();
    change(&mut template);
    let report = check(&template);
    let is_it = |found: &Finding| {
        found.rule == *rule && found.resource.as_deref().unwrap_or_default() == resource
    };
    let mut problems = Vec::new();
    if !report.findings.iter().any(is_it) {
        problems.push(format!("{name}: {rule} has to find it in {resource:?}"));
    }
    for found in report.findings.iter().filter(|it| it.rule != *rule) {
        // A change of anything that is published changes the publication too.
        if !PUBLICATION.contains(&found.rule) {
            problems.push(format!("{name}: {} finds {}", found.rule, found.place()));
        }
    }
    problems
}
