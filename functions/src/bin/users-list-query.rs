//! `GET /users`: lists users.

use lambda_http::lambda_runtime::Error;
use users_platform::http::{handler::ListUsers, serve};

fn main() -> Result<(), Error> {
    users_functions::run(serve::<ListUsers>())
}
