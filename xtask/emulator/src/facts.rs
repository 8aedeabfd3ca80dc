//! The known faults of each emulator. Every run prints the list, and fails when a test that is on it
//! passes, so that no entry stays longer than its fault.

use crate::recognise::{Emulator, Kind};

/// A black-box test that an emulator cannot pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeftOut {
    /// Its name in the suite `api`, module included.
    pub test: &'static str,
    /// How the emulator differs from AWS.
    pub reason: &'static str,
}

impl Emulator {
    /// The tests that it cannot pass.
    #[must_use]
    pub fn left_out(&self) -> &'static [LeftOut] {
        match self.kind() {
            Kind::MiniStack => MINISTACK_TESTS,
            Kind::LocalStack | Kind::Fakecloud | Kind::Floci => &[],
        }
    }
}

const NO_PATH: &str = "it does not replace `$context.path` in the answers to calls that are not \
                       authenticated";
const NO_METHODS: &str = "its templates have no string methods, so it returns the template of a mock \
                          integration unchanged";
const NO_DENIAL: &str = "it refuses calls that a policy does not allow with a text of its own instead \
                         of the gateway response ACCESS_DENIED";

const MINISTACK_TESTS: &[LeftOut] = &[
    LeftOut {
        test: "authentication::a_clock_may_be_wrong_by_less_than_5_minutes",
        reason: NO_PATH,
    },
    LeftOut {
        test: "authentication::a_call_that_was_altered_after_it_was_signed_is_refused",
        reason: NO_PATH,
    },
    LeftOut {
        test: "authentication::a_call_with_a_wrong_secret_is_refused_by_every_operation",
        reason: NO_PATH,
    },
    LeftOut {
        test: "authentication::a_presigned_call_is_refused_once_it_has_expired",
        reason: "it ignores X-Amz-Expires in calls of a REST API",
    },
    LeftOut {
        test: "authentication::a_presigned_call_that_was_altered_is_refused",
        reason: NO_PATH,
    },
    LeftOut {
        test: "authentication::a_signature_for_another_region_or_service_is_refused",
        reason: NO_DENIAL,
    },
    LeftOut {
        test: "authentication::a_signed_caller_without_permission_is_denied_and_changes_nothing",
        reason: NO_DENIAL,
    },
    LeftOut {
        test: "authentication::a_wrong_signature_comes_before_every_other_error",
        reason: NO_PATH,
    },
    LeftOut {
        test: "authentication::an_authorization_without_a_signature_is_refused",
        reason: NO_PATH,
    },
    LeftOut { test: "authentication::an_unknown_caller_is_refused", reason: NO_PATH },
    LeftOut {
        test: "authentication::an_unsigned_call_is_refused_by_every_operation",
        reason: NO_PATH,
    },
    LeftOut { test: "authentication::an_ambiguous_signature_is_refused", reason: NO_PATH },
    LeftOut { test: "headers::an_answer_of_the_gateway_itself_has_an_id_too", reason: NO_METHODS },
    LeftOut {
        test: "json::a_body_that_is_not_json_is_refused",
        reason: "it replaces the bytes of a body that are not UTF-8 before it calls the function",
    },
    LeftOut {
        test: "media_types::a_type_and_a_coding_are_ignored_where_no_body_is_taken",
        reason: "it knows no default template of a mock integration, so that refuses the type",
    },
    LeftOut {
        test: "register::a_body_that_lacks_the_address_is_refused_by_the_gateway_in_its_own_words",
        reason: "it creates no request validator, so the function refuses the body instead",
    },
    LeftOut {
        test: "remove_role::percent_encoding_is_taken_off_once",
        reason: "it decodes a path before it decodes the parameters in it",
    },
    LeftOut {
        test: "routes::a_known_path_with_another_method_says_which_it_takes",
        reason: NO_METHODS,
    },
    LeftOut {
        test: "routes::a_signed_call_of_an_unknown_path_is_not_found_with_any_method",
        reason: NO_METHODS,
    },
    LeftOut { test: "routes::a_wrong_method_comes_before_body_and_media_type", reason: NO_METHODS },
    LeftOut {
        test: "routes::an_empty_segment_is_an_unknown_path",
        reason: "it drops empty segments of a path",
    },
    LeftOut {
        test: "routes::an_unsigned_call_of_an_unknown_path_is_not_authenticated",
        reason: NO_PATH,
    },
    LeftOut {
        test: "routes::an_unsigned_call_with_another_method_is_not_authenticated",
        reason: NO_PATH,
    },
];

#[cfg(test)]
mod tests;
