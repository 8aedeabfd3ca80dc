//! Log groups, all with the stage's retention and key.

use stratosphere::services::aws::logs;
use stratosphere::value::ExpString;

use super::envelope::{Resource, Template, tags};
use super::keys;
use crate::stages::Stage;

/// Days from which on checkov takes a retention for long enough.
const LONG_DAYS: u16 = 365;

/// Adds a log group.
pub(super) fn add(template: &mut Template, stage: &Stage, id: &str, name: ExpString) {
    let mut group = logs::LogGroup! {
        log_group_name: name,
        retention_in_days: i32::from(stage.log_retention_days),
        tags: tags(stage),
    };
    group.kms_key_id = keys::data_key(stage);
    let mut skipped = Vec::new();
    if !stage.customer_managed_key {
        skipped.push(("CKV_AWS_158", keys::OWNED_KEY_REASON));
    }
    if stage.log_retention_days < LONG_DAYS {
        skipped.push(("CKV_AWS_338", "log_retention_days in stages.toml says how long logs count"));
    }
    // A group that stayed would keep its name, and the same stack could not be made again.
    template.add(id, Resource::new(&group).expendable().skip(&skipped));
}
