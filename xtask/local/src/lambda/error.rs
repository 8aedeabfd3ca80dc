//! Failures of invocations.

use std::fmt;

/// The maximum size of an event and of a response, in bytes, as on AWS.
pub(crate) const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
/// Lambda's error type of an invocation whose function exceeded its memory.
pub(super) const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";

/// Why an invocation has no result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum InvokeError {
    /// The function reported an error; the text is `type: message`.
    Function(String),
    /// The process ended during the invocation; the text says how.
    Crashed(String),
    /// The process was killed because it exceeded the function's memory; the text is Lambda's, with
    /// the limit and the memory used.
    OutOfMemory(String),
    /// It exceeded the function's timeout, in seconds.
    TimedOut(u64),
    /// No instance could be started; the text says why.
    Init(String),
    /// No instance could be started because there are no file descriptors left.
    NoDescriptors,
    /// All instances stayed busy.
    Throttled,
    /// The event is too large.
    TooLarge,
    /// An injected fault made the caller give up.
    GivenUp,
    /// An injected fault lost the result.
    AnswerLost,
}

impl fmt::Display for InvokeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(text) => write!(formatter, "the function failed: {text}"),
            Self::Crashed(text) => write!(formatter, "the function ended during the call: {text}"),
            Self::OutOfMemory(text) => formatter.write_str(text),
            Self::TimedOut(seconds) => write!(formatter, "Task timed out after {seconds} seconds"),
            Self::Init(text) => write!(formatter, "not started: {text}"),
            Self::NoDescriptors => formatter
                .write_str("no file descriptor is left for another instance; see `ulimit -n`"),
            Self::Throttled => formatter.write_str("all instances of the function are busy"),
            Self::TooLarge => write!(formatter, "the event is over {PAYLOAD_BYTES} bytes"),
            Self::GivenUp => formatter.write_str("nobody waits for it any more"),
            Self::AnswerLost => formatter.write_str("the result was lost"),
        }
    }
}
