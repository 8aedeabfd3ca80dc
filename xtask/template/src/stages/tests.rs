mod random;

use std::collections::BTreeSet;

use rstest::rstest;

use super::rules::{KEYS, Key, Rule};
use super::{Architecture, Stage, stages};

/// The problems of a text, one a line.
#[track_caller]
fn refusal(text: impl AsRef<[u8]>) -> String {
    stages(text).unwrap_err().to_string()
}

#[test]
fn an_empty_table_is_a_stage_with_defaults() {
    let stages = stages("[dev]\n").unwrap();
    let expected = Stage { name: "dev".to_owned(), ..Stage::default() };
    assert_eq!(stages.into_iter().collect::<Vec<_>>(), [("dev".to_owned(), expected)]);
}

#[test]
fn keys_override_defaults_for_their_stage_only() {
    let stages =
        stages("[dev]\narchitecture = \"x86_64\"\nprotected = false\n[prod]\nmemory_mb = 512\n")
            .unwrap();
    assert_eq!(stages["dev"].architecture, Architecture::X8664);
    assert!(!stages["dev"].protected);
    assert_eq!(stages["dev"].memory_mb, 256);
    assert_eq!(stages["prod"].architecture, Architecture::Arm64);
    assert!(stages["prod"].protected);
    assert_eq!(stages["prod"].memory_mb, 512);
}

#[test]
fn all_problems_are_listed_in_the_order_of_the_text() {
    let text = r#"[dev]
memory_mb = 64
memry_mb = 256
protected = "yes"
memory_mb = 128
canary = "Canary10Percent5Minutes"

[dev.alarms]
enabled = false
concurrency = 0

[local]
[prod]
waf = true
access.cidrs = ["10.0.0.0/8", 7]
"#;
    let expected = r#"
stages.toml:2:1: [dev] memory_mb: must be a whole number from 128 to 10240 (was 64)
stages.toml:3:1: [dev] memry_mb: is not a key; did you mean `memory_mb`?
stages.toml:4:1: [dev] protected: must be true or false (was "yes")
stages.toml:5:1: [dev] memory_mb: is given twice; keep one of the two
stages.toml:10:1: [dev] alarms.concurrency: must be a whole number from 1 to 60000 (was 0)
stages.toml:12:2: [local] a stage cannot have this name: `--stage local` means the local stack, so nothing could be asked of this stage
stages.toml:14:1: [prod] waf: must be a table with keys of rate_limit (was true)
stages.toml:15:31: [prod] access.cidrs: must be a list of address ranges, such as "203.0.113.0/24" or "2001:db8::/32" (was 7)"#;
    assert_eq!(format!("\n{}", refusal(text)), expected);
}

#[rstest]
#[case::a_key("[dev]\nmetrics = true\nmetrics = false\n", "3:1: [dev] metrics: is given twice")]
#[case::quoted("[dev]\nmetrics = true\n\"metrics\" = true\n", "3:1: [dev] \"metrics\": is given")]
#[case::below(
    "[dev.waf]\nrate_limit = 10\nrate_limit = 10\n",
    "3:1: [dev.waf] rate_limit: is given"
)]
#[case::dotted(
    "[dev]\nwaf.rate_limit = 10\nwaf.rate_limit = 10\n",
    "3:5: [dev] rate_limit: is given"
)]
#[case::inline(
    "[dev]\nwaf = { rate_limit = 10, rate_limit = 10 }\n",
    "2:26: [dev] rate_limit: is given"
)]
#[case::a_stage("[dev]\n[prod]\n[dev]\n", "3:2: the table [dev] is there already")]
#[case::a_table(
    "[dev.alarms]\n[dev]\n[dev.alarms]\n",
    "3:6: the table [dev.alarms] is there already"
)]
#[case::both(
    "[dev]\nwaf.rate_limit = 10\n[dev.waf]\n",
    "3:6: the table [dev.waf] is there already"
)]
fn a_duplicate_is_named(#[case] text: &str, #[case] expected: &str) {
    let found = refusal(text);
    assert!(found.starts_with(&format!("stages.toml:{expected}")), "{found}");
}

