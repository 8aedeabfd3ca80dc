//! The five writes.

use super::decode::{WriteHeaders, body, both, user_id, write_headers};
use crate::http::problem::Rejection;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::serve::{App, Handler};
use crate::use_case::{WriteRequest, Written};
use tokio::time::Instant;
use users_contract::{Operation, OperationName};
use users_domain::{Document, Role, decode_body, query, request as body_of};

/// `POST /users`
#[derive(Clone, Copy, Debug)]
pub struct RegisterUser;

impl Handler for RegisterUser {
    const OPERATION: OperationName = OperationName::RegisterUser;

    async fn handle(app: &App, request: &Request, until: Instant) -> Result<Response, Rejection> {
        let operation = Operation::of(Self::OPERATION);
        let (register, headers, document) = with_body::<body_of::RegisterUser>(request, operation)?;
        let write = WriteRequest {
            collection_path: Some(request.path.trim_end_matches('/')),
            ..write(request, operation, headers, &document.canonical(), until)
        };
        Ok(response(app.service.register_user(&register, &write).await?))
    }
}

/// `PATCH /users/{userId}`
#[derive(Clone, Copy, Debug)]
pub struct UpdateUser;

impl Handler for UpdateUser {
    const OPERATION: OperationName = OperationName::UpdateUser;

    async fn handle(app: &App, request: &Request, until: Instant) -> Result<Response, Rejection> {
        let operation = Operation::of(Self::OPERATION);
        let (patch, headers, document) = with_body::<body_of::UserPatch>(request, operation)?;
        let write = write(request, operation, headers, &document.canonical(), until);
        Ok(response(app.service.update_user(user_id(request), &patch, &write).await?))
    }
}

/// `PUT /users/{userId}/status`
#[derive(Clone, Copy, Debug)]
pub struct SetStatus;

impl Handler for SetStatus {
    const OPERATION: OperationName = OperationName::SetStatus;

    async fn handle(app: &App, request: &Request, until: Instant) -> Result<Response, Rejection> {
        let operation = Operation::of(Self::OPERATION);
        let (status, headers, document) = with_body::<body_of::SetStatus>(request, operation)?;
        let write = write(request, operation, headers, &document.canonical(), until);
        Ok(response(app.service.set_status(user_id(request), &status, &write).await?))
    }
}

/// `POST /users/{userId}/roles`
#[derive(Clone, Copy, Debug)]
pub struct AssignRole;

impl Handler for AssignRole {
    const OPERATION: OperationName = OperationName::AssignRole;

    async fn handle(app: &App, request: &Request, until: Instant) -> Result<Response, Rejection> {
        let operation = Operation::of(Self::OPERATION);
        let (role, headers, document) = with_body::<body_of::AssignRole>(request, operation)?;
        let write = write(request, operation, headers, &document.canonical(), until);
        Ok(response(app.service.assign_role(user_id(request), &role, &write).await?))
    }
}

/// `DELETE /users/{userId}/roles/{role}`
#[derive(Clone, Copy, Debug)]
pub struct RemoveRole;

impl Handler for RemoveRole {
    const OPERATION: OperationName = OperationName::RemoveRole;

    async fn handle(app: &App, request: &Request, until: Instant) -> Result<Response, Rejection> {
        let operation = Operation::of(Self::OPERATION);
        let (_, headers) =
            both(query::NoParameters::decode(&request.query), write_headers(request, operation))?;
        let role = request.path_parameter("role").and_then(|role| Role::parse(&role).ok());
        let write = write(request, operation, headers, "", until);
        let result = app.service.remove_role(user_id(request), role.as_ref(), &write).await;
        Ok(response(result?))
    }
}

/// Decodes query, headers and body, and reports the problems of all three.
fn with_body<T: body_of::Decode>(
    request: &Request,
    operation: &Operation,
) -> Result<(T, WriteHeaders, Document), Rejection> {
    let bytes = body(request, operation)?;
    let (((body, document), _), headers) = both(
        both(decode_body::<T>(bytes), query::NoParameters::decode(&request.query)),
        write_headers(request, operation),
    )?;
    Ok((body, headers, document))
}

fn write<'a>(
    request: &'a Request,
    operation: &Operation,
    headers: WriteHeaders,
    canonical_body: &str,
    deadline: Instant,
) -> WriteRequest<'a> {
    WriteRequest {
        correlation_id: request.correlation_id.clone(),
        actor: request.actor.clone(),
        trace_header: request.trace_header.as_deref(),
        idempotency: headers.idempotency(request, operation, canonical_body),
        preconditions: headers.preconditions,
        success_status: operation.success.status,
        collection_path: None,
        deadline,
    }
}

fn response(written: Written) -> Response {
    Response::answer(written.answer, written.replayed, written.retries)
}
