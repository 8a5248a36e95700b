//! What the kernel counts.

use crate::environment::cgroup_file;
use std::fs;

/// Counters that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    /// Ticks that the hypervisor gave to others, and all ticks.
    steal: Option<(u64, u64)>,
    /// Periods in which the control group used its quota up.
    throttled: Option<u64>,
}

/// What they rose by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Since {
    pub(super) steal_share: Option<f64>,
    pub(super) throttled: Option<u64>,
}

impl Counters {
    pub(super) fn read() -> Self {
        Self {
            steal: fs::read_to_string("/proc/stat").ok().and_then(|text| steal(&text)),
            throttled: cgroup_file("cpu.stat").and_then(|text| throttled(&text)),
        }
    }

    pub(super) fn since(&self, before: &Self) -> Since {
        let share = |(steal, all): (u64, u64), (steal_before, all_before): (u64, u64)| {
            let ticks = all.saturating_sub(all_before);
            (ticks > 0).then(|| steal.saturating_sub(steal_before) as f64 / ticks as f64)
        };
        Since {
            steal_share: self.steal.zip(before.steal).and_then(|(now, then)| share(now, then)),
            throttled: self
                .throttled
                .zip(before.throttled)
                .map(|(now, then)| now.saturating_sub(then)),
        }
    }
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal, and two that
/// are part of the first two.
fn steal(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    let ticks: Option<Vec<u64>> =
        line.split_whitespace().skip(1).take(8).map(|word| word.parse().ok()).collect();
    let ticks = ticks.filter(|ticks| ticks.len() == 8)?;
    Some((ticks[7], ticks.iter().sum()))
}

/// `nr_throttled` of `cpu.stat`.
fn throttled(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("nr_throttled "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_the_eighth_number() {
        let text = "cpu  10 1 20 100 5 0 2 62 7 7\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(steal(text), Some((62, 200)));
        for text in ["", "cpu 1 2 3\n", "cpu a b c d e f g h\n", "intr 5\n"] {
            assert_eq!(steal(text), None, "{text}");
        }
    }

    #[test]
    fn throttled_periods_are_counted_by_name() {
        let text = "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 77\n";
        assert_eq!(throttled(text), Some(3));
        assert_eq!(throttled("nr_periods 9\n"), None);
    }

    #[test]
    fn only_what_rose_counts() {
        let before = Counters { steal: Some((10, 100)), throttled: Some(4) };
        let after = Counters { steal: Some((15, 200)), throttled: Some(6) };
        let want = Since { steal_share: Some(0.05), throttled: Some(2) };
        assert_eq!(after.since(&before), want);
        assert_eq!(before.since(&before).steal_share, None, "no tick, no share");
        let unknown = Counters::default();
        assert_eq!(after.since(&unknown), Since { steal_share: None, throttled: None });
    }
}
