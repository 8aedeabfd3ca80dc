//! A fault and its place.

use crate::stack::Control;
use anyhow::Result;
use serde_json::{Value, json};

/// How often an error is repeated to exhaust the retries of the AWS client.
const ALL_TRIES: u32 = 3;
/// Faults that the AWS client of a function retries.
const RETRIED: [&str; 7] = [
    "internal-error",
    "throttle",
    "reset",
    "lose-answer",
    "transaction-in-progress",
    "provisioned-throughput-exceeded",
    "transaction-conflict",
];

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// The place, as the stack takes it.
    pub(crate) at: Value,
    pub(crate) kind: String,
    /// At how many calls in a row.
    pub(crate) times: u32,
}

impl Fault {
    /// Observes an invocation without a fault.
    pub(crate) fn none() -> Self {
        Self { at: json!("start"), kind: "none".to_owned(), times: 1 }
    }

    /// Every possible fault at these steps of an invocation and at the calls that it made.
    pub(crate) fn all(kinds: &Value, steps: &[&str], observed: &Value) -> Vec<Self> {
        let mut all = Vec::new();
        for step in steps {
            for kind in texts(&kinds[*step]) {
                all.push(Self { at: json!(step), kind: kind.to_owned(), times: 1 });
            }
        }
        for (nth, call) in (1..).zip(observed["calls"].as_array().into_iter().flatten()) {
            for kind in texts(&call["faults"]) {
                let fault = |times| Self { at: json!({"call": nth}), kind: kind.to_owned(), times };
                if RETRIED.contains(&kind) {
                    all.push(fault(ALL_TRIES));
                }
                all.push(fault(1));
            }
        }
        all
    }

    pub(crate) fn kills_the_stack(&self) -> bool {
        self.kind.starts_with("stack-kill")
    }

    pub(crate) fn name(&self) -> String {
        let place = match &self.at {
            Value::String(step) => step.clone(),
            at => format!("call-{}", at["call"]),
        };
        let times = if self.times > 1 { format!("-x{}", self.times) } else { String::new() };
        format!("{place}/{}{times}", self.kind)
    }

    /// Places it in the first invocation of a function whose event contains this id.
    pub(crate) async fn place(&self, control: &Control, function: &str, id: &str) -> Result<()> {
        let placement = json!({
            "id": id, "function": function, "marker": id,
            "at": self.at, "fault": self.kind, "times": self.times
        });
        control.post("/faults/placed", &placement).await.map(drop)
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}
