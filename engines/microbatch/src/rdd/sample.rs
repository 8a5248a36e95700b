//! Random parts of an RDD.

use super::Rdd;
use crate::ContextError;
use crate::job::JobError;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Poisson};
use rand_xoshiro::Xoshiro256PlusPlus;
use weir_dataflow::{Data, hash_of};

impl<T: Data> Rdd<T> {
    /// A random part. Without replacement each record is taken with the probability `fraction`; with
    /// it, each is taken as often as a Poisson variable of that mean says. The same seed and
    /// partitions give the same sample.
    pub fn sample(
        &self,
        with_replacement: bool,
        fraction: f64,
        seed: u64,
    ) -> Result<Self, ContextError> {
        let limit = if with_replacement { f64::MAX } else { 1.0 };
        if !(0.0..=limit).contains(&fraction) {
            let rule = if with_replacement { "at least 0" } else { "between 0 and 1" };
            return Err(ContextError::Argument {
                what: "fraction",
                rule,
                given: fraction.to_string(),
            });
        }
        if with_replacement {
            return Ok(self.sample_again(fraction, seed));
        }
        Ok(self.per_partition("sample", true, move |input, out| {
            let mut random = random_of(seed, input.index());
            input.for_each(|value| {
                if random.random::<f64>() < fraction {
                    out(value);
                }
            })
        }))
    }

    fn sample_again(&self, mean: f64, seed: u64) -> Self {
        self.per_partition("sample", true, move |input, out| {
            // A mean of 0 is no distribution, and draws nothing.
            let Ok(times) = Poisson::new(mean) else { return Ok(()) };
            let mut random = random_of(seed, input.index());
            input.for_each(|value| {
                for _ in 0..times.sample(&mut random) as u64 {
                    out(value.clone());
                }
            })
        })
    }

    /// `count` records at random, or all if there are fewer; with replacement, always `count` unless
    /// there are none.
    pub fn take_sample(
        &self,
        with_replacement: bool,
        count: usize,
        seed: u64,
    ) -> Result<Vec<T>, JobError> {
        let mut all = self.collect()?;
        let mut random = random_of(seed, 0);
        if with_replacement {
            let draws = if all.is_empty() { 0 } else { count };
            return Ok((0..draws)
                .map(|_| all[random.random_range(0..all.len())].clone())
                .collect());
        }
        let count = count.min(all.len());
        for at in 0..count {
            let other = random.random_range(at..all.len());
            all.swap(at, other);
        }
        all.truncate(count);
        Ok(all)
    }

    /// The records dealt out at random to RDDs in the proportions of `weights`. Together they are
    /// the whole, and none is in two.
    pub fn random_split(&self, weights: &[f64], seed: u64) -> Result<Vec<Self>, ContextError> {
        let sum: f64 = weights.iter().sum();
        if weights.iter().any(|weight| *weight < 0.0) || !(sum > 0.0 && sum.is_finite()) {
            let rule = "nonnegative, and their sum positive";
            let given = format!("{weights:?}");
            return Err(ContextError::Argument { what: "weights", rule, given });
        }
        let (mut splits, mut from) = (Vec::new(), 0.0);
        for (index, weight) in weights.iter().enumerate() {
            let last = index + 1 == weights.len();
            // Sums of fractions may miss 1 by a little, and every draw is below it.
            let until = if last { f64::INFINITY } else { from + weight / sum };
            let part = self.per_partition("randomSplit", true, move |input, out| {
                let mut random = random_of(seed, input.index());
                input.for_each(|value| {
                    if (from..until).contains(&random.random::<f64>()) {
                        out(value);
                    }
                })
            });
            splits.push(part);
            from = until;
        }
        Ok(splits)
    }
}

fn random_of(seed: u64, partition: usize) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(hash_of(&(seed, partition)))
}
