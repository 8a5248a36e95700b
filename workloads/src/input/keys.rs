//! Numbered keys: a stream without a text, for questions that a text cannot answer.

use super::sources::mix;
use rand::SeedableRng;
use rand_distr::{Distribution, Zipf};
use rand_xoshiro::SplitMix64;

/// What keys to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeySpec {
    /// Distinct keys, at least one.
    pub cardinality: u64,
    /// Exponent of the Zipf distribution: 0 is uniform.
    pub skew: f64,
}

impl Default for KeySpec {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl KeySpec {
    /// As many keys, and as skewed, as there are words in generated text by default.
    pub const DEFAULT: Self = Self { cardinality: 10_000, skew: 1.0 };
}

/// Draws of keys: number `n` is a function of the seed and `n` alone, however many threads ask and in
/// whatever order.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    seed: u64,
    /// `None` where there is only one key.
    ranks: Option<Zipf<f64>>,
}

impl Keys {
    /// The draws of a seed.
    #[must_use]
    pub fn new(seed: u64, spec: KeySpec) -> Self {
        // Zipf::new refuses only n < 1 and a negative exponent, which max() and abs() rule out.
        let ranks = Zipf::new(spec.cardinality.max(1) as f64, spec.skew.abs()).ok();
        Self { seed, ranks: ranks.filter(|_| spec.cardinality > 1) }
    }

    /// A number that looks random.
    #[must_use]
    #[inline(always)]
    pub const fn noise(&self, index: u64) -> u64 {
        mix(index ^ self.seed.rotate_left(32))
    }

    /// Key of a record: from 0, the most frequent one first.
    #[must_use]
    #[inline(always)]
    pub fn key(&self, index: u64) -> u64 {
        let Some(ranks) = &self.ranks else { return 0 };
        // A generator of its own for each record: how many numbers one draw takes moves no other.
        let mut random = SplitMix64::seed_from_u64(mix(self.noise(index)));
        ranks.sample(&mut random) as u64 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: KeySpec = KeySpec { cardinality: 1_000, skew: 1.0 };

    fn digest(keys: Keys, indices: impl Iterator<Item = u64>) -> u64 {
        // A sum: the same in whatever order the parts are drawn.
        indices
            .map(|index| mix(mix(mix(index) ^ keys.key(index)) ^ keys.noise(index)))
            .fold(0, u64::wrapping_add)
    }

    /// Written down once: a change of these is a change of every result that was ever taken.
    #[test]
    fn draws_are_the_same_in_every_build() {
        let found = [(42, 1.0), (42, 0.0), (7, 1.5)].map(|(seed, skew)| {
            let keys = Keys::new(seed, KeySpec { skew, ..SPEC });
            digest(keys, 0..100_000)
        });
        assert_eq!(found, [7752906033772840882, 17547607260156841119, 13279541743372314346]);
    }

    #[test]
    fn draws_are_the_same_on_every_thread() {
        let keys = Keys::new(42, SPEC);
        let whole = digest(keys, 0..100_000);
        for threads in [2u64, 3, 8] {
            let parts: Vec<_> = (0..threads)
                .map(|at| {
                    let own = (at..100_000).step_by(threads as usize).collect::<Vec<_>>();
                    std::thread::Builder::new()
                        .name(format!("draws {at}"))
                        .spawn(move || digest(keys, own.into_iter().rev()))
                        .expect("a thread")
                })
                .collect();
            let sum = parts
                .into_iter()
                .map(|part| part.join().expect("a digest"))
                .fold(0, u64::wrapping_add);
            assert_eq!(sum, whole, "{threads} threads");
        }
    }

    #[test]
    fn cardinality_and_skew_shape_the_draws() {
        let share = |skew, key| {
            let keys = Keys::new(1, KeySpec { skew, ..SPEC });
            let hits = (0..200_000).filter(|index| keys.key(*index) == key).count();
            hits as f64 / 200_000.0
        };
        // 1 / (k^s H(1000, s)): 0.001 for s = 0, 0.1336 and half of that for s = 1.
        for (skew, key, want) in
            [(0.0, 0, 0.001), (0.0, 999, 0.001), (1.0, 0, 0.1336), (1.0, 1, 0.0668)]
        {
            let found = share(skew, key);
            assert!((found - want).abs() < 0.1 * want + 0.0003, "{skew} {key}: {found}");
        }
        let keys = Keys::new(1, KeySpec { cardinality: 7, skew: 0.0 });
        let distinct: std::collections::BTreeSet<u64> = (0..1_000).map(|i| keys.key(i)).collect();
        assert_eq!(distinct.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
        let one = Keys::new(1, KeySpec { cardinality: 1, skew: 2.0 });
        assert!((0..100).all(|index| one.key(index) == 0));
    }
}
