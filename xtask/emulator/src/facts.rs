//! What each emulator is known to get wrong. The list is printed by every run, and every run checks
//! that the emulator still gets each of it wrong, so that nothing stays here for longer than needed.

use crate::recognise::{Emulator, Kind};
use crate::verify::Missing;

/// A black-box test that is left out at an emulator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LeftOut {
    /// Its name in the suite `api`, module included.
    pub test: &'static str,
    /// What the emulator does instead of what AWS does.
    pub reason: &'static str,
}

/// Something of the template that an emulator accepts and does not make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Skipped {
    /// The type of the resources.
    pub kind: &'static str,
    /// The property, as a JSON Pointer, with all that is below it; `None` for all of the resource.
    pub property: Option<&'static str>,
    /// What follows from that.
    pub reason: &'static str,
}

impl Skipped {
    /// Whether this is what was found missing.
    #[must_use]
    pub fn is(&self, missing: &Missing) -> bool {
        let is_below = |found: &str, known: &str| {
            found.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.kind == missing.kind
            && match (self.property, missing.property.as_deref()) {
                (None, None) => true,
                (Some(known), Some(found)) => is_below(found, known),
                (None, Some(_)) | (Some(_), None) => false,
            }
    }
}

impl Emulator {
    /// The tests that fail at it whatever this project does.
    #[must_use]
    pub fn left_out(&self) -> &'static [LeftOut] {
        match self.kind() {
            Kind::MiniStack => MINISTACK_TESTS,
            Kind::LocalStack | Kind::Fakecloud | Kind::Floci => &[],
        }
    }

    /// What it accepts and does not make.
    #[must_use]
    pub fn skipped(&self) -> &'static [Skipped] {
        match self.kind() {
            Kind::MiniStack => MINISTACK_RESOURCES,
            Kind::LocalStack | Kind::Fakecloud | Kind::Floci => &[],
        }
    }
}

/// Its answers to calls that are not authenticated know neither path nor method.
const NO_PATH: &str = "it leaves `$context.path` as it is in the answers to calls that are not \
                       authenticated";
/// The answers of mock integrations are templates.
const NO_METHODS: &str = "its templates know no methods of strings, so it leaves the template of a \
                          mock integration as it is";
/// What a policy forbids never reaches its gateway responses.
const NO_DENIAL: &str = "it refuses what a policy does not allow with words of its own instead of \
                         the gateway response ACCESS_DENIED";

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
        reason: "it never looks at X-Amz-Expires of a call of a REST API",
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
        reason: "it hands a body that is not UTF-8 to the function with replacement characters",
    },
    LeftOut {
        test: "media_types::a_type_and_a_coding_are_ignored_where_no_body_is_taken",
        reason: "it knows no default template of a mock integration, so that refuses the type",
    },
    LeftOut {
        test: "register::a_body_that_lacks_the_address_is_refused_by_the_gateway_in_its_own_words",
        reason: "it makes no request validator, so the function refuses the body instead",
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

const MINISTACK_RESOURCES: &[Skipped] = &[
    Skipped {
        kind: "AWS::ApiGateway::Method",
        property: Some("/RequestValidatorId"),
        reason: "the functions refuse what the gateway's validator should",
    },
    Skipped {
        kind: "AWS::ApiGateway::RequestValidator",
        property: None,
        reason: "the functions refuse what the gateway's validator should",
    },
    Skipped {
        kind: "AWS::ApiGateway::Stage",
        property: Some("/AccessLogSetting"),
        reason: "calls leave no line in the access log",
    },
    Skipped {
        kind: "AWS::DynamoDB::Table",
        property: Some("/PointInTimeRecoverySpecification"),
        reason: "the tables have no backups",
    },
    Skipped {
        kind: "AWS::DynamoDB::Table",
        property: Some("/TimeToLiveSpecification"),
        reason: "idempotency records are not deleted; that they have expired is seen by their time",
    },
    Skipped {
        kind: "AWS::Events::EventBus",
        property: Some("/Policy"),
        reason: "everybody may put events on the audit bus",
    },
];

#[cfg(test)]
mod tests;
