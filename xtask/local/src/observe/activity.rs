//! Tells those who look that something happened, so that nobody has to ask again and again.

use crate::server::Stop;
use std::time::Duration;
use tokio::sync::watch;

/// A number that grows whenever something happens. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Activity(watch::Sender<u64>);

impl Default for Activity {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Activity {
    /// Something happened.
    pub(crate) fn note(&self) {
        self.0.send_modify(|revision| *revision += 1);
    }

    /// The number now.
    pub(crate) fn revision(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until the number is another than `seen`, until `limit` is over or the stack stops; and
    /// gives the number then.
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
    async fn whoever_waits_is_told_at_once() {
        let (_sender, stop) = Stop::new();
        let activity = Activity::default();
        let (seen, ()) =
            tokio::join!(activity.beyond(0, LONG, stop.clone()), async { activity.note() });
        assert_eq!(seen, 1);
        // Something that was missed, and a number from before a restart.
        assert_eq!(activity.beyond(0, LONG, stop.clone()).await, 1);
        assert_eq!(activity.beyond(7, LONG, stop).await, 1);
    }

    #[tokio::test]
    async fn waiting_ends_with_the_time_and_with_the_stack() {
        let (sender, stop) = Stop::new();
        let activity = Activity::default();
        assert_eq!(activity.beyond(0, Duration::ZERO, stop.clone()).await, 0);
        drop(sender);
        assert_eq!(activity.beyond(0, LONG, stop).await, 0);
    }
}
