//! Against recorded answers of CloudFormation, Lambda and CloudWatch.

use super::{Health, Report, inspect, show};
use crate::testing::{Aws, STACK_ID, stack, stack_error};
use serde_json::{Value, json};

const MAPPING: &str = "14e0db71-5d35-4eb5-b481-8945cf9d10c2";
const GET: &str = "users-dev-users-profile-get";
const RELAY: &str = "users-dev-users-audit-publish";
const SHA: &str = "dBG9m8SGdmlEjw/JYXlhhvCrAv5TxvXsbL/RMr0fT/I=";

fn resource(logical_id: &str, physical_id: &str, kind: &str) -> String {
    format!(
        "<member><LogicalResourceId>{logical_id}</LogicalResourceId>\
         <PhysicalResourceId>{physical_id}</PhysicalResourceId><ResourceType>{kind}</ResourceType>\
         <LastUpdatedTimestamp>2026-11-01T08:00:09.123Z</LastUpdatedTimestamp>\
         <ResourceStatus>CREATE_COMPLETE</ResourceStatus><DriftInformation>\
         <StackResourceDriftStatus>NOT_CHECKED</StackResourceDriftStatus></DriftInformation>\
         </member>"
    )
}

fn resources(members: &str, token: &str) -> String {
    format!(
        "<ListStackResourcesResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <ListStackResourcesResult><StackResourceSummaries>{members}</StackResourceSummaries>{token}\
         </ListStackResourcesResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </ListStackResourcesResponse>"
    )
}

/// An event of the stack itself when `logical_id` is its name.
fn event(second: u32, logical_id: &str, status: &str, reason: &str) -> String {
    let physical_id = if logical_id == "users-dev" { STACK_ID } else { "physical" };
    format!(
        "<member><StackId>{STACK_ID}</StackId><EventId>{logical_id}-{second}</EventId>\
         <StackName>users-dev</StackName><LogicalResourceId>{logical_id}</LogicalResourceId>\
         <PhysicalResourceId>{physical_id}</PhysicalResourceId>\
         <ResourceType>AWS::SQS::Queue</ResourceType>\
         <Timestamp>2026-11-22T09:00:{second:02}.123Z</Timestamp>\
         <ResourceStatus>{status}</ResourceStatus>\
         <ResourceStatusReason>{reason}</ResourceStatusReason></member>"
    )
}

fn events(members: &str) -> String {
    format!(
        "<DescribeStackEventsResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DescribeStackEventsResult><StackEvents>{members}</StackEvents><NextToken>more</NextToken>\
         </DescribeStackEventsResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\
         </DescribeStackEventsResponse>"
    )
}

/// What AWS says of each part; a test changes one of them.
struct Stage {
    stack: String,
    events: String,
    alias: (u16, Value),
    function: (u16, Value),
    mapping: (u16, Value),
    alarms: (u16, Value),
}

