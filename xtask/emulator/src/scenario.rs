//! The life of a stack at an emulator, from its first deployment to its end.

mod judge;

use self::judge::{is_page, judge, list_event, names_something_unknown, squeeze};
use crate::bundles::{self, Change};
use crate::deployer::{Deployer, Failure, Report};
use crate::events::{self, Subscription};
use crate::principals::{self, Principals};
use crate::process;
use crate::steps::{EmulatorFault, Steps, interrupted, say};
use crate::suite::{self, Target};
use anyhow::{Context, Result, anyhow, bail};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use users_client::{Client, Credentials};
use users_contract::{OPERATIONS, RELAY};
use users_emulator::aws::Aws;
use users_emulator::verify::{left, verify};
use users_emulator::{Emulator, recognise, stack};
use users_template::bundles::Manifest;

/// The function whose code is changed, and the beginning of the logical ids that belong to it.
const CHANGED: (&str, &str) = ("users-profile-get", "UsersProfileGet");

/// Where there is no choice of the caller's, every service is in this Region.
const REGION: &str = "us-east-1";

/// What every step needs.
struct Run<'a> {
    emulator: Emulator,
    aws: Aws,
    deployer: Deployer,
    suite: &'a Path,
    bundles: &'a Path,
    directory: &'a Path,
}

/// What the first deployment left.
struct Deployed {
    api_url: String,
    principals: Principals,
    /// The usual caller of the API.
    api: Client,
    outputs: BTreeMap<String, String>,
}

