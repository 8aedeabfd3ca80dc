//! Packing, with stand-ins for compiled programs.

use super::{BUDGET_BYTES, Manifest, architecture_of, functions_in, over_budget, pack, table};
use std::collections::BTreeSet;
use std::path::Path;
use users_template::Architecture;
use users_template::bundles::MANIFEST;

/// A directory as cargo-lambda leaves it.
fn programs(directory: &Path) {
    for function in users_template::functions() {
        let folder = directory.join(function);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("bootstrap"), format!("the program of {function}")).unwrap();
    }
}

fn files(directory: &Path) -> BTreeSet<String> {
    std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_function_has_an_archive_that_is_named_after_its_content() {
    let home = tempfile::tempdir().unwrap();
    programs(home.path());
    let bundles = home.path().join("bundles");
    let manifest = pack(Architecture::Arm64, functions_in(home.path()), &bundles).unwrap();
    assert_eq!(manifest.functions.len(), 9);
    let mut expected: BTreeSet<_> = [MANIFEST.to_owned()].into();
    for (function, bundle) in &manifest.functions {
        assert_eq!(bundle.file, format!("{function}-{}.zip", &bundle.sha256_hex[..16]));
        let archive = std::fs::metadata(bundles.join(&bundle.file)).unwrap();
        assert_eq!(archive.len(), bundle.bytes);
        expected.insert(bundle.file.clone());
    }
    assert_eq!(files(&bundles), expected);
    assert_eq!(Manifest::read(&bundles).unwrap(), manifest);
}

#[test]
fn the_same_programs_give_the_same_files_and_another_one_replaces_its_own() {
    let home = tempfile::tempdir().unwrap();
    programs(home.path());
    let bundles = home.path().join("bundles");
    let before = pack(Architecture::X8664, functions_in(home.path()), &bundles).unwrap();
    assert_eq!(pack(Architecture::X8664, functions_in(home.path()), &bundles).unwrap(), before);

    std::fs::write(home.path().join("users-role-assign").join("bootstrap"), "another").unwrap();
    let after = pack(Architecture::X8664, functions_in(home.path()), &bundles).unwrap();
    for (function, bundle) in &after.functions {
        let is_same = before.functions[function] == *bundle;
        assert_eq!(is_same, function != "users-role-assign", "{function}");
    }
    assert!(!files(&bundles).contains(&before.functions["users-role-assign"].file));
    assert_eq!(files(&bundles).len(), 10);
}

#[test]
fn a_function_that_was_not_built_is_named() {
    let home = tempfile::tempdir().unwrap();
    programs(home.path());
    std::fs::remove_dir_all(home.path().join("users-list-query")).unwrap();
    let error = pack(Architecture::Arm64, functions_in(home.path()), &home.path().join("bundles"))
        .unwrap_err();
    assert!(error.to_string().contains("users-list-query"), "{error}");
}

#[test]
fn archives_over_the_budget_are_listed_with_their_sizes() {
    let home = tempfile::tempdir().unwrap();
    programs(home.path());
    let mut manifest =
        pack(Architecture::Arm64, functions_in(home.path()), &home.path().join("bundles")).unwrap();
    assert_eq!(over_budget(&manifest), Vec::<String>::new());
    manifest.functions.get_mut("users-list-query").unwrap().bytes = BUDGET_BYTES + BUDGET_BYTES / 2;
    assert_eq!(over_budget(&manifest), ["users-list-query (4.50 MiB)"]);
    let row = table(&manifest);
    let row = row.lines().find(|line| line.starts_with("users-list-query")).unwrap();
    assert!(row.contains("4.50 MiB") && row.contains("150%"), "{row}");
}

#[test]
fn architectures_have_the_names_of_lambda() {
    assert_eq!(architecture_of("aarch64").unwrap(), Architecture::Arm64);
    assert_eq!(architecture_of("x86_64").unwrap(), Architecture::X8664);
    assert_eq!(
        architecture_of("riscv64").unwrap_err().to_string(),
        "functions run on x86_64 and arm64, and this machine is riscv64"
    );
}
