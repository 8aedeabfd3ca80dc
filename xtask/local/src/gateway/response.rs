//! The gateway's own responses: headers from sources, and a body from a template.

use super::context::RequestContext;
use super::vtl::{Dialect, ErrorVariables, Template, known, value};
use crate::server::Answer;
use crate::template::ResponsePlan;
use anyhow::{Context, bail};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;

/// A response that is rendered for each request.
#[derive(Debug, Default)]
pub(super) struct TemplatedResponse {
    status: Option<u16>,
    headers: Vec<(HeaderName, Source)>,
    /// The content type and the template.
    body: Option<(HeaderValue, Template)>,
}

/// The source of a header's value.
#[derive(Debug)]
enum Source {
    /// `'text'`
    Fixed(HeaderValue),
    /// `context.name`
    Context(String),
}

impl Source {
    fn parse(text: &str) -> anyhow::Result<Self> {
        if let Some(fixed) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Ok(Self::Fixed(
                HeaderValue::from_str(fixed)
                    .with_context(|| format!("{text} cannot be the value of a header"))?,
            ));
        }
        match text.strip_prefix("context.") {
            Some(name) => Ok(Self::Context(known(name)?.to_owned())),
            None => bail!("the source {text} of a header is not supported here"),
        }
    }
}

impl TemplatedResponse {
    /// Parses a planned response.
    pub(super) fn new(plan: &ResponsePlan, dialect: Dialect) -> anyhow::Result<Self> {
        let header = |(name, source): &(String, String)| {
            let name = HeaderName::try_from(name.as_str())
                .with_context(|| format!("{name} is not the name of a header"))?;
            Ok((name, Source::parse(source)?))
        };
        let body = |(content_type, text): &(String, String)| {
            anyhow::Ok((HeaderValue::from_str(content_type)?, Template::parse(text, dialect)?))
        };
        Ok(Self {
            status: plan.status,
            headers: plan.headers.iter().map(header).collect::<anyhow::Result<_>>()?,
            body: plan.body.as_ref().map(body).transpose()?,
        })
    }

    /// The answer, where its plan has no status or body, with the given ones.
    pub(super) fn render(
        &self,
        status: u16,
        body: &str,
        context: &RequestContext,
        error: ErrorVariables<'_>,
    ) -> Answer {
        let (content_type, body) = match &self.body {
            Some((content_type, template)) => {
                (content_type.clone(), template.render(context, error))
            }
            None => (HeaderValue::from_static("application/json"), body.to_owned()),
        };
        let mut answer = Response::new(Full::from(body));
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
        *answer.status_mut() = StatusCode::from_u16(self.status.unwrap_or(status))
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, source) in &self.headers {
            let value = match source {
                Source::Fixed(value) => Some(value.clone()),
                Source::Context(name) => Some(value(name, context, error))
                    .filter(|text| !text.is_empty())
                    .and_then(|text| HeaderValue::from_str(text).ok()),
            };
            if let Some(value) = value {
                answer.headers_mut().insert(name, value);
            }
        }
        answer
    }
}
