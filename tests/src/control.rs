//! The local stack's control endpoints: the contents of bus and tables, and faults.

use crate::item::plain_item;
use crate::settings::stop_unless_control_url;
use crate::{invariants, wait};
use http::Method;
use serde_json::{Value, json};
use std::fs::File;
use std::ops::Deref;
use users_client::{Client, Credentials, Signing};
use users_contract::{OPERATIONS, RELAY};

/// The control endpoints of one stack.
#[derive(Clone, Debug)]
pub struct Control {
    client: Client,
}

/// The control endpoints of the stack that all suites share, held by one test at a time: a fault
/// affects every caller of the stack, and counts of invocations are meaningful only without other
/// callers.
#[derive(Debug)]
pub struct Turn {
    control: Control,
    // Taken between threads of one test program and between programs.
    _lock: File,
}

impl Deref for Turn {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Turn {
    /// Clears all faults, and checks the invariants of the whole users table.
    ///
    /// # Panics
    /// With every broken invariant.
    pub async fn finish(self) {
        self.clear_faults().await;
        self.expect_sound("at the end of the test").await;
    }
}

impl Control {
    /// The control endpoints at an address.
    ///
    /// # Panics
    /// When the address is no URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let nobody = Credentials::from_keys("unsigned", "unsigned", None);
        match Client::new(url, "unsigned", nobody) {
            Ok(client) => Self { client },
            Err(error) => panic!("the control endpoints {url} cannot be used: {error}"),
        }
    }

    /// Waits for this test's turn at the shared stack and clears all faults. The wait blocks the
    /// thread, so nothing else may run on its runtime yet.
    ///
    /// # Panics
    /// When the control endpoints do not answer.
    pub async fn take_turn() -> Turn {
        let url = stop_unless_control_url();
        // One lock for each stack: tests of another one need not wait.
        let stack = url.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let path = std::env::temp_dir().join(format!("users-tests-{stack}.lock"));
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
        lock.lock().unwrap_or_else(|error| panic!("cannot lock {}: {error}", path.display()));
        let control = Self::new(&url);
        control.clear_faults().await;
        Turn { control, _lock: lock }
    }

    /// Fails unless the users table is sound as a whole.
    ///
    /// # Panics
    /// With every broken invariant.
    pub async fn expect_sound(&self, when: &str) {
        let broken = invariants::check_invariants(&self.table("UsersTable").await);
        assert!(broken.is_empty(), "{when} the users table is not sound:\n{}", broken.join("\n"));
    }

    /// Sets these faults and no other: see the local stack's control endpoint `faults`.
    pub async fn set_faults(&self, faults: &Value) {
        self.post("/faults", faults).await;
    }

    /// Clears all faults.
    pub async fn clear_faults(&self) {
        self.set_faults(&json!({})).await;
    }

    /// Injects a fault at the nth call of AWS, from 1, of the next invocation of a function; `none`
    /// only watches. Clearing all faults removes it.
    pub async fn place(&self, function: &str, nth_call: u64, fault: &str) {
        let placement = json!({
            "id": function, "function": function, "marker": "", "at": {"call": nth_call},
            "fault": fault
        });
        self.post("/faults/placed", &placement).await;
    }

    /// How often a placed fault has fired.
    pub async fn placed_fired(&self, function: &str) -> u64 {
        self.placed(function).await["fired"].as_u64().unwrap_or_default()
    }

    /// Waits until the invocation with a placed fault has made a call of AWS.
    pub async fn placed_called(&self, function: &str) {
        wait::until(format!("{function} makes no call"), async || {
            let calls = self.placed(function).await["calls"].as_array().map_or(0, Vec::len);
            (calls > 0).then_some(())
        })
        .await;
    }

    async fn placed(&self, function: &str) -> Value {
        self.get(&format!("/faults/placed/{function}")).await
    }

    /// Waits until every call that a fault has delayed is carried out, though its caller may be
    /// dead.
    pub async fn pending_calls_done(&self) {
        wait::until("a delayed call is never carried out", async || {
            (self.get("/faults/report").await["pending"] == 0).then_some(())
        })
        .await;
    }

    /// Every item of a table, attributes as plain JSON.
    pub async fn table(&self, logical_id: &str) -> Vec<Value> {
        let path = format!("/tables/{logical_id}/items");
        let mut items = Vec::new();
        let mut page = self.get(&path).await;
        loop {
            items.extend(elements(&page).iter().map(plain_item));
            let Some(next) = page["next"].as_str() else { return items };
            page = self.get(&format!("{path}?start={}", encode(next))).await;
        }
    }

    /// The items of a user whose sort keys begin with a prefix, in DynamoDB's JSON.
    pub async fn items(&self, user_id: &str, prefix: &str) -> Vec<Value> {
        let (partition, prefix) = (encode(&format!("USER#{user_id}")), encode(prefix));
        let path = format!("/tables/UsersTable/items?partition={partition}&sort-prefix={prefix}");
        elements(&self.get(&path).await)
    }

    /// Holds the delivery of streams back, so that records gather in one batch, or resumes it.
    pub async fn hold_streams(&self, hold: bool) {
        self.post("/streams", &json!({"hold": hold})).await;
    }

