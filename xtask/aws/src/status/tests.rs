//! Reports from recorded answers of CloudFormation, Lambda and CloudWatch.

use super::report::{Health, Report};
use super::{inspect, show};
use crate::testing::Aws;
use crate::testing::recorded::{self as aws, by_id, named};
use serde_json::{Value, json};

const MAPPING: &str = "14e0db71-5d35-4eb5-b481-8945cf9d10c2";
const GET: &str = "users-dev-users-profile-get";
const RELAY: &str = "users-dev-users-audit-publish";
const SHA: &str = "dBG9m8SGdmlEjw/JYXlhhvCrAv5TxvXsbL/RMr0fT/I=";

/// The answers about each part; a test changes one of them.
struct Stage {
    stack: String,
    events: String,
    alias: (u16, Value),
    function: (u16, Value),
    mapping: (u16, Value),
    alarms: (u16, Value),
}

impl Stage {
    fn healthy() -> Self {
        Self {
            stack: stack("UPDATE_COMPLETE"),
            events: events(&[("e1", "users-dev", aws::STACK, "UPDATE_COMPLETE", "", "")]),
            alias: (
                200,
                json!({
                    "AliasArn": format!("arn:aws:lambda:eu-west-1:123456789012:function:{GET}:live"),
                    "Name": "live",
                    "FunctionVersion": "7",
                    "Description": "What the API and the stream call",
                    "RevisionId": "2c3a5b40-0000-0000-0000-000000000000",
                }),
            ),
            function: (
                200,
                json!({
                    "FunctionName": GET,
                    "FunctionArn": format!("arn:aws:lambda:eu-west-1:123456789012:function:{GET}:live"),
                    "Runtime": "provided.al2023",
                    "CodeSize": 2_345_678,
                    "CodeSha256": SHA,
                    "LastModified": "2026-11-22T09:00:20.000+0000",
                    "LastUpdateStatus": "Successful",
                    "MemorySize": 256,
                    "State": "Active",
                    "Timeout": 30,
                    "Version": "7",
                }),
            ),
            mapping: (
                200,
                json!({
                    "UUID": MAPPING,
                    "BatchSize": 100,
                    "FunctionArn":
                        format!("arn:aws:lambda:eu-west-1:123456789012:function:{RELAY}:live"),
                    "LastModified": 1_795_341_600.0,
                    "LastProcessingResult": "OK",
                    "State": "Enabled",
                    "StateTransitionReason": "User action",
                }),
            ),
            alarms: (
                200,
                json!({
                    "CompositeAlarms": [alarm("users-dev-service-unhealthy", "OK")],
                    "MetricAlarms": [
                        alarm("users-dev-api-latency", "OK"),
                        alarm("users-dev-audit-delay", "INSUFFICIENT_DATA"),
                    ],
                }),
            ),
        }
    }

    fn aws(self) -> Aws {
        let alias = format!("arn:aws:lambda:eu-west-1:123456789012:function:{GET}:live");
        let first = [
            ("UsersProfileGetAlias", alias.as_str(), "AWS::Lambda::Alias"),
            ("AuditStream", MAPPING, "AWS::Lambda::EventSourceMapping"),
            ("ApiLatencyAlarm", "users-dev-api-latency", "AWS::CloudWatch::Alarm"),
        ];
        let unhealthy =
            "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:users-dev-service-unhealthy";
        let second = [
            ("AuditDelayAlarm", "users-dev-audit-delay", "AWS::CloudWatch::Alarm"),
            ("ServiceUnhealthyAlarm", unhealthy, "AWS::CloudWatch::CompositeAlarm"),
        ];
        let next = json!({"StackName": "users-dev", "NextToken": "t1"});
        let names = json!({
            "AlarmNames":
                ["users-dev-api-latency", "users-dev-audit-delay", "users-dev-service-unhealthy"],
            "AlarmTypes": ["CompositeAlarm", "MetricAlarm"],
        });
        let functions = "GET /2015-03-31/functions";
        Aws::default()
            .expect("DescribeStacks", named(), self.stack)
            .expect("DescribeStackEvents", by_id(), self.events)
            .expect(
                "ListStackResources",
                named(),
                aws::resources_page(&first, "<NextToken>t1</NextToken>"),
            )
            .expect("ListStackResources", next, aws::resources(&second))
            .answer(
                &format!("{functions}/{GET}/aliases/live"),
                Value::Null,
                self.alias.0,
                self.alias.1,
            )
            .answer(
                &format!("{functions}/{GET}/configuration?Qualifier=live"),
                Value::Null,
                self.function.0,
                self.function.1,
            )
            .answer(
                &format!("GET /2015-03-31/event-source-mappings/{MAPPING}"),
                Value::Null,
                self.mapping.0,
                self.mapping.1,
            )
            .answer("DescribeAlarms", names, self.alarms.0, self.alarms.1)
    }
}

