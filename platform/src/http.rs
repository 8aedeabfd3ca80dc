//! The HTTP edge: from an API Gateway event to a use case and back, the same way for all eight.
//!
//! Only this module knows statuses and headers. A function is `serve::<handler::X>()`.

mod event;
pub mod handler;
mod problem;
mod request;
mod response;
mod serve;

pub use event::GatewayEvent;
pub use problem::Rejection;
pub use request::Request;
pub use response::Response;
pub use serve::{App, Handler, respond, serve};

#[cfg(test)]
mod tests;
