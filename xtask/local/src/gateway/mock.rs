//! Mock integrations: the gateway answers by itself, from templates.

use super::context::Context;
use super::errors::{GatewayError, Source, header_sources};
use super::parameters::media_type;
use super::vtl::{Dialect, ErrorVariables, Template};
use crate::server::Answer;
use crate::template::{MockIntegration, MockResponse, Passthrough};
use anyhow::Context as _;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;

/// Stands for every media type that has no template of its own.
const ANY_MEDIA_TYPE: &str = "$default";

/// A mock that was understood.
#[derive(Debug)]
pub(super) struct Mock {
    request_templates: BTreeMap<String, Template>,
    passthrough: Passthrough,
    responses: Vec<Reply>,
}

#[derive(Debug)]
struct Reply {
    status: StatusCode,
    pattern: Option<Regex>,
    headers: Vec<(HeaderName, Source)>,
    body: Option<(String, Template)>,
}

impl Mock {
    /// Understands the mock of a plan.
    pub(super) fn new(plan: MockIntegration) -> anyhow::Result<Self> {
        let mut request_templates = BTreeMap::new();
        for (media_type, text) in plan.request_templates {
            let template = Template::parse(&text, Dialect::Mapping)
                .with_context(|| format!("in the request template for {media_type}"))?;
            request_templates.insert(media_type, template);
        }
        Ok(Self {
            request_templates,
            passthrough: plan.passthrough,
            responses: plan.responses.into_iter().map(Reply::new).collect::<anyhow::Result<_>>()?,
        })
    }

    /// Answers a request: the request template gives a status code, which chooses the answer.
    pub(super) fn answer(
        &self,
        context: &Context,
        parts: &Parts,
        body: &[u8],
    ) -> Result<Answer, GatewayError> {
        let media_type = media_type(&parts.headers);
        let template =
            self.request_templates.get(&media_type).or(self.request_templates.get(ANY_MEDIA_TYPE));
        let mapped = match template {
            Some(template) => template.render(context, ErrorVariables::default()),
            None if self.passes_through() => String::from_utf8_lossy(body).into_owned(),
            None => {
                return Err(GatewayError::new("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"));
            }
        };
        let reply = serde_json::from_str::<Value>(&mapped)
            .ok()
            .and_then(|mapped| mapped["statusCode"].as_u64())
            .and_then(|status| self.reply(&status.to_string()));
        match reply {
            Some(reply) => Ok(reply.render(context, parts)),
            None => Err(GatewayError::new("API_CONFIGURATION_ERROR", "Internal server error")
                .noting("the request template of a mock gave no statusCode that has an answer")),
        }
    }

    fn passes_through(&self) -> bool {
        match self.passthrough {
            Passthrough::WhenNoMatch => true,
            Passthrough::WhenNoTemplates => self.request_templates.is_empty(),
            Passthrough::Never => false,
        }
    }

    fn reply(&self, status: &str) -> Option<&Reply> {
        let matches =
            |reply: &&Reply| reply.pattern.as_ref().is_some_and(|pattern| pattern.is_match(status));
        self.responses
            .iter()
            .find(matches)
            .or_else(|| self.responses.iter().find(|reply| reply.pattern.is_none()))
    }
}

impl Reply {
    fn new(plan: MockResponse) -> anyhow::Result<Self> {
        let chosen =
            plan.templates.get_key_value("application/json").or(plan.templates.iter().next());
        Ok(Self {
            status: StatusCode::from_u16(plan.status).context("in StatusCode")?,
            pattern: plan
                .selection_pattern
                .map(|pattern| Regex::new(&format!("^(?:{pattern})$")))
                .transpose()
                .context("in SelectionPattern")?,
            headers: header_sources(&plan.headers)?,
            body: chosen
                .map(|(content_type, text)| {
                    Template::parse(text, Dialect::Mapping)
                        .map(|template| (content_type.clone(), template))
                })
                .transpose()?,
        })
    }

    fn render(&self, context: &Context, parts: &Parts) -> Answer {
        let none = ErrorVariables::default();
        let (content_type, body) = match &self.body {
            Some((content_type, template)) => {
                (content_type.as_str(), template.render(context, none))
            }
            None => ("application/json", String::new()),
        };
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        if let Ok(content_type) = HeaderValue::from_str(content_type) {
            headers.insert(CONTENT_TYPE, content_type);
        }
        for (name, source) in &self.headers {
            if let Some(value) = source.value(context, none, parts) {
                headers.insert(name, value);
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::Mock;
    use crate::gateway::ApiIdentity;
    use crate::gateway::context::Context;
    use crate::template::{MockIntegration, MockResponse, Passthrough};
    use http::request::Parts;
    use http::{Request, StatusCode};
    use jiff::Timestamp;

    fn mock(passthrough: Passthrough) -> Mock {
        mock_for(&["application/json"], passthrough)
    }

    fn mock_for(media_types: &[&str], passthrough: Passthrough) -> Mock {
        let response = |status, selection_pattern: Option<&str>| MockResponse {
            status,
            selection_pattern: selection_pattern.map(str::to_owned),
            headers: vec![
                ("Allow".to_owned(), "'GET, POST'".to_owned()),
                ("X-Request".to_owned(), "context.requestId".to_owned()),
            ],
            templates: [("application/json".to_owned(), "{}".to_owned())].into(),
        };
        Mock::new(MockIntegration {
            request_templates: media_types
                .iter()
                .map(|media_type| ((*media_type).to_owned(), "{\"statusCode\": 405}".to_owned()))
                .collect(),
            passthrough,
            responses: vec![response(404, None), response(405, Some("40[56]"))],
        })
        .unwrap()
    }

    fn request(content_type: Option<&str>) -> (Context, Parts) {
        let mut request = Request::builder().uri("/prod/users");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let api = ApiIdentity {
            id: "api0000000".to_owned(),
            stage: "prod".to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let peer = "127.0.0.1:1".parse().unwrap();
        (Context::new(&api, &parts, peer, Timestamp::UNIX_EPOCH), parts)
    }

    #[test]
    fn the_request_template_chooses_the_answer() {
        let (context, parts) = request(None);
        let answer = mock(Passthrough::Never).answer(&context, &parts, b"ignored").unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()["allow"], "GET, POST");
        assert_eq!(answer.headers()["x-request"], context.request_id());
    }

    #[test]
    fn a_default_template_is_for_every_other_content_type() {
        for content_type in [
            None,
            Some("application/json"),
            Some("application/json-patch+json"),
            Some("application/vnd.api+json; version=1"),
            Some("application/graphql"),
            Some("no media type"),
            Some("\""),
        ] {
            let (context, parts) = request(content_type);
            let mock = mock_for(&["text/csv", "$default"], Passthrough::Never);
            let answer = mock.answer(&context, &parts, b"{\"statusCode\": 404}").unwrap();
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{content_type:?}");
        }
    }

    #[test]
    fn a_content_type_without_template_is_415_or_passed_on() {
        let (context, parts) = request(Some("text/csv"));
        let never = mock(Passthrough::Never).answer(&context, &parts, b"").unwrap_err();
        assert_eq!(never.kind, "UNSUPPORTED_MEDIA_TYPE");
        let passing = mock(Passthrough::WhenNoMatch);
        let chosen = passing.answer(&context, &parts, b"{\"statusCode\": 200}").unwrap();
        assert_eq!(chosen.status(), StatusCode::NOT_FOUND);
        let broken = passing.answer(&context, &parts, b"a,b").unwrap_err();
        assert_eq!(broken.kind, "API_CONFIGURATION_ERROR");
    }
}
