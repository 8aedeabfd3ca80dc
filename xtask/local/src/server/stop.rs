//! The stop signal of tasks.

use tokio::sync::watch;

/// A stop signal. It is also set once its sender is gone, so that nothing outlives its owner.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A signal and its sender, which sets all its clones with `true` or when it is dropped.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether the signal is set.
    pub(crate) fn is_set(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits for the signal.
    pub(crate) async fn wait(&mut self) {
        // An error means that the sender is gone, which also stops.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