/// The stack in a state, with one output.
fn stack(status: &str) -> String {
    let more = "<EnableTerminationProtection>true</EnableTerminationProtection>\
                <DriftInformation><StackDriftStatus>IN_SYNC</StackDriftStatus>\
                <LastCheckTimestamp>2026-11-20T10:00:00.123Z</LastCheckTimestamp>\
                </DriftInformation><Outputs><member><OutputKey>ApiUrl</OutputKey>\
                <OutputValue>https://a.example.com/prod</OutputValue></member></Outputs>";
    aws::stack_members(status, more)
}

/// The latest events, with a token for more, which need not be read.
fn events(events: &[aws::Event<'_>]) -> String {
    let page = aws::events(events);
    page.replace("</StackEvents>", "</StackEvents><NextToken>more</NextToken>")
}

fn alarm(name: &str, state: &str) -> Value {
    json!({
        "AlarmName": name,
        "AlarmArn": format!("arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"),
        "AlarmDescription": format!("{name}: something is wrong. What to do: docs/runbook.md#x"),
        "StateReason": "Threshold Crossed: 2 datapoints were greater than the threshold (1.0).",
        "StateUpdatedTimestamp": {"$time": 1_795_341_600},
        "StateValue": state,
    })
}

/// The report of a stage, as it is and as text.
async fn report(stage: Stage) -> (Report, String) {
    let aws = stage.aws();
    let report = inspect(&aws.session(), false).await.unwrap();
    aws.finish();
    let text = anstream::adapter::strip_str(&show::text(&report)).to_string();
    (report, text)
}

#[track_caller]
fn assert_unhealthy(report: &Report, text: &str, problem: &str) {
    assert_eq!(report.health, Health::Unhealthy, "{text}");
    assert_eq!(report.findings.problems.len(), 1, "{text}");
    assert!(report.findings.problems[0].contains(problem), "{text}");
    assert!(text.starts_with("not healthy"), "{text}");
    assert!(
        text.contains(&format!("✗ {}", report.findings.problems[0].split('\n').next().unwrap()))
    );
}

#[tokio::test]
async fn a_healthy_stage_is_shown_with_all_parts() {
    let (report, text) = report(Stage::healthy()).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert_eq!(
        text,
        "deployed and healthy  stage dev, account 123456789012, eu-west-1\n\
         stack            users-dev UPDATE_COMPLETE since 2026-01-03T03:04:50Z\n\
         last deployment  2026-01-03T03:04:05Z\n\
         drift            IN_SYNC as of 2026-11-20T10:00:00Z\n\
         protection       on against deletion of the stack\n\
         output           ApiUrl = https://a.example.com/prod\n\
         function                     version  code          modified              state\n\
         users-dev-users-profile-get  7        dBG9m8SGdmlE  2026-11-22T09:00:20Z  Active\n\
         AuditStream      Enabled, last result: OK\n\
         alarms           0 gone off, 2 ok, 1 without data"
    );
    let printed = serde_json::to_value(&report).unwrap();
    assert_eq!(printed["health"], "healthy");
    assert_eq!(printed["stack"]["url"], "https://a.example.com/prod");
    assert_eq!(printed["stack"]["terminationProtection"], true);
    assert_eq!(printed["functions"][0]["codeSha256"], SHA);
    assert_eq!(printed["alarms"], json!({"ok": 2, "insufficientData": 1, "alarm": []}));
}

#[tokio::test]
async fn a_stage_that_is_not_deployed_is_reported_with_the_command() {
    for aws in [
        Aws::default().answer("DescribeStacks", named(), 400, aws::no_stack()),
        Aws::default().expect("DescribeStacks", named(), stack("REVIEW_IN_PROGRESS")),
    ] {
        let report = inspect(&aws.session(), false).await.unwrap();
        aws.finish();
        assert_eq!(report.health, Health::NotDeployed);
        let text = show::text(&report);
        assert!(text.contains("cargo xtask deploy --stage dev"), "{text}");
    }
}

#[tokio::test]
async fn an_alarm_that_has_gone_off_is_a_problem() {
    let mut stage = Stage::healthy();
    stage.alarms.1["MetricAlarms"][0]["StateValue"] = "ALARM".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "The alarm users-dev-api-latency has gone off.");
    assert!(text.contains("docs/runbook.md#x"), "{text}");
    assert!(text.contains("since 2026-11-22T10:00:00Z: Threshold Crossed"), "{text}");
    assert!(text.contains("1 gone off, 1 ok, 1 without data"), "{text}");
}

