//! `GET /users/{userId}`: reads a user's profile.

use lambda_http::lambda_runtime::Error;
use users_platform::http::{handler::GetUser, serve};

fn main() -> Result<(), Error> {
    users_functions::run(serve::<GetUser>())
}
