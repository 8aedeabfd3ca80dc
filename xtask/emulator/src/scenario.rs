//! The life of a stack at an emulator, from its first deployment to its end.

use crate::api;
use crate::aws::{Answer, Aws};
use crate::bundles::{self, Change};
use crate::deployer::{Deployer, Failure, Report};
use crate::events::{self, Subscription};
use crate::principals::{self, Principals};
use crate::process;
use crate::stack::{self, Outputs};
use crate::steps::{EmulatorFault, Steps, interrupted, report};
use crate::suite::{self, Target};
use anyhow::{Context, Result, anyhow, bail, ensure};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use users_client::{Client, Credentials};
use users_contract::{OPERATIONS, RELAY};
use users_emulator::{Emulator, recognise};
use users_template::bundles::Manifest;

/// The function whose code is changed, and the beginning of the logical ids that belong to it.
const CHANGED: (&str, &str) = ("users-profile-get", "UsersProfileGet");

/// The Region of every service.
const REGION: &str = "us-east-1";

/// The context of every step.
struct Run<'a> {
    emulator: Emulator,
    aws: Aws,
    deployer: Deployer,
    suite: &'a Path,
    bundles: &'a Path,
    directory: &'a Path,
}

/// The deployed API and its callers.
struct Deployed {
    api_url: String,
    principals: Principals,
    /// The usual caller of the API.
    api: Client,
    outputs: Outputs,
}

/// Runs the whole scenario against an emulator, and cleans up after it.
pub(crate) async fn run(endpoint: &str, bundles: &Path, keep: bool) -> Result<()> {
    let mut steps = Steps::new();
    let bundles = std::path::absolute(bundles)
        .with_context(|| format!("cannot find {}", bundles.display()))?;
    let directory = tempfile::tempdir().context("cannot create a temporary directory")?;
    let emulator = steps.step("Recognise the emulator", introduce(endpoint)).await?;
    let (tool, suite) =
        steps.step("Build the deploy tool and the black-box suite", build()).await?;
    let run = Run {
        emulator,
        suite: &suite,
        aws: Aws::new(endpoint, REGION, Credentials::from_keys("test", "test", None))?,
        deployer: Deployer::new(
            &tool,
            endpoint,
            REGION,
            Manifest::read(&bundles)?.architecture,
            directory.path(),
        )?,
        bundles: &bundles,
        directory: directory.path(),
    };
    let result = tokio::select! {
        result = run.all(&mut steps) => result,
        () = interrupted() => Err(anyhow!("interrupted")),
    };
    if keep {
        eprintln!("\nThe stack {} is left as it is.", run.deployer.stack());
    } else if result.is_err() {
        // The first failure is the result of the run; a failure to clean up is only a line.
        let cleaned = tokio::select! {
            cleaned = steps.step("Clean up", run.clean()) => cleaned,
            () = interrupted() => Err(anyhow!("interrupted again")),
        };
        if let Err(error) = cleaned {
            eprintln!("   not everything was removed, the next run does that: {error:#}");
        }
    }
    result?;
    eprintln!("\nPassed at {} in {}.", describe(&run.emulator), steps.elapsed());
    Ok(())
}

/// The deploy tool and the suite.
async fn build() -> Result<(PathBuf, PathBuf)> {
    let tool = process::build("users-aws", &["build", "--package", "users-aws"]).await?;
    let suite = ["test", "--package", "users-tests", "--test", "api", "--no-run"];
    Ok((tool, process::build("api", &suite).await?))
}

fn describe(emulator: &Emulator) -> String {
    format!("{} {}", emulator.name(), emulator.version())
}

/// Recognises the emulator, and reports the tests that are left out there.
async fn introduce(endpoint: &str) -> Result<Emulator> {
    let emulator = recognise(endpoint).await?;
    report(format!("{} answers at {endpoint}", describe(&emulator)));
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for left_out in emulator.left_out() {
        reasons.entry(left_out.reason).or_default().push(left_out.test);
    }
    for (reason, tests) in reasons {
        report(format!("left out, because {reason}:"));
        tests.iter().for_each(|test| report(format!("  {test}")));
    }
    Ok(emulator)
}

