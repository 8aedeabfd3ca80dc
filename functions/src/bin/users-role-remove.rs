//! `DELETE /users/{userId}/roles/{role}`: takes a role from a user.

use lambda_http::lambda_runtime::Error;
use users_platform::http::{handler::RemoveRole, serve};

// One thread: an execution environment has one invocation at a time, and a fraction of a core.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    serve::<RemoveRole>().await
}
