//! An embedded cloud: runs a generated CloudFormation template with the real function binaries.
//!
//! Each resource of the template gets a local counterpart: API Gateway (`gateway`), Lambda
//! (`lambda`), DynamoDB and its streams (`dynamo`, `stream`), EventBridge (`bus`), SQS (`queue`) and
//! the X-Ray daemon (`xray`). The recent past is kept (`observe`) and shown by control endpoints and
//! a page (`control`, `page`). A resource without a counterpart is listed, and an unknown resource
//! type is an error. Nothing here knows the service's routes or rules; they come from the template.

mod auth;
mod bus;
mod calls;
mod console;
mod control;
mod data;
mod descriptors;
mod dynamo;
mod endpoint;
mod faults;
mod gateway;
mod journal;
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
pub use data::{DataLocation, keep_files_private, write_atomically};
pub use descriptors::raise_descriptor_limit;
pub use stack::{Options, Stack, start};
pub use template::LeftOut;
