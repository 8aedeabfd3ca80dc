//! Names of the HTTP headers of the contract, in lower case as HTTP libraries compare them.

/// The response headers that a browser may read, in addition to the always readable ones.
pub const EXPOSED: &str = "ETag, Location, Idempotent-Replayed, X-Correlation-Id, Retry-After";

/// The request headers that a browser may send.
pub const ALLOWED: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, \
X-Amz-Content-Sha256, X-Amz-Date, X-Amz-Security-Token, X-Correlation-Id";

/// `X-Correlation-Id`: names one call in every log line, audit entry, event and error.
pub const CORRELATION_ID: &str = "x-correlation-id";
/// `Idempotency-Key`: makes a write safe to retry.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// `Idempotent-Replayed`: `true` when the answer is a recorded one.
pub const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";
/// `If-Match`: act only when the user is still at this version.
pub const IF_MATCH: &str = "if-match";
/// `If-None-Match`: act only when the user is not at this version.
pub const IF_NONE_MATCH: &str = "if-none-match";
