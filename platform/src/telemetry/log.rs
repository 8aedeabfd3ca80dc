//! Log lines, as JSON on standard output.
//!
//! Only this crate's own lines are written. Dependencies log whole requests and answers at their
//! debug levels, and those hold personal data.

use super::function::{SERVICE, function_name};
use super::json::Json;
use std::panic::PanicHookInfo;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to log lines of a level and above, and to end the process at a panic.
pub(super) fn init(level: LevelFilter) {
    // A second call, as tests may make it, has no effect.
    let _ = tracing_subscriber::registry().with(lines(level, std::io::stdout)).try_init();
    std::panic::set_hook(Box::new(|panic| {
        panicked(panic);
        // The release profile aborts anyway. In other profiles the panic would unwind, and only end
        // the task that it is in.
        std::process::abort();
    }));
}

/// Reports the place of a panic, but not its text, which may quote the value that caused it.
pub(super) fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(service = SERVICE, function_name = function_name(), place, "panicked");
}

/// The lines of this crate, of a level and above, as JSON.
fn lines<S, W>(level: LevelFilter, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .event_format(Json)
        .with_writer(writer)
        .with_filter(Targets::new().with_target("users_platform", level))
}

/// Collects the lines of this thread instead, of every level, until the guard is dropped.
#[cfg(test)]
pub(crate) fn collected() -> (std::sync::Arc<std::sync::Mutex<Vec<u8>>>, impl Drop) {
    #[derive(Clone)]
    struct Collector(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Collector {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics here").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    // While there is only one subscriber, `tracing` decides about a call site in the thread that
    // reaches it first; without a subscriber there, its lines are lost in all threads. So every
    // thread has one.
    static EVERYWHERE: std::sync::Once = std::sync::Once::new();
    EVERYWHERE.call_once(|| {
        let nowhere = lines(LevelFilter::TRACE, std::io::sink);
        tracing_subscriber::registry().with(nowhere).init();
    });
    let collected = std::sync::Arc::default();
    let collector = Collector(std::sync::Arc::clone(&collected));
    let layer = lines(LevelFilter::TRACE, move || collector.clone());
    (collected, tracing_subscriber::registry().with(layer).set_default())
}

/// Reports panics of this thread as in a function, until the guard is dropped.
#[cfg(test)]
pub(crate) fn reporting_panics_of_this_thread() -> impl Drop {
    use std::cell::Cell;
    use std::sync::Once;
    thread_local! {
        static REPORTING: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    // One hook for the whole test program: other threads' panics go on to the one before.
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if REPORTING.get() { panicked(panic) } else { previous(panic) }
        }));
    });
    struct Reporting;
    impl Drop for Reporting {
        fn drop(&mut self) {
            REPORTING.set(false);
        }
    }
    REPORTING.set(true);
    Reporting
}
