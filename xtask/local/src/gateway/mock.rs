//! Mock integrations: the gateway answers by itself, from a template.

use super::context::RequestContext;
use super::errors::GatewayError;
use super::parameters::media_type;
use super::response::TemplatedResponse;
use super::vtl::{Dialect, ErrorVariables};
use crate::server::Answer;
use crate::template::MockPlan;
use http::HeaderMap;
use std::collections::BTreeSet;

/// Stands for any media type in the request templates.
const ANY_MEDIA_TYPE: &str = "$default";

/// A mock integration.
#[derive(Debug)]
pub(super) struct Mock {
    media_types: BTreeSet<String>,
    response: TemplatedResponse,
}

impl Mock {
    /// Parses a planned mock.
    pub(super) fn new(plan: MockPlan) -> anyhow::Result<Self> {
        let response = TemplatedResponse::new(&plan.response, Dialect::Mapping)?;
        Ok(Self { media_types: plan.media_types, response })
    }

    /// Answers a request.
    ///
    /// # Errors
    /// When the media type of the body has no request template.
    pub(super) fn answer(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
    ) -> Result<Answer, GatewayError> {
        let accepted = [media_type(headers).as_str(), ANY_MEDIA_TYPE]
            .into_iter()
            .any(|media_type| self.media_types.contains(media_type));
        match accepted {
            true => Ok(self.response.render(200, "", context, ErrorVariables::default())),
            false => Err(GatewayError::new("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mock;
    use crate::gateway::testing::context;
    use crate::template::{MockPlan, ResponsePlan};
    use http::{Request, StatusCode};

    #[test]
    fn a_body_needs_a_request_template_of_its_media_type_or_the_default_one() {
        for (content_type, with_default, without) in [
            (None, true, true),
            (Some("application/json"), true, true),
            (Some("text/csv"), true, false),
            (Some("application/vnd.api+json; version=1"), true, false),
            (Some("no media type"), true, false),
            (Some("\""), true, false),
        ] {
            let mut request = Request::builder().uri("/prod/users");
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            let parts = request.body(()).unwrap().into_parts().0;
            let context = context(&parts);
            let media_types: [&[&str]; 2] =
                [&["application/json", "$default"], &["application/json"]];
            for (media_types, accepted) in media_types.into_iter().zip([with_default, without]) {
                let headers = [("Allow", "'GET, POST'"), ("X-Request", "context.requestId")];
                let mock = Mock::new(MockPlan {
                    media_types: media_types.iter().map(|it| (*it).to_owned()).collect(),
                    response: ResponsePlan {
                        status: Some(405),
                        headers: headers.map(|(name, it)| (name.into(), it.into())).into(),
                        body: Some(("application/json".to_owned(), "{}".to_owned())),
                    },
                });
                match mock.unwrap().answer(&context, &parts.headers) {
                    Ok(answer) => {
                        assert!(accepted, "{content_type:?}");
                        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
                        assert_eq!(answer.headers()["allow"], "GET, POST");
                        assert_eq!(answer.headers()["x-request"], context.request_id);
                    }
                    Err(error) => {
                        assert!(!accepted, "{content_type:?}");
                        assert_eq!(error.kind, "UNSUPPORTED_MEDIA_TYPE");
                    }
                }
            }
        }
    }
}
