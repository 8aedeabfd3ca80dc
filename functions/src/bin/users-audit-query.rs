//! `GET /users/{userId}/audit`: reads a user's audit history.

use lambda_http::lambda_runtime::Error;
use users_platform::http::{handler::QueryAudit, serve};

fn main() -> Result<(), Error> {
    users_functions::run(serve::<QueryAudit>())
}
