//! Generated text: words of a Zipf-distributed vocabulary.

use crate::Corpus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What to generate. Equal values give equal text, on every machine and with every version that has
/// the same generator (xoshiro256++).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Generated {
    /// Seed of all draws.
    pub seed: u64,
    /// Size of the vocabulary.
    pub cardinality: u64,
    /// Exponent of the Zipf distribution: 0 is uniform, 1 is natural text.
    pub skew: f64,
    /// Words per line.
    pub words_per_line: u64,
}

impl Default for Generated {
    fn default() -> Self {
        Self { seed: 42, cardinality: 10_000, skew: 1.0, words_per_line: 10 }
    }
}

impl Generated {
    /// At least so many lines are drawn; the stream replays them. Enough that the text (4 MB by
    /// default) does not fit a core's caches, as a real stream would not.
    pub const LINES: u64 = 65_536;

    /// So many lines are drawn at most, whatever the vocabulary.
    pub const MAX_LINES: u64 = 4_194_304;

    /// How many lines are drawn: more for a large vocabulary, so that four words are drawn per word
    /// that there is.
    #[must_use]
    pub fn lines(&self) -> u64 {
        let words = self.words_per_line.max(1);
        let wanted = self.cardinality.saturating_mul(4).div_ceil(words).next_power_of_two();
        wanted.clamp(Self::LINES, Self::MAX_LINES)
    }

    /// The text, drawn once per process.
    #[must_use]
    pub fn corpus(&self) -> &'static Corpus {
        static DRAWN: Mutex<BTreeMap<[u64; 4], &'static Corpus>> = Mutex::new(BTreeMap::new());
        let id = [self.seed, self.cardinality, self.skew.to_bits(), self.words_per_line];
        let mut drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
        drawn.entry(id).or_insert_with(|| Corpus::intern(self.describe(), self.draw()))
    }

    /// The input in words.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "generated lines of {} words, {} distinct, Zipf exponent {}, seed {}",
            self.words_per_line, self.cardinality, self.skew, self.seed
        )
    }

    fn draw(&self) -> String {
        let vocabulary = Vocabulary::new(self.seed, self.cardinality);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        // Zipf::new fails only for n < 1 or a negative exponent, which max() and abs() rule out.
        let ranks = Zipf::new(self.cardinality.max(1) as f64, self.skew.abs()).ok();
        let mut text = String::new();
        for _ in 0..self.lines() {
            for word in 0..self.words_per_line {
                if word > 0 {
                    text.push(' ');
                }
                let rank = ranks.as_ref().map_or(1.0, |zipf| zipf.sample(&mut random));
                text.push_str(vocabulary.word(rank as u64 - 1));
            }
            text.push('\n');
        }
        text
    }
}

/// Distinct made-up words. Frequent ones are short, as in natural text.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    words: Vec<String>,
}

impl Vocabulary {
    /// `size` words, at least one.
    #[must_use]
    pub fn new(seed: u64, size: u64) -> Self {
        const ONSETS: [&str; 16] =
            ["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st"];
        const NUCLEI: [&str; 8] = ["a", "e", "i", "o", "u", "ea", "ou", "y"];
        let mut order: Vec<u64> = (0..size.max(1)).collect();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x766f_6361_6275_6c61);
        // Shuffled within each length, so that neighbouring ranks look unlike.
        let mut from = 0;
        let mut span = 128;
        while from < order.len() {
            let to = (from + span).min(order.len());
            for at in (from + 1..to).rev() {
                order.swap(at, random.random_range(from..=at));
            }
            from = to;
            span *= 128;
        }
        let syllable = |number: u64, text: &mut String| {
            text.push_str(ONSETS[(number % 16) as usize]);
            text.push_str(NUCLEI[(number / 16 % 8) as usize]);
        };
        let words = order.iter().map(|&number| {
            let mut text = String::new();
            let mut rest = number;
            loop {
                syllable(rest % 128, &mut text);
                if rest < 128 {
                    break text;
                }
                rest = rest / 128 - 1;
            }
        });
        Self { words: words.collect() }
    }

    /// The word of a rank, counted from 0; ranks beyond the vocabulary are its last word.
    #[must_use]
    pub fn word(&self, rank: u64) -> &str {
        &self.words[(rank as usize).min(self.words.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_distinct_and_frequent_ones_short() {
        let vocabulary = Vocabulary::new(7, 50_000);
        let distinct: BTreeSet<&str> = (0..50_000).map(|rank| vocabulary.word(rank)).collect();
        assert_eq!(distinct.len(), 50_000);
        assert!((0..128).all(|rank| vocabulary.word(rank).len() <= 4));
    }

    #[test]
    fn text_depends_on_what_was_asked_and_on_nothing_else() {
        let spec = Generated { cardinality: 100, words_per_line: 3, ..Generated::default() };
        assert_eq!(spec.draw(), spec.draw());
        assert_ne!(spec.draw(), Generated { seed: 43, ..spec }.draw());
        let corpus = spec.corpus();
        assert!(std::ptr::eq(corpus, spec.corpus()));
        assert_eq!(corpus.lines().len() as u64, Generated::LINES);
        assert_eq!(corpus.words().len() as u64, 3 * Generated::LINES);
    }

    #[test]
    fn skew_shapes_the_distribution() {
        let share = |skew| {
            let spec = Generated { cardinality: 1_000, skew, ..Generated::default() };
            let first = Vocabulary::new(spec.seed, spec.cardinality).word(0).to_owned();
            let corpus = spec.corpus();
            let hits = corpus.words().iter().filter(|word| word.as_str() == first).count();
            hits as f64 / corpus.words().len() as f64
        };
        // The share of rank 1 is 1 / H(1000, s): 0.001 for s = 0, 0.1336 for s = 1.
        assert!((share(0.0) - 0.001).abs() < 0.0003, "{}", share(0.0));
        assert!((share(1.0) - 0.1336).abs() < 0.003, "{}", share(1.0));
    }
}
