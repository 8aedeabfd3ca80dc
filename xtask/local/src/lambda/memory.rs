//! The memory limit of a function: an instance whose resident memory exceeds it is killed.
//!
//! The limit is on resident memory, as on Lambda. A limit on the address space would also affect an
//! allocator that only reserves memory.

use super::fleet::Fleet;
use crate::server::Stop;
use std::sync::Arc;
use std::time::Duration;

/// Whether the memory of functions is limited on this system.
pub(crate) const LIMITS_MEMORY: bool = cfg!(target_os = "linux");

/// The polling interval.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Kills instances that exceed their function's limit, until `stop`.
pub(super) async fn enforce(fleet: Arc<Fleet>, mut stop: Stop) {
    if !LIMITS_MEMORY {
        return;
    }
    loop {
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(POLL_EVERY) => {}
        }
        for function in &fleet.functions {
            let instances: Vec<_> =
                function.lock().all.iter().map(|(id, it)| (*id, Arc::clone(it))).collect();
            for (id, instance) in instances {
                let used = instance.pid().and_then(peak_resident_bytes);
                if let Some(used) = used.filter(|used| *used > function.launch.memory_bytes()) {
                    function.launch.end_for_memory(id, &instance, used, &function.console);
                }
            }
        }
    }
}

/// The peak resident memory of a process; `None` once it has ended.
///
/// The high-water mark also counts memory that was freed between two polls.
fn peak_resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    high_water_mark(&status)
}

fn high_water_mark(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = value.trim().strip_suffix(" kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::high_water_mark;

    #[test]
    fn the_high_water_mark_is_read_from_the_status_of_a_process() {
        let status =
            "Name:\tVmHWM: 1 kB\nVmPeak:\t    3776 kB\nVmHWM:\t    2248 kB\nVmRSS:\t 9 kB\n";
        assert_eq!(high_water_mark(status), Some(2248 * 1024));
        for other in ["", "Name:\tzombie\nState:\tZ\n", "VmHWM:\t many kB\n", "VmHWM:\t12 MB\n"] {
            assert_eq!(high_water_mark(other), None, "{other:?}");
        }
    }
}
