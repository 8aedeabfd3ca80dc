//! Standard output, from which Lambda takes lines.
//!
//! Each write wakes up whoever reads, which costs more than making a line does. So what an invocation
//! tells at its end is written at once.

use std::cell::RefCell;
use std::io::{self, Write};

thread_local! {
    /// Lines of this thread that wait for others; none when lines are written at once.
    static WAITING: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes lines: at once, or together at the end of [`together`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let waits = WAITING.with_borrow_mut(|waiting| match waiting {
            Some(waiting) => {
                waiting.extend_from_slice(lines);
                true
            }
            None => false,
        });
        if !waits {
            io::stdout().lock().write_all(lines)?;
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Writes what is written meanwhile by this thread at once.
pub(super) fn together<T>(tell: impl FnOnce() -> T) -> T {
    WAITING.set(Some(Vec::with_capacity(2048)));
    let told = tell();
    release();
    told
}

/// Writes what waits, and no longer lets anything wait: for the end, or a panic before it.
pub(super) fn release() {
    if let Some(lines) = WAITING.take() {
        // Nobody is left to tell when standard output is gone.
        let _ = io::stdout().lock().write_all(&lines);
    }
}
