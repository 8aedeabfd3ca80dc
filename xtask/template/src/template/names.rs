//! Logical ids and physical names, each defined once.

use stratosphere::value::ExpString;

use super::envelope::substitute;

pub(crate) const API: &str = "Api";
pub(crate) const API_STAGE: &str = "ApiStage";
pub(crate) const REQUEST_VALIDATOR: &str = "ApiRequestValidator";
/// The account-wide setting of API Gateway's logging.
pub(crate) const API_ACCOUNT: &str = "ApiAccount";
pub(crate) const API_ACCESS_LOGS: &str = "ApiAccessLogs";
/// The log of the gateway's own errors.
pub(crate) const API_EXECUTION_LOGS: &str = "ApiExecutionLogs";
pub(crate) const API_DOMAIN: &str = "ApiDomain";
pub(crate) const FIREWALL: &str = "Firewall";
pub(crate) const USERS_TABLE: &str = "UsersTable";
/// The index of the users table that lists the live users, and names those of a role.
pub(crate) const DIRECTORY_INDEX: &str = "directory";
/// The index of the users table that names the users of a status.
pub(crate) const STATUS_INDEX: &str = "status";
pub(crate) const IDEMPOTENCY_TABLE: &str = "IdempotencyTable";
pub(crate) const AUDIT_BUS: &str = "AuditBus";
/// The mapping of the users table's stream to the relay.
pub(crate) const AUDIT_STREAM: &str = "AuditStream";
/// The queue of batches that the relay could not deliver.
pub(crate) const AUDIT_DEAD_LETTERS: &str = "AuditDeadLetters";
pub(crate) const AUDIT_DEAD_LETTERS_POLICY: &str = "AuditDeadLettersPolicy";
pub(crate) const AUDIT_ARCHIVE: &str = "AuditArchive";
/// The topic that alarms notify.
pub(crate) const ALARM_TOPIC: &str = "AlarmTopic";
/// The key of the alarm topic, for a stage without `DATA_KEY`.
pub(crate) const ALARM_TOPIC_KEY: &str = "AlarmTopicKey";
/// The customer managed key, where the stage has one.
pub(crate) const DATA_KEY: &str = "DataKey";
/// The alarm that says whether callers are affected.
pub(crate) const UNHEALTHY_ALARM: &str = "ServiceUnhealthyAlarm";
/// The parameter that names the bucket of the functions' archives.
pub(crate) const ARTIFACT_BUCKET: &str = "ArtifactBucket";

/// The name of every function's alias.
pub(crate) const ALIAS: &str = "live";

/// The logical ids that belong to one function.
#[derive(Clone, Debug)]
pub(crate) struct FunctionIds {
    /// The common prefix.
    pub(crate) stem: String,
    /// The alias that callers and stream use.
    pub(crate) alias: String,
    pub(crate) function: String,
    /// The key of its archive, a parameter.
    pub(crate) key: String,
    pub(crate) logs: String,
    /// Its permission to be invoked by the API.
    pub(crate) permission: String,
    pub(crate) role: String,
}

impl FunctionIds {
    /// The ids of the function with this kebab-case name.
    pub(crate) fn of(function: &str) -> Self {
        let stem = pascal_case(function);
        Self {
            function: format!("{stem}Function"),
            key: format!("{stem}FunctionKey"),
            logs: format!("{stem}Logs"),
            permission: format!("{stem}Permission"),
            role: format!("{stem}Role"),
            alias: format!("{stem}Alias"),
            stem,
        }
    }
}

/// The physical name of a resource without state; it begins with the stack's name.
pub(crate) fn in_stack(name: &str) -> ExpString {
    substitute(format!("${{AWS::StackName}}-{name}"))
}

/// The ARN of the audit bus, spelt out: the bus's policy names the relay's role and that role's
/// policy the bus, so one of them must not refer to the other.
pub(crate) fn audit_bus_arn() -> ExpString {
    substitute(
        "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/\
         ${AWS::StackName}-audit",
    )
}

/// `users-register-create` and `MISSING_TOKEN` to `UsersRegisterCreate` and `MissingToken`; an
/// inner capital stays, so that `userId` becomes `UserId`.
pub(crate) fn pascal_case(name: &str) -> String {
    let shouted = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    name.split(|character: char| !character.is_ascii_alphanumeric())
        .flat_map(|word| {
            word.char_indices().map(move |(index, character)| match index {
                0 => character.to_ascii_uppercase(),
                _ if shouted => character.to_ascii_lowercase(),
                _ => character,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::pascal_case;

    #[test]
    fn every_spelling_becomes_pascal_case() {
        assert_eq!(pascal_case("users-register-create"), "UsersRegisterCreate");
        assert_eq!(pascal_case("MISSING_AUTHENTICATION_TOKEN"), "MissingAuthenticationToken");
        assert_eq!(pascal_case("DEFAULT_4XX"), "Default4xx");
        assert_eq!(pascal_case("{userId}"), "UserId");
        assert_eq!(pascal_case("/users/{userId}/roles"), "UsersUserIdRoles");
    }
}
