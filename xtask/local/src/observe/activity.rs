//! Signals activity, so that the console need not poll.

use crate::server::Stop;
use std::time::Duration;
use tokio::sync::watch;

/// A counter of activity. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Activity(watch::Sender<u64>);

impl Default for Activity {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Activity {
    /// Counts an activity.
    pub(crate) fn note(&self) {
        self.0.send_modify(|revision| *revision += 1);
    }

    /// The number now.
    pub(crate) fn revision(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until the number differs from `seen`, for at most `limit` and until the stack stops.
    /// Returns the number.
    pub(crate) async fn beyond(&self, seen: u64, limit: Duration, mut stop: Stop) -> u64 {
        let mut receiver = self.0.subscribe();
        tokio::select! {
            // The sender is `self`, so it is not gone.
            _ = receiver.wait_for(|revision| *revision != seen) => {}
            () = tokio::time::sleep(limit) => {}
            () = stop.wait() => {}
        }
        self.revision()
    }
}

#[cfg(test)]
mod tests {
    use super::Activity;
    use crate::server::Stop;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(600);

    #[tokio::test]
    async fn activity_ends_the_wait() {
        let (_sender, stop) = Stop::new();
        let activity = Activity::default();
        let (seen, ()) =
            tokio::join!(activity.beyond(0, LONG, stop.clone()), async { activity.note() });
        assert_eq!(seen, 1);
        // A missed activity, and a number from before a restart.
        assert_eq!(activity.beyond(0, LONG, stop.clone()).await, 1);
        assert_eq!(activity.beyond(7, LONG, stop).await, 1);
    }

    #[tokio::test]
    async fn the_wait_ends_at_the_limit_and_with_the_stack() {
        let (sender, stop) = Stop::new();
        let activity = Activity::default();
        assert_eq!(activity.beyond(0, Duration::ZERO, stop.clone()).await, 0);
        drop(sender);
        assert_eq!(activity.beyond(0, LONG, stop).await, 0);
    }
}
