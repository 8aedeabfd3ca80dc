//! The local stack that runs, to look into: its control endpoints.

use crate::local;
use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use users_client::{Client, Credentials, Signing};

/// Where the local stack answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Address {
    /// The port of the local stack. Default: that of the one that was started last.
    #[arg(long, value_name = "N", conflicts_with = "url")]
    port: Option<u16>,
    /// The address of the local stack, such as `http://127.0.0.1:4510`.
    #[arg(long)]
    url: Option<String>,
}

/// The control endpoints of a stack.
#[derive(Debug)]
pub(crate) struct Running {
    client: Client,
    address: String,
}

impl Address {
    /// The stack there; whether it answers is found out when it is asked something.
    pub(crate) fn running(&self) -> Result<Running> {
        let address = match (&self.url, self.port) {
            (Some(url), _) => origin(url)?.to_owned(),
            (None, Some(port)) => format!("http://127.0.0.1:{port}"),
            (None, None) => match local::ready() {
                Some(ready) => origin(ready["control"].as_str().unwrap_or_default())
                    .context("the file of the local stack is damaged; start the stack anew")?
                    .to_owned(),
                None => format!("http://127.0.0.1:{}", local::PORT),
            },
        };
        // Control endpoints are not signed for.
        let nobody = Credentials::from_keys("unsigned", "unsigned", None);
        let client = Client::new(&format!("{address}/_local"), "unsigned", nobody)?;
        Ok(Running { client, address })
    }
}

impl Running {
    /// What a control endpoint answers. Parameters are encoded here, the path is not.
    pub(crate) async fn get(&self, path: &str, parameters: &[(&str, String)]) -> Result<Value> {
        let mut call = self.client.call(Method::GET, path).signing(Signing::None);
        for (name, value) in parameters {
            call = call.query(name, value);
        }
        let response = call.send().await.with_context(|| {
            format!(
                "the local stack does not answer at {}; start it with `cargo xtask local`, or say \
                 where it is with --port",
                self.address
            )
        })?;
        let body = response.json().unwrap_or_default();
        if !response.status.is_success() {
            bail!(
                "the local stack at {} answers {}: {}",
                self.address,
                response.status,
                users_support::log_line::escaped(body["error"].as_str().unwrap_or("is it one?"))
            );
        }
        Ok(body)
    }
}

/// Scheme, host and port of an address; what comes after them is not needed.
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
    fn any_address_of_the_stack_will_do() {
        for url in ["http://127.0.0.1:4510", "http://127.0.0.1:4510/prod", "http://127.0.0.1:4510/"]
        {
            assert_eq!(origin(url).unwrap(), "http://127.0.0.1:4510");
        }
        assert!(origin("127.0.0.1:4510").unwrap_err().to_string().contains("http://HOST:PORT"));
    }
}
