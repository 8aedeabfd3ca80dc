use super::compare::compare;
use super::{Known, known_kinds, last, left, verify};
use crate::aws::Aws;
use crate::testing::{Request, serve};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use users_client::Credentials;

/// The types of the templates of these stages.
fn kinds_of(stages: &str) -> BTreeSet<String> {
    let stages = users_template::stages(stages).unwrap();
    stages
        .values()
        .flat_map(|stage| {
            let template: Value =
                serde_json::from_str(&users_template::render_template(stage)).unwrap();
            let resources = template["Resources"].as_object().unwrap().clone();
            resources.into_iter().map(|(_, it)| it["Type"].as_str().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn every_type_of_the_stages_is_looked_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ours = std::fs::read_to_string(root.join("../../stages.toml")).unwrap();
    let emulators = std::fs::read_to_string(root.join("stages.toml")).unwrap();
    let known = known_kinds();
    for kind in kinds_of(&ours).union(&kinds_of(&emulators)) {
        assert!(known.contains(kind.as_str()), "nobody looks for a {kind}");
    }
}

#[test]
fn the_types_that_are_looked_for_are_sorted_and_used() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stages.toml");
    let used = kinds_of(&std::fs::read_to_string(ours).unwrap());
    for kind in known_kinds() {
        assert!(used.contains(kind), "no stage has a {kind}");
    }
    assert!(super::table::ROWS.is_sorted_by_key(|row| row.kind));
}

fn known() -> Known {
    let physical = BTreeMap::from([
        ("Table".to_owned(), "users-table".to_owned()),
        ("Version".to_owned(), "arn:aws:lambda:r:1:function:f:7".to_owned()),
    ]);
    Known { physical, roots: BTreeMap::from([("Api".to_owned(), "root".to_owned())]) }
}

#[test]
fn an_answer_may_say_more_and_spell_it_otherwise() {
    for (wanted, found) in [
        (json!("a"), json!("a")),
        (json!(256), json!(256)),
        (json!(1000.0), json!(1000)),
        (json!(1_209_600), json!("1209600")),
        (json!(true), json!("true")),
        (json!(true), json!("ENABLED")),
        (json!("true"), json!(true)),
        (json!({"Mode": "Active"}), json!({"Mode": "Active", "More": 1})),
        (
            json!({"ResponseTemplates": {"application/json": "x"}}),
            json!({"responseTemplates": {"application/json": "x"}}),
        ),
        (json!({"type": "object"}), json!("{\"type\":\"object\",\"title\":\"T\"}")),
        (json!(["a", "b"]), json!(["b", "c", "a"])),
        (
            json!([{"StatusCode": "404", "SelectionPattern": "x"}]),
            json!({"404": {"selectionPattern": "x"}}),
        ),
        (json!({"Ref": "Table"}), json!("users-table")),
        (json!({"Fn::GetAtt": ["Version", "Version"]}), json!("7")),
        (json!({"Fn::GetAtt": ["Api", "RootResourceId"]}), json!("root")),
        (json!({"Fn::Sub": "arn:${X}"}), json!("arn:anything")),
    ] {
        assert_eq!(compare(&wanted, Some(&found), &known()), Ok(()), "{wanted} in {found}");
    }
}

#[test]
fn what_is_dropped_or_changed_is_noticed() {
    for (wanted, found, difference) in [
        (json!("a"), None, "it is absent"),
        (json!("a"), Some(Value::Null), "it is absent"),
        (json!("a"), Some(json!("b")), "b there, a in the template"),
        (json!(30), Some(json!(3)), "3 there, 30 in the template"),
        (json!(true), Some(json!("DISABLED")), "DISABLED there, true in the template"),
        (json!({"Mode": "Active"}), Some(json!({})), "Mode: it is absent"),
        (json!({"Mode": "Active"}), Some(json!("no document")), "it is a text that is no document"),
        (
            json!([{"AttributeName": "pk"}]),
            Some(json!([])),
            "nothing there is {\"AttributeName\":\"pk\"}",
        ),
        (
            json!([{"StatusCode": "404", "A": "x"}]),
            Some(json!({"404": {"a": "y"}})),
            "nothing there is {\"A\":\"x\"}",
        ),
        (json!({"Ref": "Table"}), Some(json!("other")), "other there, users-table in the template"),
        (json!({"Fn::Sub": "arn:${X}"}), Some(json!("")), "it is empty"),
    ] {
        let found = compare(&wanted, found.as_ref(), &known());
        assert_eq!(found, Err(difference.to_owned()), "{wanted}");
    }
}

#[test]
fn ids_end_behind_the_last_separator() {
    assert_eq!(last("arn:aws:sns:r:1:topic"), "topic");
    assert_eq!(last("a7b3c56f/ACCESS_DENIED"), "ACCESS_DENIED");
    assert_eq!(last("plain"), "plain");
}

/// A cloud that lists five resources in two pages, and has three of them, one of which lost a
/// property.
fn cloud(request: &Request) -> (u16, String) {
    let member = |logical: &str, physical: &str| {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId>\
             <PhysicalResourceId>{physical}</PhysicalResourceId></member>"
        )
    };
    if request.body.contains("Action=ListStackResources") {
        let page = if request.body.contains("NextToken=two") {
            member("Gone", "gone-queue") + &member("Validator", "v1")
        } else {
            member("Api", "api1") + &member("Logs", "/aws/x") + "<NextToken>two</NextToken>"
        };
        return (200, format!("<ListStackResourcesResponse>{page}</ListStackResourcesResponse>"));
    }
    match (request.header("x-amz-target"), request.path.as_str()) {
        (Some("Logs_20140328.DescribeLogGroups"), _) => {
            (200, json!({"logGroups": [{"logGroupName": "/aws/x"}]}).to_string())
        }
        (Some("AmazonSQS.ListQueues"), _) => (200, json!({"QueueUrls": []}).to_string()),
        (Some("AmazonSQS.GetQueueAttributes"), _) => {
            (400, json!({"__type": "QueueDoesNotExist"}).to_string())
        }
        (None, "/restapis/api1") => {
            (200, json!({"id": "api1", "name": "x", "rootResourceId": "root"}).to_string())
        }
        (None, "/restapis/api1/requestvalidators/v1") => {
            (404, json!({"message": "no such validator"}).to_string())
        }
        other => panic!("{other:?} is asked for"),
    }
}

fn template() -> Value {
    let of = |kind: &str, properties: Value| json!({"Type": kind, "Properties": properties});
    json!({"Resources": {
        "Api": of("AWS::ApiGateway::RestApi", json!({"Name": {"Fn::Sub": "x"}})),
        "Gone": of("AWS::SQS::Queue", json!({})),
        "Logs": of("AWS::Logs::LogGroup", json!({"RetentionInDays": 7})),
        "Unlisted": of("AWS::SNS::Topic", json!({})),
        "Validator": of("AWS::ApiGateway::RequestValidator", json!({"RestApiId": {"Ref": "Api"}})),
    }})
}

#[tokio::test]
async fn what_the_services_do_not_have_is_missing_whatever_cloudformation_says() {
    let keys = Credentials::from_keys("id", "secret", None);
    let aws = Aws::new(&serve(cloud).await, "us-east-1", keys).unwrap();
    let verified = verify(&aws, "stack", &template()).await.unwrap();
    assert_eq!((verified.resources, verified.kinds.len()), (5, 5));
    let missing: Vec<_> = verified.missing.iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "Gone (AWS::SQS::Queue) is not there: the answer does not name gone-queue",
            "Gone (AWS::SQS::Queue) is not there: 400 {\"__type\":\"QueueDoesNotExist\"}",
            "Logs (AWS::Logs::LogGroup) lost its property /RetentionInDays: it is absent",
            "Unlisted (AWS::SNS::Topic) is not there: CloudFormation does not list it among the \
             stack's resources",
            "Validator (AWS::ApiGateway::RequestValidator) is not there: 404 \
             {\"message\":\"no such validator\"}",
        ]
    );
    let ids = crate::stack::physical_ids(&aws, "stack").await.unwrap();
    assert_eq!(left(&aws, &template(), &ids).await.unwrap(), ["Api", "Logs"]);
}

#[tokio::test]
async fn a_type_that_nobody_looks_for_is_an_error() {
    let page = "<member><LogicalResourceId>X</LogicalResourceId>\
                <PhysicalResourceId>x</PhysicalResourceId></member>";
    let url = serve(move |_| (200, page.to_owned())).await;
    let aws = Aws::new(&url, "us-east-1", Credentials::from_keys("id", "secret", None)).unwrap();
    let template = json!({"Resources": {"X": {"Type": "AWS::New::Thing", "Properties": {}}}});
    let error = verify(&aws, "stack", &template).await.unwrap_err().to_string();
    assert!(error.contains("AWS::New::Thing") && error.contains("rows.rs"), "{error}");
}