#[rstest]
#[case("memory = 256", "memory: is not a key; did you mean `memory_mb`?")]
#[case("log_levl = \"info\"", "log_levl: is not a key; did you mean `log_level`?")]
#[case("Region = \"eu-west-1\"", "Region: is not a key; did you mean `region`?")]
#[case("throttle-rate = 5", "throttle-rate: is not a key; did you mean `throttle_rate`?")]
#[case("latency_p99_ms = 5", "is not a key; did you mean `alarms.latency_p99_ms`?")]
#[case("waf.limit = 1", "waf.limit: is not a key; did you mean `waf.rate_limit`?")]
#[case("alarms.emal = \"a@x.io\"", "alarms.emal: is not a key; did you mean `alarms.email`?")]
#[case("xyz = 1", "xyz: is not a key; there are account, region, ")]
#[case("\"a.b\" = 1", "[dev] a.b: is not a key; there are account, region, ")]
#[case("\"\" = 1", "is not a key; there are account, region, ")]
#[case(
    "reserved_concurrency.users-get = 1",
    "reserved_concurrency.users-get: there is no function"
)]
#[case("reserved_concurrency.users-profile-gte = 1", "did you mean `users-profile-get`?")]
fn an_unknown_key_is_refused_with_the_nearest(#[case] line: &str, #[case] expected: &str) {
    let found = refusal(format!("[dev]\n{line}\n"));
    assert!(found.contains(expected), "{found}");
    assert!(found.starts_with("stages.toml:2:"), "{found}");
}

/// Values of every type of TOML.
const VALUES: &[&str] = &[
    "true",
    "7",
    "-7",
    "7.5",
    "nan",
    "\"\"",
    "\"text\"",
    "'''\ntext'''",
    "2026-11-22",
    "10:00:00",
    "2026-11-22T10:00:00Z",
    "[]",
    "[7]",
    "[\"text\"]",
    "[[true]]",
    "{}",
    "{ a = 7 }",
    "0xffffffffffffffff",
    "99999999999999999999999999",
];

/// Every key with every type of value: it is taken, or its rule is said. Never is it the name of a
/// type of ours.
#[test]
fn a_value_of_another_type_is_refused_with_the_rule() {
    let (mut taken, mut refused) = (0, 0);
    for (name, rule) in flattened(KEYS, "") {
        for value in VALUES {
            let Err(error) = stages(format!("[dev]\n{name} = {value}\n")) else {
                taken += 1;
                continue;
            };
            refused += 1;
            for problem in error.problems() {
                let says = |words: &str| problem.rule.contains(words);
                let is_rule = says(&format!("must be {rule} (was "));
                let is_below = problem.key.starts_with(&format!("{name}."));
                // Another key that this one cannot do without.
                let is_missing = says("needs the key `");
                assert!(is_rule || is_below || is_missing, "{name} = {value}: {error}");
            }
        }
    }
    assert!(taken > 40 && refused > 800, "{taken} taken, {refused} refused");
}

#[rstest]
#[case("memory_mb = 127", "memory_mb: must be a whole number from 128 to 10240 (was 127)")]
#[case("memory_mb = 10_241", "memory_mb: must be a whole number from 128 to 10240 (was 10_241)")]
#[case("timeout_seconds = 0", "timeout_seconds: must be a whole number from 1 to 900 (was 0)")]
#[case("debug_sample_percent = 101", "must be a whole number from 0 to 100 (was 101)")]
#[case("log_retention_days = 31", "log_retention_days: must be one of 1, 3, 5, ")]
#[case("directory_shards = 33", "must be a whole number from 1 to 32 (was 33)")]
#[case("archive_days = -1", "archive_days: must be a whole number from 1 to 3650 (was -1)")]
#[case("waf.rate_limit = 0b11", "must be a whole number from 10 to 2000000000 (was 0b11)")]
#[case("architecture = \"mips\"", "must be one of \"arm64\", \"x86_64\" (was \"mips\")")]
#[case(
    "log_level = \"INFO\"",
    "must be one of \"trace\", \"debug\", \"info\", \"warn\", \"error\""
)]
#[case("canary = \"Canary50Percent5Minutes\"", "must be one of \"Canary10Percent5Minutes\", ")]
#[case("account = \"123\"", "must be an AWS account id: 12 digits in quotes (was \"123\")")]
#[case("account = 123456789012", "12 digits in quotes (was 123456789012)")]
#[case("region = \"frankfurt\"", "region: must be the name of an AWS region")]
#[case("api_stage = \"a/b\"", "api_stage: must be 1-128 ASCII letters")]
#[case("cors_allow_origin = \"https://x.io/a\"", "cors_allow_origin: must be \"*\" or one origin")]
#[case("cors_allow_origin = \"https://x.io'\"", "cors_allow_origin: must be \"*\" or one origin")]
#[case("alarms.email = \"oncall\"", "alarms.email: must be an email address (was \"oncall\")")]
#[case("access.cidrs = [\"10.0.0.0/33\"]", "access.cidrs: must be a list of address ranges")]
#[case(
    "access.accounts = [\"1\", \"2\"]",
    "AWS account ids: 12 digits each, in quotes (was \"2\")"
)]
#[case("access.vpc_endpoints = [\"vpc-0123456789abcdef0\"]", "must be a list of ids of VPC")]
#[case("reserved_concurrency.users-profile-get = 0", "from 1 to 10000 (was 0)")]
fn a_value_out_of_range_is_refused_with_the_rule(#[case] line: &str, #[case] expected: &str) {
    let found = refusal(format!("[dev]\n{line}\n"));
    assert!(found.contains(expected), "{found}");
}

