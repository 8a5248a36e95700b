//! What a run takes: processor time, memory and context switches of the whole process.
//!
//! Where the system does not tell, memory is `None` and the rest 0. On Linux the peak of the resident
//! set is reset at the start, so that it is the run's and not that of the runs before.

use std::fs;
use weir_dataflow::Clock;
use weir_reports::schema::Resources;

/// Measures one run; the process does nothing else meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct ResourceMeter {
    began_ns: u64,
    usage: Usage,
    rss_before: Option<u64>,
    /// Whether the peak was reset: otherwise it may be an earlier run's.
    peak_is_ours: bool,
}

/// The process's use since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Usage {
    user_s: f64,
    system_s: f64,
    voluntary_switches: u64,
    involuntary_switches: u64,
}

impl ResourceMeter {
    /// Starts measuring.
    #[must_use]
    pub fn start(clock: &dyn Clock) -> Self {
        // Resets the peak (see proc_pid_clear_refs(5)); fails where there is no such file.
        let peak_is_ours = fs::write("/proc/self/clear_refs", "5").is_ok();
        Self {
            peak_is_ours,
            rss_before: memory_field("VmRSS"),
            usage: usage(),
            began_ns: clock.now_ns(),
        }
    }

    /// What was used since the start.
    #[must_use]
    pub fn finish(self, clock: &dyn Clock) -> Resources {
        let wall_ns = clock.now_ns().saturating_sub(self.began_ns);
        let (before, after) = (self.usage, usage());
        Resources {
            wall_s: wall_ns as f64 / 1e9,
            user_s: (after.user_s - before.user_s).max(0.0),
            system_s: (after.system_s - before.system_s).max(0.0),
            peak_rss_bytes: memory_field("VmHWM").filter(|_| self.peak_is_ours),
            rss_before_bytes: self.rss_before,
            voluntary_switches: after.voluntary_switches.saturating_sub(before.voluntary_switches),
            involuntary_switches: after
                .involuntary_switches
                .saturating_sub(before.involuntary_switches),
        }
    }
}

#[cfg(unix)]
fn usage() -> Usage {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::{TimeVal, TimeValLike};
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Usage::default() };
    let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
    Usage {
        user_s: seconds(usage.user_time()),
        system_s: seconds(usage.system_time()),
        voluntary_switches: u64::try_from(usage.voluntary_context_switches()).unwrap_or(0),
        involuntary_switches: u64::try_from(usage.involuntary_context_switches()).unwrap_or(0),
    }
}

#[cfg(not(unix))]
fn usage() -> Usage {
    Usage::default()
}

fn memory_field(name: &str) -> Option<u64> {
    parse_memory_field(&fs::read_to_string("/proc/self/status").ok()?, name)
}

/// A field of `/proc/self/status` in bytes; the file counts in units of 1024.
fn parse_memory_field(status: &str, name: &str) -> Option<u64> {
    let field = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = field.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_dataflow::{ManualClock, SystemClock};

    #[test]
    fn memory_fields_are_read_in_bytes() {
        let status =
            "Name:\tweir\nVmHWM:\t    2048 kB\nVmRSS:\t     100 kB\nThreads:\t3\nVmX:\t9\n";
        for (name, bytes) in [
            ("VmHWM", Some(2048 * 1024)),
            ("VmRSS", Some(100 * 1024)),
            ("Vm", None),
            ("Threads", None),
            ("VmX", None),
            ("VmSwap", None),
        ] {
            assert_eq!(parse_memory_field(status, name), bytes, "{name}");
        }
        assert_eq!(parse_memory_field("", "VmRSS"), None);
    }

    #[test]
    fn wall_time_is_the_clocks() {
        let clock = ManualClock::auto();
        let meter = ResourceMeter::start(&clock);
        clock.sleep_until(1_500_000_000);
        assert_eq!(meter.finish(&clock).wall_s, 1.5);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_that_a_run_touches_shows_in_its_peak() {
        let clock = SystemClock::new();
        let meter = ResourceMeter::start(&clock);
        // Large beside what tests that run at the same time may give back.
        let touched = vec![1_u8; 256 << 20];
        assert_eq!(std::hint::black_box(&touched)[1 << 20], 1);
        let resources = meter.finish(&clock);
        // Sandboxes may have no such files: then there is nothing to compare.
        if let (Some(before), Some(peak)) = (resources.rss_before_bytes, resources.peak_rss_bytes) {
            assert!(peak >= before + (128 << 20), "{resources:?}");
        }
    }
}
