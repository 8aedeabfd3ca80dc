//! Every rule is broken at least once, on purpose, in a template that is otherwise clean: it must
//! be found by that rule, in that resource, and by no other rule.

mod access;
mod api;
mod data;
mod functions;
mod stack;

use crate::support::{self, Change, check, clean};
use serde_json::Value;
use std::collections::BTreeSet;
use users_check::{Finding, all_rules};

/// Stands for the logical id of the deployment, which is a hash.
const DEPLOYMENT: &str = "(the deployment)";

/// Stands for the logical id of a function's version, which ends in one.
const VERSION: &str = "(the version)";
const VERSIONED: &str = "UsersProfileGetFunction";

/// The rules that find every change of what is published.
const PUBLICATION: &[&str] = &["api-deployment-current", "function-version-current"];

/// One thing gone wrong.
struct Mutation {
    /// What was done.
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
    let rules: BTreeSet<_> = all_rules().map(|rule| rule.id).collect();
    assert_eq!(broken, rules);
}

#[test]
fn every_mutation_is_found_by_its_rule_and_by_no_other() {
    let base = clean();
    let all = all();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let problems: Vec<_> = std::thread::scope(|scope| {
        let share = all.len().div_ceil(workers);
        let workers: Vec<_> = all
            .chunks(share)
            .map(|some| scope.spawn(|| some.iter().flat_map(|it| problems(&base, it)).collect()))
            .collect();
        workers.into_iter().flat_map(|it| -> Vec<String> { it.join().unwrap() }).collect()
    });
    assert!(problems.is_empty(), "{problems:#?}");
}

/// What is wrong with the findings in a template with this mutation.
fn problems(base: &Value, mutation: &Mutation) -> Vec<String> {
    let Mutation { name, rule, resource, change } = mutation;
    let deployment = users_template::deployment_id(base);
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
        // What is published has changed with everything that is copied for it.
        if !PUBLICATION.contains(&found.rule) {
            problems.push(format!("{name}: {} finds {}", found.rule, found.place()));
        }
    }
    problems
}
