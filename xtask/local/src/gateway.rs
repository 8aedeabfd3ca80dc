//! API Gateway: a REST API with its stage, as the template describes it.

mod context;
mod errors;
mod mock;
mod model;
mod observation;
mod parameters;
mod proxy;
mod response;
mod routes;
mod throttle;
mod vtl;

use self::context::{ApiIdentity, Caller, RequestContext, Resource};
use self::errors::{GatewayError, GatewayResponses};
use self::mock::Mock;
use self::model::BodyValidator;
use self::observation::Observation;
use self::routes::Routes;
use self::throttle::Throttles;
use crate::auth::{Principals, Refusal, SignedHead, Verifier};
use crate::console::Console;
use crate::descriptors::Shortage;
use crate::lambda::{Fleet, Function, InvokeError};
use crate::observe::Observed;
use crate::server::{Answer, Bodies, BodyError, HangUp, Reply, forbidden};
use crate::template::{ApiPlan, AuthorizationType, Integration, MethodPlan};
use anyhow::Context;
use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use hyper::body::Incoming;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest request body, in bytes, as on AWS.
const PAYLOAD_BYTES: usize = 10 * 1024 * 1024;

/// Not a type of gateway response: an injected fault breaks the connection instead.
const ANSWER_LOST: &str = "ANSWER_LOST";

/// A REST API that is ready to serve.
#[derive(Debug)]
pub(crate) struct Gateway {
    api: ApiIdentity,
    routes: Routes,
    /// By resource and method.
    methods: BTreeMap<(String, String), Method>,
    responses: GatewayResponses,
    throttles: Throttles,
    principals: Principals,
    verifier: Verifier,
    bodies: Bodies,
    console: Console,
    shortage: Shortage,
    observation: Observation,
}

#[derive(Debug)]
struct Method {
    authorization: AuthorizationType,
    body: BodyValidator,
    required_parameters: Vec<String>,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Function { function: Arc<Function>, timeout: Duration },
    Mock(Mock),
}

impl Gateway {
    /// Builds the API of a plan.
    ///
    /// # Errors
    /// When the plan has an unsupported setting; the text names it.
    pub(crate) fn new(
        plan: ApiPlan,
        account: &str,
        region: &str,
        principals: Principals,
        fleet: &Fleet,
        console: &Console,
        observed: &Arc<Observed>,
    ) -> anyhow::Result<Self> {
        let observation = Observation::new(&plan, observed);
        let routes = Routes::new(&plan.resources)?;
        let mut methods = BTreeMap::new();
        for method in plan.methods {
            let name = method.logical_id.clone();
            let key = (method.resource.clone(), method.http_method.clone());
            let built =
                Method::new(method, fleet).with_context(|| format!("cannot serve {name}"))?;
            methods.insert(key, built);
        }
        Ok(Self {
            api: ApiIdentity {
                id: plan.id,
                stage: plan.stage,
                account: account.to_owned(),
                region: region.to_owned(),
            },
            routes,
            methods,
            responses: GatewayResponses::new(&plan.gateway_responses)?,
            throttles: Throttles::new(plan.settings),
            verifier: Verifier::new("execute-api", region, principals.keys()),
            principals,
            bodies: Bodies::default(),
            console: console.clone(),
            shortage: Shortage::default(),
            observation,
        })
    }

    /// The name of the API's stage, the first segment of every path.
    pub(crate) fn stage(&self) -> &str {
        &self.api.stage
    }

    /// Answers a request.
    pub(crate) async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Reply {
        let begun = Instant::now();
        let (parts, body) = request.into_parts();
        let mut context = RequestContext::new(&self.api, &parts, peer, Timestamp::now());
        if !has_known_transfer_coding(&parts.headers) {
            let text = "The only transfer coding is chunked";
            let error = GatewayError::new("BAD_REQUEST_PARAMETERS", text);
            let answer = self.refuse(&error, &context);
            return self.finish(answer, &context, &parts, begun).into();
        }
        let answer = match self.answer(&mut context, &parts, body).await {
            Ok(answer) => answer,
            Err(error) if error.kind == ANSWER_LOST => return HangUp::Close.into(),
            Err(error) => self.refuse(&error, &context),
        };
        self.finish(answer, &context, &parts, begun).into()
    }

