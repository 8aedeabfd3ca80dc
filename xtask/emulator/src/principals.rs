//! The callers of the black-box suite, as IAM users. Emulators take the key `test` for the account
//! itself, for which they check neither signatures nor policies.

use crate::aws::{Answer, Aws};
use anyhow::{Context, Result};
use serde_json::json;
use users_client::Credentials;

const VERSION: &str = "2010-05-08";
const POLICY: &str = "call";

/// The callers.
#[derive(Debug)]
pub(crate) struct Principals {
    /// The usual one.
    pub(crate) caller: Credentials,
    /// Another one, with the same permissions.
    pub(crate) other: Credentials,
    /// One with permission for `GET /users*` only.
    pub(crate) reader: Credentials,
}

/// The names of the users of a stack.
fn names(stack: &str) -> [String; 3] {
    ["caller", "other", "reader"].map(|name| format!("{stack}-test-{name}"))
}

impl Principals {
    /// Creates the users, with a key each and permission to call the API.
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

async fn create(aws: &Aws, user: &str, calls: &str) -> Result<Credentials> {
    iam(aws, "CreateUser", &[("UserName", user)]).await?.success("IAM creates no user")?;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "execute-api:Invoke",
            "Resource": format!("arn:aws:execute-api:*:*:{calls}")
        }]
    });
    let policy = policy.to_string();
    let parameters =
        [("UserName", user), ("PolicyName", POLICY), ("PolicyDocument", policy.as_str())];
    iam(aws, "PutUserPolicy", &parameters).await?.success("IAM accepts no policy")?;
    let key = iam(aws, "CreateAccessKey", &[("UserName", user)])
        .await?
        .success("IAM creates no access key")?;
    let one = |name: &str| {
        key.elements(name)
            .into_iter()
            .next()
            .with_context(|| format!("the access key has no {name}"))
    };
    Ok(Credentials::from_keys(one("AccessKeyId")?, one("SecretAccessKey")?, None))
}

/// Removes the users of this or an earlier run, as far as they exist.
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
