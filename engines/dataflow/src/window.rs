//! Event-time windows: which ones a record is in, when they close, when a record is late.

use crate::EventTime;

/// A span of event time, `start <= t < end`, in nanoseconds.
///
/// Sliding windows that began before the stream did have their start before zero, hence signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The end, exclusive. Listed first so that windows sort by when they close.
    pub end_ns: i64,
    /// The start, inclusive.
    pub start_ns: i64,
}

/// How a stream is cut into windows, and how long a closed one waits for stragglers.
///
/// A window **closes** when the watermark reaches its end: its results are emitted. It is **dropped**
/// when the watermark reaches its end plus the allowed lateness. In between a late record still
/// counts, and an updated result is emitted. A record is **late** for a window whose drop time is
/// at or before the watermark *at the record's own position* in the stream; a record that is late for
/// all its windows goes to the late output, and is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    kind: Kind,
    lateness_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sliding { length_ns: u64, slide_ns: u64 },
    Session { gap_ns: u64 },
}

impl Windows {
    /// Back-to-back windows of one length. A length of 0 is taken as 1.
    #[must_use]
    pub const fn tumbling(length_ns: u64) -> Self {
        Self::sliding(length_ns, length_ns)
    }

    /// Windows of `length_ns`, one ending at every multiple of `slide_ns`. Zeros are taken as 1.
    #[must_use]
    pub const fn sliding(length_ns: u64, slide_ns: u64) -> Self {
        let length_ns = if length_ns == 0 { 1 } else { length_ns };
        let slide_ns = if slide_ns == 0 { 1 } else { slide_ns };
        Self { kind: Kind::Sliding { length_ns, slide_ns }, lateness_ns: 0 }
    }

    /// Windows that grow while a key's records are less than `gap_ns` apart. 0 is taken as 1.
    #[must_use]
    pub const fn session(gap_ns: u64) -> Self {
        Self {
            kind: Kind::Session { gap_ns: if gap_ns == 0 { 1 } else { gap_ns } },
            lateness_ns: 0,
        }
    }

    /// Keeps closed windows for `lateness_ns` more of event time.
    #[must_use]
    pub const fn allowed_lateness(mut self, lateness_ns: u64) -> Self {
        self.lateness_ns = lateness_ns;
        self
    }

    /// How long closed windows are kept.
    #[must_use]
    pub const fn lateness_ns(self) -> u64 {
        self.lateness_ns
    }

    /// Length and slide, for windows that are not sessions.
    #[must_use]
    pub const fn length_and_slide(self) -> Option<(u64, u64)> {
        match self.kind {
            Kind::Sliding { length_ns, slide_ns } => Some((length_ns, slide_ns)),
            Kind::Session { .. } => None,
        }
    }

    /// The gap, for sessions.
    #[must_use]
    pub const fn session_gap_ns(self) -> Option<u64> {
        match self.kind {
            Kind::Sliding { .. } => None,
            Kind::Session { gap_ns } => Some(gap_ns),
        }
    }

    /// The windows that a record at `at` is in, the one that ends first, first. For sessions: the
    /// one it would be in alone. Empty where the slide is longer than the length and `at` is in a gap.
    pub fn assign(self, at: EventTime) -> impl Iterator<Item = Window> {
        // Times are at most half of u64's range: 292 years of nanoseconds.
        let t = at.0.min(i64::MAX as u64 / 2) as i64;
        let (length, slide, first) = match self.kind {
            Kind::Sliding { length_ns, slide_ns } => {
                // The first window still open at t ends at the first multiple of the slide after t.
                let first = t.div_euclid(slide_ns as i64) * slide_ns as i64 + slide_ns as i64;
                (length_ns as i64, slide_ns as i64, first)
            }
            Kind::Session { gap_ns } => (gap_ns as i64, gap_ns as i64, t + gap_ns as i64),
        };
        let count = if first - length > t { 0 } else { (t - (first - length)) / slide + 1 };
        (0..count).map(move |k| {
            let end_ns = first + k * slide;
            Window { start_ns: end_ns - length, end_ns }
        })
    }

    /// Whether the window's results are due.
    #[must_use]
    pub const fn closed(self, window: Window, watermark: EventTime) -> bool {
        reaches(watermark, window.end_ns, 0)
    }

    /// Whether the window accepts no more records.
    #[must_use]
    pub const fn dropped(self, window: Window, watermark: EventTime) -> bool {
        reaches(watermark, window.end_ns, self.lateness_ns)
    }
}

const fn reaches(watermark: EventTime, end_ns: i64, more_ns: u64) -> bool {
    end_ns < 0 || watermark.0 >= (end_ns as u64).saturating_add(more_ns)
}

/// What a windowed operator emits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Windowed<O, L> {
    /// A window's result for one key: when the window closes, and again, updated, for every late
    /// record that is still allowed.
    Result {
        /// Which window.
        window: Window,
        /// The aggregate's output.
        value: O,
    },
    /// A record that came too late for all its windows.
    Late(L),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(windows: Windows, t: u64) -> Vec<(i64, i64)> {
        windows.assign(EventTime(t)).map(|w| (w.start_ns, w.end_ns)).collect()
    }

    #[test]
    fn assignment_table() {
        let rows: &[(Windows, u64, &[(i64, i64)])] = &[
            (Windows::tumbling(10), 0, &[(0, 10)]),
            (Windows::tumbling(10), 9, &[(0, 10)]),
            (Windows::tumbling(10), 10, &[(10, 20)]),
            (Windows::sliding(10, 5), 0, &[(-5, 5), (0, 10)]),
            (Windows::sliding(10, 5), 4, &[(-5, 5), (0, 10)]),
            (Windows::sliding(10, 5), 5, &[(0, 10), (5, 15)]),
            (Windows::sliding(10, 4), 3, &[(-6, 4), (-2, 8), (2, 12)]),
            (Windows::sliding(10, 4), 1, &[(-6, 4), (-2, 8)]),
            (Windows::sliding(2, 5), 0, &[]),
            (Windows::sliding(2, 5), 3, &[(3, 5)]),
            (Windows::sliding(2, 5), 4, &[(3, 5)]),
            (Windows::sliding(2, 5), 5, &[]),
            (Windows::session(7), 3, &[(3, 10)]),
        ];
        for (windows, t, want) in rows {
            assert_eq!(ends(*windows, *t), *want, "{windows:?} at {t}");
        }
    }

    #[test]
    fn assignment_agrees_with_the_definition() {
        for length in 1..12u64 {
            for slide in 1..12u64 {
                let windows = Windows::sliding(length, slide);
                for t in 0..40u64 {
                    let want: Vec<_> = (1..60)
                        .map(|k| (k * slide as i64 - length as i64, k * slide as i64))
                        .filter(|(start, end)| (*start..*end).contains(&(t as i64)))
                        .collect();
                    assert_eq!(ends(windows, t), want, "length {length} slide {slide} t {t}");
                }
            }
        }
    }

    #[test]
    fn closing_and_dropping() {
        let windows = Windows::tumbling(10).allowed_lateness(5);
        let window = Window { start_ns: 0, end_ns: 10 };
        for (watermark, closed, dropped) in
            [(9, false, false), (10, true, false), (14, true, false), (15, true, true)]
        {
            assert_eq!(windows.closed(window, EventTime(watermark)), closed);
            assert_eq!(windows.dropped(window, EventTime(watermark)), dropped);
        }
    }
}
