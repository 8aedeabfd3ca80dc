//! The local stack's control endpoints: what is on the bus and in the tables, and faults.

use crate::invariants;
use crate::settings::stop_unless_control_url;
use http::Method;
use serde_json::{Value, json};
use std::fs::File;
use std::time::{Duration, Instant};
use users_client::{Client, Credentials, Signing};
use users_contract::{OPERATIONS, RELAY};

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look whether it has come.
const PAUSE: Duration = Duration::from_millis(50);

/// The control endpoints, held by one test at a time: a fault is felt by every caller of the stack,
/// and counts of invocations mean something only while nobody else calls.
#[derive(Debug)]
pub struct Control {
    client: Client,
    // Taken between threads of one test program and between programs.
    _turn: File,
}

/// What an instance of a function looks like from outside.
struct Instance {
    pid: u32,
    busy: bool,
}

impl Control {
    /// Waits for this test's turn and clears all faults. The wait blocks the thread, so nothing
    /// else may run on its runtime yet.
    ///
    /// # Panics
    /// When the control endpoints do not answer.
    pub async fn take_turn() -> Self {
        let url = stop_unless_control_url();
        let path = std::env::temp_dir().join("users-tests-stack.lock");
        let turn = match File::options().create(true).truncate(false).write(true).open(&path) {
            Ok(file) => file,
            Err(error) => panic!("cannot open {}: {error}", path.display()),
        };
        if let Err(error) = turn.lock() {
            panic!("cannot lock {}: {error}", path.display());
        }
        let nobody = Credentials::from_keys("unsigned", "unsigned", None);
        let client = match Client::new(&url, "unsigned", nobody) {
            Ok(client) => client,
            Err(error) => panic!("USERS_API_CONTROL_URL cannot be used: {error}"),
        };
        let control = Self { client, _turn: turn };
        control.clear_faults().await;
        control
    }

    /// Clears all faults, and checks the invariants of the whole users table.
    ///
    /// # Panics
    /// With every broken invariant.
    pub async fn finish(self) {
        self.clear_faults().await;
        let broken = invariants::check_invariants(&self.table("UsersTable").await);
        assert!(broken.is_empty(), "the users table is not sound:\n{}", broken.join("\n"));
    }

    /// Sets these faults and no other: see the local stack's control endpoint `faults`.
    pub async fn set_faults(&self, faults: &Value) {
        self.ask(Method::POST, "/faults", Some(faults)).await;
    }

    /// Clears all faults.
    pub async fn clear_faults(&self) {
        self.set_faults(&json!({})).await;
    }

    /// Lets a fault happen at the nth call of AWS, from 1, of the next invocation of a function;
    /// `none` only watches. Clearing all faults forgets it.
    pub async fn place(&self, function: &str, nth_call: u64, fault: &str) {
        let placement = json!({
            "id": function, "function": function, "marker": "", "at": {"call": nth_call},
            "fault": fault
        });
        self.ask(Method::POST, "/faults/placed", Some(&placement)).await;
    }

    /// How often a fault that was placed has happened.
    pub async fn placed_fired(&self, function: &str) -> u64 {
        self.placed(function).await["fired"].as_u64().unwrap_or_default()
    }

