//! Tests of signatures.

mod refused;
mod samples;

use self::samples::{
    BODY, Sample, botocore_delete, botocore_get, botocore_post, botocore_presigned,
    botocore_presigned_with_token, botocore_session_token, curl_get, curl_post, sdk, sdk_signs,
};
use super::Refusal;
use aws_sigv4::http_request::PayloadChecksumKind;
use rstest::rstest;

#[rstest]
#[case::botocore(botocore_post())]
#[case::botocore_encoded_path(botocore_delete())]
#[case::botocore_query(botocore_get(
    "/prod/users?role=billing%3Aread&email=a%2Bb%40example.com&cursor=",
    "b86bce539066f04f049d7866b065edddffcecfba71649701e730281f46ba5edc"
))]
#[case::botocore_session_token(botocore_session_token())]
#[case::botocore_presigned(botocore_presigned())]
#[case::botocore_presigned_with_token(botocore_presigned_with_token())]
#[case::curl_body(curl_post())]
#[case::curl_query(curl_get())]
#[case::sdk(sdk(PayloadChecksumKind::NoHeader))]
#[case::sdk_with_hash(sdk(PayloadChecksumKind::XAmzSha256))]
fn requests_of_common_clients_are_accepted(#[case] sample: Sample) {
    assert_eq!(sample.verify_after(5).unwrap(), "test");
}

#[rstest]
#[case::method(|sample: &mut Sample| sample.method = "PUT")]
#[case::path(|sample: &mut Sample| sample.path.push('x'))]
#[case::query(|sample: &mut Sample| sample.query = "limit=1".to_owned())]
#[case::signed_header(|sample: &mut Sample| sample.set("content-type", "text/plain"))]
#[case::host(|sample: &mut Sample| sample.set("host", "elsewhere"))]
#[case::body(|sample: &mut Sample| sample.body = "{}")]
fn a_changed_request_is_refused(#[case] change: fn(&mut Sample)) {
    let mut sample = botocore_post();
    change(&mut sample);
    assert!(sample.refusal().contains("does not match"), "{}", sample.refusal());
}

#[test]
fn an_unsigned_header_may_change() {
    let mut sample = botocore_post();
    sample.set("user-agent", "another");
    sample.verify_after(0).unwrap();
}

#[rstest]
#[case::region("us-east-1", "eu-west-1", "valid region: 'us-east-1'")]
#[case::service("execute-api", "s3", "correct service: 'execute-api'")]
#[case::unknown_key("test/2026", "nobody/2026", "security token included")]
fn a_scope_must_fit(#[case] from: &str, #[case] to: &str, #[case] words: &str) {
    let mut sample = botocore_post();
    let changed = sample.headers["authorization"].to_str().unwrap().replace(from, to);
    sample.set("authorization", &changed);
    assert!(sample.refusal().contains(words), "{}", sample.refusal());
}

#[rstest]
#[case::early(-300, true)]
#[case::too_early(-301, false)]
#[case::late(300, true)]
#[case::too_late(301, false)]
fn a_header_holds_for_five_minutes(#[case] seconds: i64, #[case] holds: bool) {
    assert_eq!(botocore_post().verify_after(seconds).is_ok(), holds);
}

#[rstest]
#[case::early(-300, true)]
#[case::from_the_future(-301, false)]
#[case::at_its_end(300, true)]
#[case::past_its_end(301, false)]
fn a_presigned_request_holds_from_its_date_for_as_long_as_it_says(
    #[case] seconds: i64,
    #[case] holds: bool,
) {
    assert_eq!(botocore_presigned().verify_after(seconds).is_ok(), holds);
}

#[test]
fn a_presigned_request_says_how_long_it_holds() {
    let refusal = botocore_presigned().verify_after(301).unwrap_err();
    assert!(matches!(refusal, Refusal::Expired(_)), "{refusal:?}");
    let mut longer = botocore_presigned();
    longer.query = longer.query.replace("X-Amz-Expires=300", "X-Amz-Expires=604801");
    assert!(longer.refusal().contains("604800"), "{}", longer.refusal());
    let mut forged = botocore_presigned();
    forged.query = forged.query.replace("limit=2", "limit=3");
    assert!(forged.refusal().contains("does not match"), "{}", forged.refusal());
}

