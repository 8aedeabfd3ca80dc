//! Which emulator answers at an address.

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use std::time::Duration;
use users_client::{Client, Credentials, Signing};

/// Where LocalStack and what is compatible with it listens, unless told otherwise.
pub const USUAL_ENDPOINT: &str = "http://127.0.0.1:4566";

/// Longest wait for a health endpoint, which does nothing but answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The emulators that are told apart.
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
    /// Those with a health endpoint of their own come first: all answer that of LocalStack too.
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

    /// Where it says that it is well, and which services it has.
    #[must_use]
    pub fn health_path(self) -> &'static str {
        match self {
            Self::LocalStack => "/_localstack/health",
            Self::MiniStack => "/_ministack/health",
            Self::Fakecloud => "/_fakecloud/health",
            Self::Floci => "/_floci/health",
        }
    }

    /// The settings with which it checks signatures and policies; few do by themselves.
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

    /// Its version as it gives it, `unknown` when it gives none.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The URL of a REST API, its API stage included, for an emulator at `endpoint`.
    ///
    /// All serve it below a path too, which needs no name that resolves.
    #[must_use]
    pub fn api_url(&self, endpoint: &str, api_id: &str, api_stage: &str) -> String {
        let endpoint = endpoint.trim_end_matches('/');
        match self.kind {
            // Its gateway of old answered at `/restapis/…`; the one it has now prefers this.
            Kind::LocalStack => format!("{endpoint}/_aws/execute-api/{api_id}/{api_stage}"),
            Kind::MiniStack | Kind::Fakecloud | Kind::Floci => {
                format!("{endpoint}/restapis/{api_id}/{api_stage}/_user_request_")
            }
        }
    }

    /// Reads the answer of one's health endpoint; `None` when it is the answer of something else.
    fn from_health(kind: Kind, health: &Value) -> Option<Self> {
        let services = health.get("services")?;
        if !services.is_object() && !services.is_array() {
            return None;
        }
        // One that answers for LocalStack says elsewhere in the document who it really is.
        let is_floci = ["edition", "original_edition"]
            .iter()
            .any(|member| health[*member].as_str().is_some_and(|it| it.contains("floci")));
        let kind = if is_floci { Kind::Floci } else { kind };
        let version = health["version"].as_str().unwrap_or("unknown").to_owned();
        Some(Self { kind, version })
    }
}

/// Asks an address who is there.
///
/// # Errors
/// When nothing answers, or something that is none of the emulators.
pub async fn recognise(endpoint: &str) -> Result<Emulator> {
    let nobody = Credentials::from_keys("none", "none", None);
    let client = Client::new(endpoint, "us-east-1", nobody)
        .with_context(|| format!("{endpoint} cannot be asked"))?
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
    bail!(
        "what answers at {endpoint} is none of the emulators known here ({known}), or is still \
         starting"
    );
}

#[cfg(test)]
mod tests;
