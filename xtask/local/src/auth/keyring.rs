//! Access keys and their secrets. Each process that the stack starts has a key of its own, for as long
//! as it runs.

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
        self.insert(access_key, &secret);
        Ok(secret)
    }

    /// Adds a key with a given secret.
    pub(crate) fn insert(&self, access_key: &str, secret: &str) {
        self.lock().insert(access_key.to_owned(), secret.to_owned());
    }

    /// The secret of an access key, if the key is known.
    pub(crate) fn secret_of(&self, access_key: &str) -> Option<String> {
        self.lock().get(access_key).cloned()
    }

    /// Revokes a key: its process has ended.
    pub(crate) fn revoke(&self, access_key: &str) {
        self.lock().remove(access_key);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_key_is_valid_until_it_is_revoked() {
        let keys = Keyring::default();
        let (one, two) = (keys.issue("get.1").unwrap(), keys.issue("get.2").unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
        assert_eq!(keys.secret_of("get.1").as_ref(), Some(&one));
        assert!(!format!("{keys:?}").contains(&one));
        keys.clone().revoke("get.1");
        assert_eq!((keys.secret_of("get.1"), keys.secret_of("get.2")), (None, Some(two)));
    }
}