const HOST: (&str, &[u8]) = ("host", b"127.0.0.1:4510");
const DATE: (&str, &[u8]) = ("x-amz-date", b"20261122T100000Z");
/// The hash of an empty body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[rstest]
#[case::not_utf8("email=%FF", "email=%FF")]
#[case::half_a_character("a=%C3", "a=%C3")]
#[case::surrogate("a=%ED%A0%80", "a=%ED%A0%80")]
#[case::lower_case_escape("a=%ff%2f", "a=%FF%2F")]
#[case::no_escape("a=%&b=%zz", "a=%25&b=%25zz")]
#[case::plus_is_a_space("a=x+y", "a=x%20y")]
#[case::needless_escape("%61=%62", "a=b")]
#[case::not_sorted("b=2&a=2&a=1&A=0", "A=0&a=1&a=2&b=2")]
#[case::no_value("a&b=", "a=&b=")]
fn a_query_is_canonicalised_as_bytes(#[case] query: &str, #[case] canonical: &str) {
    let mut sample = Sample::new("GET", &format!("/prod/users?{query}"), &[], "");
    sample.signed_as("/prod/users", canonical, &[HOST, DATE], EMPTY);
    assert_eq!(sample.verify_after(0).as_deref(), Ok("test"));
}

#[rstest]
#[case::utf8("é".as_bytes())]
#[case::latin1(b"\xe9")]
#[case::four_bytes("\u{1f600}".as_bytes())]
fn a_signed_header_beyond_ascii_is_canonicalised_as_bytes(#[case] value: &[u8]) {
    let mut sample = Sample::new("GET", "/prod/users", &[], "");
    sample.add("x-correlation-id", value);
    let headers = [HOST, DATE, ("x-correlation-id", value)];
    sample.signed_as("/prod/users", "", &headers, EMPTY);
    assert_eq!(sample.verify_after(0).as_deref(), Ok("test"));
}

#[rstest]
#[case::unsorted(
    "/prod/users/a%3Ab",
    "/prod/users/a%253Ab",
    "status=active&limit=2",
    EMPTY,
    "not sorted"
)]
#[case::raw("/prod/users", "/prod/users", "status=a:b&limit=2", EMPTY, "as it was sent")]
#[case::path_as_sent("/prod/users/a%3Ab", "/prod/users/a%3Ab", "", EMPTY, "once more")]
#[case::unsigned_payload("/prod/users", "/prod/users", "", "UNSIGNED-PAYLOAD", "wants its hash")]
#[case::something_else(
    "/prod/users",
    "/prod/other",
    "",
    EMPTY,
    "service documentation for details."
)]
fn a_known_mistake_of_signers_is_named_in_the_terminal(
    #[case] path: &str,
    #[case] signed_path: &str,
    #[case] query: &str,
    #[case] hash: &str,
    #[case] words: &str,
) {
    let mut sample = Sample::new("GET", &format!("{path}?{query}"), &[], "");
    sample.signed_as(signed_path, query, &[HOST, DATE], hash);
    let refusal = sample.verify_after(0).unwrap_err();
    assert!(refusal.note().contains(words), "{}", refusal.note());
    assert!(refusal.to_string().ends_with("documentation for details."), "{refusal}");
}

/// Every request that the SDK signs must verify: its canonical requests are the reference.
#[test]
fn everything_that_the_sdk_signs_is_accepted() {
    let paths = ["/", "/prod//users/", "/prod/a%2Fb/%25/é/x.y", "/prod/../p/./q", "/prod/a:b+c~d"];
    let queries =
        ["", "a", "a=&b", "b=1&a=2&a=1", "a=x+y%2B&%C3%A9=%20", "x=%zz&=&&y==", "a=é&b=~._-*'()"];
    let headers = ["", "a", "  a   b  c ", "é, ü", "a,  b"];
    for (path, query, value) in paths
        .into_iter()
        .flat_map(|path| queries.into_iter().map(move |query| (path, query)))
        .flat_map(|(path, query)| headers.into_iter().map(move |value| (path, query, value)))
    {
        let mut sample = Sample::new("PUT", path, &[], BODY);
        query.clone_into(&mut sample.query);
        sample.add("x-amz-meta", value.as_bytes());
        sdk_signs(&mut sample, PayloadChecksumKind::XAmzSha256);
        let who = sample.verify_after(0);
        assert_eq!(who.as_deref(), Ok("test"), "{path} {query} {value:?}");
    }
}

#[test]
fn an_unsigned_request_has_no_token() {
    let unsigned = Sample::new("GET", "/prod/users?limit=1", &[], "");
    assert_eq!(unsigned.verify_after(0), Err(Refusal::Missing));
}