#[rstest]
#[case(
    "directory_shards = 4\ndirectory_shards_read = 3",
    "3:1: [dev] directory_shards_read: must not be below"
)]
#[case(
    "canary = \"Canary10Percent5Minutes\"\nalarms.enabled = false",
    "2:1: [dev] canary: needs `alarms.enabled = true`"
)]
#[case("endpoint = \"private\"", "2:1: [dev] endpoint: \"private\" needs `access.vpc_endpoints`")]
#[case(
    "[dev.custom_domain]\ndomain = \"x.io\"",
    "2:6: [dev] custom_domain: needs the key `certificate_arn`"
)]
#[case("custom_domain = {}", "2:1: [dev] custom_domain: needs the key `certificate_arn`")]
#[case(
    "region = \"eu-west-1\"\n[dev.custom_domain]\ndomain = \"x.io\"\n\
     certificate_arn = \"arn:aws:acm:us-east-1:123456789012:certificate/a\"",
    "5:1: [dev] custom_domain.certificate_arn: must be a certificate in the region"
)]
#[case(
    "endpoint = \"private\"\naccess.vpc_endpoints = [\"vpce-0123456789abcdef0\"]\n\
     [dev.custom_domain]\ndomain = \"x.io\"\n\
     certificate_arn = \"arn:aws:acm:us-east-1:123456789012:certificate/a\"",
    "4:6: [dev] custom_domain: needs `endpoint = \"regional\"`"
)]
#[case(
    "reserved_concurrency.users-profile-get = 1\nprovisioned_concurrency.users-profile-get = 2",
    "3:25: [dev] provisioned_concurrency.users-profile-get: must not be above"
)]
fn keys_that_do_not_go_together_are_named(#[case] lines: &str, #[case] expected: &str) {
    let found = refusal(format!("[dev]\n{lines}\n"));
    assert!(found.starts_with(&format!("stages.toml:{expected}")), "{found}");
}

#[test]
fn a_rule_between_keys_is_skipped_for_wrong_values() {
    let found = refusal("[dev]\nendpoint = \"private\"\naccess.vpc_endpoints = [\"vpc-1\"]\n");
    assert_eq!(found.lines().count(), 1, "{found}");
}

#[rstest]
#[case("[local]\n", "1:2: [local] a stage cannot have this name: `--stage local` means")]
#[case("[artifacts]\n", "1:2: [artifacts] a stage cannot have this name: the stack of the bucket")]
#[case("\n[Dev]\n", "2:2: [Dev] the name of a stage must be 1-20 lower case letters")]
#[case("[LOCAL]\n", "1:2: [LOCAL] the name of a stage must be")]
#[case("[1st]\n", "1:2: [1st] the name of a stage must be")]
#[case("[\"\"]\n", "1:2: [] the name of a stage must be")]
#[case("[\"dev stage\"]\n", "1:2: [dev stage] the name of a stage must be")]
#[case("[a-name-of-21-letters-]\n", "1:2: [a-name-of-21-letters-] the name of a stage must be")]
#[case("local.memory_mb = 256\n", "1:1: [local] a stage cannot have this name")]
#[case("memory_mb = 1\n", "1:1: memory_mb: is a key of a stage, and stands below the name of one")]
#[case("dev = 1\n", "1:1: dev: must be a table")]
#[case("[[dev]]\n", "1:3: dev: must be a table")]
fn an_invalid_name_of_a_stage_is_refused(#[case] text: &str, #[case] expected: &str) {
    let found = refusal(text);
    assert!(found.starts_with(&format!("stages.toml:{expected}")), "{found}");
}

#[test]
fn names_near_the_reserved_ones_are_allowed() {
    for name in ["prod", "local2", "locale", "dev-local", "artifacts-2", "a"] {
        assert_eq!(stages(format!("[{name}]\n")).unwrap()[name].name, name);
    }
}

#[rstest]
#[case("[dev]\nmemory_mb = = 1\n", "2:")]
#[case("[dev\nmemory_mb = 256\n", "1:")]
#[case("[dev]\nregion = \"eu-west-1\n", "2:")]
#[case("[dev]\nmemory_mb 256\n", "2:")]
#[case("[dev]\nprotected = yes\n", "2:")]
#[case("[dev]\naccess = { cidrs = [\n", "2:")]
#[case("[dev]\n= 1\n", "2:")]
#[case("{\"dev\": {}}\n", "1:")]
#[case("dev:\n  memory_mb: 256\n", "1:")]
fn a_syntax_error_is_reported_with_its_place(#[case] text: &str, #[case] place: &str) {
    let found = refusal(text);
    assert!(found.starts_with(&format!("stages.toml:{place}")), "{found}");
    assert!(found.lines().next().unwrap().contains(": this is not TOML: "), "{found}");
}

