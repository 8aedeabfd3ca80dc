//! The rules that a schema cannot express, of the whole API and of each operation.

use users_contract::{OperationName, limits};

/// The description of the API, in CommonMark.
pub(super) fn description() -> String {
    let body_kib = limits::BODY_MAX_BYTES / 1024;
    let stored_kib = limits::STORED_USER_MAX_BYTES / 1024;
    let correlation = limits::CORRELATION_ID_PATTERN;
    let key_max = limits::IDEMPOTENCY_KEY_MAX_BYTES;
    let page_mib = limits::PAGE_MAX_BYTES / 1024 / 1024;
    format!(
        "\
A user management service.

## Requests
- Every call is signed with AWS Signature Version 4. A call that is unsigned, wrongly signed or \
more than 5 minutes off the clock is 403 `not-authenticated`; one that is signed but not permitted \
is 403 `access-denied`. `OPTIONS` on a path with operations answers CORS preflight (204) without a \
signature.
- A signed call of an unknown path is 404 `route-not-found`, of a known path with another method \
(`HEAD` included) 405 `method-not-allowed` with `Allow`. Unsigned, both are 403.
- JSON is UTF-8 without a byte order mark, without duplicate members and without lone surrogates. A \
body is at most {body_kib} KiB. It must be declared `application/json` (for `PATCH`, also \
`application/merge-patch+json`), with no `charset` but `utf-8` or `utf8`; other parameters do not \
matter. Anything else is 415: another type, none, several, a malformed one, and a \
`Content-Encoding` other than `identity`.
- Where no body is taken (`GET`, `DELETE`, preflight, unknown paths and methods), a body, its type \
and its coding are ignored.
- Unknown, immutable or misspelt members and unknown or repeated query parameters are 400. All \
problems of a request are reported at once in `errors`. The seven `X-Amz-` parameters of Signature \
Version 4 are ignored on a presigned call, and unknown on any other.
- Percent-encoding is taken off once, and `+` in a query is a space, so an address there has `%2B`. \
A query that is not UTF-8 then is 400. U+FFFD in a query is refused as well, since it stands for \
bytes that were not UTF-8.
- The gateway checks first that a body is a JSON object with its required members, of the right \
type. Its 400 has the validator's words in `detail` and no `errors`. It takes a body that declares \
no content type for JSON, so such a body can be 400 before it is 415.

## Text
- Text is stored as it was given, but for trimming: white space (Unicode `White_Space`) at both ends \
of email addresses, names, reasons, phone numbers and locales is taken off. Attribute values are kept \
as they are, and so are statuses and roles, which white space makes wrong.
- Control characters (Unicode category Cc) are refused in every string, before trimming: a name that \
ends in a line feed is 400, though a line feed is also white space.
- Lengths are counted in Unicode scalar values after NFC and trimming, unless a rule says bytes.
- Times are RFC 3339 in UTC with milliseconds. Ids are ULIDs in canonical upper case; another \
spelling names no user.
- A user whose stored form would pass {stored_kib} KiB is 400.

## Which error comes first
413, 415, 400; then a recorded success or 422 for the idempotency key; then 404; then 412; then 409, \
or 400 where the limits of the merged user are passed.

## Retrying writes
- A write may carry `Idempotency-Key`: 1-{key_max} visible ASCII characters, bare or as a quoted \
string, which are the same key. Its scope is the caller (user or role, without the session name), \
the operation with its path, and the key; it is remembered for 24 hours by default.
- The same request again (`If-Match` and `If-None-Match` included; the body compared as JSON, \
without regard to white space and the order of members) gets the first success again, with \
`Idempotent-Replayed: true`. \
Another request is 422. While the first is still being decided, it is 409 `request-in-progress` with \
`Retry-After`. Errors are not recorded: a retry is decided afresh.

## Preconditions
- Every operation of one user takes `If-Match`: one or more entity tags or `*`, compared strongly. A \
user at another version is 412.
- The profile and the writes also take `If-None-Match`, compared weakly. When it matches, the profile \
is 304 without a body, and a write is 412. The audit log ignores it.
- `If-Match` comes first (RFC 9110, 13.2.2), and both are judged before a change that would change \
nothing is recognised. A malformed header is 400.

## Lists
- Reads by id, by email and of the audit log are strongly consistent. Lists by status or role read \
an index and may lag a write by a moment.
- A page is full unless it is the last or would pass {page_mib} MiB. `nextCursor` is absent on the \
last page and only there. A cursor is bound to operation, user, filters and order, not to `limit`.

## Responses
- Every response has `X-Correlation-Id`: the request's, when that matches `{correlation}`, else a \
new ULID; in an answer that the gateway gives by itself, the gateway's request id.
- Errors are problem documents (RFC 9457); `code` is stable. 500 and 503 never say more than that. \
"
    )
}

/// The description of an operation, in CommonMark.
pub(super) fn operation(name: OperationName) -> &'static str {
    match name {
        OperationName::RegisterUser => {
            "The user gets an id and is active. Only `email` is required; optional members are \
left out, never `null`. `Location` is the absolute path of the user as the caller sees it, API stage \
included."
        }
        OperationName::GetUser => {
            "Deleted users are shown too. With `If-None-Match`, compared weakly, the answer is 304 \
without a body when the caller already has this version."
        }
        OperationName::UpdateUser => {
            "A patch that changes nothing is 200 with the unchanged user: no new version, audit \
entry or event. An empty patch is 400. `{\"attributes\": {}}` merges nothing, `{\"attributes\": \
null}` removes all. A deleted user is 409 `user-deleted`."
        }
        OperationName::SetStatus => {
            "Active and disabled users change into each other; both can become deleted; a deleted \
user never gets another status (409). The same status again is 200 without a new version. Deleting \
releases the email address for a new registration; data and roles stay."
        }
        OperationName::AssignRole => {
            "A role that the user already has is 200 with the unchanged user."
        }
        OperationName::RemoveRole => {
            "A role that the user does not have is 404 `role-not-assigned`, also when no role could \
be spelt like it. The role is one percent-encoded path segment (`billing:read` may be sent as it is)."
        }
        OperationName::ListUsers => {
            "Ordered by registration time, newest first by default. Without `status`, active and \
disabled users are listed. `email` finds at most one user that is not deleted, by the comparison \
that makes addresses unique, and stands alone with `limit`. A walk over all pages returns every user \
that existed throughout exactly once."
        }
        OperationName::QueryAudit => {
            "One entry for each version of the user, newest first by default. `from` is inclusive, \
`to` exclusive, both RFC 3339 of any precision and offset; `from` not before `to` is 400. Deleted \
users keep their history."
        }
    }
}
