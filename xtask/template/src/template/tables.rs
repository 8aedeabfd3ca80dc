//! The two tables. CloudFormation names them, because a table with a fixed name cannot be replaced.
//! They outlive the stack.

use stratosphere::services::aws::dynamodb;
use stratosphere::value::ExpString;

use super::envelope::{Resource, Template, tags, text};
use super::keys;
use super::names::{DIRECTORY_INDEX, IDEMPOTENCY_TABLE, STATUS_INDEX, USERS_TABLE};
use crate::stages::Stage;

/// Adds both tables.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    for (id, table) in [(USERS_TABLE, users(stage)), (IDEMPOTENCY_TABLE, idempotency(stage))] {
        let resource = Resource::new(&table).retained().skip(skipped_checks(stage));
        template.add(id, resource);
    }
}

fn skipped_checks(stage: &Stage) -> &'static [(&'static str, &'static str)] {
    if stage.customer_managed_key {
        return &[];
    }
    &[("CKV_AWS_119", keys::OWNED_KEY_REASON)]
}

fn users(stage: &Stage) -> dynamodb::Table_ {
    let index = |name: &str, partition_key, projection: &str| {
        let mut index = dynamodb::table::GlobalSecondaryIndex! {
            index_name: ExpString::from(name),
            key_schema: key_schema(partition_key, Some("userId")),
            projection: Box::new(dynamodb::table::Projection! {
                projection_type: ExpString::from(projection),
            }),
        };
        index.on_demand_throughput = throughput(stage).map(Box::new);
        index.contributor_insights_specification = insights(stage).map(Box::new);
        index
    };
    let mut table = dynamodb::Table! {
        attribute_definitions: texts(&["directoryPk", "pk", "sk", "statusPk", "userId"]),
        billing_mode: "PAY_PER_REQUEST",
        deletion_protection_enabled: stage.protected,
        global_secondary_indexes: vec![
            index(DIRECTORY_INDEX, "directoryPk", "ALL"),
            index(STATUS_INDEX, "statusPk", "KEYS_ONLY"),
        ],
        key_schema: key_schema("pk", Some("sk")),
        point_in_time_recovery_specification: recovery(),
        stream_specification: dynamodb::table::StreamSpecification! {
            stream_view_type: "NEW_IMAGE",
        },
        tags: tags(stage),
    };
    set_options(&mut table, stage);
    table
}

fn idempotency(stage: &Stage) -> dynamodb::Table_ {
    let mut table = dynamodb::Table! {
        attribute_definitions: texts(&["id"]),
        billing_mode: "PAY_PER_REQUEST",
        deletion_protection_enabled: stage.protected,
        key_schema: key_schema("id", None),
        point_in_time_recovery_specification: recovery(),
        tags: tags(stage),
        time_to_live_specification: dynamodb::table::TimeToLiveSpecification! {
            attribute_name: text("expiresAt"),
            enabled: true,
        },
    };
    set_options(&mut table, stage);
    table
}

fn set_options(table: &mut dynamodb::Table_, stage: &Stage) {
    table.on_demand_throughput = throughput(stage);
    table.contributor_insights_specification = insights(stage);
    // Without a key of the stage's there is no SSESpecification: it would turn on the AWS managed
    // key, which costs a call per key fetch and protects no better than the key that DynamoDB owns.
    table.sse_specification = keys::data_key(stage).map(|key| {
        dynamodb::table::SSESpecification! {
            kms_master_key_id: key,
            sse_enabled: true,
            sse_type: "KMS",
        }
    });
}

fn throughput(stage: &Stage) -> Option<dynamodb::table::OnDemandThroughput_> {
    let units = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
    let mut throughput = dynamodb::table::OnDemandThroughput! {};
    throughput.max_read_request_units = units(stage.table_max_read_units);
    throughput.max_write_request_units = units(stage.table_max_write_units);
    let limited =
        throughput.max_read_request_units.is_some() || throughput.max_write_request_units.is_some();
    limited.then_some(throughput)
}

fn insights(stage: &Stage) -> Option<dynamodb::table::ContributorInsightsSpecification_> {
    stage
        .contributor_insights
        .then(|| dynamodb::table::ContributorInsightsSpecification! { enabled: true })
}

fn recovery() -> dynamodb::table::PointInTimeRecoverySpecification_ {
    dynamodb::table::PointInTimeRecoverySpecification! { point_in_time_recovery_enabled: true }
}

fn texts(names: &[&str]) -> Vec<dynamodb::table::AttributeDefinition_> {
    names
        .iter()
        .map(|name| {
            dynamodb::table::AttributeDefinition! {
                attribute_name: ExpString::from(*name),
                attribute_type: "S",
            }
        })
        .collect()
}

fn key_schema(hash: &str, range: Option<&str>) -> Vec<dynamodb::table::KeySchema_> {
    [(hash, "HASH")]
        .into_iter()
        .chain(range.map(|name| (name, "RANGE")))
        .map(|(name, kind)| {
            dynamodb::table::KeySchema! {
                attribute_name: ExpString::from(name),
                key_type: ExpString::from(kind),
            }
        })
        .collect()
}
