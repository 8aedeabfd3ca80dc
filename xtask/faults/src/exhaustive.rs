//! Every fault at every place of every situation, one at a time.
//!
//! A first pass goes through the situations without faults and learns which calls of AWS they make
//! and what can happen there; from that all cases are made. A case prepares its situation anew, has
//! its fault placed in its own invocation, sends the request as a real client does, and sees to it
//! that the fault has happened. Since a placed fault is felt by nobody else, many cases run at
//! once; at the end the checker looks at everything.

pub(crate) mod relay;
pub(crate) mod stack_kill;

use crate::caller::{Caller, Log};
use crate::conclude::conclude;
use crate::report::{Figures, tell};
use crate::scenario::Scenario;
use crate::stack::{Control, Programs, Stack};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use users_faults::checker::check;

/// Cases from one word of progress to the next.
const PROGRESS: usize = 500;
/// How often in a row an error is given so that the function runs out of tries.
const THRICE: u32 = 3;
/// Faults that a function's client of AWS sees as something to try again.
const REPEATED: [&str; 7] = [
    "internal-error",
    "throttle",
    "reset",
    "lose-answer",
    "transaction-in-progress",
    "provisioned-throughput-exceeded",
    "transaction-conflict",
];

/// What to do, and how.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Only cases whose names contain this.
    pub(crate) only: Option<String>,
    /// Only so many cases of each fault at each place; all of them when none.
    pub(crate) of_each: Option<usize>,
    /// Chooses them.
    pub(crate) seed: u64,
    /// Cases at once.
    pub(crate) at_once: usize,
}

impl Plan {
    /// The cases to run of all that there are.
    fn choose<T: IsCase>(&self, mut cases: Vec<T>) -> Vec<T> {
        cases.retain(|case| self.only.as_ref().is_none_or(|text| case.name().contains(text)));
        let Some(of_each) = self.of_each else { return cases };
        fastrand::Rng::with_seed(self.seed).shuffle(&mut cases);
        let mut chosen: BTreeMap<String, usize> = BTreeMap::new();
        cases.retain(|case| {
            let count = chosen.entry(case.fault().name()).or_default();
            *count += 1;
            *count <= of_each
        });
        cases
    }

    /// The command that does one thing of it again.
    pub(crate) fn again(&self, case: &str) -> String {
        format!("cargo xtask test-faults --case '{case}'")
    }
}

/// Something with one fault, and a name that no other case has.
trait IsCase {
    fn name(&self) -> String;
    fn fault(&self) -> &Fault;
}

/// A fault at a place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// Where, as the stack takes it.
    at: Value,
    /// Which, by its name.
    kind: String,
    /// At how many calls in a row.
    times: u32,
}

