use super::{LeftOut, MINISTACK_RESOURCES, MINISTACK_TESTS, Skipped};
use crate::verify::{Missing, known_kinds};
use std::collections::BTreeSet;
use std::path::Path;

/// The names of the tests of the suite `api`, read from its sources.
fn tests() -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/api");
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if line == "#[tokio::test]" || line == "#[test]" {
                let function = lines.next().unwrap().trim_start_matches("async ");
                let name = function.strip_prefix("fn ").unwrap().split('(').next().unwrap();
                names.insert(format!("{module}::{name}"));
            }
        }
    }
    names
}

#[test]
fn every_test_that_is_left_out_is_there_and_has_a_reason() {
    let tests = tests();
    assert!(tests.len() > 200, "{} tests were found", tests.len());
    for LeftOut { test, reason } in MINISTACK_TESTS {
        assert!(tests.contains(*test), "there is no test {test}");
        assert!(reason.len() > 20 && !reason.ends_with('.'), "{test}: {reason}");
    }
    let names: BTreeSet<_> = MINISTACK_TESTS.iter().map(|it| it.test).collect();
    assert_eq!(names.len(), MINISTACK_TESTS.len(), "a test is named twice");
    assert!(names.len() * 10 < tests.len(), "more than a tenth of the tests is left out");
}

#[test]
fn a_property_is_skipped_with_all_below_it() {
    let missing = |kind: &str, property: Option<&str>| Missing {
        resource: "X".to_owned(),
        kind: kind.to_owned(),
        property: property.map(str::to_owned),
        found: String::new(),
    };
    let table = Skipped { kind: "Table", property: Some("/Ttl"), reason: "" };
    assert!(table.is(&missing("Table", Some("/Ttl"))));
    assert!(table.is(&missing("Table", Some("/Ttl/Enabled"))));
    assert!(!table.is(&missing("Table", Some("/TtlOther"))));
    assert!(!table.is(&missing("Table", None)));
    assert!(!table.is(&missing("Other", Some("/Ttl"))));
    let validator = Skipped { kind: "Validator", property: None, reason: "" };
    assert!(validator.is(&missing("Validator", None)));
    assert!(!validator.is(&missing("Validator", Some("/Name"))));
}

#[test]
fn what_an_emulator_skips_is_of_a_type_that_is_looked_for() {
    let kinds = known_kinds();
    for skipped in MINISTACK_RESOURCES {
        assert!(kinds.contains(skipped.kind), "{}", skipped.kind);
        assert!(skipped.property.is_none_or(|property| property.starts_with('/')));
    }
}
