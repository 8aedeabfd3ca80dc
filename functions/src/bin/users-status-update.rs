//! `PUT /users/{userId}/status`: enables, disables or deletes a user.

use lambda_http::lambda_runtime::Error;
use users_functions::WriterAllocator;
use users_platform::http::{handler::SetStatus, serve};

#[global_allocator]
static ALLOCATOR: WriterAllocator = WriterAllocator;

fn main() -> Result<(), Error> {
    users_functions::run(serve::<SetStatus>())
}
