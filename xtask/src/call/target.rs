//! The API to call, and the caller's credentials.

use crate::cargo;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use users_client::{Client, Credentials};

/// The address of a stack that was started without options.
const DEFAULT_LOCAL_URL: &str = "http://127.0.0.1:4510/prod";
const DEFAULT_LOCAL_REGION: &str = "us-east-1";

/// The API to call, and the caller's credentials.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// `local`, or a stage that is deployed to AWS.
    #[arg(long, default_value = "local", conflicts_with = "url")]
    stage: String,
    /// The URL of an API, its API stage included.
    #[arg(long)]
    url: Option<String>,
    /// The Region to sign for. Default: that of the URL, or of the environment.
    #[arg(long)]
    region: Option<String>,
    /// Call as this principal of the local stack. Default: `test:test` for the local stack, else the
    /// default chain of AWS credentials.
    #[arg(long, value_name = "ID:SECRET")]
    principal: Option<String>,
}

/// The ready file of a local stack.
#[derive(Debug, Deserialize)]
struct Ready {
    url: String,
    region: String,
}

/// The output of `users-aws resolve`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resolved {
    url: Option<String>,
    region: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Target {
    /// A client of the API.
    pub(crate) fn client(&self) -> Result<Client> {
        let principal = self.principal.as_deref().map(principal).transpose()?;
        match &self.url {
            None if self.stage == "local" => {
                let ready = ready();
                let region = self.region.clone().unwrap_or(ready.region);
                let credentials = principal.map_or_else(|| principal_of("test", "test"), Ok)?;
                Ok(Client::new(&ready.url, region, credentials)?)
            }
            url => {
                let resolved = match (&principal, url) {
                    // AWS need not be asked.
                    (Some(_), Some(_)) => None,
                    _ => Some(self.resolve()?),
                };
                let url = url
                    .clone()
                    .or_else(|| resolved.as_ref()?.url.clone())
                    .context("the stage has no output ApiUrl")?;
                let region = self
                    .region
                    .clone()
                    .or_else(|| region_of(&url))
                    .or_else(|| resolved.as_ref()?.region.clone())
                    .or_else(|| std::env::var("AWS_REGION").ok())
                    .context("the URL does not name a Region; give --region")?;
                let credentials = match (principal, resolved) {
                    (Some(principal), _) => principal,
                    (None, Some(it)) => Credentials::new(
                        it.access_key_id,
                        it.secret_access_key,
                        it.session_token,
                        None,
                        "aws",
                    ),
                    (None, None) => bail!("there are no credentials; give --principal"),
                };
                Ok(Client::new(&url, region, credentials)?)
            }
        }
    }

    /// The advice when no answer came.
    pub(crate) fn hint(&self) -> &'static str {
        if self.url.is_none() && self.stage == "local" {
            "the local stack does not answer; start it with `cargo xtask local`"
        } else {
            "the API does not answer"
        }
    }

    /// Has `users-aws` look up credentials and URL. Its dependencies take minutes to compile, so it is
    /// built only here.
    fn resolve(&self) -> Result<Resolved> {
        let mut command = cargo::program("users-aws");
        command.arg("resolve");
        if self.url.is_none() {
            command.args(["--stage", &self.stage]);
        }
        if let Some(region) = &self.region {
            command.args(["--region", region]);
        }
        let printed = cargo::ask(&mut command).context("could not ask AWS (see above)")?;
        serde_json::from_str(&printed).context("cannot read the output of users-aws")
    }
}

/// The running local stack, or its default address.
fn ready() -> Ready {
    crate::local::ready().and_then(|ready| serde_json::from_value(ready).ok()).unwrap_or_else(
        || Ready { url: DEFAULT_LOCAL_URL.to_owned(), region: DEFAULT_LOCAL_REGION.to_owned() },
    )
}

fn principal(text: &str) -> Result<Credentials> {
    let (id, secret) =
        text.split_once(':').context("--principal must be ID:SECRET, like test:test")?;
    principal_of(id, secret)
}

fn principal_of(id: &str, secret: &str) -> Result<Credentials> {
    if id.is_empty() || secret.is_empty() {
        bail!("--principal must be ID:SECRET, like test:test");
    }
    Ok(Credentials::new(id, secret, None, None, "local"))
}

/// The Region in the name of an API's host.
fn region_of(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    let mut labels = host.split('.').skip_while(|label| *label != "execute-api").skip(1);
    labels.next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::region_of;

    #[test]
    fn the_region_is_in_the_host() {
        let url = "https://abc.execute-api.eu-west-1.amazonaws.com/prod";
        assert_eq!(region_of(url).as_deref(), Some("eu-west-1"));
        assert_eq!(region_of("http://127.0.0.1:4510/prod"), None);
        assert_eq!(region_of("https://users.example.com"), None);
    }
}