impl Stage {
    fn well() -> Self {
        let outputs = "<LastUpdatedTime>2026-11-22T09:00:00.123Z</LastUpdatedTime>\
                       <EnableTerminationProtection>true</EnableTerminationProtection>\
                       <DriftInformation><StackDriftStatus>IN_SYNC</StackDriftStatus>\
                       <LastCheckTimestamp>2026-11-20T10:00:00.123Z</LastCheckTimestamp>\
                       </DriftInformation><Outputs><member><OutputKey>ApiUrl</OutputKey>\
                       <OutputValue>https://a.example.com/prod</OutputValue></member></Outputs>";
        Self {
            stack: stack("UPDATE_COMPLETE", outputs),
            events: events(&event(50, "users-dev", "UPDATE_COMPLETE", "")),
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
        let members = [
            resource("UsersProfileGetAlias", &alias, "AWS::Lambda::Alias"),
            resource("AuditStream", MAPPING, "AWS::Lambda::EventSourceMapping"),
            resource("ApiLatencyAlarm", "users-dev-api-latency", "AWS::CloudWatch::Alarm"),
        ];
        let more = [
            resource("AuditDelayAlarm", "users-dev-audit-delay", "AWS::CloudWatch::Alarm"),
            resource(
                "ServiceUnhealthyAlarm",
                "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:users-dev-service-unhealthy",
                "AWS::CloudWatch::CompositeAlarm",
            ),
        ];
        let second = json!({"StackName": "users-dev", "NextToken": "t1"});
        let names = json!({
            "AlarmNames":
                ["users-dev-api-latency", "users-dev-audit-delay", "users-dev-service-unhealthy"],
            "AlarmTypes": ["CompositeAlarm", "MetricAlarm"],
        });
        let functions = "GET /2015-03-31/functions";
        Aws::default()
            .expect("DescribeStacks", json!({"StackName": "users-dev"}), self.stack)
            .expect("DescribeStackEvents", json!({"StackName": STACK_ID}), self.events)
            .expect(
                "ListStackResources",
                json!({"StackName": "users-dev"}),
                resources(&members.concat(), "<NextToken>t1</NextToken>"),
            )
            .expect("ListStackResources", second, resources(&more.concat(), ""))
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

/// The report about a stage of which everything was asked.
async fn report(stage: Stage) -> (Report, String) {
    let aws = stage.aws();
    let report = inspect(&aws.session()).await.unwrap();
    aws.finish();
    let text = anstream::adapter::strip_str(&show::text(&report)).to_string();
    (report, text)
}

#[track_caller]
fn assert_unhealthy(report: &Report, text: &str, problem: &str) {
    assert_eq!(report.health, Health::Unhealthy, "{text}");
    assert_eq!(report.problems.len(), 1, "{text}");
    assert!(report.problems[0].contains(problem), "{text}");
    assert!(text.starts_with("not well"), "{text}");
    assert!(text.contains(&format!("✗ {}", report.problems[0].split('\n').next().unwrap())));
}

#[tokio::test]
async fn a_stage_that_is_well_is_shown_with_everything() {
    let (report, text) = report(Stage::well()).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert_eq!(
        text,
        "deployed and well  stage dev, account 123456789012, eu-west-1\n\
         stack            users-dev UPDATE_COMPLETE since 2026-11-22T09:00:50Z\n\
         last deployment  2026-11-22T09:00:00Z\n\
         drift            IN_SYNC as of 2026-11-20T10:00:00Z\n\
         protection       on against deletion of the stack\n\
         url              https://a.example.com/prod\n\
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
async fn a_stage_that_is_not_deployed_is_told_with_the_command() {
    let missing = stack_error("ValidationError", "Stack with id users-dev does not exist");
    let name = json!({"StackName": "users-dev"});
    let shell = stack("REVIEW_IN_PROGRESS", "");
    for aws in [
        Aws::default().answer("DescribeStacks", name.clone(), 400, missing),
        Aws::default().expect("DescribeStacks", name, shell),
    ] {
        let report = inspect(&aws.session()).await.unwrap();
        aws.finish();
        assert_eq!(report.health, Health::NotDeployed);
        let text = show::text(&report);
        assert!(text.contains("cargo xtask deploy --stage dev"), "{text}");
    }
}

#[tokio::test]
async fn an_alarm_that_has_gone_off_is_a_problem() {
    let mut stage = Stage::well();
    stage.alarms.1["MetricAlarms"][0]["StateValue"] = "ALARM".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "The alarm users-dev-api-latency has gone off.");
    assert!(text.contains("docs/runbook.md#x"), "{text}");
    assert!(text.contains("since 2026-11-22T10:00:00Z: Threshold Crossed"), "{text}");
    assert!(text.contains("1 gone off, 1 ok, 1 without data"), "{text}");
}

#[tokio::test]
async fn a_composite_alarm_that_has_gone_off_is_a_problem() {
    let mut stage = Stage::well();
    stage.alarms.1["CompositeAlarms"][0]["StateValue"] = "ALARM".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "The alarm users-dev-service-unhealthy has gone off.");
}

#[tokio::test]
async fn an_alarm_that_is_gone_is_a_problem() {
    let mut stage = Stage::well();
    stage.alarms.1["MetricAlarms"].as_array_mut().unwrap().remove(0);
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "The alarm users-dev-api-latency is gone");
}

#[tokio::test]
async fn a_composite_alarm_that_is_not_shown_leaves_it_open() {
    let mut stage = Stage::well();
    stage.alarms.1["CompositeAlarms"] = json!([]);
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Unknown, "{text}");
    assert!(text.contains("users-dev-service-unhealthy cannot be seen"), "{text}");
}

#[tokio::test]
async fn a_mapping_that_is_disabled_is_a_problem() {
    let mut stage = Stage::well();
    stage.mapping.1["State"] = "Disabled".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "AuditStream is Disabled (User action)");
}

#[tokio::test]
async fn a_mapping_that_fails_is_a_problem() {
    let mut stage = Stage::well();
    stage.mapping.1["LastProcessingResult"] = "PROBLEM: Function call failed".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "PROBLEM: Function call failed; see `cargo xtask logs");
}

#[tokio::test]
async fn a_mapping_that_is_gone_is_a_problem() {
    let mut stage = Stage::well();
    let words = "The resource you requested does not exist.";
    stage.mapping =
        (404, json!({"__type": "ResourceNotFoundException", "Type": "User", "Message": words}));
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "AuditStream");
}