impl Fault {
    /// Everything that can happen, given the calls of an invocation and what is possible there.
    pub(crate) fn all(kinds: &Value, places: &[&str], placed: &Value) -> Vec<Self> {
        let mut all = Vec::new();
        let names = |list: &Value| -> Vec<String> {
            list.as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        for place in places {
            for kind in names(&kinds[*place]) {
                all.push(Self { at: json!(place), kind, times: 1 });
            }
        }
        for (nth, call) in (1..).zip(placed["calls"].as_array().into_iter().flatten()) {
            for kind in names(&call["faults"]) {
                let at = json!({"call": nth});
                if REPEATED.contains(&kind.as_str()) {
                    all.push(Self { at: at.clone(), kind: kind.clone(), times: THRICE });
                }
                all.push(Self { at, kind, times: 1 });
            }
        }
        all
    }

    pub(crate) fn kills_the_stack(&self) -> bool {
        self.kind.starts_with("stack-kill")
    }

    /// Its name, and the place's.
    pub(crate) fn name(&self) -> String {
        let place = match &self.at {
            Value::String(step) => step.clone(),
            at => format!("call-{}", at["call"]),
        };
        let times = if self.times > 1 { format!("-x{}", self.times) } else { String::new() };
        format!("{place}/{}{times}", self.kind)
    }

    /// Places it in the first invocation of a function whose event holds a text.
    pub(crate) async fn place(
        &self,
        control: &Control,
        id: &str,
        function: &str,
        marker: &str,
    ) -> Result<()> {
        let placement = json!({
            "id": id, "function": function, "marker": marker,
            "at": self.at, "fault": self.kind, "times": self.times
        });
        control.post("/faults/placed", &placement).await.map(drop)
    }
}

/// Watches an invocation without a fault.
pub(crate) fn nothing() -> Fault {
    Fault { at: json!("start"), kind: "none".to_owned(), times: 1 }
}

/// Goes through all cases of the operations; gives how many there were.
pub(crate) async fn operations(programs: &Programs, plan: &Plan) -> Result<(usize, Figures)> {
    let stack = Stack::start(programs, &[]).await?;
    let control = stack.control();
    let caller = Caller::new(stack.client()?, &Log::new(), "exhaustive");
    let kinds = control.get("/faults/kinds").await?;
    let mut cases = Vec::new();
    for (scenario, placed) in watch(&control, &caller, plan).await? {
        for fault in Fault::all(&kinds, &["start", "response"], &placed) {
            if !fault.kills_the_stack() {
                cases.push(Case { scenario, fault });
            }
        }
    }
    let turns = Arc::new(Semaphore::new(plan.at_once));
    let cases = plan.choose(cases);
    let all = cases.len();
    let mut tasks = JoinSet::new();
    for case in cases {
        let (control, caller, turns) = (control.clone(), caller.clone(), Arc::clone(&turns));
        tasks.spawn(async move {
            let _turn = turns.acquire().await?;
            let name = case.name();
            case.run(&control, &caller.part_of(&name)).await.context(name)
        });
    }
    let mut count = 0;
    let mut failures = Vec::new();
    for nth in 1.. {
        let Some(done) = tasks.join_next().await else { break };
        if nth % PROGRESS == 0 {
            eprintln!("{nth} of {all} cases of the operations");
        }
        match done.context("a case broke down")? {
            Ok(placed) => count += usize::from(placed["fired"] != 0),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    let again = plan.again("NAME, as it stands in the story");
    let figures = verdict(&control, &caller, &again).await?;
    if !failures.is_empty() {
        bail!("{} cases failed:\n{}", failures.len(), failures.join("\n"));
    }
    Ok((count, figures))
}

/// Brings everything to rest and has it checked; gives the figures when all is well.
async fn verdict(control: &Control, caller: &Caller, again: &str) -> Result<Figures> {
    let world = conclude(control, caller).await?;
    let violations = check(&world);
    if !violations.is_empty() {
        bail!("{}", tell(&violations, &world, again));
    }
    let mut figures = Figures::default();
    figures.add_world(&world);
    figures.add_faults(&control.get("/faults/report").await?);
    Ok(figures)
}

/// Goes through the situations without faults, and learns what their invocations do.
async fn watch(control: &Control, caller: &Caller, plan: &Plan) -> Result<Vec<(Scenario, Value)>> {
    let turns = Arc::new(Semaphore::new(plan.at_once));
    let mut tasks = JoinSet::new();
    for scenario in Scenario::all() {
        let (control, caller, turns) = (control.clone(), caller.clone(), Arc::clone(&turns));
        tasks.spawn(async move {
            let _turn = turns.acquire().await?;
            let case = Case { scenario, fault: nothing() };
            let placed = case.run(&control, &caller.part_of(case.name())).await;
            Ok::<_, anyhow::Error>((scenario, placed.with_context(|| case.name())?))
        });
    }
    let mut watched = Vec::new();
    while let Some(done) = tasks.join_next().await {
        watched.push(done.context("a situation broke down")??);
    }
    watched.sort_by_key(|(scenario, _)| scenario.name());
    Ok(watched)
}

/// A fault in a situation.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) fault: Fault,
}

impl IsCase for Case {
    fn name(&self) -> String {
        format!("{}/{}", self.scenario.name(), self.fault.name())
    }

    fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl Case {
    /// Runs the case; gives what the stack says of the placed fault.
    async fn run(&self, control: &Control, caller: &Caller) -> Result<Value> {
        let ticket = caller.log().ticket();
        let id = ticket.correlation_id(1);
        let prepared = self.scenario.prepare(caller, &id).await?;
        let function = prepared.request.operation.function();
        self.fault.place(control, &id, function, &id).await?;
        let sight = caller.send_as(&ticket, prepared.request).await?;
        let placed = control.get(&format!("/faults/placed/{id}")).await?;
        let calls = placed["calls"].as_array().map_or(0, Vec::len) as u64;
        // How often a list asks depends on who is there, so the last calls may not exist.
        let is_there = self.fault.at["call"].as_u64().is_none_or(|nth| nth <= calls);
        if self.fault.kind != "none" && placed["fired"] == 0 && is_there {
            bail!("the fault has not happened, after {calls} calls of AWS");
        }
        let came = sight.last_answer().map(|answer| answer.status);
        if prepared.is_repeated && came != Some(prepared.status) {
            bail!("answered {came:?} at last, not {}: {:?}", prepared.status, sight.attempts);
        }
        Ok(placed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Case, Fault, IsCase, Plan};
    use crate::scenario::Scenario;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn cases() -> Vec<Case> {
        let faults = ["reset", "throttle"].map(|kind| Fault {
            at: json!({"call": 1}),
            kind: kind.to_owned(),
            times: 1,
        });
        let all = Scenario::all().into_iter();
        all.flat_map(|scenario| faults.clone().map(|fault| Case { scenario, fault })).collect()
    }

    fn chosen(only: Option<&str>, of_each: Option<usize>, seed: u64) -> BTreeSet<String> {
        let plan = Plan { only: only.map(str::to_owned), of_each, seed, at_once: 1 };
        plan.choose(cases()).iter().map(IsCase::name).collect()
    }

    #[test]
    fn all_cases_are_run_unless_told_otherwise() {
        assert_eq!(chosen(None, None, 1).len(), cases().len());
        assert_eq!(chosen(Some("register+key/call-1/reset"), None, 1).len(), 1);
    }

    #[test]
    fn a_sample_has_every_fault_and_follows_the_seed() {
        let sample = chosen(None, Some(3), 7);
        let of = |kind: &str| sample.iter().filter(|name| name.ends_with(kind)).count();
        assert_eq!((of("/reset"), of("/throttle"), sample.len()), (3, 3, 6));
        assert_eq!(chosen(None, Some(3), 7), sample);
        assert_ne!(chosen(None, Some(3), 8), sample);
    }
}
