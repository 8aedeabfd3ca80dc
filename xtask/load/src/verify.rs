//! What must be true after the load: the users are those that were registered, and every version of
//! each was told on the bus.

use crate::population::Population;
use crate::stack::Stack;
use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use users_client::{Client, RetryPolicy};

/// How long the last events may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);
/// Examples of what is wrong that are shown.
const EXAMPLES: usize = 3;

/// A user, as it is listed in the end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Listed {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) version: u64,
}

/// Every user, by walking the lists of all statuses.
pub(crate) async fn every_user(client: &Client) -> Result<Vec<Listed>> {
    let policy = RetryPolicy { attempts: 60, ..RetryPolicy::default() };
    let mut users = Vec::new();
    for status in ["active", "disabled", "deleted"] {
        let first = client.call(Method::GET, "/users").query("status", status);
        let first = first.query("limit", "100").query("order", "asc");
        let mut call = first.clone();
        loop {
            let response = call.send_retrying(policy).await?.response;
            if !response.status.is_success() {
                bail!("a page of the list is answered {}", response.status);
            }
            let page = response.json()?;
            let items = page["items"].as_array().context("a page without items")?;
            users.extend(items.iter().map(listed).collect::<Option<Vec<_>>>().context("a user")?);
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            call = first.clone().query("cursor", cursor);
        }
    }
    Ok(users)
}

fn listed(user: &Value) -> Option<Listed> {
    Some(Listed {
        user_id: user["userId"].as_str()?.to_owned(),
        email: user["email"].as_str()?.to_owned(),
        version: user["version"].as_u64()?,
    })
}

/// One line on what was found.
pub(crate) fn summary(population: &Population, found: &[Listed]) -> String {
    let state = population.state();
    format!(
        "{} registrations acknowledged, {} never answered; {} users found",
        state.acknowledged.len(),
        state.open.len(),
        found.len()
    )
}

/// What is wrong with the users that were found.
pub(crate) fn broken(population: &Population, found: &[Listed]) -> Vec<String> {
    let state = population.state();
    let mut ids_of: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for user in found {
        ids_of.entry(&user.email).or_default().push(&user.user_id);
    }
    let mut lost = BTreeSet::new();
    for (email, user_id) in &state.acknowledged {
        if ids_of.get(email.as_str()).is_none_or(|ids| *ids != [user_id]) {
            lost.insert(user_id.as_str());
        }
    }
    let mut unknown = BTreeSet::new();
    for (email, ids) in &ids_of {
        let known = state.acknowledged.contains_key(*email)
            || (state.open.contains(*email) && ids.len() == 1);
        if !known {
            unknown.extend(ids);
        }
    }
    let problem = |what: &str, ids: &BTreeSet<&str>| {
        let examples: Vec<_> = ids.iter().take(EXAMPLES).copied().collect();
        (!ids.is_empty()).then(|| format!("{} {what}: {} ...", ids.len(), examples.join(", ")))
    };
    [
        problem("acknowledged users are not there exactly once", &lost),
        problem("users are there that nobody registered", &unknown),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Waits until every version of every user was told on the bus, and says what was not.
pub(crate) async fn events(stack: &Stack, found: &[Listed]) -> Result<Vec<String>> {
    let expected: u64 = found.iter().map(|user| user.version).sum();
    let until = Instant::now() + PATIENCE;
    let mut told = BTreeSet::new();
    let mut after = 0;
    loop {
        let page = stack.control(&format!("/events?after={after}&limit=1000")).await?;
        let items = page["items"].as_array().context("the stack lists no events")?;
        for event in items {
            after = event["seq"].as_u64().context("an event without a number")?;
            let detail = &event["detail"];
            let id = detail["userId"].as_str().context("an event without a user")?;
            told.insert((id.to_owned(), detail["version"].as_u64()));
        }
        if told.len() as u64 >= expected || Instant::now() > until {
            break;
        }
        if items.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
    println!("{expected} versions, {} of them told on the bus", told.len());
    let missing = found.iter().flat_map(|user| {
        (1..=user.version)
            .map(|version| (user.user_id.clone(), Some(version)))
            .filter(|version| !told.contains(version))
    });
    let missing = missing.count();
    Ok(if missing == 0 {
        Vec::new()
    } else {
        vec![format!("{missing} versions were not told on the bus within {} s", PATIENCE.as_secs())]
    })
}

#[cfg(test)]
mod tests {
    use super::{Listed, broken};
    use crate::population::Population;

    fn user(email: &str, user_id: &str) -> Listed {
        Listed { user_id: user_id.to_owned(), email: email.to_owned(), version: 1 }
    }

    /// Ada and Bob were acknowledged, and nobody knows about Eve.
    fn population() -> Population {
        let population = Population::default();
        for email in ["ada", "bob", "eve"] {
            population.begin(email);
        }
        population.acknowledge("ada".to_owned(), "1".to_owned());
        population.acknowledge("bob".to_owned(), "2".to_owned());
        population
    }

    #[test]
    fn whoever_was_acknowledged_is_there_once_and_nobody_else() {
        let (ada, bob, eve) = (user("ada", "1"), user("bob", "2"), user("eve", "3"));
        let broken = |found: &[Listed]| broken(&population(), found).len();
        assert_eq!(broken(&[ada.clone(), bob.clone()]), 0);
        assert_eq!(broken(&[ada.clone(), bob.clone(), eve.clone()]), 0);
        assert_eq!(broken(std::slice::from_ref(&ada)), 1, "one is lost");
        assert_eq!(broken(&[ada.clone(), ada.clone(), bob.clone()]), 1, "one is there twice");
        assert_eq!(broken(&[user("ada", "9"), bob.clone()]), 1, "one has another id");
        assert_eq!(broken(&[ada.clone(), bob.clone(), eve.clone(), eve]), 1, "one too many");
        assert_eq!(broken(&[ada, bob, user("mallory", "4")]), 1, "one is unknown");
    }
}
