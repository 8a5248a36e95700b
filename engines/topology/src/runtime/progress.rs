//! Positions and watermarks of a task: the least over its channels, and when to tell it on.

use crate::runtime::packet::Mark;
use crate::runtime::tracker::STRIDE;

/// The channels that a task reads from.
#[derive(Debug)]
pub(crate) struct Channels {
    marks: Vec<Mark>,
    open: usize,
    least: Mark,
}

impl Channels {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            marks: vec![Mark::default(); channels],
            open: channels,
            least: if channels == 0 { Mark::END } else { Mark::default() },
        }
    }

    /// A channel has got as far as `mark`. Returns how far the task has.
    #[inline]
    pub(crate) fn raise(&mut self, channel: u32, mark: Mark) -> Mark {
        let known = &mut self.marks[channel as usize];
        if mark.is_ahead_of(*known) {
            known.raise(mark);
            self.least = self.marks.iter().fold(Mark::END, |least, mark| least.min(*mark));
        }
        self.least
    }

    /// A channel has ended.
    pub(crate) fn end(&mut self, channel: u32) -> Mark {
        self.open = self.open.saturating_sub(1);
        self.raise(channel, Mark::END)
    }

    pub(crate) const fn all_ended(&self) -> bool {
        self.open == 0
    }
}

/// Decides when explicit marks are worth sending: not more often than every interval, unless a good
/// many records have passed. A mark that has to wait sets an alarm; nothing to tell sets none.
#[derive(Debug)]
pub(crate) struct MarkPacer {
    interval_ns: u64,
    told_at_ns: Option<u64>,
    told_position: u64,
}

impl MarkPacer {
    pub(crate) const fn new(interval_ns: u64) -> Self {
        Self { interval_ns, told_at_ns: None, told_position: 0 }
    }

    /// `None` if the mark is due, which is taken as told now; else when it will be.
    pub(crate) fn not_before(&mut self, mark: Mark, now_ns: u64) -> Option<u64> {
        let due = self.told_at_ns.map_or(0, |told| told.saturating_add(self.interval_ns));
        if now_ns < due && mark.position.saturating_sub(self.told_position) < STRIDE {
            return Some(due);
        }
        self.told_at_ns = Some(now_ns);
        self.told_position = mark.position;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_dataflow::EventTime;

    fn mark(position: u64, watermark: u64) -> Mark {
        Mark { position, watermark: EventTime(watermark) }
    }

    #[test]
    fn a_task_is_as_far_as_its_slowest_channel_in_each_respect() {
        let mut channels = Channels::new(2);
        assert_eq!(channels.raise(0, mark(5, 50)), mark(0, 0));
        assert_eq!(channels.raise(1, mark(7, 30)), mark(5, 30));
        assert_eq!(channels.raise(1, mark(1, 60)), mark(5, 50), "marks never fall");
        assert_eq!(channels.end(0), mark(7, 60));
        assert!(!channels.all_ended());
        assert_eq!(channels.end(1), Mark::END);
        assert!(channels.all_ended());
    }

    #[test]
    fn marks_are_spaced_in_time_unless_many_records_pass() {
        let mut pacer = MarkPacer::new(100);
        assert_eq!(pacer.not_before(mark(1, 0), 5), None);
        assert_eq!(pacer.not_before(mark(2, 0), 6), Some(105));
        assert_eq!(pacer.not_before(mark(2 + STRIDE, 0), 7), None);
        assert_eq!(pacer.not_before(mark(3 + STRIDE, 0), 106), Some(107));
        assert_eq!(pacer.not_before(mark(3 + STRIDE, 0), 107), None);
    }
}
