use super::settings::DynamoFaults;
use super::{BusFault, Fault, FaultSettings, Faults, Place};
use serde_json::json;

#[test]
fn every_nth_transaction_is_cancelled_until_cleared() {
    let faults = Faults::default();
    assert!(!faults.cancels_transaction());
    faults.set(FaultSettings {
        dynamodb: DynamoFaults { transaction_conflict_every: Some(3), ..Default::default() },
        ..Default::default()
    });
    let cancelled: Vec<_> = (0..6).map(|_| faults.cancels_transaction()).collect();
    assert_eq!(cancelled, [false, false, true, false, false, true]);
    faults.set(FaultSettings::default());
    assert!(!faults.cancels_transaction());
}

#[test]
fn an_empty_object_clears_and_a_misspelt_fault_is_refused() {
    let cleared: FaultSettings = serde_json::from_str("{}").unwrap();
    assert_eq!(cleared, FaultSettings::default());
    let some: FaultSettings = serde_json::from_str(r#"{"bus":"refuse-some"}"#).unwrap();
    assert_eq!(some.bus, BusFault::RefuseSome);
    assert!(serde_json::from_str::<FaultSettings>(r#"{"buss":"ok"}"#).is_err());
}

#[test]
fn invocations_are_watched_only_while_a_fault_is_set() {
    let faults = Faults::default();
    assert!(faults.begin("f", b"event").is_none());
    faults.set(serde_json::from_value(json!({"random": {"seed": 1}})).unwrap());
    assert!(faults.begin("f", b"event").is_some());
    faults.set(FaultSettings::default());
    assert!(faults.begin("f", b"event").is_none());
}

#[test]
fn a_placed_fault_fires_once_in_its_invocation() {
    let faults = Faults::default();
    let placement = json!({
        "id": "case", "function": "f", "marker": "m-1", "at": "response", "fault": "kill-after"
    });
    faults.place(serde_json::from_value(placement).unwrap());
    let at_response = |function: &str, event: &str| {
        let invocation = faults.begin(function, event.as_bytes()).unwrap();
        faults.at_step(&invocation, Place::Response)
    };
    assert_eq!(at_response("f", "m-2"), None);
    assert_eq!(at_response("other", "m-1"), None);
    assert_eq!(faults.placement("case").unwrap()["fired"], 0);
    assert_eq!(at_response("f", "an event with m-1"), Some(Fault::KillAfter));
    assert_eq!(at_response("f", "m-1"), None, "the retry has no fault");
    assert_eq!(faults.placement("case").unwrap()["fired"], 1);
    assert_eq!(faults.report()["counts"], json!({"response/kill-after": 1}));
}

/// The random faults at the responses of the first hundred invocations.
fn chosen(seed: u64) -> Vec<Option<Fault>> {
    let faults = Faults::default();
    let settings = json!({"random": {"seed": seed, "steps": 0.5}});
    faults.set(serde_json::from_value(settings).unwrap());
    let step = |_| {
        let invocation = faults.begin("f", b"").unwrap();
        faults.at_step(&invocation, Place::Response)
    };
    (0..100).map(step).collect()
}

#[test]
fn random_faults_follow_the_seed_and_the_probability() {
    assert_eq!(chosen(7), chosen(7));
    assert_ne!(chosen(7), chosen(8));
    let hits = chosen(7).iter().flatten().count();
    assert!((30..70).contains(&hits), "{hits} of 100 at a probability of one half");
    assert!(chosen(7).iter().flatten().all(|fault| !fault.kills_the_stack()));
}

#[test]
fn one_record_is_not_split() {
    let faults = Faults::default();
    let placement = json!({
        "id": "case", "function": "f", "marker": "", "at": "delivery", "fault": "split"
    });
    faults.place(serde_json::from_value(placement).unwrap());
    assert_eq!(faults.at_delivery("f", b"", 1), None);
    assert_eq!(faults.at_delivery("f", b"", 2), Some(Fault::Split));
    assert_eq!(faults.at_delivery("f", b"", 2), None);
}
