//! The deploy tool, run in the way of `cargo xtask deploy`.

use crate::process;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use users_template::{Architecture, Stage};

/// The stage of an emulator, but for the instruction set.
const STAGES: &str = include_str!("../stages.toml");

/// The deploy tool with a stage and an emulator.
#[derive(Debug)]
pub(crate) struct Deployer {
    program: PathBuf,
    endpoint: String,
    region: String,
    stages: PathBuf,
    stage: Stage,
}

/// The report of the deploy tool.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) changed: bool,
    /// The change set.
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
}

/// One resource of a change set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// Its logical id.
    pub(crate) logical_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// A deployment that failed, with the errors of the deploy tool.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Deployer {
    /// Prepares to deploy functions of an instruction set; `directory` takes the stages file.
    pub(crate) fn new(
        program: &Path,
        endpoint: &str,
        region: &str,
        architecture: Architecture,
        directory: &Path,
    ) -> Result<Self> {
        let text = format!("{STAGES}architecture = \"{}\"\n", architecture.as_str());
        let stage = users_template::stages(&text)?
            .into_values()
            .next()
            .context("the emulator's stages file has no stage")?;
        let stages = directory.join("stages.toml");
        std::fs::write(&stages, text)
            .with_context(|| format!("cannot write {}", stages.display()))?;
        let (program, endpoint) = (program.to_owned(), endpoint.to_owned());
        Ok(Self { program, endpoint, region: region.to_owned(), stages, stage })
    }

    /// The address of the emulator.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    /// The name of the stack.
    pub(crate) fn stack(&self) -> String {
        format!("users-{}", self.stage.name)
    }

    /// Deploys; the inner error is a deployment that failed.
    pub(crate) async fn deploy(&self, bundles: &Path) -> Result<Result<Report, Failure>> {
        let mut command = self.tool("deploy");
        command.arg("--bundles").arg(bundles).args(["--yes", "--allow-iam", "--output", "json"]);
        let output = process::run_showing_errors(&mut command, is_news).await?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => {
                let line = String::from_utf8_lossy(&output.stdout);
                let report = serde_json::from_str(line.trim())
                    .with_context(|| format!("the deploy tool did not print a report: {line}"))?;
                Ok(Ok(report))
            }
            Some(1) => Ok(Err(Failure(errors))),
            _ => bail!("the deploy tool ended with {}", output.status),
        }
    }

    /// Removes the stack. Its tables outlive it.
    pub(crate) async fn destroy(&self) -> Result<()> {
        let mut command = self.tool("destroy");
        command.args(["--confirm", &self.stack()]);
        let output = process::run_showing_errors(&mut command, is_news).await?;
        if !output.status.success() {
            bail!("the stack was not destroyed ({})", output.status);
        }
        Ok(())
    }

    /// The deploy tool with no AWS setting but the emulator in its environment, so that no profile or
    /// endpoint of the user leads to another place.
    fn tool(&self, command: &str) -> tokio::process::Command {
        let mut tool = process::program(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("AWS_")) {
                tool.env_remove(name);
            }
        }
        let nowhere = self.stages.with_file_name("no-aws-configuration");
        tool.env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", &nowhere)
            .env("AWS_SHARED_CREDENTIALS_FILE", &nowhere);
        tool.arg(command).arg("--stages").arg(&self.stages).args(["--stage", &self.stage.name]);
        tool
    }
}

/// Whether a line of the deploy tool is shown: not the progress of single resources, of which there
/// are more than a hundred.
fn is_news(line: &str) -> bool {
    let is_about_a_resource = line.contains("  AWS::") && !line.contains("AWS::CloudFormation::");
    let went_well = line
        .split_whitespace()
        .any(|word| word.ends_with("_COMPLETE") || word.ends_with("_IN_PROGRESS"));
    !(is_about_a_resource && went_well)
}

#[cfg(test)]
mod tests {
    use super::{Deployer, is_news};
    use std::path::Path;
    use users_template::Architecture;

    #[test]
    fn a_resource_that_went_well_is_no_news() {
        assert!(!is_news("  0 s  CREATE_COMPLETE  Api  AWS::ApiGateway::RestApi  (0 s)"));
        assert!(!is_news("  3 s  UPDATE_IN_PROGRESS  Api  AWS::ApiGateway::RestApi"));
        for line in [
            "  0 s  UPDATE_FAILED    F  AWS::Lambda::Function  (0 s)",
            "  0 s  DELETE_SKIPPED   UsersTable  AWS::DynamoDB::Table  (0 s)",
            "  9 s  CREATE_COMPLETE  users-emulator  AWS::CloudFormation::Stack  (9 s)",
            "  ~ F  AWS::Lambda::Function  (Code)",
            "error: the stack is now in UPDATE_ROLLBACK_COMPLETE",
        ] {
            assert!(is_news(line), "{line}");
        }
    }

    #[test]
    fn the_stage_of_an_emulator_is_one_and_takes_the_instruction_set_of_the_archives() {
        let directory = tempfile::tempdir().unwrap();
        for architecture in [Architecture::Arm64, Architecture::X8664] {
            let deployer =
                Deployer::new(Path::new("tool"), "http://h", "r", architecture, directory.path())
                    .unwrap();
            assert_eq!(deployer.stage().architecture, architecture);
            assert_eq!(deployer.stack(), "users-emulator");
            assert!(!deployer.stage().protected, "its tables must be deletable");
        }
    }
}
