//! The client: an address, credentials and connections.

use crate::error::ClientError;
use crate::transport::Transport;
use aws_credential_types::Credentials;
use http::Uri;
use std::time::Duration;

/// The timeout of one response, above the 29 seconds that API Gateway allows an integration.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(35);

/// The API's address and the caller's credentials. Cloning is cheap; clones share their
/// connections, which belong to the tokio runtime that first used them.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) origin: String,
    pub(crate) base_path: String,
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
    pub(crate) timeout: Duration,
    pub(crate) transport: Transport,
}

impl Client {
    /// A client of the API at `base_url`, the API stage included, such as
    /// `https://abc.execute-api.eu-west-1.amazonaws.com/prod`.
    ///
    /// # Errors
    /// When the address is not an absolute `http` or `https` URL without a query, or when
    /// the machine's root certificates cannot be read for `https`.
    pub fn new(
        base_url: &str,
        region: impl Into<String>,
        credentials: Credentials,
    ) -> Result<Self, ClientError> {
        let invalid = |rule| ClientError::BaseUrl { rule };
        let url: Uri = base_url.parse().map_err(|_| invalid("must be an absolute URL"))?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
            return Err(invalid("must be an absolute URL"));
        };
        if scheme != "http" && scheme != "https" {
            return Err(invalid("must begin with http:// or https://"));
        }
        if url.query().is_some() {
            return Err(invalid("must not have a query"));
        }
        if authority.as_str().contains('@') {
            return Err(invalid("must not hold credentials"));
        }
        Ok(Self {
            origin: format!("{scheme}://{authority}"),
            base_path: url.path().trim_end_matches('/').to_owned(),
            region: region.into(),
            credentials,
            timeout: DEFAULT_TIMEOUT,
            transport: Transport::new(scheme == "https")?,
        })
    }

    /// The same API with other credentials, over the same connections.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        Self { credentials, ..self.clone() }
    }

    /// The same API with another timeout of one response.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The path of the API's root as a caller sees it: the API stage, such as `/prod`, or empty.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The region that calls are signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Credentials};

    fn client(url: &str) -> Result<Client, super::ClientError> {
        Client::new(url, "us-east-1", Credentials::from_keys("id", "secret", None))
    }

    #[test]
    fn a_base_url_keeps_its_stage_without_a_trailing_slash() {
        assert_eq!(client("http://localhost:4510/prod/").unwrap().base_path(), "/prod");
        assert_eq!(client("http://localhost:4510").unwrap().base_path(), "");
    }

    #[test]
    fn an_invalid_base_url_is_refused() {
        for url in
            ["", "localhost", "/prod", "ftp://host/prod", "http://host/?a=b", "http://u:p@h/"]
        {
            let error = client(url).unwrap_err().to_string();
            assert!(error.starts_with("the base URL must"), "{url}: {error}");
        }
    }

    #[test]
    fn the_debug_text_has_no_secret() {
        let client = Client::new(
            "http://localhost",
            "us-east-1",
            Credentials::from_keys("id", "quite-secret", Some("token-secret".to_owned())),
        );
        assert!(!format!("{client:?}").contains("-secret"));
    }
}
