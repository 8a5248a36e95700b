//! Which partition a key belongs to.
//!
//! The rules are those of Spark's `Partitioner.scala`. Two RDDs that are partitioned by equal
//! partitioners are joined partition by partition, without a shuffle.

use crate::ContextError;
use crate::SparkContext;
use std::any::Any;
use std::sync::Arc;
use weir_dataflow::{Key, hash_of, partition_of};

/// A rule that gives every key a partition.
pub trait Partitioner<K>: Any + Send + Sync {
    /// How many partitions there are.
    fn partitions(&self) -> usize;
    /// The key's partition, below [`partitions`](Self::partitions). It depends on the key alone.
    fn partition(&self, key: &K) -> usize;
    /// Whether `other` puts every key into the same partition. Downcast it and compare; the same
    /// value (by address) is taken as equal without being asked.
    fn equals(&self, other: &dyn Any) -> bool {
        let _ = other;
        false
    }
}

/// Keys by their hash: what wide operators use unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPartitioner(usize);

impl HashPartitioner {
    /// Into `partitions` partitions; 0 is refused.
    pub const fn new(partitions: usize) -> Result<Self, ContextError> {
        if partitions == 0 { Err(ContextError::NoPartitions) } else { Ok(Self(partitions)) }
    }
}

impl<K: Key> Partitioner<K> for HashPartitioner {
    fn partitions(&self) -> usize {
        self.0
    }
    fn partition(&self, key: &K) -> usize {
        partition_of(hash_of(key), self.0)
    }
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }
}

/// Keys by ranges: partition *i* holds keys up to and including bound *i*, the last one the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangePartitioner<K> {
    bounds: Vec<K>,
    ascending: bool,
}

impl<K: Ord + Clone> RangePartitioner<K> {
    /// Ranges between `bounds`, which are sorted and freed of duplicates here; one partition more
    /// than there are bounds. Descending ranges put the greatest keys into partition 0.
    #[must_use]
    pub fn new(mut bounds: Vec<K>, ascending: bool) -> Self {
        bounds.sort();
        bounds.dedup();
        Self { bounds, ascending }
    }

    /// Bounds that cut weighted samples into at most `partitions` parts of equal weight.
    pub(crate) fn of_sample(mut sample: Vec<(K, f64)>, partitions: usize, ascending: bool) -> Self {
        sample.sort_by(|a, b| a.0.cmp(&b.0));
        let step = sample.iter().map(|(_, weight)| weight).sum::<f64>() / partitions.max(1) as f64;
        let (mut bounds, mut weight, mut target) = (Vec::<K>::new(), 0.0, step);
        for (key, own) in sample {
            weight += own;
            if weight >= target && bounds.len() + 1 < partitions && bounds.last() != Some(&key) {
                bounds.push(key);
                target += step;
            }
        }
        Self { bounds, ascending }
    }
}

impl<K: Ord + Clone + Send + Sync + 'static> Partitioner<K> for RangePartitioner<K> {
    fn partitions(&self) -> usize {
        self.bounds.len() + 1
    }
    fn partition(&self, key: &K) -> usize {
        let at = self.bounds.partition_point(|bound| bound < key);
        if self.ascending { at } else { self.bounds.len() - at }
    }
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<Self>() == Some(self)
    }
}

/// The partitions that a wide operator makes: what its last argument is made from.
///
/// `()` is the default partitioner, a number is that many partitions by hash (0 is taken as 1), and a
/// partitioner is itself.
pub enum Partitions<K> {
    /// The largest partitioner among the inputs if it is large enough, else by hash into
    /// `spark.default.parallelism` partitions, or as many as the widest input has.
    Default,
    /// By hash.
    Count(usize),
    /// By a partitioner.
    By(Arc<dyn Partitioner<K>>),
}

impl<K: 'static> std::fmt::Debug for Partitions<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Count(count) => f.debug_tuple("Count").field(count).finish(),
            Self::By(by) => f.debug_tuple("By").field(&by.partitions()).finish(),
        }
    }
}

impl<K> From<()> for Partitions<K> {
    fn from((): ()) -> Self {
        Self::Default
    }
}

impl<K> From<usize> for Partitions<K> {
    fn from(partitions: usize) -> Self {
        Self::Count(partitions)
    }
}

impl<K> From<HashPartitioner> for Partitions<K> {
    fn from(by: HashPartitioner) -> Self {
        Self::Count(by.0)
    }
}

impl<K: Ord + Clone + Send + Sync + 'static> From<RangePartitioner<K>> for Partitions<K> {
    fn from(by: RangePartitioner<K>) -> Self {
        Self::By(Arc::new(by))
    }
}

impl<K: super::JavaHash> From<super::JavaHashPartitioner> for Partitions<K> {
    fn from(by: super::JavaHashPartitioner) -> Self {
        Self::By(Arc::new(by))
    }
}

