//! The floor of every function: `lambda_http`, and an answer.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

async fn answer(_: Request) -> Result<Response<Body>, Error> {
    Ok(Response::new(Body::from("{}")))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}