#[test]
fn a_syntax_error_hides_no_other_problem() {
    let found = refusal("[dev]\nmemory_mb = = 1\nmetrics = 1\n[prod]\nprotected = yes\n");
    assert_eq!(found.lines().count(), 3, "{found}");
    let between = "stages.toml:3:1: [dev] metrics: must be true or false (was 1)";
    assert_eq!(found.lines().nth(1), Some(between));
}

#[rstest]
#[case::latin1(b"[dev]\nregion = \"M\xfcnchen\"\n", "2:12: the byte 0xFC is not UTF-8")]
#[case::utf16(b"\xff\xfe[\0d\0e\0v\0]\0", "1:1: the byte 0xFF is not UTF-8")]
#[case::cut(b"[dev]\n# \xe2\x82", "2:3: the byte 0xE2 is not UTF-8")]
#[case::continuation(b"\x80", "1:1: the byte 0x80 is not UTF-8")]
#[case::a_surrogate(b"# \xc3\xa9 \xed\xa0\x80", "1:5: the byte 0xED is not UTF-8")]
fn bytes_that_are_not_utf8_are_reported_with_their_place(
    #[case] text: &[u8],
    #[case] expected: &str,
) {
    let found = refusal(text);
    assert!(found.starts_with(&format!("stages.toml:{expected}")), "{found}");
}

#[rstest]
#[case("")]
#[case("\n\n")]
#[case("# no stage\n")]
#[case("\u{feff}")]
#[case("\r\n")]
fn an_empty_file_has_no_stage(#[case] text: &str) {
    assert_eq!(refusal(text), "stages.toml: there is no stage; add a table such as `[dev]`");
}

#[test]
fn a_byte_order_mark_and_other_line_ends_do_not_matter() {
    let stages = stages("\u{feff}[dev]\r\nmemory_mb = 512\r\n").unwrap();
    assert_eq!(stages["dev"].memory_mb, 512);
}

#[test]
fn problems_name_their_file() {
    let error = stages("[dev]\nmemory_mb = 1\nmetrics = 1\n").unwrap_err().of_file("other.toml");
    let all_named = error.to_string().lines().all(|line| line.starts_with("other.toml:"));
    assert!(all_named, "{error}");
}

/// All keys with their rules, those of tables below by their dotted names.
fn flattened(keys: &'static [Key], prefix: &str) -> Vec<(String, &'static Rule)> {
    let mut all = Vec::new();
    for (key, rule) in keys {
        let name = format!("{prefix}{key}");
        if let Rule::Table(below, _) = rule {
            all.extend(flattened(below, &format!("{name}.")));
        }
        all.push((name, rule));
    }
    all
}

/// `model.rs` documents every key that there is a rule for, its range included, and no other.
#[test]
fn rules_and_documentation_agree() {
    let mut documented = BTreeSet::new();
    let mut prefix = "";
    let mut words = String::new();
    for line in include_str!("model.rs").lines() {
        let line = line.trim();
        prefix = match line {
            "pub struct Stage {" => "",
            "pub struct Access {" => "access.",
            "pub struct CustomDomain {" => "custom_domain.",
            "pub struct Waf {" => "waf.",
            "pub struct Alarms {" => "alarms.",
            _ => prefix,
        };
        let field = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": "));
        if let Some(more) = line.strip_prefix("/// ") {
            words.push_str(more);
            words.push(' ');
        } else if let Some((field, _)) = field {
            documented.insert((format!("{prefix}{field}"), std::mem::take(&mut words)));
        } else if !line.starts_with("#[") {
            words.clear();
        }
    }
    documented.retain(|(name, _)| name != "name");
    let rules = flattened(KEYS, "");
    let keys: BTreeSet<_> = documented.iter().map(|(name, _)| name).collect();
    assert_eq!(keys, rules.iter().map(|(name, _)| name).collect());
    for (name, rule) in &rules {
        let (_, words) = documented.iter().find(|(known, _)| known == name).unwrap();
        if let Rule::Number(min, max) = rule {
            let range = format!("{min}-{max}");
            // One has a lower limit that depends on another key.
            let found = words.contains(&range) || name == "directory_shards_read";
            assert!(found, "{name} is documented without {range}: {words}");
        }
    }
}
