//! The three reads.

use super::decode::{both, user_id};
use crate::error::Error;
use crate::http::problem::Rejection;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::serve::{App, Handler};
use crate::http::wire;
use lambda_http::http::header::ETAG;
use tokio::time::Instant;
use users_contract::{OperationName, header};
use users_domain::parse_entity_tags;
use users_domain::query;

/// `GET /users/{userId}`
#[derive(Clone, Copy, Debug)]
pub struct GetUser;

impl Handler for GetUser {
    const OPERATION: OperationName = OperationName::GetUser;

    async fn handle(app: &App, request: &Request, _: Instant) -> Result<Response, Rejection> {
        let known =
            parse_entity_tags(header::IF_NONE_MATCH, &request.header(header::IF_NONE_MATCH));
        let (_, known) = both(
            query::NoParameters::decode(&request.query),
            known.map_err(|violation| vec![violation]),
        )?;
        let user_id = user_id(request).ok_or(Error::UserNotFound)?;
        let user = app.service.get_user(user_id).await?;
        let etag = user.version.etag();
        if known.is_some_and(|known| known.matches_weakly(user.version)) {
            return Ok(Response::not_modified(&etag));
        }
        Ok(Response::json(200, wire::user_json(&user)).with(ETAG, &etag))
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
        let query = query::QueryAudit::decode(&request.query)?;
        let page = app.service.query_audit(user_id(request), &query).await?;
        let body = wire::audit_page_json(&page.entries, page.next_cursor.as_deref());
        Ok(Response::json(200, body))
    }
}
