//! All rules: the one list that the checks, the output and the tests go by.

use crate::rules::{Context, Place, alarms, deployment, functions, limits, storage};
use serde::Serialize;

/// How bad it is to break a rule. Whatever its severity, a finding must be mended or suppressed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody gets in, or something gets lost.
    High,
    /// A defence, or the means to find out, is missing.
    Medium,
    /// What works by chance, or could be read more easily.
    Low,
}

/// One rule.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rule {
    /// What it is called in findings and suppressions.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// What it asks for.
    pub expected: &'static str,
    /// What to do about a finding.
    pub remedy: &'static str,
    #[serde(skip)]
    pub(crate) evaluation: Evaluation,
}

/// What finds out whether a rule is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Evaluation {
    /// The rule of the same name, with underscores, in `policies/`.
    Guard,
    /// A function.
    Code(fn(&Context<'_>) -> Vec<Place>),
    /// The treatment of suppressions itself.
    Suppressions,
}

impl Severity {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// The rule with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The rule about suppressions, which cannot be suppressed.
pub(crate) const SUPPRESSION_SOUND: Rule = Rule {
    id: "suppression-sound",
    severity: Severity::Medium,
    expected: "a suppression names a rule, gives a reason, and leaves something out",
    remedy: "correct it, or take it away",
    evaluation: Evaluation::Suppressions,
};

const fn rule(
    id: &'static str,
    severity: Severity,
    evaluation: Evaluation,
    expected: &'static str,
    remedy: &'static str,
) -> Rule {
    Rule { id, severity, expected, remedy, evaluation }
}

use Evaluation::{Code, Guard};
use Severity::{High, Low, Medium};

/// All rules, by id.
pub static RULES: &[Rule] = &[
    rule(
        "alarm-api-errors",
        High,
        Code(alarms::apis),
        "an alarm watches the API's server errors",
        "add an alarm on 5XXError",
    ),
    rule(
        "alarm-dead-letters",
        High,
        Code(alarms::queues),
        "an alarm watches for dead letters",
        "add an alarm on ApproximateNumberOfMessagesVisible",
    ),
    rule("alarm-described", Low, Guard, "an alarm says what it means", "set AlarmDescription"),
    rule(
        "alarm-function-failures",
        High,
        Code(alarms::functions),
        "alarms watch errors and throttles of every function",
        "add alarms on Errors and Throttles",
    ),
    rule(
        "alarm-missing-data",
        Low,
        Guard,
        "no traffic is no alarm",
        "set TreatMissingData to notBreaching",
    ),
    rule(
        "alarm-notifies",
        Medium,
        Guard,
        "an alarm tells somebody",
        "name a topic in AlarmActions",
    ),
    rule(
        "alarm-stream-lag",
        High,
        Code(alarms::streams),
        "an alarm watches how far the relay is behind",
        "add an alarm on IteratorAge",
    ),
    rule(
        "api-body-modelled",
        Medium,
        Guard,
        "a method with a body has models for its content types",
        "name them in RequestModels",
    ),
    rule(
        "api-deployment-complete",
        High,
        Code(deployment::complete),
        "a deployment is made after everything that it copies",
        "name it in DependsOn",
    ),
    rule(
        "api-deployment-current",
        High,
        Code(deployment::current),
        "a deployment's logical id is the hash of what it copies; with an old one no change goes live",
        "run `cargo xtask synth`",
    ),
    rule(
        "api-endpoint-type",
        Medium,
        Guard,
        "the endpoint is regional or private, not at the edge",
        "set EndpointConfiguration.Types to REGIONAL or PRIVATE",
    ),
    rule(
        "api-integration-timeout",
        Low,
        Guard,
        "the gateway waits for a function at most 29 seconds, and says how long",
        "set TimeoutInMillis to 29000 or less",
    ),
    rule(
        "api-method-integrated",
        High,
        Guard,
        "a method runs a function or is answered by the gateway, and reaches nothing else",
        "use an AWS_PROXY or a MOCK integration",
    ),
    rule(
        "api-method-signed",
        High,
        Guard,
        "every method but a preflight wants a signature",
        "set AuthorizationType to AWS_IAM",
    ),
    rule(
        "api-preflight-mocked",
        High,
        Guard,
        "an unsigned preflight never runs a function",
        "use a MOCK integration",
    ),
    rule(
        "api-refusal-defaults",
        Medium,
        Code(deployment::refusals),
        "both default refusals of the gateway are replaced",
        "add gateway responses DEFAULT_4XX and DEFAULT_5XX",
    ),
    rule(
        "api-refusal-headers",
        Medium,
        Guard,
        "the gateway's own answers have the headers that every answer has",
        "set Content-Type, Cache-Control, X-Correlation-Id and Access-Control-Allow-Origin",
    ),
    rule(
        "api-refusal-problem",
        Medium,
        Guard,
        "the gateway's own answers are problem documents",
        "set a response template with type and correlationId",
    ),
    rule(
        "api-request-validated",
        Medium,
        Guard,
        "a method that runs a function validates the request first",
        "name a RequestValidatorId",
    ),
    rule(
        "api-stage-access-log",
        High,
        Guard,
        "every call is logged",
        "set AccessLogSetting, with DestinationArn and Format",
    ),
    rule(
        "api-stage-deployed",
        High,
        Code(deployment::staged),
        "a stage shows the deployment of its template",
        "refer to the deployment in DeploymentId",
    ),
    rule(
        "api-stage-execution-log",
        Medium,
        Guard,
        "the gateway's errors are logged, and only those: more would hold personal data",
        "set LoggingLevel of method `*` to ERROR",
    ),
    rule(
        "api-stage-metrics",
        Medium,
        Guard,
        "the gateway counts calls, errors and latency of each method",
        "set MetricsEnabled to true",
    ),
    rule(
        "api-stage-no-data-trace",
        High,
        Guard,
        "requests and answers are never logged whole: they hold personal data",
        "set DataTraceEnabled to false",
    ),
    rule(
        "api-stage-throttled",
        High,
        Guard,
        "the stage limits calls, and so do all exceptions to its limit",
        "set ThrottlingBurstLimit and ThrottlingRateLimit",
    ),
    rule(
        "api-stage-traced",
        Medium,
        Guard,
        "calls are traced from the gateway on",
        "set TracingEnabled to true",
    ),
    rule(
        "api-stage-uncached",
        High,
        Guard,
        "nothing about users is cached",
        "leave CacheClusterEnabled and CachingEnabled out",
    ),
    rule(
        "api-validator-complete",
        Medium,
        Guard,
        "a validator looks at the body and at the parameters",
        "set ValidateRequestBody and ValidateRequestParameters to true",
    ),
    rule(
        "bus-policy-private",
        High,
        Guard,
        "nobody outside may put events on a bus without a condition",
        "name principals in the bus policy, or add a condition",
    ),
    rule(
        "function-architecture",
        Low,
        Guard,
        "the instruction set of a function is stated",
        "set Architectures to arm64 or x86_64",
    ),
    rule(
        "function-log-format",
        Low,
        Guard,
        "the platform's lines in a function's log are JSON, like its own",
        "set LoggingConfig.LogFormat to JSON",
    ),
    rule(
        "function-memory",
        Low,
        Guard,
        "the memory of a function is stated",
        "set MemorySize, 128 to 10240",
    ),
    rule(
        "function-no-secrets",
        High,
        Code(functions::no_secrets),
        "no variable of a function holds a secret",
        "keep it in Secrets Manager, or rename the variable",
    ),
    rule(
        "function-own-logs",
        Medium,
        Code(functions::own_logs),
        "a function has a log group for itself, in this template",
        "refer to it in LoggingConfig.LogGroup",
    ),
    rule(
        "function-own-role",
        High,
        Code(functions::own_role),
        "a function has a role for itself, in this template",
        "refer to it in Role",
    ),
    rule(
        "function-runtime",
        High,
        Guard,
        "a function runs on the current runtime for binaries",
        "set Runtime to provided.al2023",
    ),
    rule(
        "function-timeout",
        Low,
        Guard,
        "the time limit of a function is stated",
        "set Timeout, 1 to 900 seconds",
    ),
    rule(
        "function-traced",
        Medium,
        Guard,
        "a function is traced",
        "set TracingConfig.Mode to Active",
    ),
    rule(
        "idempotency-expires",
        High,
        Guard,
        "records of idempotency keys go away when they have expired",
        "set TimeToLiveSpecification of IdempotencyTable to expiresAt",
    ),
    rule("key-rotated", Medium, Guard, "a key of ours is rotated", "set EnableKeyRotation to true"),
    rule(
        "log-group-retention",
        Medium,
        Guard,
        "logs are kept for a stated time",
        "set RetentionInDays",
    ),
    rule(
        "parameter-described",
        Low,
        Guard,
        "a parameter says what it is, and refuses what it cannot be",
        "set Description, AllowedPattern and ConstraintDescription",
    ),
    rule(
        "permission-principal",
        High,
        Guard,
        "only a service of AWS may be permitted to run a function, and only that",
        "set Principal to the service and Action to lambda:InvokeFunction",
    ),
    rule(
        "permission-scoped",
        High,
        Guard,
        "a permission holds for one source: one API, stage and path",
        "set SourceArn",
    ),
    rule(
        "policy-actions-named",
        High,
        Guard,
        "a policy names actions and resources one by one",
        "replace `*` by what is needed",
    ),
    rule(
        "queue-encrypted",
        High,
        Guard,
        "a queue is encrypted",
        "set SqsManagedSseEnabled to true, or KmsMasterKeyId",
    ),
    rule(
        "queue-policy-private",
        High,
        Guard,
        "nobody outside may use a queue without a condition",
        "name principals in the queue policy, or add a condition",
    ),
    rule(
        "queue-retention",
        Medium,
        Guard,
        "dead letters are kept for the 14 days that a queue can keep them",
        "set MessageRetentionPeriod to 1209600",
    ),
    rule(
        "queue-tls-only",
        High,
        Code(storage::tls_only),
        "a queue refuses calls without TLS",
        "add a policy that denies sqs:* when aws:SecureTransport is false",
    ),
    rule(
        "role-actions-named",
        High,
        Guard,
        "a role names the actions it allows one by one",
        "replace `*` by what the function calls",
    ),
    rule(
        "role-own-policy",
        Medium,
        Guard,
        "a role has its own policy, not one that AWS manages and may widen",
        "write the statements into Policies",
    ),
    rule(
        "role-resources-named",
        High,
        Guard,
        "a role names the resources it allows; only traces have none",
        "replace `*` by the ARN of what the function uses",
    ),
    rule(
        "role-trusts-service",
        High,
        Guard,
        "only services of AWS may take a role",
        "name the service in AssumeRolePolicyDocument",
    ),
    rule(
        "rule-target-dead-letters",
        High,
        Guard,
        "an event that a target does not take is kept",
        "set DeadLetterConfig and RetryPolicy of each target",
    ),
    rule(
        "stream-bisected",
        Medium,
        Guard,
        "a batch that fails is split, so that one record cannot stop the others",
        "set BisectBatchOnFunctionError to true",
    ),
    rule(
        "stream-dead-letters",
        High,
        Guard,
        "a record that cannot be delivered is kept",
        "set DestinationConfig.OnFailure.Destination",
    ),
    rule(
        "stream-from-the-start",
        High,
        Guard,
        "the relay begins with the first record of the stream",
        "set StartingPosition to TRIM_HORIZON",
    ),
    rule(
        "stream-gives-up",
        High,
        Guard,
        "the relay gives a record up while the stream still has those behind it",
        "set MaximumRecordAgeInSeconds to 60 to 72000, and MaximumRetryAttempts",
    ),
    rule(
        "stream-partial-failures",
        Medium,
        Guard,
        "the relay says which records failed",
        "set FunctionResponseTypes to ReportBatchItemFailures",
    ),
    SUPPRESSION_SOUND,
    rule(
        "table-encryption",
        Medium,
        Guard,
        "a table has the key that DynamoDB owns, or a key of ours, and not one that AWS manages in our account",
        "set KMSMasterKeyId too, or leave SSESpecification out",
    ),
    rule(
        "table-on-demand",
        Medium,
        Guard,
        "a table takes the load that comes",
        "set BillingMode to PAY_PER_REQUEST, without ProvisionedThroughput",
    ),
    rule(
        "table-protected",
        High,
        Code(storage::protected),
        "a table refuses to be deleted exactly when its stage is protected",
        "set DeletionProtectionEnabled, or `protected` in stages.toml",
    ),
    rule(
        "table-recovery",
        High,
        Guard,
        "a table can be restored to any point in time",
        "set PointInTimeRecoveryEnabled to true",
    ),
    rule(
        "table-retained",
        High,
        Guard,
        "a table outlives its stack and its own replacement",
        "set DeletionPolicy and UpdateReplacePolicy to Retain",
    ),
    rule(
        "table-unnamed",
        Medium,
        Guard,
        "CloudFormation names a table, so that it can be replaced",
        "leave TableName out",
    ),
    rule(
        "template-counts",
        High,
        Code(limits::counts),
        "the sections of a template have no more members than CloudFormation takes",
        "split the stack",
    ),
    rule(
        "template-logical-names",
        High,
        Code(limits::logical_names),
        "logical ids and names of parameters and outputs are ones that CloudFormation takes",
        "rename it",
    ),
    rule(
        "template-physical-names",
        High,
        Code(limits::physical_names),
        "names of resources are no longer than their services take",
        "shorten the name, or that of the stage",
    ),
    rule(
        "template-size",
        High,
        Code(limits::size),
        "a template is no larger than CloudFormation takes",
        "split the stack",
    ),
    rule("topic-encrypted", Medium, Guard, "a topic is encrypted", "set KmsMasterKeyId"),
    rule(
        "topic-policy-private",
        High,
        Guard,
        "nobody outside may use a topic without a condition",
        "name principals in the topic policy, or add a condition",
    ),
    rule(
        "users-streamed",
        High,
        Guard,
        "the stream of the users table carries what was written",
        "set StreamViewType of UsersTable to NEW_IMAGE",
    ),
];

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn ids_are_unique_and_in_order() {
        assert!(RULES.is_sorted_by(|one, other| one.id < other.id));
    }

    #[test]
    fn texts_read_as_parts_of_a_sentence() {
        for rule in RULES {
            for text in [rule.expected, rule.remedy] {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}", rule.id);
            }
        }
    }
}
