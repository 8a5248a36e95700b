//! A source of numbers in partitions, as a transactional and as an opaque spout, and operations that fail
//! now and then.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use weir_topology::{ComponentError, ComponentResult, Fields, IntoFields, Value, Values, values};
use weir_trident::operation::{Function, TridentCollector};
use weir_trident::spout::{
    OpaquePartitionedEmitter, OpaquePartitionedSpout, PartitionCoordinator, PartitionedEmitter,
    PartitionedSpout, SpoutPartition, SpoutPlace,
};
use weir_trident::{TransactionAttempt, TridentTuple};

/// How many keys numbers are counted by.
const KEYS: i64 = 17;

/// For how many batches partitions come and go.
const CHANGING: i64 = 60;

/// The key of a number.
pub(crate) fn key(tuple: &TridentTuple) -> Result<Values, ComponentError> {
    Ok(values![tuple.int("number")? % KEYS])
}

/// The counts of the numbers up to `end` of some partitions.
pub(crate) fn oracle(partitions: i64, end: i64) -> BTreeMap<i64, i64> {
    let mut counts = BTreeMap::new();
    (0..end).for_each(|number| *counts.entry(number % KEYS).or_default() += partitions);
    counts
}

/// Counts that a state has by key.
pub(crate) fn counted(rows: impl IntoIterator<Item = (Values, Value)>) -> BTreeMap<i64, i64> {
    let int = |value: &Value| value.as_int().expect("a number");
    rows.into_iter().map(|(key, held)| (int(&key[0]), int(&held))).collect()
}

/// How far each partition has been emitted, and by which batch last.
type Reached = Arc<Mutex<BTreeMap<String, (i64, i64)>>>;

/// How far a source has come whose partitions come and go.
#[derive(Clone, Default)]
struct Changes {
    /// The last batch that was to begin, however often it did.
    last: Arc<AtomicI64>,
    /// The numbers of partitions that it had, one after the other.
    had: Arc<Mutex<Vec<i64>>>,
}

/// The numbers from 0 to `end`, in each of some partitions.
#[derive(Clone)]
pub(crate) struct Numbers {
    partitions: i64,
    end: i64,
    batch: i64,
    reached: Reached,
    /// If partitions come and go.
    changes: Option<Changes>,
    /// Whether an emitter, the coordinator and the master die now and then.
    dies: Option<[Flaky; 3]>,
}

impl Numbers {
    pub(crate) fn new(partitions: i64, end: i64, batch: i64) -> Self {
        Self { partitions, end, batch, reached: Arc::default(), changes: None, dies: None }
    }

    /// The same with an emitter, a coordinator and a master that die now and then.
    pub(crate) fn dying(self, dies: &[Flaky; 3]) -> Self {
        Self { dies: Some(dies.clone()), ..self }
    }

    fn maybe_die(&self, place: usize) {
        if let Some(dies) = &self.dies {
            dies[place].maybe_die();
        }
    }

    /// The same with other partitions after every third batch, until there are all for good. With each
    /// change partitions are another task's.
    pub(crate) fn changing(self) -> Self {
        Self { changes: Some(Changes::default()), ..self }
    }

    /// How often partitions have come or gone.
    pub(crate) fn changed(&self) -> usize {
        self.changes.as_ref().map_or(0, |changes| changes.had.lock().expect("no panic").len() - 1)
    }
}

impl PartitionCoordinator for Numbers {
    fn partitions_for_batch(&mut self) -> Result<Value, ComponentError> {
        self.maybe_die(1);
        let Some(Changes { last, had }) = &self.changes else { return Ok(self.partitions.into()) };
        let partitions = match last.load(Ordering::Relaxed) {
            last @ ..CHANGING => 1 + last / 3 % self.partitions,
            _ => self.partitions,
        };
        let mut had = had.lock().expect("no panic");
        had.push(partitions);
        had.dedup();
        Ok(partitions.into())
    }

    fn is_ready(&mut self, txid: i64) -> bool {
        self.maybe_die(2);
        if let Some(changes) = &self.changes {
            changes.last.fetch_max(txid, Ordering::Relaxed);
        }
        true
    }

    fn is_exhausted(&mut self, txid: i64) -> bool {
        if self.changes.is_some() && txid <= CHANGING {
            return false;
        }
        let reached = self.reached.lock().expect("no panic");
        i64::try_from(reached.len()) == Ok(self.partitions)
            && reached.values().all(|(last, to)| *to == self.end && txid > *last)
    }
}

/// The emitter of both kinds. An opaque batch is another one with each attempt.
struct Emitter {
    numbers: Numbers,
}