    /// All events on the bus so far, in the order of their arrival.
    pub async fn events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let page = self.events_after(sequence(&events)).await;
            if page.is_empty() {
                return events;
            }
            events.extend(page);
        }
    }

    /// The number of the last event on the bus so far.
    pub async fn last_event(&self) -> u64 {
        sequence(&self.events().await)
    }

    /// The events of one user since the event of a number, in the order of their arrival, each
    /// valid by its schema. Waits until the one of the given version is among them.
    pub async fn events_until(&self, after: u64, user_id: &str, version: u64) -> Vec<Value> {
        let mut after = after;
        let mut events = Vec::new();
        wait::until(format!("version {version} of {user_id} is not on the bus"), async || {
            let page = self.events_after(after).await;
            after = after.max(sequence(&page));
            events.extend(page.into_iter().filter(|event| event["detail"]["userId"] == user_id));
            events.iter().any(|event| event["detail"]["version"] == version).then_some(())
        })
        .await;
        events
    }

    /// Waits until an event that fits arrives after the event of a number. This is the quickest
    /// way to learn that something was written.
    pub async fn event(&self, after: u64, fits: impl Fn(&Value) -> bool) -> Value {
        let mut after = after;
        wait::until("no such event arrives", async || {
            let page = self.events_after(after).await;
            after = after.max(sequence(&page));
            page.into_iter().find(|event| fits(event))
        })
        .await
    }

    /// Up to a thousand events after the event of a number.
    async fn events_after(&self, after: u64) -> Vec<Value> {
        let page = elements(&self.get(&format!("/events?after={after}&limit=1000")).await);
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

    /// The documents that functions sent to the X-Ray daemon, oldest first.
    pub async fn traces(&self) -> Vec<Value> {
        elements(&self.get("/traces").await)
    }

    /// The document about the call with this correlation id. Waits for it: the answer may be
    /// quicker.
    pub async fn trace_of(&self, correlation_id: &str) -> Value {
        let annotated = |document: &Value| {
            document["annotations"]["correlation_id"] == correlation_id
                && document["type"] == "subsegment"
        };
        self.trace(annotated, &format!("there is no trace of {correlation_id}")).await
    }

    /// The segment below a document. Waits for it.
    pub async fn trace_below(&self, parent: &Value) -> Value {
        let below = |document: &Value| document["parent_id"] == parent["id"];
        self.trace(below, &format!("there is no segment below {parent}")).await
    }

    async fn trace(&self, fits: impl Fn(&Value) -> bool, missing: &str) -> Value {
        wait::until(missing, async || self.traces().await.into_iter().find(&fits)).await
    }

    /// Everything about the call with this correlation id, as the console shows it: `requests`,
    /// `traces`, `logs`, `events`, `items`. Waits until there is a log line of the operation.
    pub async fn left_behind(&self, correlation_id: &str, operation: &str) -> Value {
        let word = format!("\"operation\":\"{operation}\"");
        wait::until(format!("there is no line of {operation}"), async || {
            let found = self.get(&format!("/calls/{correlation_id}")).await;
            let mut logs = found["logs"].as_array().into_iter().flatten();
            let is_there =
                logs.any(|line| line["message"].as_str().is_some_and(|it| it.contains(&word)));
            is_there.then_some(found)
        })
        .await
    }

    /// The records that the relay gave up on.
    pub async fn dead_letters(&self) -> Vec<Value> {
        elements(&self.get("/dead-letters").await)
    }

    /// The number of invocations of all functions of operations so far.
    pub async fn operation_invocations(&self) -> u64 {
        let functions = self.functions().await;
        OPERATIONS.iter().map(|operation| invocations(&functions, operation.function)).sum()
    }

    /// The number of invocations of the relay so far.
    pub async fn relay_invocations(&self) -> u64 {
        invocations(&self.functions().await, RELAY.function)
    }

    /// Waits for this number of further invocations of the relay.
    pub async fn relay_tries(&self, times: u64) {
        let enough = self.relay_invocations().await + times;
        wait::until("the relay does not try again", async || {
            (self.relay_invocations().await >= enough).then_some(())
        })
        .await;
    }

    /// Kills the process of the busy instance of a function.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(&self, function: &str) {
        let pid = self.busy_pid(function).await;
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        assert!(
            killed.as_ref().is_ok_and(std::process::ExitStatus::success),
            "the instance of {function} cannot be killed: {killed:?}"
        );
    }

    /// The processes of all functions, or of one.
    pub async fn pids(&self, function: Option<&str>) -> Vec<u32> {
        self.instances(function).await.iter().filter_map(pid_of).collect()
    }

    /// Waits until an instance of a function is busy, and gives its process.
    pub async fn busy_pid(&self, function: &str) -> u32 {
        wait::until(format!("no instance of {function} is busy"), async || {
            let instances = self.instances(Some(function)).await;
            instances.iter().find(|instance| instance["busy"] == true).and_then(pid_of)
        })
        .await
    }

    /// Waits until no instance of a function is one of these processes.
    pub async fn wait_until_unlisted(&self, function: &str, pids: &[u32]) {
        wait::until(format!("{function} still has one of {pids:?}"), async || {
            let listed = self.pids(Some(function)).await;
            (!listed.iter().any(|pid| pids.contains(pid))).then_some(())
        })
        .await;
    }

    async fn instances(&self, function: Option<&str>) -> Vec<Value> {
        let functions = self.functions().await;
        functions
            .iter()
            .filter(|entry| function.is_none_or(|name| entry["name"] == name))
            .flat_map(|entry| entry["instances"].as_array().cloned().unwrap_or_default())
            .collect()
    }

    async fn functions(&self) -> Vec<Value> {
        elements(&self.get("/functions").await)
    }

    /// The answer of a control endpoint.
    pub async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None).await
    }

    /// Sends a control endpoint a document.
    pub async fn post(&self, path: &str, body: &Value) {
        self.ask(Method::POST, path, Some(body)).await;
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

/// A text as the value of a query parameter.
fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The number of the last of these events.
fn sequence(events: &[Value]) -> u64 {
    events.last().and_then(|event| event["seq"].as_u64()).unwrap_or_default()
}

fn pid_of(instance: &Value) -> Option<u32> {
    instance["pid"].as_u64()?.try_into().ok()
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
