use super::{LeftOut, MINISTACK_TESTS};
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
fn every_test_that_is_left_out_exists_and_has_a_reason() {
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
