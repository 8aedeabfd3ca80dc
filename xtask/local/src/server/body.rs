//! Reading bodies, with bounds on their size, time and number.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The maximum time for a body to arrive.
const BODY_LIMIT: Duration = Duration::from_secs(30);
/// The maximum size of a body that is read without a permit.
const SMALL_BODY_BYTES: usize = 64 * 1024;
/// The maximum number of larger bodies that are read at once.
const LARGE_BODIES: usize = 8;

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It has more bytes than allowed.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// The connection broke.
    Broken,
}

/// Bounds the memory for bodies of a service.
#[derive(Debug)]
pub(crate) struct Bodies(Semaphore);

impl Default for Bodies {
    fn default() -> Self {
        Self(Semaphore::new(LARGE_BODIES))
    }
}

impl Bodies {
    /// Reads a body of at most `limit` bytes. A large one waits for a permit.
    pub(crate) async fn read(&self, body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
        collect(body, limit, Some(&self.0)).await
    }
}

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read_body(body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    collect(body, limit, None).await
}

/// Copies the parts of a body into one buffer. Single bytes would otherwise each keep the buffer that
/// they were read into.
async fn collect(
    mut body: Incoming,
    limit: usize,
    permits: Option<&Semaphore>,
) -> Result<Bytes, BodyError> {
    let reading = async {
        if body.size_hint().lower() > limit as u64 {
            return Err(BodyError::TooLarge);
        }
        let mut read = BytesMut::new();
        let mut permit = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| BodyError::Broken)?;
            let Ok(data) = frame.into_data() else { continue };
            let length = read.len() + data.len();
            if length > limit {
                return Err(BodyError::TooLarge);
            }
            if let (None, Some(permits)) = (&permit, permits)
                && length > SMALL_BODY_BYTES
            {
                permit = Some(permits.acquire().await.map_err(|_| BodyError::Broken)?);
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    };
    tokio::time::timeout(BODY_LIMIT, reading).await.unwrap_or(Err(BodyError::TooSlow))
}
