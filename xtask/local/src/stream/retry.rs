//! The retry rules of event source mappings, without any waiting.

use serde_json::Value;

/// The outcome of a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// All records are completed.
    Done,
    /// The records before this index are completed, the others must be retried.
    DoneBefore(usize),
    /// The invocation failed as a whole.
    Failed,
}

/// Records that are delivered together, and the number of failures so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Attempt<R> {
    pub(super) records: Vec<R>,
    pub(super) failures: u32,
}

/// Reads the response of a function that reports failed items.
///
/// The retry starts at the lowest sequence number among them. An empty or unknown one means the
/// whole batch.
pub(super) fn outcome(response: &Value, sequence_numbers: &[&str]) -> Outcome {
    let failures = match response.get("batchItemFailures") {
        None | Some(Value::Null) => return Outcome::Done,
        Some(Value::Array(failures)) => failures,
        Some(_) => return Outcome::DoneBefore(0),
    };
    failures
        .iter()
        .map(|failure| {
            let identifier = failure["itemIdentifier"].as_str().unwrap_or_default();
            sequence_numbers.iter().position(|number| *number == identifier).unwrap_or(0)
        })
        .min()
        .map_or(Outcome::Done, Outcome::DoneBefore)
}

/// The next attempts, in order, after an incomplete one, without the completed records.
pub(super) fn next_attempts<R>(
    mut attempt: Attempt<R>,
    outcome: &Outcome,
    bisect: bool,
) -> Vec<Attempt<R>> {
    match outcome {
        Outcome::Done => Vec::new(),
        Outcome::DoneBefore(index) => {
            let records = attempt.records.split_off(*index);
            // Progress resets the count.
            let failures = if *index > 0 { 0 } else { attempt.failures + 1 };
            vec![Attempt { records, failures }]
        }
        Outcome::Failed => {
            let failures = attempt.failures + 1;
            if !bisect || attempt.records.len() < 2 {
                return vec![Attempt { records: attempt.records, failures }];
            }
            let second = attempt.records.split_off(attempt.records.len() / 2);
            vec![
                Attempt { records: attempt.records, failures },
                Attempt { records: second, failures },
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempt, Outcome, next_attempts, outcome};
    use rstest::rstest;
    use serde_json::{Value, json};

    #[rstest]
    #[case::nothing_said(json!(null), Outcome::Done)]
    #[case::none(json!({"batchItemFailures": []}), Outcome::Done)]
    #[case::one(json!({"batchItemFailures": [{"itemIdentifier": "3"}]}), Outcome::DoneBefore(2))]
    #[case::the_lowest_of_several(
        json!({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}),
        Outcome::DoneBefore(1)
    )]
    #[case::unknown(json!({"batchItemFailures": [{"itemIdentifier": "9"}]}), Outcome::DoneBefore(0))]
    #[case::empty(json!({"batchItemFailures": [{"itemIdentifier": ""}]}), Outcome::DoneBefore(0))]
    #[case::no_identifier(json!({"batchItemFailures": [{}]}), Outcome::DoneBefore(0))]
    #[case::not_a_list(json!({"batchItemFailures": "3"}), Outcome::DoneBefore(0))]
    fn a_response_names_the_start_of_the_retry(#[case] response: Value, #[case] expected: Outcome) {
        assert_eq!(outcome(&response, &["1", "2", "3"]), expected);
    }

    fn attempt(records: &[u8], failures: u32) -> Attempt<u8> {
        Attempt { records: records.to_vec(), failures }
    }

    #[rstest]
    #[case::done(Outcome::Done, true, vec![])]
    #[case::partly(Outcome::DoneBefore(1), true, vec![attempt(&[2, 3, 4], 0)])]
    #[case::not_at_all(Outcome::DoneBefore(0), true, vec![attempt(&[1, 2, 3, 4], 6)])]
    #[case::halved(Outcome::Failed, true, vec![attempt(&[1, 2], 6), attempt(&[3, 4], 6)])]
    #[case::not_halved(Outcome::Failed, false, vec![attempt(&[1, 2, 3, 4], 6)])]
    fn incomplete_records_are_retried_in_order(
        #[case] outcome: Outcome,
        #[case] bisect: bool,
        #[case] expected: Vec<Attempt<u8>>,
    ) {
        assert_eq!(next_attempts(attempt(&[1, 2, 3, 4], 5), &outcome, bisect), expected);
    }

    #[test]
    fn a_single_record_is_not_halved() {
        let next = next_attempts(attempt(&[1], 0), &Outcome::Failed, true);
        assert_eq!(next, vec![attempt(&[1], 1)]);
    }
}
