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
            "more shards than lists should ask",
            "[dev]\ndirectory_shards = 33\n",
            "stages.toml:2: stage `dev`, key `directory_shards`: is 33, but must be from 1 to 32",
        ),
        (
            "lists that miss a shard",
            "[dev]\ndirectory_shards = 4\ndirectory_shards_read = 3\n",
            "stages.toml:3: stage `dev`, key `directory_shards_read`: is 3, but must be from 4 to 32",
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
        (
            "an unknown key of a table below",
            "[dev]\n[dev.waf]\n\nlimit = 1\n",
            "stages.toml:4: stage `dev`, key `waf.limit`: unknown field `limit`",
        ),
        (
            "a value of a table below",
            "[dev]\n[dev.alarms]\nlatency_p99_ms = 1\nconcurrency = 0\n",
            "stages.toml:4: stage `dev`, key `alarms.concurrency`: is 0, but must be from 1",
        ),
        (
            "a table below without a key that it needs",
            "[dev]\n\n[dev.custom_domain]\ndomain = \"x.io\"\n",
            "stages.toml:3: stage `dev`, key `custom_domain`: missing field `certificate_arn`",
        ),
        (
            "a certificate of another region",
            "[dev]\nregion = \"eu-west-1\"\n[dev.custom_domain]\ndomain = \"x.io\"\n\
             certificate_arn = \"arn:aws:acm:us-east-1:123456789012:certificate/a\"\n",
            "stages.toml:5: stage `dev`, key `custom_domain.certificate_arn`: must be a \
             certificate in the region",
        ),
        (
            "a domain that is none",
            "[dev.custom_domain]\ndomain = \"https://x.io\"\n\
             certificate_arn = \"arn:aws:acm:us-east-1:123456789012:certificate/a\"\n",
            "stages.toml:2: stage `dev`, key `custom_domain.domain`: must be a domain name",
        ),
        (
            "a private API with a domain",
            "[dev]\nendpoint = \"private\"\n[dev.custom_domain]\ndomain = \"x.io\"\n\
             certificate_arn = \"arn:aws:acm:us-east-1:123456789012:certificate/a\"\n",
            "stages.toml:3: stage `dev`, key `custom_domain`: needs `endpoint = \"regional\"`",
        ),
        (
            "a private API that nobody reaches",
            "[dev]\nendpoint = \"private\"\n",
            "stages.toml:2: stage `dev`, key `endpoint`: `private` needs `access.vpc_endpoints`",
        ),
        (
            "an address range with too many bits",
            "[dev]\naccess.cidrs = [\n  \"10.0.0.0/33\",\n]\n",
            "stages.toml:2: stage `dev`, key `access.cidrs`: must be address ranges",
        ),
        (
            "an endpoint of another kind",
            "[dev.access]\nvpc_endpoints = [\"vpc-0123456789abcdef0\"]\n",
            "stages.toml:2: stage `dev`, key `access.vpc_endpoints`: must be ids of VPC endpoints",
        ),
        (
            "concurrency of an unknown function",
            "[dev.reserved_concurrency]\nusers-get = 1\n",
            "stages.toml:2: stage `dev`, key `reserved_concurrency.users-get`: there is no function",
        ),
        (
            "more warm instances than there may be",
            "[dev.reserved_concurrency]\nusers-profile-get = 1\n\
             [dev.provisioned_concurrency]\nusers-profile-get = 2\n",
            "stages.toml:4: stage `dev`, key `provisioned_concurrency.users-profile-get`: must not",
        ),
        (
            "a canary that CodeDeploy does not know",
            "[dev]\ncanary = \"Canary50Percent5Minutes\"\n",
            "stages.toml:2: stage `dev`, key `canary`: unknown variant",
        ),
        (
            "an address without a domain",
            "[dev.alarms]\nemail = \"oncall\"\n",
            "stages.toml:2: stage `dev`, key `alarms.email`: must be an email address",
        ),
        (
            "a canary that nothing stops",
            "[dev]\ncanary = \"Canary10Percent5Minutes\"\nalarms.enabled = false\n",
            "stages.toml:2: stage `dev`, key `canary`: needs `alarms.enabled = true`",
        ),
        (
            "an archive without end",
            "[dev]\narchive_days = 0\n",
            "stages.toml:2: stage `dev`, key `archive_days`: is 0, but must be from 1 to 3650",
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
