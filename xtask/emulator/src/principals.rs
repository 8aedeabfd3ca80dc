//! The callers that the black-box suite needs, as IAM users: emulators take the key `test` for the
//! account itself, check no signature of it and refuse it nothing.

use anyhow::{Context, Result};
use serde_json::json;
use users_client::Credentials;
use users_emulator::aws::{Answer, Aws};

const VERSION: &str = "2010-05-08";
const POLICY: &str = "call";

/// One caller.
#[derive(Debug)]
pub(crate) struct Principal {
    /// How it signs.
    pub(crate) credentials: Credentials,
}

/// The callers.
#[derive(Debug)]
pub(crate) struct Principals {
    /// The usual one.
    pub(crate) caller: Principal,
    /// Another one who may do everything.
    pub(crate) other: Principal,
    /// One who may only `GET /users*`.
    pub(crate) reader: Principal,
}

/// The names of the users of a stack.
fn names(stack: &str) -> [String; 3] {
    ["caller", "other", "reader"].map(|name| format!("{stack}-test-{name}"))
}

impl Principals {
    /// Makes the users, with a key each and leave to call the API.
    pub(crate) async fn create(
        aws: &Aws,
        stack: &str,
        api_id: &str,
        api_stage: &str,
    ) -> Result<Self> {
        let [caller, other, reader] = names(stack);
        Ok(Self {
            caller: create(aws, &caller, &format!("{api_id}/*")).await?,
            other: create(aws, &other, &format!("{api_id}/*")).await?,
            reader: create(aws, &reader, &format!("{api_id}/{api_stage}/GET/users*")).await?,
        })
    }
}

async fn create(aws: &Aws, user: &str, what: &str) -> Result<Principal> {
    iam(aws, "CreateUser", &[("UserName", user)]).await?.success("IAM makes no user")?;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "execute-api:Invoke",
            "Resource": format!("arn:aws:execute-api:*:*:{what}")
        }]
    });
    let policy = policy.to_string();
    let parameters =
        [("UserName", user), ("PolicyName", POLICY), ("PolicyDocument", policy.as_str())];
    iam(aws, "PutUserPolicy", &parameters).await?.success("IAM takes no policy")?;
    let key = iam(aws, "CreateAccessKey", &[("UserName", user)])
        .await?
        .success("IAM makes no access key")?;
    let one = |name: &str| {
        key.elements(name)
            .into_iter()
            .next()
            .with_context(|| format!("the access key has no {name}"))
    };
    let credentials = Credentials::from_keys(one("AccessKeyId")?, one("SecretAccessKey")?, None);
    Ok(Principal { credentials })
}

/// Removes what an earlier or this run made; what is not there is no failure.
pub(crate) async fn remove(aws: &Aws, stack: &str) -> Result<()> {
    for user in names(stack) {
        let keys = iam(aws, "ListAccessKeys", &[("UserName", &user)]).await?;
        if !keys.is_success() {
            continue;
        }
        for key in keys.elements("AccessKeyId") {
            iam(aws, "DeleteAccessKey", &[("UserName", &user), ("AccessKeyId", &key)]).await?;
        }
        iam(aws, "DeleteUserPolicy", &[("UserName", &user), ("PolicyName", POLICY)]).await?;
        iam(aws, "DeleteUser", &[("UserName", &user)]).await?;
    }
    Ok(())
}

async fn iam(aws: &Aws, action: &str, parameters: &[(&str, &str)]) -> Result<Answer> {
    aws.query("iam", VERSION, action, parameters).await
}