#[tokio::test]
async fn a_function_that_failed_is_a_problem() {
    let mut stage = Stage::well();
    stage.function.1["State"] = "Failed".into();
    stage.function.1["StateReason"] = "The image or archive is invalid".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(
        &report,
        &text,
        &format!("{GET} is Failed, last update Successful: The image"),
    );
}

#[tokio::test]
async fn an_update_of_a_function_that_failed_is_a_problem() {
    let mut stage = Stage::well();
    stage.function.1["LastUpdateStatus"] = "Failed".into();
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "last update Failed: no reason given");
}

#[tokio::test]
async fn a_function_that_nobody_called_for_long_is_well() {
    let mut stage = Stage::well();
    stage.function.1["State"] = "Inactive".into();
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
}

#[tokio::test]
async fn an_alias_that_is_gone_is_a_problem() {
    let mut stage = Stage::well();
    let gone = json!({"__type": "ResourceNotFoundException", "Message": "Cannot find alias arn"});
    stage.alias = (404, gone.clone());
    stage.function = (404, gone);
    let (report, text) = report(stage).await;
    assert_unhealthy(&report, &text, "has no alias `live` any more");
}

#[tokio::test]
async fn a_rollout_is_worth_a_note() {
    let mut stage = Stage::well();
    stage.alias.1["RoutingConfig"] = json!({"AdditionalVersionWeights": {"8": 0.1}});
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert!(text.contains("being rolled out: version 8 gets 10 % of the calls"), "{text}");
}

#[tokio::test]
async fn what_cannot_be_asked_leaves_it_open() {
    let denied = "User: u is not authorized to perform: lambda:GetAlias";
    let mut stage = Stage::well();
    stage.alias = (403, json!({"__type": "AccessDeniedException", "Message": denied}));
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Unknown, "{text}");
    assert!(text.starts_with("cannot be told") && text.contains(denied), "{text}");
}

#[tokio::test]
async fn a_deployment_that_was_taken_back_is_told_with_its_cause() {
    let mut stage = Stage::well();
    stage.stack = stage.stack.replace("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE");
    stage.events = events(
        &[
            event(50, "users-dev", "UPDATE_ROLLBACK_COMPLETE", ""),
            event(
                40,
                "users-dev",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "The following resource(s) failed",
            ),
            event(31, "UsersTable", "UPDATE_FAILED", "Resource update cancelled"),
            event(30, "AuditDeadLetters", "UPDATE_FAILED", "Value 1 is out of range"),
            event(20, "users-dev", "UPDATE_IN_PROGRESS", "User Initiated"),
            event(10, "AuditStream", "CREATE_FAILED", "of the operation before"),
        ]
        .concat(),
    );
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert!(text.contains("UPDATE_ROLLBACK_COMPLETE since 2026-11-22T09:00:50Z"), "{text}");
    assert!(text.contains("was taken back"), "{text}");
    assert!(
        text.contains("AuditDeadLetters") && text.contains("Value 1 is out of range"),
        "{text}"
    );
    assert!(text.contains("made in ") && text.contains("events.rs:"), "{text}");
    assert!(!text.contains("cancelled") && !text.contains("operation before"), "{text}");
}

#[tokio::test]
async fn states_in_which_a_stack_is_no_good_are_problems() {
    for (status, words) in [
        ("ROLLBACK_COMPLETE", "The first deployment failed"),
        ("ROLLBACK_IN_PROGRESS", "is being taken back"),
        ("CREATE_IN_PROGRESS", "not complete yet"),
        ("DELETE_IN_PROGRESS", "being deleted"),
        ("UPDATE_ROLLBACK_FAILED", "cargo xtask rollback"),
        ("DELETE_FAILED", "cargo xtask destroy"),
    ] {
        let mut stage = Stage::well();
        stage.stack = stage.stack.replace("UPDATE_COMPLETE", status);
        stage.events = events(
            &[event(50, "users-dev", status, ""), event(20, "users-dev", "CREATE_IN_PROGRESS", "")]
                .concat(),
        );
        let (report, text) = report(stage).await;
        assert_unhealthy(&report, &text, words);
    }
}

#[tokio::test]
async fn a_deployment_that_goes_on_is_worth_a_note() {
    let mut stage = Stage::well();
    stage.stack = stage.stack.replace("UPDATE_COMPLETE", "UPDATE_IN_PROGRESS");
    let (report, text) = report(stage).await;
    assert_eq!(report.health, Health::Healthy, "{text}");
    assert!(text.contains("A deployment is going on (UPDATE_IN_PROGRESS)"), "{text}");
}

#[test]
fn every_health_has_its_exit_status() {
    let all = [Health::Healthy, Health::Unknown, Health::NotDeployed, Health::Unhealthy];
    assert_eq!(all.map(Health::exit_code), [0, 1, 3, 4]);
}
