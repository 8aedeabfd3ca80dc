//! `DELETE /users/{userId}/roles/{role}`: takes a role from a user.

use lambda_http::lambda_runtime::Error;
use users_functions::WriterAllocator;
use users_platform::http::{handler::RemoveRole, serve};

#[global_allocator]
static ALLOCATOR: WriterAllocator = WriterAllocator;

fn main() -> Result<(), Error> {
    users_functions::run(serve::<RemoveRole>())
}
