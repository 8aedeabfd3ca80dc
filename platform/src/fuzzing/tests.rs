//! A bounded run of every target: its seeds, and changes of them that are the same each time.

use super::{
    Verdict, audit_query, correlation_id, cursor, gateway_event, idempotency_key, if_match,
    list_query, media_type, patch_body, raw_request, register_body, role_body, status_body,
    stored_record, stored_user, stream_record, trace_header,
};
use fastrand::Rng;
use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// One decoder and its promises.
#[derive(Clone, Copy, Debug)]
struct Target {
    /// Its name: that of the fuzz target, of its seeds' folder and of its corpus.
    name: &'static str,
    /// Runs it; panics when a promise is broken.
    run: fn(&[u8]) -> Verdict,
}

/// Every target.
const TARGETS: &[Target] = &[
    Target { name: "audit_query", run: audit_query },
    Target { name: "correlation_id", run: correlation_id },
    Target { name: "cursor", run: cursor },
    Target { name: "gateway_event", run: gateway_event },
    Target { name: "idempotency_key", run: idempotency_key },
    Target { name: "if_match", run: if_match },
    Target { name: "list_query", run: list_query },
    Target { name: "media_type", run: media_type },
    Target { name: "patch_body", run: patch_body },
    Target { name: "raw_request", run: raw_request },
    Target { name: "register_body", run: register_body },
    Target { name: "role_body", run: role_body },
    Target { name: "status_body", run: status_body },
    Target { name: "stored_record", run: stored_record },
    Target { name: "stored_user", run: stored_user },
    Target { name: "stream_record", run: stream_record },
    Target { name: "trace_header", run: trace_header },
];

/// Changed inputs for each target.
const CASES: u64 = 3_000;
/// Changes of one input.
const MOST_CHANGES: usize = 6;
/// Longest input; beyond it, changes only cut.
const MOST_BYTES: usize = 4_096;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The seeds of a target, by name.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = folder().join("seeds").join(target.name);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    seeds.sort();
    seeds
}

/// The words of the dictionary, in the form that libFuzzer reads: one in quotes on each line.
fn dictionary() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder().join("words.dict")).unwrap();
    let quoted = text.lines().filter(|line| line.starts_with('"'));
    quoted
        .map(|line| unescape(line.strip_prefix('"').unwrap().strip_suffix('"').unwrap()))
        .collect()
}

fn unescape(word: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = word.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match (first, tail) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                rest = after;
                let digits = [*high, *low];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            (b'\\', [escaped, after @ ..]) => {
                rest = after;
                *escaped
            }
            _ => *first,
        });
    }
    bytes
}

/// Runs a target, and shows the input when it breaks a promise.
fn run(target: &Target, input: &[u8], source: &str) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).unwrap_or_else(|_| {
        panic!("{}: {source} breaks a promise: {}", target.name, input.escape_ascii())
    })
}

/// A part of an input, at most half of it.
fn part(random: &mut Rng, bytes: &[u8]) -> std::ops::Range<usize> {
    let start = random.usize(0..=bytes.len());
    let most = (bytes.len() - start).min(bytes.len() / 2);
    start..start + random.usize(0..=most)
}

fn change(random: &mut Rng, bytes: &mut Vec<u8>, words: &[Vec<u8>], other: &[u8]) {
    let at = random.usize(0..=bytes.len());
    match random.u8(0..8) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(0..8),
        1 if at < bytes.len() => bytes[at] = random.u8(..),
        2 => {
            let part = part(random, bytes);
            bytes.drain(part);
        }
        3 => {
            let part = part(random, bytes);
            let copy = bytes[part].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => {
            let part = part(random, other);
            bytes.splice(at..at, other[part].iter().copied());
        }
        _ => {
            let word = random.choice(words).expect("a dictionary with words");
            let end = random.usize(at..=bytes.len().min(at + word.len()));
            bytes.splice(at..end, word.iter().copied());
        }
    }
    bytes.truncate(MOST_BYTES);
}

#[test]
fn every_seed_keeps_the_promises_and_both_verdicts_are_reached() {
    for target in TARGETS {
        let verdicts: HashSet<_> = seeds(target)
            .iter()
            .map(|(name, seed)| {
                let verdict = run(target, seed, name);
                let expected =
                    if name.starts_with("ok-") { Verdict::Accepted } else { Verdict::Refused };
                assert_eq!(verdict, expected, "{}/{name}", target.name);
                verdict
            })
            .collect();
        assert_eq!(verdicts.len(), 2, "{} has seeds of one kind only", target.name);
    }
}

#[test]
fn changed_seeds_keep_the_promises() {
    let words = dictionary();
    for (number, target) in TARGETS.iter().enumerate() {
        let seeds = seeds(target);
        for case in 0..CASES {
            let mut random = Rng::with_seed((number as u64) << 32 | case);
            let (_, seed) = random.choice(&seeds).expect("a target with seeds");
            let (_, other) = random.choice(&seeds).expect("a target with seeds");
            let mut input = seed.clone();
            for _ in 0..random.usize(1..=MOST_CHANGES) {
                change(&mut random, &mut input, &words, other);
            }
            run(target, &input, "a changed seed");
        }
    }
}

#[test]
fn cargo_fuzz_has_every_target() {
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let named: Vec<_> = manifest
        .split("[[bin]]")
        .skip(1)
        .map(|bin| bin.split("name = \"").nth(1).unwrap().split('"').next().unwrap())
        .collect();
    let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(named, targets);
    for name in targets {
        let source = folder().join("fuzz_targets").join(name).with_extension("rs");
        let source = fs::read_to_string(source).unwrap();
        assert!(source.contains(&format!("fuzzing::{name}(data)")), "{name}");
    }
}
