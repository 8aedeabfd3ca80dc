//! Judgements about answers of an emulator: is the fault its own, or ours?

use crate::steps::{EmulatorFault, say};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use users_emulator::facts::Skipped;
use users_emulator::verify::{Missing, Verified};

/// Whether all is there but what the emulator is known to skip, and that still is not.
pub(super) fn judge(emulator: &str, skipped: &[Skipped], verified: &Verified) -> Result<()> {
    let (known, new): (Vec<&Missing>, Vec<_>) =
        verified.missing.iter().partition(|missing| skipped.iter().any(|it| it.is(missing)));
    if !new.is_empty() {
        let list: Vec<_> = new.iter().map(|missing| format!("\n  {missing}")).collect();
        return Err(EmulatorFault(format!(
            "{emulator} says that it made everything, and:{}",
            list.concat()
        ))
        .into());
    }
    for skipped in skipped {
        if !verified.missing.iter().any(|missing| skipped.is(missing)) {
            bail!(
                "the emulator makes {}{} now; take it from the list in xtask/emulator/src/facts.rs",
                skipped.kind,
                skipped.property.unwrap_or_default()
            );
        }
    }
    say(format!(
        "{} resources of {} types were asked for at their services",
        verified.resources,
        verified.kinds.len()
    ));
    if !known.is_empty() {
        say(format!("{} are missing, all of them known", known.len()));
    }
    Ok(())
}

/// Whether a function's answer is a page of users. Some emulators that cannot run a function make
/// up an answer, with status 200 even.
pub(super) fn is_page(answer: &Value) -> bool {
    let body = answer["body"].as_str().unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    answer["statusCode"] == 200 && body["items"].is_array()
}

/// Whether the emulator refused something because it does not know it, in the words that emulators
/// have for that.
pub(super) fn names_something_unknown(said: &str) -> bool {
    let said = said.to_lowercase();
    ["unsupported resource type", "not yet implemented", "notimplemented", "no provider found for"]
        .iter()
        .any(|words| said.contains(words))
}

/// `GET /users?limit=1` as API Gateway hands it to a function.
pub(super) fn list_event(api_stage: &str) -> Value {
    json!({
        "resource": "/users", "path": "/users", "httpMethod": "GET",
        "headers": {}, "multiValueHeaders": {},
        "queryStringParameters": {"limit": "1"},
        "multiValueQueryStringParameters": {"limit": ["1"]},
        "pathParameters": null, "stageVariables": null, "body": null, "isBase64Encoded": false,
        "requestContext": {
            "path": format!("/{api_stage}/users"), "stage": api_stage, "httpMethod": "GET",
            "resourcePath": "/users", "requestId": "test", "accountId": "000000000000",
            "apiId": "test", "resourceId": "test",
            "identity": {
                "accountId": "000000000000", "sourceIp": "127.0.0.1", "userAgent": "test",
                "userArn": "arn:aws:iam::000000000000:user/test"
            }
        }
    })
}

/// A text without white space and quoting, in which line breaks and markup make no difference.
pub(super) fn squeeze(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric() || "/.:".contains(*letter)).collect()
}

#[cfg(test)]
mod tests;
