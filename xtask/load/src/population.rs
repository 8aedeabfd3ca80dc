//! What the callers know together: the users that were registered, and those that may have been.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many of the latest users the callers choose among. Few enough that they meet.
const IN_USE: usize = 500;

/// Every registration of the run.
#[derive(Debug, Default)]
pub(crate) struct Population(Mutex<State>);

/// The registrations at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The user id of each address whose registration was acknowledged.
    pub(crate) acknowledged: HashMap<String, String>,
    /// The addresses whose registration was sent, and never answered for good.
    pub(crate) open: HashSet<String>,
    latest: Vec<String>,
}

impl Population {
    /// Notes a registration that is about to be sent.
    pub(crate) fn begin(&self, email: &str) {
        self.lock().open.insert(email.to_owned());
    }

    /// Notes a registration that was acknowledged.
    pub(crate) fn acknowledge(&self, email: String, user_id: String) {
        let mut state = self.lock();
        state.open.remove(&email);
        let count = state.acknowledged.len();
        if state.latest.len() < IN_USE {
            state.latest.push(user_id.clone());
        } else {
            state.latest[count % IN_USE].clone_from(&user_id);
        }
        state.acknowledged.insert(email, user_id);
    }

    /// One of the latest users; none when there is none yet.
    pub(crate) fn choose(&self, random: &mut fastrand::Rng) -> Option<String> {
        random.choice(&self.lock().latest).cloned()
    }

    /// The address of some user that was registered.
    pub(crate) fn choose_email(&self, random: &mut fastrand::Rng) -> Option<String> {
        let state = self.lock();
        // The order of a map is as good as random, and its first entry is cheap.
        let skipped = random.usize(0..state.acknowledged.len().clamp(1, 100));
        state.acknowledged.keys().nth(skipped).cloned()
    }

    /// Everything so far.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{IN_USE, Population};

    #[test]
    fn the_latest_users_are_in_use_and_all_are_remembered() {
        let population = Population::default();
        assert_eq!(population.choose(&mut fastrand::Rng::with_seed(1)), None);
        for number in 0..IN_USE + 10 {
            let email = format!("u{number}@example.com");
            population.begin(&email);
            population.acknowledge(email, number.to_string());
        }
        population.begin("open@example.com");
        let state = population.state();
        assert_eq!(state.acknowledged.len(), IN_USE + 10);
        assert_eq!(state.open.len(), 1);
        assert_eq!(state.latest.len(), IN_USE);
        assert!(!state.latest.contains(&"5".to_owned()), "an old user is still in use");
        assert!(state.latest.contains(&(IN_USE + 9).to_string()));
    }
}