impl Emitter {
    fn partitions(all: &Value) -> Result<Vec<SpoutPartition>, ComponentError> {
        let count = all.as_int().ok_or_else(|| ComponentError::fatal("not a count"))?;
        Ok((0..count).rev().map(|k| SpoutPartition::new(k.to_string())).collect())
    }

    fn emit_range(
        &self,
        (txid, size): (i64, i64),
        out: &mut TridentCollector<'_>,
        partition: &SpoutPartition,
        from: i64,
    ) -> i64 {
        self.numbers.maybe_die(0);
        let to = (from + size).min(self.numbers.end);
        (from..to).for_each(|number| out.emit(values![number]));
        let mut reached = self.numbers.reached.lock().expect("no panic");
        let (last, end) = reached.entry(partition.id.clone()).or_default();
        if to > from {
            *last = txid;
        }
        *end = to;
        to
    }
}

impl PartitionedEmitter for Emitter {
    fn ordered_partitions(&mut self, all: &Value) -> Result<Vec<SpoutPartition>, ComponentError> {
        Self::partitions(all)
    }

    fn emit_new(
        &mut self,
        attempt: TransactionAttempt,
        out: &mut TridentCollector<'_>,
        partition: &SpoutPartition,
        last: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        let from = last.and_then(|last| last.as_list()?[1].as_int()).unwrap_or(0);
        let to = self.emit_range((attempt.txid, self.numbers.batch), out, partition, from);
        Ok(values![from, to].into())
    }

    fn emit_again(
        &mut self,
        attempt: TransactionAttempt,
        out: &mut TridentCollector<'_>,
        partition: &SpoutPartition,
        metadata: &Value,
    ) -> ComponentResult {
        let Some([Value::Int(from), Value::Int(to)]) = metadata.as_list() else {
            return Err(ComponentError::fatal("not a range"));
        };
        self.emit_range((attempt.txid, to - from), out, partition, *from);
        Ok(())
    }
}

impl OpaquePartitionedEmitter for Emitter {
    fn ordered_partitions(&mut self, all: &Value) -> Result<Vec<SpoutPartition>, ComponentError> {
        Self::partitions(all)
    }

    fn emit(
        &mut self,
        attempt: TransactionAttempt,
        out: &mut TridentCollector<'_>,
        partition: &SpoutPartition,
        last: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        let from = last.and_then(Value::as_int).unwrap_or(0);
        let size = 1 + (attempt.txid * 7 + attempt.attempt * 5) % (2 * self.numbers.batch);
        Ok(self.emit_range((attempt.txid, size), out, partition, from).into())
    }
}

macro_rules! numbers {
    ($spout:ident $emitter:ident) => {
        impl $spout for Numbers {
            fn coordinator(
                &self,
                _: &SpoutPlace<'_>,
            ) -> Result<Box<dyn PartitionCoordinator>, ComponentError> {
                Ok(Box::new(self.clone()))
            }
            fn emitter(&self, _: &SpoutPlace<'_>) -> Result<Box<dyn $emitter>, ComponentError> {
                Ok(Box::new(Emitter { numbers: self.clone() }))
            }
            fn output_fields(&self) -> Fields {
                ["number"].into_fields().expect("one field")
            }
        }
    };
}
numbers! { PartitionedSpout PartitionedEmitter }
numbers! { OpaquePartitionedSpout OpaquePartitionedEmitter }

/// Hands tuples on and fails their batch once in a while, at random but the same in each run of a test
/// with one thread.
#[derive(Clone, Debug)]
pub(crate) struct Flaky {
    one_in: u64,
    calls: Arc<AtomicU64>,
    failures: Arc<AtomicU64>,
}

impl Flaky {
    pub(crate) fn new(one_in: u64, seed: u64) -> Self {
        Self { one_in, calls: Arc::new(AtomicU64::new(seed << 32)), failures: Arc::default() }
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Panics where another fails.
    pub(crate) fn maybe_die(&self) {
        assert!(self.maybe_fail().is_ok(), "dies now and then");
    }

    pub(crate) fn maybe_fail(&self) -> ComponentResult {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if weir_dataflow::hash_of(&call).is_multiple_of(self.one_in) {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return Err(ComponentError::failed("now and then"));
        }
        Ok(())
    }
}

impl Function for Flaky {
    fn execute(&mut self, _: &TridentTuple, out: &mut TridentCollector<'_>) -> ComponentResult {
        self.maybe_fail()?;
        out.emit(values![]);
        Ok(())
    }
}
