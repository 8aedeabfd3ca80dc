//! The selection of cases, and their verdicts.

use super::fault::Fault;
use crate::caller::Caller;
use crate::checker::check;
use crate::collect::repeat_and_collect;
use crate::report::{Statistics, describe};
use crate::stack::Control;
use anyhow::{Result, bail};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Only cases whose names contain this.
    pub(crate) only: Option<String>,
    /// Maximum number of cases of each fault at each place.
    pub(crate) sample: Option<usize>,
    /// Chooses the sample.
    pub(crate) seed: u64,
    pub(crate) at_once: usize,
}

/// A case by its unique name.
pub(crate) type Named<T> = (String, Fault, T);

impl Plan {
    /// Chooses the cases to run.
    pub(crate) fn choose<T>(&self, mut cases: Vec<Named<T>>) -> Vec<Named<T>> {
        cases.retain(|(name, ..)| self.only.as_ref().is_none_or(|text| name.contains(text)));
        let Some(sample) = self.sample else { return cases };
        fastrand::Rng::with_seed(self.seed).shuffle(&mut cases);
        let mut chosen: BTreeMap<String, usize> = BTreeMap::new();
        cases.retain(|(_, fault, _)| {
            let count = chosen.entry(fault.name()).or_default();
            *count += 1;
            *count <= sample
        });
        cases
    }
}

/// Waits for quiet and checks everything. `case` is the name to reproduce a violation with.
pub(crate) async fn judge(control: &Control, caller: &Caller, case: &str) -> Result<Statistics> {
    let history = repeat_and_collect(control, caller).await?;
    let violations = check(&history);
    if !violations.is_empty() {
        let command = format!("cargo xtask test-faults --case '{case}'");
        bail!("{}", describe(&violations, &history, &command));
    }
    let mut statistics = Statistics::default();
    statistics.add_history(&history);
    statistics.add_faults(&control.get("/faults/report").await?);
    Ok(statistics)
}

#[cfg(test)]
mod tests {
    use super::{Fault, Named, Plan};
    use crate::scenario::Scenario;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn cases() -> Vec<Named<()>> {
        let faults = ["reset", "throttle"].map(|kind| Fault {
            at: json!({"call": 1}),
            kind: kind.to_owned(),
            times: 1,
        });
        let case = |scenario: Scenario, fault: Fault| {
            (format!("{}/{}", scenario.name(), fault.name()), fault, ())
        };
        let all = Scenario::all().into_iter();
        all.flat_map(|scenario| faults.clone().map(|fault| case(scenario, fault))).collect()
    }

    fn chosen(only: Option<&str>, sample: Option<usize>, seed: u64) -> BTreeSet<String> {
        let plan = Plan { only: only.map(str::to_owned), sample, seed, at_once: 1 };
        plan.choose(cases()).into_iter().map(|(name, ..)| name).collect()
    }

    #[test]
    fn all_cases_run_by_default() {
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
