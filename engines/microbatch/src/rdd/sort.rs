//! Sorting: ranges of keys go to partitions, and each partition is sorted.

use super::partitioner::Target;
use super::{Partitions, RangePartitioner, Rdd};
use crate::job::JobError;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::Arc;
use weir_dataflow::{Data, Key};

/// Keys per partition of the result that are looked at to find the ranges (Spark's 20), and how many
/// times more of each input partition, as partitions differ in size.
const SAMPLE_PER_PARTITION: usize = 20;
const OVERSAMPLE: usize = 3;

impl<K: Key + Ord, V: Data> Rdd<(K, V)> {
    /// The pairs in the order of their keys, over all partitions. Pairs with equal keys stay in the
    /// order of partitions and records. Runs a job to find the ranges, unless there is to be one
    /// partition. By default there are as many as before; of a partitioner, only the number counts.
    ///
    /// There may be fewer partitions than asked for, if there are fewer keys.
    pub fn sort_by_key(
        &self,
        ascending: bool,
        partitions: impl Into<Partitions<K>>,
    ) -> Result<Self, JobError> {
        let partitions = match partitions.into() {
            Partitions::Default => self.partitions(),
            Partitions::Count(partitions) => partitions,
            Partitions::By(by) => by.partitions(),
        };
        let ranges = self.ranges(ascending, partitions)?;
        let target = Target::new(Arc::new(ranges));
        let sorted = self.placed(&target).per_partition("sortByKey", true, move |input, out| {
            let mut rows = Vec::new();
            input.for_each(|row| rows.push(row))?;
            rows.sort_by(|(a, _), (b, _)| if ascending { a.cmp(b) } else { b.cmp(a) });
            rows.into_iter().for_each(out);
            Ok(())
        });
        Ok(sorted)
    }

    /// Ranges of about as many pairs each, from a sample of the keys, which is the same every time.
    pub fn ranges(
        &self,
        ascending: bool,
        partitions: usize,
    ) -> Result<RangePartitioner<K>, JobError> {
        if partitions <= 1 {
            return Ok(RangePartitioner::new(Vec::new(), ascending));
        }
        let wanted = SAMPLE_PER_PARTITION * partitions * OVERSAMPLE;
        let most = wanted.div_ceil(self.partitions().max(1));
        let samples = self.run_job(&"sort by key: sample".into(), |input| {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(input.index() as u64);
            let (mut sample, mut seen) = (Vec::with_capacity(most), 0u64);
            input.for_each(|(key, _)| {
                seen += 1;
                if sample.len() < most {
                    sample.push(key);
                } else {
                    let at = random.random_range(0..seen) as usize;
                    if let Some(place) = sample.get_mut(at) {
                        *place = key;
                    }
                }
            })?;
            Ok((seen, sample))
        })?;
        let weighted = samples.into_iter().flat_map(|(seen, sample)| {
            let weight = seen as f64 / sample.len().max(1) as f64;
            sample.into_iter().map(move |key| (key, weight))
        });
        Ok(RangePartitioner::of_sample(weighted.collect(), partitions, ascending))
    }
}

impl<T: Data> Rdd<T> {
    /// The records in the order of what `key` makes of them; see
    /// [`sort_by_key`](Rdd::sort_by_key).
    pub fn sort_by<K: Key + Ord>(
        &self,
        key: impl Fn(&T) -> K + Send + Sync + 'static,
        ascending: bool,
        partitions: impl Into<Partitions<K>>,
    ) -> Result<Self, JobError> {
        Ok(self.key_by(key).sort_by_key(ascending, partitions)?.values().labelled("sortBy"))
    }
}