    /// Answers a request whose head is refused. `head` is its beginning.
    pub(crate) fn refuse_head(&self, head: &[u8], status: StatusCode, peer: SocketAddr) -> Answer {
        let begun = Instant::now();
        let line = String::from_utf8_lossy(head);
        let mut words = line.split([' ', '\r', '\n']);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut request = Request::new(());
        *request.method_mut() = method.parse().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        let (parts, ()) = request.into_parts();
        let error = match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                GatewayError::new("HEADERS_TOO_LARGE", "Request Header Fields Too Large")
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                self.shortage.warn(&self.console);
                GatewayError::new("INTEGRATION_FAILURE", "Service Unavailable")
            }
            _ => GatewayError::new("BAD_REQUEST_PARAMETERS", "The request is not valid HTTP"),
        };
        let context = RequestContext::new(&self.api, &parts, peer, Timestamp::now());
        let answer = self.refuse(&error, &context);
        self.finish(answer, &context, &parts, begun)
    }

    fn refuse(&self, error: &GatewayError, context: &RequestContext) -> Answer {
        if let Some(note) = &error.note {
            self.console.line("gateway", &format!("{}: {note}", error.kind));
        }
        self.responses.render(error, context)
    }

    /// Logs and records a request, and completes its answer.
    fn finish(
        &self,
        answer: Answer,
        context: &RequestContext,
        parts: &Parts,
        begun: Instant,
    ) -> Answer {
        // Query and headers are left out: they can hold personal data.
        self.console.line(
            "gateway",
            &format!(
                "{} {} {} {} ms",
                parts.method,
                parts.uri.path(),
                answer.status().as_u16(),
                begun.elapsed().as_millis()
            ),
        );
        let answer = with_gateway_headers(answer, context);
        // A path outside of the stage is not a call of the API.
        if self.below_stage(parts.uri.path()).is_some() {
            self.observation.record(context, &parts.headers, &answer, begun.elapsed());
        }
        answer
    }

    /// Signature, permission and throttling are judged by the chosen route; nothing else looks at
    /// the path.
    async fn answer(
        &self,
        context: &mut RequestContext,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Answer, GatewayError> {
        let Some(path) = self.below_stage(parts.uri.path()) else {
            // Outside of a stage there is no API whose responses could be used.
            let hint = format!("Paths begin with the API stage: /{}/...", self.api.stage);
            return Ok(forbidden(&hint));
        };
        let called = routes::called(path);
        let Some(route) = self.routes.find(path) else {
            self.authorize(context, parts, &called, body).await?;
            return Err(GatewayError::new("RESOURCE_NOT_FOUND", "Not Found"));
        };
        context.resource = Some(Resource { id: route.resource.clone(), path: route.path.clone() });
        let method = self.method(&route.resource, parts.method.as_str()).ok_or_else(|| {
            GatewayError::new("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        })?;
        let body = match (method.authorization, &method.target) {
            (AuthorizationType::Iam, _) => self.authorize(context, parts, &called, body).await?,
            // The caller is anonymous, so the body is not read.
            (AuthorizationType::None, Target::Mock(_)) => Bytes::new(),
            (AuthorizationType::None, Target::Function { .. }) => self.read(body).await?,
        };
        if !self.throttles.admit(&route.path, parts.method.as_str(), Instant::now()) {
            return Err(GatewayError::new("THROTTLED", "Too Many Requests"));
        }
        method.validate(parts, &route.parameters, &body)?;
        match &method.target {
            Target::Mock(mock) => mock.answer(context, &parts.headers),
            Target::Function { function, timeout } => {
                let event = proxy::event(context, parts, &route.parameters, &body);
                context.function = Some(function.binary().to_owned());
                let call = function.invoke(event, context.child_header());
                match tokio::time::timeout(*timeout, call).await {
                    Ok(Ok(response)) => proxy::answer(&response),
                    Ok(Err(error)) => Err(invocation_failed(&error)),
                    Err(_) => Err(timed_out()),
                }
            }
        }
    }

    async fn read(&self, body: Incoming) -> Result<Bytes, GatewayError> {
        self.bodies.read(body, PAYLOAD_BYTES).await.map_err(|error| match error {
            BodyError::TooLarge => GatewayError::new("REQUEST_TOO_LARGE", "Request Too Long"),
            BodyError::TooSlow => {
                GatewayError::new("BAD_REQUEST_PARAMETERS", "The body did not arrive in time")
            }
            BodyError::Broken => GatewayError::new("BAD_REQUEST_PARAMETERS", "Bad Request"),
        })
    }

    /// The path without the stage, `/` at least.
    fn below_stage<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix('/')?.strip_prefix(self.api.stage.as_str())?;
        match rest {
            "" => Some("/"),
            _ => rest.starts_with('/').then_some(rest),
        }
    }

    fn method(&self, resource: &str, name: &str) -> Option<&Method> {
        let of = |name: &str| self.methods.get(&(resource.to_owned(), name.to_owned()));
        of(name).or_else(|| of("ANY"))
    }

    /// Authorizes the caller and reads the body. It is read only when the head of the request is
    /// signed with a known key.
    async fn authorize(
        &self,
        context: &mut RequestContext,
        parts: &Parts,
        called: &str,
        body: Incoming,
    ) -> Result<Bytes, GatewayError> {
        let head = SignedHead::of(parts);
        let admitted = self.verifier.admit(head, Timestamp::now()).map_err(not_authenticated)?;
        let body = self.read(body).await?;
        let access_key = admitted.verify(head, &body).map_err(not_authenticated)?;
        let principal = self.principals.get(&access_key).ok_or_else(|| {
            not_authenticated(Refusal::Invalid("The key belongs to nobody.".to_owned()))
        })?;
        let arn = principal.arn(&self.api.account);
        if !principal.may_call(parts.method.as_str(), called) {
            let resource = format!(
                "arn:aws:execute-api:{}:{}:{}/{}/{}{called}",
                self.api.region, self.api.account, self.api.id, self.api.stage, parts.method
            );
            return Err(GatewayError::new(
                "ACCESS_DENIED",
                &format!(
                    "User: {arn} is not authorized to perform: execute-api:Invoke on resource: \
                     {resource}"
                ),
            ));
        }
        context.caller = Some(Caller { unique_id: principal.unique_id(), access_key, arn });
        Ok(body)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn not_authenticated(refusal: Refusal) -> GatewayError {
    let (text, note) = (refusal.to_string(), refusal.note());
    match refusal {
        Refusal::Missing => GatewayError::new("MISSING_AUTHENTICATION_TOKEN", &text),
        Refusal::Invalid(_) | Refusal::Mismatch { .. } => {
            GatewayError::new("INVALID_SIGNATURE", &text).with_note(&note)
        }
        Refusal::Expired(_) => GatewayError::new("EXPIRED_TOKEN", &text).with_note(&note),
    }
}

impl Method {
    fn new(plan: MethodPlan, fleet: &Fleet) -> anyhow::Result<Self> {
        let target = match plan.integration {
            Integration::Proxy { function_arn, timeout_ms } => Target::Function {
                function: fleet
                    .find(&function_arn)
                    .with_context(|| format!("{function_arn} is no function of the template"))?
                    .clone(),
                timeout: Duration::from_millis(timeout_ms),
            },
            Integration::Mock(mock) => Target::Mock(Mock::new(mock)?),
        };
        Ok(Self {
            authorization: plan.authorization,
            body: BodyValidator::new(&plan.models)?,
            required_parameters: plan.required_parameters,
            target,
        })
    }

    fn validate(
        &self,
        parts: &Parts,
        path_parameters: &[(String, String)],
        body: &[u8],
    ) -> Result<(), GatewayError> {
        let missing = parameters::missing(&self.required_parameters, parts, path_parameters);
        if !missing.is_empty() {
            return Err(GatewayError::new(
                "BAD_REQUEST_PARAMETERS",
                &format!("Missing required request parameters: [{}]", missing.join(", ")),
            ));
        }
        let media_type = parameters::media_type(&parts.headers);
        self.body.validate(&media_type, body).map_err(|problem| {
            GatewayError::new("BAD_REQUEST_BODY", "Invalid request body").with_validation(problem)
        })
    }
}

/// Whether the body comes as it is or in chunks. The HTTP library ignores codings before `chunked`.
fn has_known_transfer_coding(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        && codings.next().is_none()
}

fn timed_out() -> GatewayError {
    GatewayError::new("INTEGRATION_TIMEOUT", "Endpoint request timed out")
}

/// The error for an invocation without a result: 5xx, without the cause.
fn invocation_failed(error: &InvokeError) -> GatewayError {
    match error {
        InvokeError::TooLarge => GatewayError::new("REQUEST_TOO_LARGE", "Request Too Long"),
        // AWS answers 500 to a throttled function. The call was not made and can be repeated, so
        // here it is answered like an unreachable integration.
        InvokeError::Throttled | InvokeError::NoDescriptors => {
            GatewayError::new("INTEGRATION_FAILURE", "Service Unavailable")
        }
        InvokeError::Function(_)
        | InvokeError::Crashed(_)
        | InvokeError::OutOfMemory(_)
        | InvokeError::TimedOut(_)
        | InvokeError::Init(_) => errors::bad_integration(),
        InvokeError::GivenUp => timed_out(),
        InvokeError::AnswerLost => GatewayError::new(ANSWER_LOST, "Connection Lost"),
    }
}

fn with_gateway_headers(mut answer: Answer, context: &RequestContext) -> Answer {
    let headers = answer.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-amzn-requestid", &context.request_id);
    set("x-amz-apigw-id", &context.extended_request_id);
    set("x-amzn-trace-id", &context.trace_id_header());
    answer
}

#[cfg(test)]
mod testing;
