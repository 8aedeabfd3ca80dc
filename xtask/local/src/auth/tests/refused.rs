//! Malformed and ambiguous signatures.

use super::samples::{
    SCOPE, Sample, authorization, botocore_post, botocore_presigned, botocore_presigned_with_token,
    change_authorization, sdk,
};
use aws_sigv4::http_request::PayloadChecksumKind;
use rstest::rstest;

#[rstest]
#[case::unsigned_amz_header(
    |sample: &mut Sample| sample.set("x-amz-security-token", "x"), "must be a 'SignedHeader'"
)]
#[case::hash_of_another_body(
    |sample: &mut Sample| { *sample = sdk(PayloadChecksumKind::XAmzSha256); sample.body = "{}"; },
    "not the hash of the body"
)]
#[case::unsigned_payload(
    |sample: &mut Sample| {
        *sample = sdk(PayloadChecksumKind::XAmzSha256);
        sample.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    },
    "not the hash of the body"
)]
#[case::no_date(|sample: &mut Sample| { sample.headers.remove("x-amz-date"); }, "X-Amz-Date")]
#[case::odd_date(|sample: &mut Sample| sample.set("x-amz-date", "yesterday"), "YYYYMMDDTHHMMSSZ")]
#[case::date_of_another_day(
    |sample: &mut Sample| sample.set("x-amz-date", "20261121T235900Z"), "Date in Credential scope"
)]
#[case::other_scheme(
    |sample: &mut Sample| sample.set("authorization", "Bearer x"), "AWS4-HMAC-SHA256"
)]
#[case::no_signature(
    |sample: &mut Sample| {
        let text = format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host");
        sample.set("authorization", &text);
    },
    "'Signature'"
)]
#[case::host_not_signed(
    |sample: &mut Sample| sample.set("authorization", &authorization("x-amz-date", "0")),
    "'host' must be a 'SignedHeader'"
)]
#[case::two_authorizations(
    |sample: &mut Sample| sample.add("authorization", authorization("host", "0").as_bytes()),
    "more than one 'authorization'"
)]
#[case::two_dates(
    |sample: &mut Sample| sample.add("x-amz-date", b"20261122T100000Z"), "more than one 'x-amz-date'"
)]
#[case::two_hosts(|sample: &mut Sample| sample.add("host", b"elsewhere"), "more than one 'host'")]
#[case::two_hashes(
    |sample: &mut Sample| {
        *sample = sdk(PayloadChecksumKind::XAmzSha256);
        sample.add("x-amz-content-sha256", b"0");
    },
    "more than one 'x-amz-content-sha256'"
)]
#[case::a_field_twice(
    |sample: &mut Sample| change_authorization(sample, |text| format!("{text}, Signature=0")),
    "'Signature' more than once"
)]
#[case::a_credential_twice(
    |sample: &mut Sample| change_authorization(sample, |text| format!("{text},Credential={SCOPE}")),
    "'Credential' more than once"
)]
#[case::an_unknown_field(
    |sample: &mut Sample| change_authorization(sample, |text| format!("{text}, Extra=1")),
    "a field besides"
)]
#[case::an_empty_field(
    |sample: &mut Sample| change_authorization(sample, |text| format!("{text},")),
    "a field besides"
)]
#[case::a_credential_with_more(
    |sample: &mut Sample| change_authorization(sample, |text| text.replace("test/", "x/test/")),
    "KEY/YYYYMMDD/region"
)]
#[case::a_credential_with_two_ends(
    |sample: &mut Sample| {
        change_authorization(sample, |text| text.replace("aws4_request", "aws4_request/aws4_request"));
    },
    "KEY/YYYYMMDD/region"
)]
#[case::a_signed_header_twice(
    |sample: &mut Sample| change_authorization(sample, |text| text.replace("host;", "host;Host;")),
    "names a header more than once"
)]
#[case::a_long_date(
    |sample: &mut Sample| sample.set("x-amz-date", "20261122T100000Z0"), "YYYYMMDDTHHMMSSZ"
)]
#[case::a_presigned_query_twice(
    |sample: &mut Sample| {
        *sample = botocore_presigned();
        sample.query = format!("{0}&{0}", sample.query);
    },
    "'X-Amz-Algorithm' more than once"
)]
#[case::a_presigned_date_in_a_header(
    |sample: &mut Sample| {
        *sample = botocore_presigned();
        sample.set("x-amz-date", "20261122T100000Z");
    },
    "in the query, not in a header"
)]
#[case::a_parameter_spelt_otherwise_twice(
    |sample: &mut Sample| {
        *sample = botocore_presigned();
        sample.query.push_str("&X-Amz-Dat%65=20261122T100000Z");
    },
    "'X-Amz-Date' more than once"
)]
#[case::two_tokens(
    |sample: &mut Sample| {
        *sample = botocore_presigned_with_token();
        sample.query.push_str("&X-Amz-Security-Token=x");
    },
    "'X-Amz-Security-Token' more than once"
)]
#[case::a_validity_that_is_no_number(
    |sample: &mut Sample| {
        *sample = botocore_presigned();
        sample.query = sample.query.replace("Expires=300", "Expires=%2B300");
    },
    "whole number of seconds"
)]
#[case::header_that_is_not_there(
    |sample: &mut Sample| {
        sample.set("authorization", &authorization("host;x-amz-date;x-gone", "0"));
    },
    "'x-gone' is not in the request"
)]
#[case::both_places(
    |sample: &mut Sample| sample.query = botocore_presigned().query, "not both"
)]
fn a_malformed_signature_is_refused_with_the_cause(
    #[case] change: fn(&mut Sample),
    #[case] words: &str,
) {
    let mut sample = botocore_post();
    change(&mut sample);
    assert!(sample.refusal().contains(words), "{}", sample.refusal());
}
