//! What the functions have in common: their runtime, and an allocator for those that write.

use lambda_http::lambda_runtime::Error;

/// The allocator of the functions that write: a tenth less CPU of a warm call than with the
/// system's, for a twentieth more of a start. Those that read are nearer to the limit of their start
/// than to that of a warm call, so they keep the system's. `docs/performance.md` has the figures.
pub use mimalloc::MiMalloc as WriterAllocator;

/// Runs a function for as long as there are invocations.
///
/// On one thread: an execution environment has one invocation at a time, and a fraction of a core.
///
/// # Errors
///
/// When the function cannot begin, such as for a variable that is missing.
pub fn run(function: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(function)
}
