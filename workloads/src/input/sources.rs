//! Streams over a corpus, replayed for as long as the load goes on.

use crate::{Corpus, Text};
use weir_dataflow::{Event, EventTime, Source};

/// Lines as records, in order of event time: a record happens when it is scheduled.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    lines: &'static [Text],
}

impl Lines {
    /// The lines of a corpus. Without any, no record of the stream may be asked for.
    #[must_use]
    pub fn new(corpus: &'static Corpus) -> Self {
        Self { lines: corpus.lines() }
    }

    /// Line `index` of the replay.
    #[must_use]
    #[inline(always)]
    pub fn line(&self, index: u64) -> Text {
        self.lines[(index % self.lines.len() as u64) as usize]
    }
}

impl Source for Lines {
    type Item = Text;
    #[inline(always)]
    fn record(&self, index: u64, scheduled: EventTime) -> Event<Text> {
        Event { at: scheduled, watermark: scheduled, value: self.line(index) }
    }
    fn label(&self) -> String {
        "lines".into()
    }
}

/// How far event times stray from arrival order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// A record happened up to this long before it arrives, evenly spread. The watermark trails the
    /// arrival by as much, so that these are on time. Nanoseconds.
    pub bound_ns: u64,
    /// So many in a million are stragglers: they happened up to `straggle_ns` earlier still.
    pub straggler_ppm: u64,
    /// How much earlier, at most. Nanoseconds.
    pub straggle_ns: u64,
}

/// Words as records, with event times that may be out of order.
#[derive(Clone, Copy, Debug)]
pub struct WordEvents {
    words: &'static [Text],
    seed: u64,
    disorder: Disorder,
}

impl WordEvents {
    /// The words of a corpus. Without any, no record of the stream may be asked for.
    #[must_use]
    pub fn new(corpus: &'static Corpus, seed: u64, disorder: Disorder) -> Self {
        Self { words: corpus.words(), seed, disorder }
    }

    /// Word `index` of the replay.
    #[must_use]
    #[inline(always)]
    pub fn word(&self, index: u64) -> Text {
        self.words[(index % self.words.len() as u64) as usize]
    }

    /// A number that depends on the seed and the index alone.
    #[must_use]
    #[inline(always)]
    pub const fn noise(&self, index: u64) -> u64 {
        mix(index ^ self.seed.rotate_left(32))
    }
}

/// A bijection on 64 bits whose output looks random: the finaliser of SplitMix64 (Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", 2014).
#[inline(always)]
pub(super) const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Source for WordEvents {
    type Item = Text;
    #[inline(always)]
    fn record(&self, index: u64, scheduled: EventTime) -> Event<Text> {
        let value = self.word(index);
        let Disorder { bound_ns, straggler_ppm, straggle_ns } = self.disorder;
        if bound_ns == 0 && straggler_ppm == 0 {
            return Event { at: scheduled, watermark: scheduled, value };
        }
        let noise = self.noise(index);
        let mut behind = noise % (bound_ns + 1);
        if ((noise >> 32) * 1_000_000) >> 32 < straggler_ppm {
            behind += mix(noise) % (straggle_ns + 1);
        }
        Event {
            at: EventTime(scheduled.0.saturating_sub(behind)),
            watermark: EventTime(scheduled.0.saturating_sub(bound_ns)),
            value,
        }
    }
    fn in_order(&self) -> bool {
        self.disorder.bound_ns == 0 && self.disorder.straggler_ppm == 0
    }
    fn label(&self) -> String {
        "words".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> &'static Corpus {
        Corpus::intern("test", "a b c\nd e".to_owned())
    }

    #[test]
    fn replay_wraps_around() {
        let lines = Lines::new(corpus());
        let found: Vec<&str> = (0..5).map(|i| lines.line(i).as_str()).collect();
        assert_eq!(found, ["a b c", "d e", "a b c", "d e", "a b c"]);
    }

    #[test]
    fn disorder_keeps_its_promises() {
        let disorder = Disorder { bound_ns: 500, straggler_ppm: 100_000, straggle_ns: 2_000 };
        let words = WordEvents::new(corpus(), 1, disorder);
        let (mut late, mut last) = (0, EventTime::ZERO);
        for index in 0..20_000u64 {
            let scheduled = EventTime(10_000 + index * 10);
            let event = words.record(index, scheduled);
            assert_eq!(event, words.record(index, scheduled));
            assert!(event.watermark >= last, "watermarks never fall");
            assert!(event.at <= scheduled && event.at.0 + 2_500 >= scheduled.0);
            last = event.watermark;
            late += u64::from(event.at < event.watermark);
        }
        // A tenth are stragglers; the two delays of one in eight of those add up to less than 500.
        assert!((1_650..1_850).contains(&late), "{late}");
    }
}
