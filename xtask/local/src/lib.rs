//! An embedded cloud: runs a generated CloudFormation template with the real function binaries.
//!
//! Each resource of the template gets a local counterpart: API Gateway (`gateway`), Lambda
//! (`lambda`), DynamoDB and its streams (`dynamo`, `stream`), EventBridge (`bus`), SQS (`queue`) and
//! the X-Ray daemon (`xray`). What happens is kept for a while (`observe`) and shown by control endpoints and
//! a page (`control`, `page`). What has none is listed, never silently dropped, and a resource type
//! that is not known at all is an error. Nothing in here knows the service's routes or rules; they
//! come from the template.

mod auth;
mod bus;
mod calls;
mod console;
mod control;
mod data;
mod descriptors;
mod dynamo;
mod faults;
mod gateway;
mod lambda;
mod names;
mod observe;
mod page;
mod queue;
mod server;
mod stack;
mod stream;
mod template;
mod xray;

pub use auth::Principal;
pub use console::write as write_to_stderr;
pub use data::{DataLocation, write_atomically};
pub use descriptors::raise_descriptor_limit;
pub use stack::{Options, Stack, start};
pub use template::LeftOut;
