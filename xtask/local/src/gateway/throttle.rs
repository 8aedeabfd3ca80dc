//! Throttling: a token bucket per method, from the stage's method settings.

use crate::template::MethodSetting;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The buckets of all methods.
#[derive(Debug)]
pub(super) struct Throttles {
    settings: Vec<MethodSetting>,
    buckets: Mutex<BTreeMap<(String, String), Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Throttles {
    /// Full buckets for these settings.
    pub(super) fn new(settings: Vec<MethodSetting>) -> Self {
        Self { settings, buckets: Mutex::default() }
    }

    /// Admits a call if there is a token, and takes the token.
    pub(super) fn admit(&self, resource_path: &str, method: &str, now: Instant) -> bool {
        let Some(setting) = self.setting(resource_path, method) else { return true };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry((resource_path.to_owned(), method.to_owned()))
            .or_insert(Bucket { tokens: setting.burst, filled: now });
        let seconds = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = (bucket.tokens + seconds * setting.rate).min(setting.burst);
        bucket.filled = now;
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }

    /// The setting of a method: its own, else that of the stage.
    fn setting(&self, resource_path: &str, method: &str) -> Option<&MethodSetting> {
        let is_own = |setting: &&MethodSetting| {
            setting.resource_path.trim_start_matches('/') == resource_path.trim_start_matches('/')
                && (setting.http_method == method || setting.http_method == "*")
        };
        self.settings.iter().find(is_own).or_else(|| {
            self.settings.iter().find(|setting| {
                setting.resource_path == "/*"
                    && (setting.http_method == method || setting.http_method == "*")
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Throttles;
    use crate::template::MethodSetting;
    use std::time::{Duration, Instant};

    fn setting(resource_path: &str, rate: f64, burst: f64) -> MethodSetting {
        MethodSetting {
            resource_path: resource_path.to_owned(),
            http_method: "*".to_owned(),
            rate,
            burst,
        }
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let throttles = Throttles::new(vec![setting("/*", 10.0, 2.0)]);
        let start = Instant::now();
        let admitted =
            |at: u64, path: &str| throttles.admit(path, "GET", start + Duration::from_millis(at));
        assert_eq!([admitted(0, "/a"), admitted(0, "/a"), admitted(0, "/a")], [true, true, false]);
        // Another method has a bucket of its own.
        assert!(admitted(0, "/b"));
        // 50 ms are half a token, 100 ms a whole one.
        assert!(!admitted(50, "/a"));
        assert!(admitted(101, "/a"));
        // A long rest fills it up to the burst and no further.
        let later = [admitted(9000, "/a"), admitted(9000, "/a"), admitted(9000, "/a")];
        assert_eq!(later, [true, true, false]);
    }

    #[test]
    fn a_setting_of_a_method_replaces_the_stages() {
        let throttles = Throttles::new(vec![setting("/*", 1.0, 1.0), setting("/users", 1.0, 3.0)]);
        let now = Instant::now();
        let admitted = (0..4).filter(|_| throttles.admit("/users", "GET", now)).count();
        assert_eq!(admitted, 3);
    }

    #[test]
    fn without_settings_everything_passes() {
        let throttles = Throttles::new(Vec::new());
        assert!((0..10_000).all(|_| throttles.admit("/users", "GET", Instant::now())));
    }
}
