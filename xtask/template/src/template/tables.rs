//! The two tables. Their names are CloudFormation's, because a fixed name would stand in the way of
//! a replacement, and their content outlives the stack.

use stratosphere::services::aws::dynamodb;
use stratosphere::value::ExpString;

use super::envelope::{Resource, Template, text};
use super::names::{DIRECTORY_INDEX, IDEMPOTENCY_TABLE, USERS_TABLE};
use super::tags;
use crate::stages::Stage;

/// Adds both tables.
pub(super) fn add(template: &mut Template, stage: &Stage) {
    template.add(USERS_TABLE, Resource::new(&users(stage)).retained());
    template.add(IDEMPOTENCY_TABLE, Resource::new(&idempotency(stage)).retained());
}

fn users(stage: &Stage) -> dynamodb::Table_ {
    let directory = dynamodb::table::GlobalSecondaryIndex! {
        index_name: DIRECTORY_INDEX,
        key_schema: keys("directoryPk", Some("userId")),
        projection: Box::new(dynamodb::table::Projection! { projection_type: "ALL" }),
    };
    dynamodb::Table! {
        attribute_definitions: texts(&["directoryPk", "pk", "sk", "userId"]),
        billing_mode: "PAY_PER_REQUEST",
        deletion_protection_enabled: stage.protected,
        global_secondary_indexes: vec![directory],
        key_schema: keys("pk", Some("sk")),
        point_in_time_recovery_specification: recovery(),
        // No SSESpecification: it turns on the AWS managed KMS key, which costs a call per key
        // fetch and protects no better. Without it DynamoDB encrypts with the key it owns.
        stream_specification: dynamodb::table::StreamSpecification! {
            stream_view_type: "NEW_IMAGE",
        },
        tags: tags(stage),
    }
}

fn idempotency(stage: &Stage) -> dynamodb::Table_ {
    dynamodb::Table! {
        attribute_definitions: texts(&["id"]),
        billing_mode: "PAY_PER_REQUEST",
        deletion_protection_enabled: stage.protected,
        key_schema: keys("id", None),
        point_in_time_recovery_specification: recovery(),
        tags: tags(stage),
        time_to_live_specification: dynamodb::table::TimeToLiveSpecification! {
            attribute_name: text("expiresAt"),
            enabled: true,
        },
    }
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

fn keys(hash: &str, range: Option<&str>) -> Vec<dynamodb::table::KeySchema_> {
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
