//! The relay: carries audit entries from the table's stream to the bus.

use lambda_http::lambda_runtime::Error;

fn main() -> Result<(), Error> {
    users_functions::run(users_platform::relay::serve())
}