#[tokio::test]
async fn a_composite_alarm_that_has_gone_off_is_a_problem() {
    let mut stage = Stage::healthy();
    stage.alarms.1["CompositeAlarms"][0]["StateValue"] = "ALARM".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "The alarm users-dev-service-unhealthy has gone off.");
}

#[tokio::test]
async fn a_deleted_alarm_is_a_problem() {
    let mut stage = Stage::healthy();
    stage.alarms.1["MetricAlarms"].as_array_mut().unwrap().remove(0);
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "The alarm users-dev-api-latency was deleted");
}

#[tokio::test]
async fn an_invisible_composite_alarm_is_unknown() {
    let mut stage = Stage::healthy();
    stage.alarms.1["CompositeAlarms"] = json!([]);
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Unknown, "{text}");
    assert!(text.contains("users-dev-service-unhealthy cannot be seen"), "{text}");
}

#[tokio::test]
async fn a_disabled_mapping_is_a_problem() {
    let mut stage = Stage::healthy();
    stage.mapping.1["State"] = "Disabled".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "AuditStream is Disabled (User action)");
}

#[tokio::test]
async fn a_failing_mapping_is_a_problem() {
    let mut stage = Stage::healthy();
    stage.mapping.1["LastProcessingResult"] = "PROBLEM: Function call failed".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "PROBLEM: Function call failed; see `cargo xtask logs");
}

#[tokio::test]
async fn a_deleted_mapping_is_a_problem() {
    let mut stage = Stage::healthy();
    let words = "The resource you requested does not exist.";
    stage.mapping =
        (404, json!({"__type": "ResourceNotFoundException", "Type": "User", "Message": words}));
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "AuditStream");
}

#[tokio::test]
async fn a_failed_function_is_a_problem() {
    let mut stage = Stage::healthy();
    stage.function.1["State"] = "Failed".into();
    stage.function.1["StateReason"] = "The image or archive is invalid".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, &format!("{GET} is Failed: The image"));
}

#[tokio::test]
async fn a_failed_update_of_a_function_is_a_problem() {
    let mut stage = Stage::healthy();
    stage.function.1["LastUpdateStatus"] = "Failed".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "last update Failed: no reason given");
}

#[tokio::test]
async fn an_inactive_function_is_healthy() {
    let mut stage = Stage::healthy();
    stage.function.1["State"] = "Inactive".into();
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
}

