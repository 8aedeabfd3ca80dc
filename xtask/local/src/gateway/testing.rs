//! Contexts for tests.

use super::context::{ApiIdentity, RequestContext};
use http::request::Parts;

/// The context of a request at a fixed time.
pub(super) fn context(parts: &Parts) -> RequestContext {
    let api = ApiIdentity {
        id: "api0000000".to_owned(),
        stage: "prod".to_owned(),
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let time = "2026-11-22T10:00:00Z".parse().unwrap();
    RequestContext::new(&api, parts, "127.0.0.1:9".parse().unwrap(), time)
}