    /// Waits until the invocation in which something was placed has made a call of AWS.
    ///
    /// # Panics
    /// When it makes none.
    pub async fn placed_called(&self, function: &str) {
        let begun = Instant::now();
        while self.placed(function).await["calls"].as_array().is_none_or(Vec::is_empty) {
            assert!(begun.elapsed() < PATIENCE, "{function} makes no call");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn placed(&self, function: &str) -> Value {
        self.get(&format!("/faults/placed/{function}"), &[]).await
    }

    /// Waits until every call that a fault has put off is carried out, though who made it may be
    /// dead.
    ///
    /// # Panics
    /// When one is not.
    pub async fn pending_calls_done(&self) {
        let begun = Instant::now();
        while self.get("/faults/report", &[]).await["pending"] != 0 {
            assert!(begun.elapsed() < PATIENCE, "a call that was put off is never carried out");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Every item of a table, attributes as plain JSON.
    pub async fn table(&self, logical_id: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut start: Option<String> = None;
        loop {
            let query = start.map(|start| vec![("start", start)]).unwrap_or_default();
            let page = self.get(&format!("/tables/{logical_id}/items"), &query).await;
            items.extend(elements(&page).iter().map(plain_item));
            start = page["next"].as_str().map(str::to_owned);
            if start.is_none() {
                return items;
            }
        }
    }

    /// The number of the last event on the bus so far.
    pub async fn last_event(&self) -> u64 {
        let mut after = 0;
        loop {
            let page = self.events_page(after).await;
            match page.last().and_then(|event| event["seq"].as_u64()) {
                Some(last) => after = last,
                None => return after,
            }
        }
    }

    /// The events of one user since the event of a number, in the order of their arrival, each held
    /// to its schema. Waits until the one of the given version is among them.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn events_until(&self, after: u64, user_id: &str, version: u64) -> Vec<Value> {
        let begun = Instant::now();
        let mut after = after;
        let mut events = Vec::new();
        loop {
            let page = self.events_page(after).await;
            if let Some(last) = page.last().and_then(|event| event["seq"].as_u64()) {
                after = last;
            }
            events.extend(page.into_iter().filter(|event| event["detail"]["userId"] == user_id));
            if events.iter().any(|event| event["detail"]["version"] == version) {
                return events;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "version {version} of {user_id} is not on the bus; there are only {events:?}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn events_page(&self, after: u64) -> Vec<Value> {
        let query = [("after", after.to_string()), ("limit", "1000".to_owned())];
        let page = elements(&self.get("/events", &query).await);
        for event in &page {
            let as_received = json!({
                "source": event["source"],
                "detail-type": event["detailType"],
                "detail": event["detail"],
            });
            let problems = crate::events::problems(&as_received);
            assert!(problems.is_empty(), "an event breaks its schema: {problems:?}: {event}");
        }
        page
    }

    /// What the function sent to the X-Ray daemon about the call with this correlation id. Waits
    /// until it is there: the answer may be quicker.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn trace_of(&self, correlation_id: &str) -> Value {
        let annotated = |document: &Value| {
            document["annotations"]["correlation_id"] == correlation_id
                && document["type"] == "subsegment"
        };
        self.document(annotated, &format!("there is no trace of {correlation_id}")).await
    }

    /// The segment that somebody has sent below a document. Waits until it is there.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn trace_below(&self, parent: &Value) -> Value {
        let below = |document: &Value| document["parent_id"] == parent["id"];
        self.document(below, &format!("nobody goes on with {parent}")).await
    }

    /// What the call with this correlation id has left behind, as the console shows it: `requests`,
    /// `traces`, `logs`, `events`, `items`. Waits until there is a line of the operation.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn left_behind(&self, correlation_id: &str, operation: &str) -> Value {
        let begun = Instant::now();
        let word = format!("\"operation\":\"{operation}\"");
        loop {
            let found = self.get(&format!("/calls/{correlation_id}"), &[]).await;
            let logs = found["logs"].as_array().into_iter().flatten();
            if logs.filter_map(|line| line["message"].as_str()).any(|line| line.contains(&word)) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "there is no line of {operation} in {found}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn document(&self, fits: impl Fn(&Value) -> bool, missing: &str) -> Value {
        let begun = Instant::now();
        loop {
            let documents = elements(&self.get("/traces", &[]).await);
            if let Some(document) = documents.into_iter().find(&fits) {
                return document;
            }
            assert!(begun.elapsed() < PATIENCE, "{missing}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How many records the relay has given up on.
    pub async fn dead_letters(&self) -> usize {
        elements(&self.get("/dead-letters", &[]).await).len()
    }

    /// How often the functions of the operations were invoked so far, added up.
    pub async fn operation_invocations(&self) -> u64 {
        let functions = self.functions().await;
        OPERATIONS.iter().map(|operation| invocations(&functions, operation.function)).sum()
    }

    /// How often the relay was invoked so far.
    pub async fn relay_invocations(&self) -> u64 {
        invocations(&self.functions().await, RELAY.function)
    }

    /// Waits until the relay was invoked so many times more, for as long as it retries.
    ///
    /// # Panics
    /// When it is not.
    pub async fn relay_tries(&self, times: u64) {
        let begun = Instant::now();
        let before = self.relay_invocations().await;
        while self.relay_invocations().await < before + times {
            assert!(begun.elapsed() < PATIENCE, "the relay does not try again");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until an event that fits arrives after the event of a number. This is the quickest
    /// way to learn that something was written.
    ///
    /// # Panics
    /// When none comes.
    pub async fn event(&self, after: u64, fits: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let mut after = after;
        loop {
            let page = self.events_page(after).await;
            if let Some(last) = page.last().and_then(|event| event["seq"].as_u64()) {
                after = last;
            }
            if let Some(event) = page.into_iter().find(|event| fits(event)) {
                return event;
            }
            assert!(begun.elapsed() < PATIENCE, "no such event arrives");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills the process of the instance of a function that is at work, so that it cannot even
    /// say goodbye.
    ///
    /// # Panics
    /// When none is at work, or it cannot be killed.
    pub async fn kill(&self, function: &str) {
        let pid = self.busy_instance(function).await;
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        assert!(
            killed.as_ref().is_ok_and(std::process::ExitStatus::success),
            "the instance of {function} cannot be killed: {killed:?}"
        );
    }

    /// The instances of a function.
    async fn instances(&self, function: &str) -> Vec<Instance> {
        let functions = self.functions().await;
        let Some(found) = functions.iter().find(|entry| entry["name"] == function) else {
            panic!("the stack has no function {function}: {functions:?}");
        };
        let instances = found["instances"].as_array().into_iter().flatten();
        instances
            .map(|instance| match instance["pid"].as_u64().and_then(|pid| pid.try_into().ok()) {
                Some(pid) => Instance { pid, busy: instance["busy"] == true },
                None => panic!("this is no instance: {instance}"),
            })
            .collect()
    }

    /// Waits until an instance of a function is at work, and gives its process.
    ///
    /// # Panics
    /// When none is.
    async fn busy_instance(&self, function: &str) -> u32 {
        let begun = Instant::now();
        loop {
            if let Some(instance) = self.instances(function).await.iter().find(|one| one.busy) {
                return instance.pid;
            }
            assert!(begun.elapsed() < PATIENCE, "no instance of {function} is at work");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn functions(&self) -> Vec<Value> {
        elements(&self.get("/functions", &[]).await)
    }

    async fn get(&self, path: &str, query: &[(&str, String)]) -> Value {
        let mut path = path.to_owned();
        let separators = std::iter::once('?').chain(std::iter::repeat('&'));
        for ((name, value), separator) in query.iter().zip(separators) {
            path.push(separator);
            path.push_str(name);
            path.push('=');
            path.extend(value.bytes().map(|byte| format!("%{byte:02X}")));
        }
        self.ask(Method::GET, &path, None).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut call = self.client.call(method, path).signing(Signing::None);
        if let Some(body) = body {
            call = call.json(body);
        }
        match call.send().await {
            Ok(response) if response.status.is_success() => response.json().unwrap_or(Value::Null),
            Ok(response) => panic!(
                "the control endpoint {path} answers {}: {}",
                response.status,
                String::from_utf8_lossy(&response.body)
            ),
            Err(error) => panic!("the control endpoint {path} does not answer: {error:?}"),
        }
    }
}

fn invocations(functions: &[Value], name: &str) -> u64 {
    let found = functions.iter().find(|function| function["name"] == name);
    match found.and_then(|function| function["invocations"].as_u64()) {
        Some(count) => count,
        None => panic!("the stack does not say how often {name} was invoked: {functions:?}"),
    }
}

fn elements(page: &Value) -> Vec<Value> {
    match page["items"].as_array() {
        Some(items) => items.clone(),
        None => panic!("this is no list of items: {page}"),
    }
}

/// An item in DynamoDB's JSON as plain JSON; one that is plain already stays as it is.
fn plain_item(item: &Value) -> Value {
    let Some(attributes) = item.as_object() else { return item.clone() };
    let plain = attributes.iter().map(|(name, value)| (name.clone(), plain_value(value)));
    Value::Object(plain.collect())
}

fn plain_value(value: &Value) -> Value {
    let typed = value.as_object().filter(|members| members.len() == 1);
    let Some((kind, inner)) = typed.and_then(|members| members.iter().next()) else {
        return value.clone();
    };
    match kind.as_str() {
        "S" | "BOOL" | "SS" => inner.clone(),
        "N" => inner.as_str().and_then(|number| number.parse().ok()).unwrap_or(Value::Null),
        "NULL" => Value::Null,
        "M" => plain_item(inner),
        "L" => Value::Array(inner.as_array().into_iter().flatten().map(plain_value).collect()),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain_item;
    use serde_json::json;

    #[test]
    fn dynamodb_json_becomes_plain_json() {
        let item = json!({
            "pk": {"S": "USER#1"}, "version": {"N": "3"}, "gone": {"NULL": true},
            "roles": {"L": [{"S": "admin"}]}, "attributes": {"M": {"S": {"S": "a"}}}
        });
        let plain = json!({
            "pk": "USER#1", "version": 3, "gone": null, "roles": ["admin"],
            "attributes": {"S": "a"}
        });
        assert_eq!(plain_item(&item), plain);
    }

    #[test]
    fn plain_json_stays() {
        let item = json!({"pk": "USER#1", "version": 3, "roles": ["admin"]});
        assert_eq!(plain_item(&item), item);
    }
}