impl<K> From<Arc<dyn Partitioner<K>>> for Partitions<K> {
    fn from(by: Arc<dyn Partitioner<K>>) -> Self {
        Self::By(by)
    }
}

/// A partitioner that has been decided on. Hashing is a case of its own, so that tables can use the
/// hash that was computed for the partition.
pub(crate) enum Target<K> {
    Hash(usize),
    By(Arc<dyn Partitioner<K>>),
}

impl<K> Clone for Target<K> {
    fn clone(&self) -> Self {
        match self {
            Self::Hash(partitions) => Self::Hash(*partitions),
            Self::By(by) => Self::By(Arc::clone(by)),
        }
    }
}

impl<K: Key> Target<K> {
    pub(crate) fn new(by: Arc<dyn Partitioner<K>>) -> Self {
        match (&*by as &dyn Any).downcast_ref::<HashPartitioner>() {
            Some(hash) => Self::Hash(hash.0),
            None => Self::By(by),
        }
    }

    /// Decides what `wanted` means for an operator over `inputs`: the partition count and the
    /// partitioner of each.
    pub(crate) fn of(
        wanted: Partitions<K>,
        sc: &SparkContext,
        inputs: &[(usize, Option<Partitioning>)],
    ) -> Self {
        match wanted {
            Partitions::Count(partitions) => Self::Hash(partitions.max(1)),
            Partitions::By(by) => Self::new(by),
            Partitions::Default => Self::default_for(sc, inputs),
        }
    }

    /// Spark's `defaultPartitioner`: an existing partitioner is good enough if it has no fewer
    /// partitions than the default, or more than a tenth of the widest input's.
    fn default_for(sc: &SparkContext, inputs: &[(usize, Option<Partitioning>)]) -> Self {
        let widest = inputs.iter().map(|(partitions, _)| *partitions).max().unwrap_or(1).max(1);
        let count = sc.set_parallelism().unwrap_or(widest);
        let largest = inputs
            .iter()
            .filter_map(|(_, by)| by.as_ref())
            .filter_map(Self::typed)
            .filter(|by| by.partitions() > 0)
            // The first of the largest, as `maxBy` finds it.
            .reduce(|best, by| if by.partitions() > best.partitions() { by } else { best });
        match largest {
            Some(by) if by.partitions() * 10 > widest || count <= by.partitions() => by,
            _ => Self::Hash(count),
        }
    }

    pub(crate) fn typed(erased: &Partitioning) -> Option<Self> {
        match erased {
            Partitioning::Hash(partitions) => Some(Self::Hash(*partitions)),
            Partitioning::By(by) => {
                by.as_any().downcast_ref::<ByKey<K>>().map(|by| Self::By(Arc::clone(&by.0)))
            }
        }
    }

    pub(crate) fn erased(&self) -> Partitioning {
        match self {
            Self::Hash(partitions) => Partitioning::Hash(*partitions),
            Self::By(by) => Partitioning::By(Arc::new(ByKey(Arc::clone(by)))),
        }
    }

    pub(crate) fn partitions(&self) -> usize {
        match self {
            Self::Hash(partitions) => *partitions,
            Self::By(by) => by.partitions().max(1),
        }
    }

    /// The partition of a key whose hash is known. One that is out of range is a fault of the
    /// partitioner, reported as the task's failure.
    #[inline(always)]
    pub(crate) fn place(&self, hash: u64, key: &K) -> usize {
        match self {
            Self::Hash(partitions) => partition_of(hash, *partitions),
            Self::By(by) => checked(by.partition(key), by.partitions()),
        }
    }

    pub(crate) fn to_dyn(&self) -> Arc<dyn Partitioner<K>> {
        match self {
            Self::Hash(partitions) => Arc::new(HashPartitioner(*partitions)),
            Self::By(by) => Arc::clone(by),
        }
    }
}

/// A partitioner is the user's code, and so fails like it: the task catches the panic.
fn checked(partition: usize, partitions: usize) -> usize {
    assert!(
        partition < partitions,
        "the partitioner gave partition {partition} for a key, but has {partitions}; return less than \
         partitions()"
    );
    partition
}

/// How an RDD is partitioned, whatever the type of its keys.
#[derive(Clone)]
pub(crate) enum Partitioning {
    Hash(usize),
    By(Arc<dyn Erased>),
}

impl PartialEq for Partitioning {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Hash(a), Self::Hash(b)) => a == b,
            (Self::By(a), Self::By(b)) => a.same(b.as_any()),
            _ => false,
        }
    }
}

/// A partitioner without the type of its keys.
pub(crate) trait Erased: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn same(&self, other: &dyn Any) -> bool;
}

struct ByKey<K>(Arc<dyn Partitioner<K>>);

impl<K: 'static> Erased for ByKey<K> {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn same(&self, other: &dyn Any) -> bool {
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| Arc::ptr_eq(&self.0, &other.0) || self.0.equals(&*other.0))
    }
}
