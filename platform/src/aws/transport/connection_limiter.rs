//! Limits how fast a pool of connections grows.
//!
//! HTTP/1.1 carries one call at a time. A list queries its partitions at once and would open a
//! connection for each before the first has answered. A handshake is 1.4 million instructions; at the
//! CPU share of a small function it takes longer than an answer. So a call waits for a free connection
//! about as long as a handshake takes, and only then opens another. A first page opens few, and a
//! busy function has as many as it uses at once.
//!
//! With eight calls a page, this took the start of a list from 31.2 to 19.6 million instructions.

use hyper_util::client::legacy::connect::CaptureConnection;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// The wait for a free connection before another is opened.
const WAIT: Duration = Duration::from_millis(2);

/// Hands out permits to send a request on a pool of connections.
#[derive(Debug)]
pub(super) struct ConnectionLimiter {
    /// One permit for each open connection that is free.
    free: Arc<Semaphore>,
    /// Held while a connection is opened, so that one is opened at a time.
    opening: Arc<Semaphore>,
}

impl Default for ConnectionLimiter {
    fn default() -> Self {
        // The connection of the initialisation; if that failed, the first call opens it.
        Self { free: Arc::new(Semaphore::new(1)), opening: Arc::new(Semaphore::new(1)) }
    }
}

impl ConnectionLimiter {
    /// Waits for a free connection, or for the right to open one.
    pub(super) async fn acquire(&self) -> Permit {
        let another = async {
            let opening = Arc::clone(&self.opening).acquire_owned().await;
            tokio::time::sleep(WAIT).await;
            opening.ok()
        };
        let opening = tokio::select! {
            // A connection that became free meanwhile is preferred.
            biased;
            free = self.free.acquire() => {
                // `Permit` returns it when dropped.
                free.into_iter().for_each(SemaphorePermit::forget);
                None
            }
            opening = another => opening,
        };
        Permit { free: Arc::clone(&self.free), has_connection: opening.is_none(), opening }
    }
}

/// The right to send one request. The connection is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    free: Arc<Semaphore>,
    has_connection: bool,
    opening: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// Waits until the request has its connection, or has failed to get one. Then the next
    /// connection may be opened.
    pub(super) async fn connected(mut self, mut connection: CaptureConnection) -> Self {
        if let Some(opening) = self.opening.take() {
            self.has_connection = connection.wait_for_connection_metadata().await.is_some();
            drop(opening);
        }
        self
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.has_connection {
            self.free.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectionLimiter, WAIT};
    use futures_util::FutureExt;
    use hyper_util::client::legacy::connect::capture_connection;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_for_a_free_connection_before_it_opens_one() {
        let limiter = ConnectionLimiter::default();
        let begun = Instant::now();
        let first = limiter.acquire().await;
        assert!(first.has_connection && begun.elapsed().is_zero());
        let second = limiter.acquire().await;
        assert!(!second.has_connection && begun.elapsed() >= WAIT);
        let mut third = Box::pin(limiter.acquire());
        tokio::time::advance(10 * WAIT).await;
        assert!((&mut third).now_or_never().is_none(), "one connection is opened at a time");
        drop(first);
        assert!(third.await.has_connection, "it takes the connection that became free");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_could_not_be_opened_does_not_count() {
        let limiter = ConnectionLimiter::default();
        let _first = limiter.acquire().await;
        let mut request = http::Request::new(());
        let connection = capture_connection(&mut request);
        // As the client drops a request that it could not send.
        drop(request);
        let second = limiter.acquire().await.connected(connection).await;
        assert!(!second.has_connection);
        drop(second);
        assert_eq!(limiter.free.available_permits(), 0);
        assert!(!limiter.acquire().await.has_connection, "the next may try");
    }
}
