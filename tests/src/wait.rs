//! Waiting for something that must happen.

use std::fmt;
use std::time::{Duration, Instant};

/// How long something that must happen may take, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

/// Calls a probe until it finds something. Fails after [`PATIENCE`] with a text that names the missing thing.
///
/// # Panics
/// When the probe finds nothing in time.
pub async fn until<T>(missing: impl fmt::Display, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{missing}");
        tokio::time::sleep(PAUSE).await;
    }
}
