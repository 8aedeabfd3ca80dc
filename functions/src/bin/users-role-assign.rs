//! `POST /users/{userId}/roles`: assigns a role to a user.

use lambda_http::lambda_runtime::Error;
use users_functions::WriterAllocator;
use users_platform::http::{handler::AssignRole, serve};

#[global_allocator]
static ALLOCATOR: WriterAllocator = WriterAllocator;

fn main() -> Result<(), Error> {
    users_functions::run(serve::<AssignRole>())
}
