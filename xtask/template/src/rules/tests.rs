//! Every rule is broken on purpose in a template that is otherwise clean: that rule must find the
//! fault in that resource, and no other rule may.

mod mutations;
mod support;

use self::mutations::all;
use self::support::{DEPLOYMENT, Mutation, VERSION, VERSIONED, check, clean};
use super::Finding;
use serde_json::Value;
use std::collections::BTreeSet;

/// The rules that find every change of a published resource.
const PUBLICATION: &[&str] = &["api-deployment-current", "function-version-current"];

#[test]
fn the_unmutated_template_is_clean() {
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
    let stages = crate::stages::stages(include_str!("../../tests/options.toml")).unwrap();
    assert!(!stages.is_empty());
    for stage in stages.values() {
        let report = super::check(&crate::template::render_template(stage), Some(stage)).unwrap();
        assert!(report.findings.is_empty(), "{}: {:#?}", stage.name, report.findings);
    }
}

#[test]
fn every_mutation_is_found_by_its_rule_and_by_no_other() {
    let base = clean();
    let problems: Vec<_> = all().iter().enumerate().flat_map(|it| problems(&base, it)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

/// The faults in the findings about a template with this mutation.
fn problems(base: &Value, (number, mutation): (usize, &Mutation)) -> Vec<String> {
    let Mutation { rule, resource, change } = mutation;
    let deployment = crate::template::deployment_id(base);
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
        problems.push(format!("mutation {number}: {rule} must find it in {resource:?}"));
    }
    for found in report.findings.iter().filter(|it| it.rule != *rule) {
        // A change of anything that is published changes the publication too.
        if !PUBLICATION.contains(&found.rule) {
            problems.push(format!(
                "mutation {number} of {rule}: {} finds {}",
                found.rule,
                found.place()
            ));
        }
    }
    problems
}