/// Runs the whole scenario against an emulator, and cleans up after it.
pub(crate) async fn run(endpoint: &str, bundles: &Path, keep: bool) -> Result<()> {
    let mut steps = Steps::new();
    let bundles = std::path::absolute(bundles)
        .with_context(|| format!("cannot find {}", bundles.display()))?;
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
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
        // What failed is what is reported; that cleaning up fails too is only a line.
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

/// Says who answers, and what is left out there.
async fn introduce(endpoint: &str) -> Result<Emulator> {
    let emulator = recognise(endpoint).await?;
    say(format!("{} answers at {endpoint}", describe(&emulator)));
    for skipped in emulator.skipped() {
        let property = skipped.property.map_or(String::new(), |it| format!(", property {it}"));
        say(format!("it does not make {}{property}: {}", skipped.kind, skipped.reason));
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for left_out in emulator.left_out() {
        reasons.entry(left_out.reason).or_default().push(left_out.test);
    }
    for (reason, tests) in reasons {
        say(format!("left out, because {reason}:"));
        tests.iter().for_each(|test| say(format!("  {test}")));
    }
    Ok(emulator)
}

impl Run<'_> {
    async fn all(&self, steps: &mut Steps) -> Result<()> {
        steps.step("Remove what an earlier run left", self.clean()).await?;
        steps.step("Deploy", self.deploy_first()).await?;
        steps.step("Look for every resource of the template", self.verify()).await?;
        steps.step("Run a function", self.invoke()).await?;
        let deployed = steps.step("Make callers of the API", self.open()).await?;
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
        steps
            .step("Deploy what must fail, and see why", self.deploy_broken(&changed, &deployed))
            .await?;
        steps.step("Destroy, with the tables kept", self.destroy(&deployed)).await?;
        steps.step("Remove the tables and the callers", self.clean()).await
    }

    async fn deploy(&self, bundles: &Path) -> Result<Report> {
        match self.deployer.deploy(bundles).await? {
            Ok(report) => Ok(report),
            Err(Failure(said)) if names_something_unknown(&said) => {
                let emulator = describe(&self.emulator);
                let fault = format!("{emulator} does not know something of the template.");
                Err(EmulatorFault(fault).into())
            }
            Err(_) => bail!("the deployment failed"),
        }
    }

    async fn deploy_first(&self) -> Result<()> {
        let report = match self.deploy(self.bundles).await {
            Ok(report) => report,
            Err(error) => {
                let status = stack::status(&self.aws, &self.deployer.stack()).await?;
                if status.as_deref() == Some("CREATE_COMPLETE") {
                    // The API did not answer the deploy tool; these find out who is at fault.
                    self.verify().await?;
                    self.invoke().await?;
                }
                return Err(error);
            }
        };
        if !report.changed {
            bail!("nothing was deployed");
        }
        say(format!("{} resources", report.changes.len()));
        Ok(())
    }

    async fn verify(&self) -> Result<()> {
        let text = users_template::render_template(self.deployer.stage());
        let template: Value = serde_json::from_str(&text)?;
        let verified = verify(&self.aws, &self.deployer.stack(), &template).await?;
        judge(&describe(&self.emulator), self.emulator.skipped(), &verified)
    }

    /// Invokes a function without the gateway, to tell an emulator that cannot run functions from
    /// a fault of the gateway.
    async fn invoke(&self) -> Result<()> {
        let stack = self.deployer.stack();
        let path =
            format!("/2015-03-31/functions/{stack}-users-list-query/invocations?Qualifier=live");
        let event = list_event(&self.deployer.stage().api_stage);
        let answer = self.aws.rest("lambda", Method::POST, &path, Some(&event)).await?;
        if !is_page(&answer.value()) {
            let fault = format!(
                "{} cannot run the functions: users-list-query was answered {}",
                describe(&self.emulator),
                answer.describe()
            );
            return Err(EmulatorFault(fault).into());
        }
        say("users-list-query runs");
        Ok(())
    }

    /// Makes the callers, and has one of them call; with another secret it must not be let in.
    async fn open(&self) -> Result<Deployed> {
        let stack = self.deployer.stack();
        let outputs = stack::outputs(&self.aws, &stack).await?;
        let api_id = stack::output(&outputs, "ApiId")?;
        let api_stage = &self.deployer.stage().api_stage;
        let principals = Principals::create(&self.aws, &stack, api_id, api_stage).await?;
        let endpoint = self.deployer.endpoint();
        let api_url = self.emulator.api_url(endpoint, api_id, api_stage);
        let api = Client::new(&api_url, REGION, principals.caller.credentials.clone())?;
        events::call(&api, Method::GET, "/users", None, Some(("limit", "1"))).await?;
        let id = principals.caller.credentials.access_key_id();
        let forged = Credentials::from_keys(id, "not-the-secret", None);
        let forged = api.call(Method::GET, "/users").credentials(forged).send().await?;
        if forged.status != StatusCode::FORBIDDEN {
            let fault = format!(
                "{} does not refuse a call that is signed wrongly; start it with {}",
                describe(&self.emulator),
                self.emulator.kind().enforcement()
            );
            return Err(EmulatorFault(fault).into());
        }
        say(format!("{api_url} answers a signed call, and refuses a forged one"));
        Ok(Deployed { api_url, principals, api, outputs })
    }

    async fn events(&self, deployed: &Deployed) -> Result<()> {
        let bus = stack::output(&deployed.outputs, "AuditBusName")?;
        let subscription = Subscription::create(&self.aws, &self.deployer.stack(), bus).await?;
        let result = subscription.follow_a_user(&self.aws, &deployed.api).await;
        subscription.remove(&self.aws).await?;
        result
    }

    async fn deploy_same(&self, bundles: &Path) -> Result<()> {
        let before = self.code().await?;
        let report = self.deploy(bundles).await?;
        if report.changed || before != self.code().await? {
            let ids: Vec<_> = report.changes.iter().map(|it| it.logical_id.as_str()).collect();
            bail!("something was changed where nothing is to change: {}", ids.join(", "));
        }
        say("nothing was changed");
        Ok(())
    }

    async fn deploy_change(&self, deployed: &Deployed) -> Result<PathBuf> {
        let (function, prefix) = CHANGED;
        let to = self.directory.join("changed");
        let changed = bundles::changed(self.bundles, &to, function, Change::Comment)?;
        let user = self.register(deployed).await?;
        let before = self.code().await?;
        let report = self.deploy(&changed).await?;
        let after = self.code().await?;
        for change in &report.changes {
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
        events::call(&deployed.api, Method::GET, &path, None, None).await?;
        say(format!("only {function} has new code, and it answers"));
        Ok(changed)
    }

    async fn deploy_broken(&self, good: &Path, deployed: &Deployed) -> Result<()> {
        let (function, prefix) = CHANGED;
        let to = self.directory.join("broken");
        let broken = bundles::changed(self.bundles, &to, function, Change::NoArchive)?;
        let before = self.code().await?;
        let Err(Failure(said)) = self.deployer.deploy(&broken).await? else {
            let fault = format!("{} takes for code what is none.", describe(&self.emulator));
            return Err(EmulatorFault(fault).into());
        };
        let stack = self.deployer.stack();
        let logical_id = format!("{prefix}Function");
        let reason = stack::failure(&self.aws, &stack, &logical_id)
            .await?
            .with_context(|| format!("CloudFormation has no failure of {logical_id}"))?;
        for wanted in [&logical_id, &reason, "xtask/template/src/template/"] {
            if !squeeze(&said).contains(&squeeze(wanted)) {
                bail!("the deploy tool did not name `{wanted}`");
            }
        }
        say("the resource, the reason and the place in the code were named");
        let status = stack::status(&self.aws, &stack).await?.unwrap_or_default();
        if status != "UPDATE_ROLLBACK_COMPLETE" || before != self.code().await? {
            bail!("the stack did not go back to what it was; its status is {status}");
        }
        events::call(&deployed.api, Method::GET, "/users", None, Some(("limit", "1"))).await?;
        self.deploy_same(good).await?;
        say("the stack went back to what it was, and takes deployments");
        Ok(())
    }

    async fn destroy(&self, deployed: &Deployed) -> Result<()> {
        let user = self.register(deployed).await?;
        let stack = self.deployer.stack();
        let ids = stack::physical_ids(&self.aws, &stack).await?;
        let template =
            serde_json::from_str(&users_template::render_template(self.deployer.stage()))?;
        let before = left(&self.aws, &template, &ids).await?;
        self.deployer.destroy().await?;
        if let Some(status) = stack::status(&self.aws, &stack).await? {
            bail!("the stack is still there: {status}");
        }
        let table = stack::output(&deployed.outputs, "UsersTableName")?;
        let key = json!({"pk": {"S": format!("USER#{user}")}, "sk": {"S": "PROFILE"}});
        let item = json!({"TableName": table, "Key": key});
        let item = self.aws.json("dynamodb", "DynamoDB_20120810.GetItem", &item).await?;
        if !item.is_success() || item.value()["Item"].is_null() {
            bail!("the users table lost its data: {}", item.describe());
        }
        let other = stack::output(&deployed.outputs, "IdempotencyTableName")?;
        if !self.describe_table(other).await?.is_success() {
            bail!("the idempotency table is gone");
        }
        let left = left(&self.aws, &template, &ids).await?;
        if left != ["IdempotencyTable", "UsersTable"] {
            bail!("these resources are still there, and not the two tables: {}", left.join(", "));
        }
        say(format!(
            "both tables are there with what was in them, and {} other resources are not",
            before.len() - left.len()
        ));
        Ok(())
    }

    /// Registers a user and gives its id.
    async fn register(&self, deployed: &Deployed) -> Result<String> {
        let email = format!("{}@example.com", events::unique());
        let body = json!({"email": email});
        let user = events::call(&deployed.api, Method::POST, "/users", Some(body), None).await?;
        Ok(user["userId"].as_str().context("the user has no id")?.to_owned())
    }

    /// The hash of each function's code.
    async fn code(&self) -> Result<BTreeMap<String, String>> {
        let stack = self.deployer.stack();
        let mut code = BTreeMap::new();
        for name in OPERATIONS.iter().map(|it| it.function).chain([RELAY.function]) {
            let path = format!("/2015-03-31/functions/{stack}-{name}?Qualifier=live");
            let answer = self.aws.rest("lambda", Method::GET, &path, None).await?.success(name)?;
            let hash = answer.value()["Configuration"]["CodeSha256"].clone();
            code.insert(name.to_owned(), hash.as_str().context("code has no hash")?.to_owned());
        }
        Ok(code)
    }

    async fn describe_table(&self, table: &str) -> Result<users_emulator::aws::Answer> {
        let body = json!({"TableName": table});
        self.aws.json("dynamodb", "DynamoDB_20120810.DescribeTable", &body).await
    }

    /// Removes everything that this program makes: the stack, what the stack keeps, and the rest.
    async fn clean(&self) -> Result<()> {
        let stack = self.deployer.stack();
        principals::remove(&self.aws, &stack).await?;
        events::remove_leftovers(&self.aws, &stack).await?;
        if stack::status(&self.aws, &stack).await?.is_some() {
            self.deployer.destroy().await?;
        }
        let tables = self.aws.json("dynamodb", "DynamoDB_20120810.ListTables", &json!({})).await?;
        for table in tables.value()["TableNames"].as_array().into_iter().flatten() {
            let Some(name) = table.as_str() else { continue };
            if name.starts_with(&format!("{stack}-")) {
                let body = json!({"TableName": name});
                self.aws
                    .json("dynamodb", "DynamoDB_20120810.DeleteTable", &body)
                    .await?
                    .success("a kept table is not removed")?;
                say(format!("removed the table {name}"));
            }
        }
        Ok(())
    }
}
