//! Which emulator answers at an address.

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use std::time::Duration;
use users_client::{Client, Credentials, Signing};

/// The default address of LocalStack and of compatible emulators.
pub const USUAL_ENDPOINT: &str = "http://127.0.0.1:4566";

/// Longest wait for a health endpoint.
const PATIENCE: Duration = Duration::from_secs(5);

/// The emulators that are recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// LocalStack, which needs Docker and a token.
    LocalStack,
    /// MiniStack, a Python package that runs functions as processes.
    MiniStack,
    /// fakecloud.
    Fakecloud,
    /// Floci.
    Floci,
}

/// An emulator that answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Emulator {
    kind: Kind,
    version: String,
}

impl Kind {
    /// Those with a health endpoint of their own come first: all serve that of LocalStack too.
    const ALL: [Self; 4] = [Self::MiniStack, Self::Fakecloud, Self::Floci, Self::LocalStack];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LocalStack => "LocalStack",
            Self::MiniStack => "MiniStack",
            Self::Fakecloud => "fakecloud",
            Self::Floci => "Floci",
        }
    }

    /// The path of its health endpoint, which lists its services.
    #[must_use]
    pub fn health_path(self) -> &'static str {
        match self {
            Self::LocalStack => "/_localstack/health",
            Self::MiniStack => "/_ministack/health",
            Self::Fakecloud => "/_fakecloud/health",
            Self::Floci => "/_floci/health",
        }
    }

    /// The settings with which it checks signatures and policies; few do so by default.
    #[must_use]
    pub fn enforcement(self) -> &'static str {
        match self {
            Self::LocalStack => "ENFORCE_IAM=1",
            Self::MiniStack => "AUTH=true",
            Self::Fakecloud => "FAKECLOUD_IAM=strict FAKECLOUD_VERIFY_SIGV4=true",
            Self::Floci => {
                "FLOCI_AUTH_VALIDATE_SIGNATURES=true FLOCI_SERVICES_IAM_ENFORCEMENT_ENABLED=true"
            }
        }
    }
}

impl Emulator {
    /// Which one it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name, such as `MiniStack`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Its version, or `unknown`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The URL of a REST API, its API stage included, for an emulator at `endpoint`.
    ///
    /// All serve it below a path, which needs no host name.
    #[must_use]
    pub fn api_url(&self, endpoint: &str, api_id: &str, api_stage: &str) -> String {
        let endpoint = endpoint.trim_end_matches('/');
        match self.kind {
            Kind::LocalStack => format!("{endpoint}/_aws/execute-api/{api_id}/{api_stage}"),
            Kind::MiniStack | Kind::Fakecloud | Kind::Floci => {
                format!("{endpoint}/restapis/{api_id}/{api_stage}/_user_request_")
            }
        }
    }

    /// From the answer of a health endpoint; `None` when something else gave it.
    fn from_health(kind: Kind, health: &Value) -> Option<Self> {
        let services = health.get("services")?;
        if !services.is_object() && !services.is_array() {
            return None;
        }
        // Floci may serve LocalStack's endpoint only, and names itself in the edition.
        let is_floci = ["edition", "original_edition"]
            .iter()
            .any(|member| health[*member].as_str().is_some_and(|it| it.contains("floci")));
        let kind = if is_floci { Kind::Floci } else { kind };
        let version = health["version"].as_str().unwrap_or("unknown").to_owned();
        Some(Self { kind, version })
    }
}

/// Recognises the emulator at an address.
///
/// # Errors
/// When nothing answers, or not an emulator.
pub async fn recognise(endpoint: &str) -> Result<Emulator> {
    let nobody = Credentials::from_keys("none", "none", None);
    let client = Client::new(endpoint, "us-east-1", nobody)
        .with_context(|| format!("{endpoint} cannot be called"))?
        .with_timeout(PATIENCE);
    for kind in Kind::ALL {
        let call = client.call(Method::GET, kind.health_path()).signing(Signing::None);
        let answer = call.send().await.with_context(|| format!("nothing answers at {endpoint}"))?;
        let health = answer.json().unwrap_or_default();
        if answer.status.is_success()
            && let Some(emulator) = Emulator::from_health(kind, &health)
        {
            return Ok(emulator);
        }
    }
    let known = Kind::ALL.map(Kind::name).join(", ");
    bail!("{endpoint} is not a known emulator ({known}), or is still starting");
}

#[cfg(test)]
mod tests;
