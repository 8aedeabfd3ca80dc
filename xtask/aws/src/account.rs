//! Credentials and Region, found like in every AWS tool.

use anyhow::{Context, Result, anyhow, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use users_template::Stage;

/// Loads the default chain: environment, profiles (with SSO and `credential_process`), the metadata
/// services of ECS and EC2, and endpoints of the environment or a profile. `region` overrides the
/// Region.
pub(crate) async fn load(region: Option<String>) -> SdkConfig {
    // `ring`, as in the functions; the other provider takes long to compile.
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client);
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    loader.load().await
}

/// The Region of the command line or the stage, which must not disagree.
pub(crate) fn wanted_region(given: Option<&str>, stage: Option<&Stage>) -> Result<Option<String>> {
    let pinned = stage.and_then(|stage| stage.region.as_deref().map(|region| (stage, region)));
    match (given, pinned) {
        (Some(given), Some((stage, pinned))) if given != pinned => bail!(
            "stages.toml pins stage `{}` to {pinned}, so --region {given} cannot be right; leave \
             it out",
            stage.name
        ),
        (Some(region), _) | (None, Some((_, region))) => Ok(Some(region.to_owned())),
        (None, None) => Ok(None),
    }
}

/// The credentials; an error has advice.
pub(crate) async fn credentials(config: &SdkConfig) -> Result<Credentials> {
    let provider = config.credentials_provider().context("AWS credentials are switched off")?;
    provider.provide_credentials().await.map_err(|error| {
        let advice = match &error {
            CredentialsError::CredentialsNotLoaded(_) => {
                "no AWS credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY, or sign in with `aws sso login`"
            }
            CredentialsError::InvalidConfiguration(_) => {
                "the AWS configuration cannot be used; check AWS_PROFILE and the profile's entry"
            }
            CredentialsError::ProviderTimedOut(_) => {
                "the source of AWS credentials does not answer"
            }
            // Usually an expired SSO session.
            _ => {
                "the source of AWS credentials failed; if they come from SSO, sign in again with \
                 `aws sso login`"
            }
        };
        anyhow!(error).context(advice)
    })
}

#[cfg(test)]
mod tests {
    use super::wanted_region;
    use users_template::Stage;

    fn stage(region: Option<&str>) -> Stage {
        Stage { name: "prod".to_owned(), region: region.map(str::to_owned), ..Stage::default() }
    }

    #[test]
    fn a_pinned_region_comes_before_that_of_the_command_line() {
        let pinned = stage(Some("eu-west-1"));
        let free = stage(None);
        for (given, stage, expected) in [
            (None, None, None),
            (None, Some(&free), None),
            (None, Some(&pinned), Some("eu-west-1")),
            (Some("us-east-1"), None, Some("us-east-1")),
            (Some("us-east-1"), Some(&free), Some("us-east-1")),
            (Some("eu-west-1"), Some(&pinned), Some("eu-west-1")),
        ] {
            assert_eq!(wanted_region(given, stage).unwrap().as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn another_region_than_the_stages_is_refused() {
        let error = wanted_region(Some("us-east-1"), Some(&stage(Some("eu-west-1")))).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`prod` to eu-west-1") && text.contains("us-east-1"), "{text}");
    }
}
