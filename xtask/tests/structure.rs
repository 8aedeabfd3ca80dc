//! Files are short, those of a crate import each other in one direction, and the layers of
//! `platform` downwards.
//! A re-exported name counts as imported from the file that defines it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates that are checked, by folder.
const CRATES: &[&str] = &[
    "platform",
    "platform/contract",
    "platform/domain",
    "tests",
    "xtask",
    "xtask/aws",
    "xtask/bench",
    "xtask/client",
    "xtask/emulator",
    "xtask/faults",
    "xtask/local",
    "xtask/support",
    "xtask/template",
];

/// The layers of `platform`, the lowest first. A module imports from its own and lower layers.
const LAYERS: &[&[&str]] = &[
    &["clock", "config", "cursor", "error", "idempotency", "wire"],
    &["telemetry"],
    &["aws", "lambda"],
    &["store"],
    &["use_case"],
    &["http", "relay"],
    &["fuzzing"],
];

/// Sources by the path of their module (`a::b`), which is empty for the root.
type Sources = BTreeMap<String, String>;
type Edges = BTreeSet<(String, String)>;

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

/// Reads the sources of a folder, without comments and tests.
fn read(folder: &Path, module: &str, sources: &mut Sources) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let inner = if matches!(name, "lib" | "main") { String::new() } else { join(module, name) };
        if matches!(name, "tests" | "testing" | "fixtures" | "debug_tests" | "bin") {
        } else if path.is_dir() {
            read(&path, &inner, sources);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
            sources.insert(inner, lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The paths of a tree, each after the names before it: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(before: &str, tree: &str) -> Vec<String> {
    let (start, rest) = tree.split_once('{').unwrap_or((tree, ""));
    let start = format!("{before}{}", start.split(" as ").next().unwrap_or_default().trim());
    let (mut depth, mut item, mut found) = (0, String::new(), Vec::new());
    for letter in rest.trim_end().strip_suffix('}').unwrap_or_default().chars().chain([',']) {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        match (letter, depth) {
            (',', 0) if item.trim().is_empty() => {}
            (',', 0) => found.extend(paths(&start, &std::mem::take(&mut item))),
            _ => item.push(letter),
        }
    }
    if rest.is_empty() { vec![start] } else { found }
}

/// The imported paths of a source, each with whether it is re-exported; and all other code.
fn imports(source: &str) -> (Vec<(String, bool)>, String) {
    let (mut found, mut code, mut tree) = (Vec::new(), String::new(), None::<(String, bool)>);
    for line in source.lines().map(str::trim) {
        let begins = line.starts_with("use ") || line.starts_with("pub") && line.contains(" use ");
        match &mut tree {
            Some((tree, _)) => tree.push_str(line),
            None if begins => tree = Some((line.to_owned(), line.starts_with("pub"))),
            None => code = code + line + "\n",
        }
        if let Some((text, public)) = tree.take_if(|(tree, _)| tree.ends_with(';')) {
            let text = text.trim_end_matches(';').split_once("use ").unwrap_or_default().1;
            found.extend(paths("", text).into_iter().map(|path| (path, public)));
        }
    }
    (found, code)
}

/// The file that defines what a path in `module` names, if it is one of this crate.
fn resolve(module: &str, path: &str, sources: &Sources) -> Option<String> {
    let first = path.split("::").next()?;
    let is_ours = matches!(first, "crate" | "self" | "super");
    let mut at = if first == "crate" { String::new() } else { module.to_owned() };
    sources.get(&join(module, first)).map(|_| ()).or(is_ours.then_some(()))?;
    for name in path.split("::").filter(|name| !matches!(*name, "crate" | "self")) {
        if name == "super" {
            at = at.rsplit_once("::").map_or_else(String::new, |(parent, _)| parent.to_owned());
        } else if sources.contains_key(&join(&at, name)) {
            at = join(&at, name);
        } else {
            let is_it = |path: &str| path.rsplit("::").next() == Some(name);
            let (imports, _) = imports(&sources[&at]);
            let export = imports.into_iter().find(|(path, public)| *public && is_it(path));
            return export.and_then(|(path, _)| resolve(&at, &path, sources)).or(Some(at));
        }
    }
    Some(at)
}

fn edges(sources: &Sources) -> Edges {
    let mut edges = Edges::new();
    for (module, source) in sources {
        let (mut found, code) = imports(source);
        let is_path = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | ':');
        let words: BTreeSet<_> = code.split(|letter| !is_path(letter)).collect();
        let names: BTreeSet<_> = words.iter().flat_map(|word| word.split("::")).collect();
        let is_used = |path: &str| path.rsplit("::").next().is_some_and(|it| names.contains(it));
        found.retain(|(path, public)| !public || is_used(path));
        found.extend(words.iter().map(|word| ((*word).to_owned(), false)));
        found.retain(|(path, _)| path.contains("::"));
        let targets = found.iter().filter_map(|(path, _)| resolve(module, path, sources));
        edges.extend(targets.filter(|to| to != module).map(|to| (module.clone(), to)));
    }
    edges
}

fn edges_of(krate: &str) -> Edges {
    let (root, mut sources) = (Path::new(env!("CARGO_MANIFEST_DIR")), Sources::new());
    read(&root.join("..").join(krate).join("src"), "", &mut sources);
    edges(&sources)
}

/// The edges that a path leads back from.
fn circles(edges: &Edges) -> Vec<String> {
    let leads_back = |(from, to): &&(String, String)| {
        let (mut seen, mut open) = (BTreeSet::from([to]), vec![to]);
        while let Some(at) = open.pop() {
            let next = edges.iter().filter(|(start, _)| start == at).map(|(_, end)| end);
            open.extend(next.filter(|end| seen.insert(end)));
        }
        seen.contains(from)
    };
    edges.iter().filter(leads_back).map(|(from, to)| format!("{from} imports {to}")).collect()
}

/// The Rust files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    below.filter(|path| path.extension().is_some_and(|it| it == "rs")).collect()
}

#[test]
fn no_file_has_more_than_400_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for path in
        ["functions/src", "platform", "tests", "xtask"].iter().flat_map(|it| files(&root.join(it)))
    {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 400, "{} has {lines} lines; split it by its subjects", path.display());
    }
}

#[test]
fn files_do_not_import_in_circles() {
    for krate in CRATES {
        assert_eq!(circles(&edges_of(krate)), [""; 0], "import circles in {krate}");
    }
}

#[test]
fn layers_of_platform_import_downwards() {
    let layer = |module: &str| {
        let name = module.split("::").next().unwrap_or_default();
        LAYERS.iter().position(|names| names.contains(&name))
    };
    for (from, to) in edges_of("platform").iter().filter(|(from, _)| !from.is_empty()) {
        assert!(layer(from).is_some(), "{from} is in no layer");
        assert!(layer(from) >= layer(to), "{from} imports {to} of a higher layer");
    }
}

#[test]
fn a_circle_through_a_re_export_is_found() {
    let source = |module: &str, text: &str| (module.to_owned(), text.to_owned());
    let root = source("", "mod a;\nmod b;\npub use a::A;\n");
    let b = source("b", "use super::A;\n");
    let sources = Sources::from([root, source("a", "use crate::{\n    b::B,\n};\n"), b]);
    assert_eq!(circles(&edges(&sources)), ["a imports b", "b imports a"]);
}
