//! Whose turn it is to use a connection, and when another one is opened.
//!
//! HTTP/1.1 takes one call at a time. A list asks many partitions at once, and would open a connection
//! for each before any has answered; at the CPU share of a small function their handshakes take longer
//! than the answers. So a call waits for a connection that comes free about as long as a handshake
//! would take, and only then opens one: a page that is asked for the first time opens few, and a
//! function that goes on being asked has as many as it uses at once.

use hyper_util::client::legacy::connect::CaptureConnection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// How long to wait for a connection before another is opened.
const WAIT: Duration = Duration::from_millis(2);

/// The turns of a pool of connections.
#[derive(Debug)]
pub(super) struct Turns {
    /// One for each connection that was opened and is free.
    free: Arc<Semaphore>,
    /// Held while a connection is opened, so that this happens one at a time.
    opening: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        // The connection of the initialisation; if it was not opened, the first call opens it.
        Self { free: Arc::new(Semaphore::new(1)), opening: Arc::new(Semaphore::new(1)) }
    }
}

impl Turns {
    /// Waits for a turn.
    pub(super) async fn take(&self) -> Turn {
        let another = async {
            let opening = Arc::clone(&self.opening).acquire_owned().await;
            tokio::time::sleep(WAIT).await;
            opening.ok()
        };
        let opening = tokio::select! {
            // A connection that came free meanwhile is the better one.
            biased;
            free = self.free.acquire() => {
                // It comes back at the end of the turn.
                free.into_iter().for_each(SemaphorePermit::forget);
                None
            }
            opening = another => opening,
        };
        Turn { free: Arc::clone(&self.free), has_connection: opening.is_none(), opening }
    }
}

/// The right to send one request. At its end the connection is free.
#[derive(Debug)]
pub(super) struct Turn {
    free: Arc<Semaphore>,
    has_connection: bool,
    opening: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Waits until the request of this turn has a connection, or will have none. Then another one
    /// may be opened.
    pub(super) async fn connected(mut self, mut connection: CaptureConnection) -> Self {
        if let Some(opening) = self.opening.take() {
            self.has_connection = connection.wait_for_connection_metadata().await.is_some();
            drop(opening);
        }
        self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.has_connection {
            self.free.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Turns, WAIT};
    use futures_util::FutureExt;
    use hyper_util::client::legacy::connect::capture_connection;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_free_connection_before_it_opens_one() {
        let turns = Turns::default();
        let begun = Instant::now();
        let first = turns.take().await;
        assert!(first.has_connection && begun.elapsed().is_zero());
        let second = turns.take().await;
        assert!(!second.has_connection && begun.elapsed() >= WAIT);
        let mut third = Box::pin(turns.take());
        tokio::time::advance(10 * WAIT).await;
        assert!((&mut third).now_or_never().is_none(), "one connection is opened at a time");
        drop(first);
        assert!(third.await.has_connection, "it takes what came free");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_could_not_be_opened_is_none() {
        let turns = Turns::default();
        let _first = turns.take().await;
        let mut request = http::Request::new(());
        let connection = capture_connection(&mut request);
        // As the client drops a request that it could not send.
        drop(request);
        let second = turns.take().await.connected(connection).await;
        assert!(!second.has_connection);
        drop(second);
        assert_eq!(turns.free.available_permits(), 0);
        assert!(!turns.take().await.has_connection, "the next may try");
    }
}
