//! Which tuples are measured.

use crate::{Config, TopologyError};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Picks the tuples that are measured: one out of every so many in a row, at a place that is drawn
/// anew each time, so that what comes at regular distances is met as often as anything else. Storm's
/// `evenSampler`.
#[derive(Clone, Debug)]
pub struct Sampler {
    every: u32,
    /// Tuples until the next block.
    left: u32,
    /// Tuples until the next sample of this block, if it is still to come.
    until: u32,
    random: Xoshiro256PlusPlus,
}

impl Sampler {
    /// Samples this share of all, with the seed of its lots. The share must be above 0 and at most 1;
    /// it is rounded up to one in a whole number.
    pub fn new(rate: f64, seed: u64) -> Result<Self, TopologyError> {
        if !(rate > 0.0 && rate <= 1.0) {
            return Err(TopologyError::BadSetting {
                key: Config::TOPOLOGY_STATS_SAMPLE_RATE.to_owned(),
                value: rate.to_string(),
                wanted: "above 0 and at most 1: a share of the tuples".to_owned(),
            });
        }
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Ok(Self { every: (1.0 / rate) as u32, left: 0, until: 0, random })
    }

    /// As `topology.stats.sample.rate` says.
    pub fn of(conf: &Config, seed: u64) -> Result<Self, TopologyError> {
        let rate = conf.float(Config::TOPOLOGY_STATS_SAMPLE_RATE)?;
        Self::new(rate.unwrap_or_default(), seed)
    }

    /// How many tuples a sample stands for.
    #[must_use]
    pub const fn weight(&self) -> u64 {
        self.every as u64
    }

    /// Whether the next tuple is a sample.
    #[inline]
    pub fn sample(&mut self) -> bool {
        if self.left == 0 {
            self.left = self.every;
            self.until = self.random.random_range(0..self.every);
        }
        self.left -= 1;
        let sampled = self.until == 0;
        self.until = self.until.wrapping_sub(1);
        sampled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_is_a_share() {
        for (rate, weight) in [(1.0, 1), (0.05, 20), (0.3, 3), (0.51, 1), (1e-6, 1_000_000)] {
            assert_eq!(Sampler::new(rate, 0).expect("a share").weight(), weight, "{rate}");
        }
        for rate in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            let error = Sampler::new(rate, 0).expect_err("no share").to_string();
            let want = format!("topology.stats.sample.rate is {rate}: it must be above 0");
            assert!(error.starts_with(&want), "{error}");
        }
    }

    #[test]
    fn the_rate_is_configured() {
        let conf = Config::new();
        assert_eq!(Sampler::of(&conf, 0).expect("the default").weight(), 20);
        let conf = conf.set(Config::TOPOLOGY_STATS_SAMPLE_RATE, 1);
        assert_eq!(Sampler::of(&conf, 0).expect("all").weight(), 1);
    }

    #[test]
    fn every_place_of_a_block_is_drawn() {
        let mut sampler = Sampler::new(0.05, 1).expect("a share");
        let mut drawn = [0; 20];
        for n in 0..20 * 1000 {
            drawn[n % 20] += u32::from(sampler.sample());
        }
        // Six standard deviations.
        assert!(drawn.iter().all(|times| times.abs_diff(50) < 42), "{drawn:?}");
    }

    proptest! {
        #[test]
        fn each_block_has_one_sample(every in 1..100u32, seed: u64) {
            let mut sampler = Sampler::new(1.0 / f64::from(every), seed).expect("a share");
            // The share may be rounded to one in a smaller number.
            let every = sampler.weight();
            for _ in 0..10 {
                let samples = (0..every).filter(|_| sampler.sample()).count();
                prop_assert_eq!(samples, 1);
            }
        }
    }
}
