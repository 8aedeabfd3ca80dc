use super::{is_page, judge, names_something_unknown, squeeze};
use crate::steps::EmulatorFault;
use serde_json::json;
use std::collections::BTreeSet;
use users_emulator::facts::Skipped;
use users_emulator::verify::{Missing, Verified};

const KNOWN: Skipped = Skipped {
    kind: "AWS::DynamoDB::Table",
    property: Some("/TimeToLiveSpecification"),
    reason: "nothing expires",
};

fn missing(kind: &str, property: Option<&str>) -> Missing {
    Missing {
        resource: "Thing".to_owned(),
        kind: kind.to_owned(),
        property: property.map(str::to_owned),
        found: "404".to_owned(),
    }
}

fn verified(missing: &[Missing]) -> Verified {
    let kinds = BTreeSet::from([KNOWN.kind.to_owned()]);
    Verified { resources: 2, kinds, missing: missing.to_vec() }
}

#[test]
fn what_is_known_to_be_skipped_is_no_failure() {
    let ttl = missing(KNOWN.kind, Some("/TimeToLiveSpecification/Enabled"));
    judge("MiniStack 1", &[KNOWN], &verified(&[ttl])).unwrap();
    judge("MiniStack 1", &[], &verified(&[])).unwrap();
}

#[test]
fn what_else_is_skipped_is_the_emulators_fault_by_name() {
    let ttl = missing(KNOWN.kind, Some("/TimeToLiveSpecification/Enabled"));
    for other in [missing(KNOWN.kind, Some("/KeySchema")), missing("AWS::SQS::Queue", None)] {
        let kind = other.kind.clone();
        let error = judge("MiniStack 1", &[KNOWN], &verified(&[ttl.clone(), other])).unwrap_err();
        let fault = error.downcast_ref::<EmulatorFault>().unwrap().to_string();
        assert!(fault.contains("MiniStack 1") && fault.contains(&kind), "{fault}");
        assert!(!fault.contains("TimeToLive"), "{fault}");
    }
}

#[test]
fn what_is_no_longer_skipped_must_leave_the_list() {
    let error = judge("MiniStack 1", &[KNOWN], &verified(&[])).unwrap_err();
    assert!(error.downcast_ref::<EmulatorFault>().is_none());
    assert!(error.to_string().contains("facts.rs"), "{error}");
}

#[test]
fn an_answer_that_is_made_up_is_no_page_of_users() {
    assert!(is_page(&json!({"statusCode": 200, "body": "{\"items\":[]}"})));
    for made_up in [
        json!({"statusCode": 200, "body": "Mock response"}),
        json!({"statusCode": 200, "body": "{\"message\":\"Mock response\"}"}),
        json!({"statusCode": 500, "body": "{\"items\":[]}"}),
        json!({"errorMessage": "Runtime exited", "errorType": "Runtime.ExitError"}),
        json!(null),
    ] {
        assert!(!is_page(&made_up), "{made_up}");
    }
}

#[test]
fn words_for_the_unknown_are_told_from_other_failures() {
    assert!(names_something_unknown("cause: X: Unsupported resource type: AWS::CloudWatch::Y"));
    assert!(names_something_unknown("API for service x not yet implemented or pro feature"));
    assert!(!names_something_unknown("cause: X: Could not unzip uploaded file"));
}

#[test]
fn line_breaks_and_quoting_make_no_difference() {
    assert_eq!(squeeze("made in\n  `xtask/a.rs:7`"), "madeinxtask/a.rs:7");
}
