//! `POST /users/{userId}/roles`: gives a user a role.

use lambda_http::lambda_runtime::Error;
use users_functions::WriterAllocator;
use users_platform::http::{handler::AssignRole, serve};

#[global_allocator]
static ALLOCATOR: WriterAllocator = WriterAllocator;

fn main() -> Result<(), Error> {
    users_functions::run(serve::<AssignRole>())
}
