//! The promises to callers, as data: the table of operations, the error codes, the limits and
//! the JSON Schemas; and, for operators, the metrics.
//!
//! Everything that must agree about the contract reads it from here: the handlers, the API
//! Gateway methods and models of the template, each function's IAM role, the OpenAPI document,
//! the local gateway and the black-box tests. The crate has no behaviour and almost no
//! dependencies, so that `cargo xtask synth` does not have to compile the AWS SDK.

mod error_code;
mod field;
pub mod header;
pub mod limits;
pub mod metric;
mod operation;
mod operations;
pub mod schema;

pub use error_code::ErrorCode;
pub use field::{FIELDS, Field, FieldKind, FieldName, TextKind};
pub use operation::{
    Access, Method, Operation, OperationName, ParameterKind, PathParameter, QueryParameter, RELAY,
    Relay, RequestBody, RequestHeader, ResponseBody, Table,
};
pub use operations::OPERATIONS;
