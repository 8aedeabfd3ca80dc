//! The three reads.

use super::decode::{both, preconditions, user_id};
use crate::error::Error;
use crate::http::problem::Rejection;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::serve::{App, Handler};
use crate::use_case::Profile;
use crate::wire;
use lambda_http::http::header::ETAG;
use tokio::time::Instant;
use users_contract::{Operation, OperationName};
use users_domain::query;

/// `GET /users/{userId}`
#[derive(Clone, Copy, Debug)]
pub struct GetUser;

impl Handler for GetUser {
    const OPERATION: OperationName = OperationName::GetUser;

    async fn handle(app: &App, request: &Request, _: Instant) -> Result<Response, Rejection> {
        let (_, preconditions) = both(
            query::NoParameters::decode(&request.query),
            preconditions(request, Operation::of(Self::OPERATION)),
        )?;
        let user_id = user_id(request).ok_or(Error::UserNotFound)?;
        Ok(match app.service.get_user(user_id, &preconditions).await? {
            Profile::Known(version) => Response::not_modified(&version.etag()),
            Profile::Shown(user) => {
                Response::json(200, wire::user_json(&user)).with(ETAG, &user.version.etag())
            }
        })
    }
}

/// `GET /users`
#[derive(Clone, Copy, Debug)]
pub struct ListUsers;

impl Handler for ListUsers {
    const OPERATION: OperationName = OperationName::ListUsers;

    async fn handle(app: &App, request: &Request, _: Instant) -> Result<Response, Rejection> {
        let query = query::ListUsers::decode(&request.query)?;
        let page = app.service.list_users(&query).await?;
        let body = wire::users_page_json(&page.users, page.next_cursor.as_deref());
        Ok(Response::json(200, body))
    }
}

/// `GET /users/{userId}/audit`
#[derive(Clone, Copy, Debug)]
pub struct QueryAudit;

impl Handler for QueryAudit {
    const OPERATION: OperationName = OperationName::QueryAudit;

    async fn handle(app: &App, request: &Request, _: Instant) -> Result<Response, Rejection> {
        let (query, preconditions) = both(
            query::QueryAudit::decode(&request.query),
            preconditions(request, Operation::of(Self::OPERATION)),
        )?;
        let page = app.service.query_audit(user_id(request), &query, &preconditions).await?;
        let body = wire::audit_page_json(&page.entries, page.next_cursor.as_deref());
        Ok(Response::json(200, body))
    }
}
