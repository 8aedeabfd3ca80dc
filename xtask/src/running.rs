//! The control endpoints of a running local stack.

use crate::local;
use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use users_client::{Client, Credentials, Signing};
use xtask_cli::aws::Address;

/// A running local stack.
#[derive(Debug)]
pub(crate) struct Running {
    client: Client,
    address: String,
}

/// The stack at an address. No request is made yet.
pub(crate) fn running(at: &Address) -> Result<Running> {
    let address = match (&at.url, at.port) {
        (Some(url), _) => origin(url)?.to_owned(),
        (None, Some(port)) => format!("http://127.0.0.1:{port}"),
        (None, None) => match local::ready() {
            Some(ready) => origin(ready["control"].as_str().unwrap_or_default())
                .context("the file of the local stack is damaged; restart the stack")?
                .to_owned(),
            None => format!("http://127.0.0.1:{}", local::PORT),
        },
    };
    // Requests to control endpoints are not signed.
    let nobody = Credentials::from_keys("unsigned", "unsigned", None);
    let client = Client::new(&format!("{address}/_local"), "unsigned", nobody)?;
    Ok(Running { client, address })
}

impl Running {
    /// The answer of a control endpoint. Parameters are encoded here, the path is not.
    pub(crate) async fn get(&self, path: &str, parameters: &[(&str, String)]) -> Result<Value> {
        let mut call = self.client.call(Method::GET, path).signing(Signing::None);
        for (name, value) in parameters {
            call = call.query(name, value);
        }
        let response = call.send().await.with_context(|| {
            format!(
                "the local stack does not answer at {}; start it with `cargo xtask local`, or give \
                 its port with --port",
                self.address
            )
        })?;
        let body = response.json().unwrap_or_default();
        if !response.status.is_success() {
            bail!(
                "the local stack at {} answers {}: {}",
                self.address,
                response.status,
                users_support::log_line::escaped(body["error"].as_str().unwrap_or("no error text"))
            );
        }
        Ok(body)
    }
}

/// Scheme, host and port of a URL.
fn origin(url: &str) -> Result<&str> {
    let begin = url.strip_prefix("http://").with_context(|| {
        format!("`{url}` is not the address of a local stack: http://HOST:PORT")
    })?;
    let end = begin.find('/').unwrap_or(begin.len());
    Ok(&url[..url.len() - begin.len() + end])
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn the_origin_is_taken_from_any_url_of_the_stack() {
        for url in ["http://127.0.0.1:4510", "http://127.0.0.1:4510/prod", "http://127.0.0.1:4510/"]
        {
            assert_eq!(origin(url).unwrap(), "http://127.0.0.1:4510");
        }
        assert!(origin("127.0.0.1:4510").unwrap_err().to_string().contains("http://HOST:PORT"));
    }
}
