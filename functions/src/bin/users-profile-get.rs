//! `GET /users/{userId}`: reads a user's profile.

use lambda_http::lambda_runtime::Error;
use users_platform::http::{handler::GetUser, serve};

// One thread: an execution environment has one invocation at a time, and a fraction of a core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<GetUser>().await
}