#[tokio::test]
async fn a_deleted_alias_is_a_problem() {
    let mut stage = Stage::healthy();
    let gone = json!({"__type": "ResourceNotFoundException", "Message": "Cannot find alias arn"});
    stage.alias = (404, gone.clone());
    stage.function = (404, gone);
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "or its alias `live` was deleted");
}

#[tokio::test]
async fn a_rollout_is_noted() {
    let mut stage = Stage::healthy();
    stage.alias.1["RoutingConfig"] = json!({"AdditionalVersionWeights": {"8": 0.1}});
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert!(text.contains("being rolled out: version 8 gets 10 % of the calls"), "{text}");
}

#[tokio::test]
async fn a_part_without_permission_is_unknown() {
    let denied = "User: u is not authorized to perform: lambda:GetAlias";
    let mut stage = Stage::healthy();
    stage.alias = (403, json!({"__type": "AccessDeniedException", "Message": denied}));
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Unknown, "{text}");
    assert!(text.starts_with("unknown") && text.contains(denied), "{text}");
}

#[tokio::test]
async fn a_rolled_back_deployment_is_reported_with_its_cause() {
    let mut stage = Stage::healthy();
    stage.stack = stack("UPDATE_ROLLBACK_COMPLETE");
    let of_stack = |id, status, reason| (id, "users-dev", aws::STACK, status, reason, "");
    let of_resource = |id, resource, status, reason| (id, resource, "AWS::Any", status, reason, "");
    stage.events = events(&[
        of_stack("e6", "UPDATE_ROLLBACK_COMPLETE", ""),
        of_stack("e5", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
        of_resource("e4", "UsersTable", "UPDATE_FAILED", "Resource update cancelled"),
        of_resource("e3", "AuditDeadLetters", "UPDATE_FAILED", "Value 1 is out of range"),
        of_stack("e2", "UPDATE_IN_PROGRESS", "User Initiated"),
        of_resource("e1", "AuditStream", "CREATE_FAILED", "of the operation before"),
    ]);
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert!(text.contains("UPDATE_ROLLBACK_COMPLETE since 2026-01-03T03:04:50Z"), "{text}");
    assert!(text.contains("was rolled back"), "{text}");
    assert!(
        text.contains("AuditDeadLetters") && text.contains("Value 1 is out of range"),
        "{text}"
    );
    assert!(text.contains("made in ") && text.contains("events.rs:"), "{text}");
    assert!(!text.contains("cancelled") && !text.contains("operation before"), "{text}");
}

#[tokio::test]
async fn unusable_states_of_the_stack_are_problems() {
    for (status, words) in [
        ("ROLLBACK_COMPLETE", "The first deployment failed"),
        ("ROLLBACK_IN_PROGRESS", "is being rolled back"),
        ("CREATE_IN_PROGRESS", "still being created"),
        ("DELETE_IN_PROGRESS", "being deleted"),
        ("UPDATE_ROLLBACK_FAILED", "cargo xtask rollback"),
        ("DELETE_FAILED", "cargo xtask destroy"),
    ] {
        let mut stage = Stage::healthy();
        stage.stack = stack(status);
        stage.events = events(&[
            ("e2", "users-dev", aws::STACK, status, "", ""),
            ("e1", "users-dev", aws::STACK, "CREATE_IN_PROGRESS", "", ""),
        ]);
        let (report, text) = report(stage).await;
        assert_unhealthy(&report, &text, words);
    }
}

#[tokio::test]
async fn a_deployment_in_progress_is_noted() {
    let mut stage = Stage::healthy();
    stage.stack = stack("UPDATE_IN_PROGRESS");
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert!(text.contains("A deployment is in progress (UPDATE_IN_PROGRESS)"), "{text}");
}

#[test]
fn every_health_has_its_exit_status() {
    use Health::{Drifted, Healthy, NotDeployed, Unhealthy, Unknown};
    let all = [Healthy, Unknown, NotDeployed, Unhealthy, Drifted];
    assert_eq!(all.map(Health::exit_code), [0, 1, 3, 4, 5]);
}
