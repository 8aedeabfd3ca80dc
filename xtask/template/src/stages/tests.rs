use super::{Architecture, Stage, StagesError, stages};

fn error(text: &str) -> String {
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
fn errors_name_line_stage_key_and_rule() {
    for (description, text, expected) in [
        (
            "a misspelt key",
            "[dev]\nprotected = true\nmemry_mb = 256\n",
            "stages.toml:3: stage `dev`, key `memry_mb`: unknown field `memry_mb`",
        ),
        (
            "a value of another type",
            "[dev]\n[prod]\n\nmemory_mb = \"big\"\n",
            "stages.toml:4: stage `prod`, key `memory_mb`: invalid type: string \"big\"",
        ),
        (
            "a word that is not in the list",
            "[dev]\narchitecture = \"mips\"\n",
            "stages.toml:2: stage `dev`, key `architecture`: unknown variant `mips`",
        ),
        (
            "memory out of range",
            "[dev]\nmemory_mb = 64\n",
            "stages.toml:2: stage `dev`, key `memory_mb`: is 64, but must be from 128 to 10240",
        ),
        (
            "a period that CloudWatch does not know",
            "[dev]\nlog_retention_days = 31\n",
            "stages.toml:2: stage `dev`, key `log_retention_days`: must be one of 1, 3, 5",
        ),
        (
            "an origin with a path",
            "[dev]\ncors_allow_origin = \"https://x.io/a\"\n",
            "stages.toml:2: stage `dev`, key `cors_allow_origin`: must be `*` or one origin",
        ),
        (
            "an origin that would leave its quotes",
            "[dev]\ncors_allow_origin = \"https://x.io'\"\n",
            "stages.toml:2: stage `dev`, key `cors_allow_origin`: must be `*` or one origin",
        ),
        (
            "a short account",
            "[dev]\naccount = \"123\"\n",
            "stages.toml:2: stage `dev`, key `account`: must be an AWS account id",
        ),
        (
            "a region that is none",
            "[dev]\nregion = \"frankfurt\"\n",
            "stages.toml:2: stage `dev`, key `region`: must be the name of an AWS region",
        ),
        (
            "an API stage with a slash",
            "[dev]\napi_stage = \"a/b\"\n",
            "stages.toml:2: stage `dev`, key `api_stage`: must be 1-128 ASCII letters",
        ),
        ("a name in upper case", "\n[Dev]\n", "stages.toml:2: stage `Dev`: the name must be"),
        (
            "a key outside of a table",
            "memory_mb = 1\n",
            "stages.toml:1: stage `memory_mb`: must be a table",
        ),
        ("not TOML", "[dev]\nmemory_mb = = 1\n", "stages.toml:2: "),
        ("a key twice", "[dev]\nmemory_mb = 128\nmemory_mb = 256\n", "stages.toml:3: "),
        ("nothing", "# no stage\n", "stages.toml: no stage"),
    ] {
        let found = error(text);
        assert!(found.starts_with(expected), "{description}: {found}");
    }
}

#[test]
fn a_key_of_the_wrong_type_is_found_by_code_too() {
    let error = stages("[dev]\nprotected = 1\n").unwrap_err();
    assert!(
        matches!(&error, StagesError::Key { stage, key, line: 2, .. } if stage == "dev" && key == "protected"),
        "{error}"
    );
}
