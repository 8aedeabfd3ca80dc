//! The progress of a run, and its errors that are the emulator's fault.

use std::fmt;
use std::time::{Duration, Instant};

/// A fault of the emulator, which this project cannot mend.
#[derive(Debug)]
pub(crate) struct EmulatorFault(pub(crate) String);

impl fmt::Display for EmulatorFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for EmulatorFault {}

/// The steps of a run, each printed with its duration.
#[derive(Debug)]
pub(crate) struct Steps {
    begun: Instant,
    number: u32,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), number: 0 }
    }

    /// Runs one step.
    pub(crate) async fn step<T>(
        &mut self,
        title: &str,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        self.number += 1;
        eprintln!("\n== {}. {title}", self.number);
        let begun = Instant::now();
        let result = work.await;
        let verdict = if result.is_ok() { "done" } else { "failed" };
        eprintln!("   {verdict} in {}", seconds(begun.elapsed()));
        result
    }

    /// The time since the first step began.
    pub(crate) fn elapsed(&self) -> String {
        seconds(self.begun.elapsed())
    }
}

/// Waits for Ctrl-C or a signal to terminate.
pub(crate) async fn interrupted() {
    let ctrl_c = async {
        // Without a handler the signal ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! {
                    () = ctrl_c => {}
                    _ = terminate.recv() => {}
                }
            }
            Err(_) => ctrl_c.await,
        }
    }
    #[cfg(not(unix))]
    ctrl_c.await;
}

/// Prints a line below the title of a step.
pub(crate) fn report(text: impl fmt::Display) {
    eprintln!("   {text}");
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
