//! The keys of the processes that this stack started: each has its own, for as long as it runs.

use super::Secrets;
use crate::names::secret;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Secrets by access key. Clones are the same keyring.
#[derive(Clone, Default)]
pub(crate) struct Keyring(Arc<Mutex<BTreeMap<String, String>>>);

impl Keyring {
    /// Makes a secret for an access key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn issue(&self, access_key: &str) -> Result<String, getrandom::Error> {
        let secret = secret()?;
        self.lock().insert(access_key.to_owned(), secret.clone());
        Ok(secret)
    }

    /// Takes a key back: its process has ended.
    pub(crate) fn revoke(&self, access_key: &str) {
        self.lock().remove(access_key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secrets for Keyring {
    fn of(&self, access_key: &str) -> Option<String> {
        self.lock().get(access_key).cloned()
    }
}

// Secrets are kept out of every message.
impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.lock().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Keyring;
    use crate::auth::Secrets;

    #[test]
    fn a_key_holds_until_it_is_taken_back() {
        let keys = Keyring::default();
        let (one, two) = (keys.issue("get.1").unwrap(), keys.issue("get.2").unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
        assert_eq!(keys.of("get.1").as_ref(), Some(&one));
        assert!(!format!("{keys:?}").contains(&one));
        keys.clone().revoke("get.1");
        assert_eq!((keys.of("get.1"), keys.of("get.2")), (None, Some(two)));
    }
}
