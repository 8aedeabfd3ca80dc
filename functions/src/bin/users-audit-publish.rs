//! The relay: carries audit entries from the table's stream to the bus.

use lambda_http::lambda_runtime::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    users_platform::relay::serve().await
}