impl Run<'_> {
    async fn all(&self, steps: &mut Steps) -> Result<()> {
        steps.step("Remove the leftovers of an earlier run", self.clean()).await?;
        steps.step("Deploy", self.deploy_first()).await?;
        let deployed = steps.step("Create callers of the API", self.create_callers()).await?;
        let target = Target {
            program: self.suite,
            url: &deployed.api_url,
            api_stage: &self.deployer.stage().api_stage,
            region: REGION,
            principals: &deployed.principals,
        };
        let left_out = self.emulator.left_out();
        steps.step("Black-box suite", suite::run(&target, left_out)).await?;
        if !left_out.is_empty() {
            let title = "Tests that are left out, which must still fail";
            steps.step(title, suite::still_wrong(&target, left_out)).await?;
        }
        steps.step("Audit events, by a rule to a queue", self.events(&deployed)).await?;
        steps.step("Deploy again with no change", self.deploy_same(self.bundles)).await?;
        let changed = steps
            .step("Deploy a change of one function's code", self.deploy_change(&deployed))
            .await?;
        steps.step("Deploy a broken function", self.deploy_broken(&changed, &deployed)).await?;
        steps.step("Destroy, which keeps the tables", self.destroy(&deployed)).await?;
        steps.step("Remove the tables and the callers", self.clean()).await
    }

    async fn deploy(&self, bundles: &Path) -> Result<Report> {
        match self.deployer.deploy(bundles).await? {
            Ok(report) => Ok(report),
            Err(Failure(errors)) if names_something_unknown(&errors) => {
                let emulator = describe(&self.emulator);
                let fault = format!("{emulator} does not know a part of the template.");
                Err(EmulatorFault(fault).into())
            }
            Err(_) => bail!("the deployment failed"),
        }
    }

    async fn deploy_first(&self) -> Result<()> {
        let deployed = self.deploy(self.bundles).await?;
        ensure!(deployed.changed, "nothing was deployed");
        report(format!("{} resources", deployed.changes.len()));
        Ok(())
    }

    /// Creates the callers, and has one of them call. With another secret it must be refused.
    async fn create_callers(&self) -> Result<Deployed> {
        let stack = self.deployer.stack();
        let outputs = Outputs::of(&self.aws, &stack).await?;
        let api_id = outputs.get("ApiId")?;
        let api_stage = &self.deployer.stage().api_stage;
        let principals = Principals::create(&self.aws, &stack, api_id, api_stage).await?;
        let endpoint = self.deployer.endpoint();
        let api_url = self.emulator.api_url(endpoint, api_id, api_stage);
        let api = Client::new(&api_url, REGION, principals.caller.clone())?;
        api::call(&api, Method::GET, "/users", None, Some(("limit", "1"))).await?;
        let id = principals.caller.access_key_id();
        let forged = Credentials::from_keys(id, "not-the-secret", None);
        let forged = api.call(Method::GET, "/users").credentials(forged).send().await?;
        if forged.status != StatusCode::FORBIDDEN {
            let fault = format!(
                "{} does not refuse a call with a wrong signature; start it with {}",
                describe(&self.emulator),
                self.emulator.kind().enforcement()
            );
            return Err(EmulatorFault(fault).into());
        }
        report(format!("{api_url} answers a signed call, and refuses a forged one"));
        Ok(Deployed { api_url, principals, api, outputs })
    }

    async fn events(&self, deployed: &Deployed) -> Result<()> {
        let bus = deployed.outputs.get("AuditBusName")?;
        let subscription = Subscription::create(&self.aws, &self.deployer.stack(), bus).await?;
        let result = subscription.follow_a_user(&deployed.api).await;
        subscription.remove().await?;
        result
    }

    async fn deploy_same(&self, bundles: &Path) -> Result<()> {
        let before = self.code().await?;
        let deployed = self.deploy(bundles).await?;
        if deployed.changed || before != self.code().await? {
            let ids: Vec<_> = deployed.changes.iter().map(|it| it.logical_id.as_str()).collect();
            bail!("a deployment without a change changed {}", ids.join(", "));
        }
        report("nothing was changed");
        Ok(())
    }

    async fn deploy_change(&self, deployed: &Deployed) -> Result<PathBuf> {
        let (function, prefix) = CHANGED;
        let to = self.directory.join("changed");
        let changed = bundles::changed(self.bundles, &to, function, Change::Comment)?;
        let user = api::register(&deployed.api).await?;
        let before = self.code().await?;
        let changes = self.deploy(&changed).await?.changes;
        let after = self.code().await?;
        for change in &changes {
            if change.kind.starts_with("AWS::Lambda::") && !change.logical_id.starts_with(prefix) {
                bail!("{} ({}) was changed too", change.logical_id, change.kind);
            }
        }
        let differing: Vec<_> =
            before.iter().filter(|(name, code)| after.get(*name) != Some(code)).collect();
        let names: Vec<_> = differing.iter().map(|(name, _)| name.as_str()).collect();
        if names != [function] || before.len() != after.len() {
            bail!("the code of these functions was changed: {}", names.join(", "));
        }
        let path = format!("/users/{user}");
        api::call(&deployed.api, Method::GET, &path, None, None).await?;
        report(format!("only {function} has new code, and it answers"));
        Ok(changed)
    }

    async fn deploy_broken(&self, good: &Path, deployed: &Deployed) -> Result<()> {
        let (function, prefix) = CHANGED;
        let to = self.directory.join("broken");
        let broken = bundles::changed(self.bundles, &to, function, Change::NoArchive)?;
        let before = self.code().await?;
        let Err(Failure(printed)) = self.deployer.deploy(&broken).await? else {
            let fault = format!("{} accepted an archive without code.", describe(&self.emulator));
            return Err(EmulatorFault(fault).into());
        };
        let stack = self.deployer.stack();
        let logical_id = format!("{prefix}Function");
        let reason = stack::failure(&self.aws, &stack, &logical_id)
            .await?
            .with_context(|| format!("CloudFormation has no failure of {logical_id}"))?;
        let squeezed = squeeze(&printed);
        for expected in [&logical_id, &reason, "xtask/template/src/template/"] {
            let is_named = squeezed.contains(&squeeze(expected));
            ensure!(is_named, "the deploy tool did not name `{expected}`");
        }
        report("the resource, the reason and the place in the code were named");
        let status = stack::status(&self.aws, &stack).await?.unwrap_or_default();
        if status != "UPDATE_ROLLBACK_COMPLETE" || before != self.code().await? {
            bail!("the stack was not rolled back; its status is {status}");
        }
        api::call(&deployed.api, Method::GET, "/users", None, Some(("limit", "1"))).await?;
        self.deploy_same(good).await?;
        report("the stack was rolled back, and accepts deployments");
        Ok(())
    }

    async fn destroy(&self, deployed: &Deployed) -> Result<()> {
        let user = api::register(&deployed.api).await?;
        self.deployer.destroy().await?;
        if let Some(status) = stack::status(&self.aws, &self.deployer.stack()).await? {
            bail!("the stack still exists: {status}");
        }
        let table = deployed.outputs.get("UsersTableName")?;
        let key = json!({"pk": {"S": format!("USER#{user}")}, "sk": {"S": "PROFILE"}});
        let item = self.dynamodb("GetItem", &json!({"TableName": table, "Key": key})).await?;
        ensure!(!item.value()["Item"].is_null(), "the users table lost its data");
        let table = deployed.outputs.get("IdempotencyTableName")?;
        self.dynamodb("DescribeTable", &json!({"TableName": table})).await?;
        report("both tables are left, with their data");
        Ok(())
    }

    /// The hash of each function's code.
    async fn code(&self) -> Result<BTreeMap<String, String>> {
        let stack = self.deployer.stack();
        let mut code = BTreeMap::new();
        for name in OPERATIONS.iter().map(|it| it.function).chain([RELAY.function]) {
            let path = format!("/2015-03-31/functions/{stack}-{name}");
            let answer = self.aws.get("lambda", &path, "Qualifier=live").await?.success(name)?;
            let hash = answer.value()["Configuration"]["CodeSha256"].clone();
            code.insert(name.to_owned(), hash.as_str().context("code has no hash")?.to_owned());
        }
        Ok(code)
    }

    async fn dynamodb(&self, operation: &str, body: &Value) -> Result<Answer> {
        let target = format!("DynamoDB_20120810.{operation}");
        self.aws.json("dynamodb", &target, body).await?.success(operation)
    }

    /// Removes everything that a run creates, and the tables that outlive the stack.
    async fn clean(&self) -> Result<()> {
        let stack = self.deployer.stack();
        principals::remove(&self.aws, &stack).await?;
        events::remove_leftovers(&self.aws, &stack).await?;
        if stack::status(&self.aws, &stack).await?.is_some() {
            self.deployer.destroy().await?;
        }
        let tables = self.dynamodb("ListTables", &json!({})).await?.value();
        for table in tables["TableNames"].as_array().into_iter().flatten() {
            if table.as_str().is_some_and(|name| name.starts_with(&format!("{stack}-"))) {
                self.dynamodb("DeleteTable", &json!({"TableName": table})).await?;
                report(format!("removed the table {table}"));
            }
        }
        Ok(())
    }
}

/// Whether an emulator refused something because it does not know it, in the words of emulators.
fn names_something_unknown(errors: &str) -> bool {
    let errors = errors.to_lowercase();
    ["unsupported resource type", "not yet implemented", "notimplemented", "no provider found for"]
        .iter()
        .any(|words| errors.contains(words))
}

/// A text without white space and quotation marks, since the deploy tool breaks lines.
fn squeeze(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric() || "/.:".contains(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::{names_something_unknown, squeeze};

    #[test]
    fn errors_about_unknown_things_are_recognised() {
        assert!(names_something_unknown("cause: X: Unsupported resource type: AWS::CloudWatch::Y"));
        assert!(names_something_unknown("API for service x not yet implemented or pro feature"));
        assert!(!names_something_unknown("cause: X: Could not unzip uploaded file"));
    }

    #[test]
    fn line_breaks_and_quotation_marks_make_no_difference() {
        assert_eq!(squeeze("made in\n  `xtask/a.rs:7`"), "madeinxtask/a.rs:7");
    }
}
