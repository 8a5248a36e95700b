//! A contract source as a transactional spout: what a batch holds is decided once, and kept.

use super::batches::Batches;
use super::chunk::Chunk;
use crate::batch::TransactionAttempt;
use crate::operation::TridentCollector;
use crate::spout::{BatchCoordinator, BatchEmitter, SpoutPlace, TridentSpout};
use std::ops::Range;
use std::sync::Arc;
use weir_dataflow::{EventTime, Source};
use weir_topology::{ComponentError, ComponentResult, Fields, TopologyContext, Value, values};

/// The field of a stream of records.
pub(super) const CHUNK: &str = "chunk";

/// How many times are asked for at once.
const TIMES: usize = 512;

/// Reads a source by batches: its coordinator says which records are in one, each task reads a share.
pub(super) struct LoadSpout<S> {
    source: S,
    batches: Arc<Batches>,
    /// Which of the run's sources it is.
    number: usize,
}

impl<S: Source> LoadSpout<S> {
    pub(super) fn new(source: S, batches: Arc<Batches>) -> Self {
        let (of, load) = (source.clone(), Arc::clone(&batches.context().load));
        let number = batches.add_source(Box::new(move |index| {
            let mut scheduled = [0];
            load.scheduled_ns(index, 1, &mut scheduled);
            of.record(index, EventTime(scheduled[0])).watermark
        }));
        Self { source, batches, number }
    }

    pub(super) const fn number(&self) -> usize {
        self.number
    }
}

impl<S: Source> TridentSpout for LoadSpout<S> {
    fn coordinator(&self, _: &SpoutPlace<'_>) -> Result<Box<dyn BatchCoordinator>, ComponentError> {
        let counts = self.number == 0;
        Ok(Box::new(Coordinator { batches: Arc::clone(&self.batches), counts }))
    }

    fn emitter(&self, place: &SpoutPlace<'_>) -> Result<Box<dyn BatchEmitter>, ComponentError> {
        let (source, batches) = (self.source.clone(), Arc::clone(&self.batches));
        let context: &TopologyContext = place.context;
        let (index, of) = (context.task_index(), place.tasks());
        Ok(Box::new(Emitter { source, batches, index, of }))
    }

    fn output_fields(&self) -> Fields {
        Fields::new([CHUNK]).unwrap_or_else(|_| Fields::none())
    }
}

struct Coordinator {
    batches: Arc<Batches>,
    /// Whether it counts the batches that come again: of several sources, the first does.
    counts: bool,
}

/// A range of records, as metadata of a batch.
fn metadata(range: &Range<u64>) -> Value {
    values![range.start as i64, range.end as i64].into()
}

fn range(metadata: &Value) -> Result<Range<u64>, ComponentError> {
    match metadata.as_list() {
        Some([Value::Int(from), Value::Int(to)]) => Ok(*from as u64..*to as u64),
        _ => Err(ComponentError::fatal(format!("{metadata} is no range of records"))),
    }
}

impl BatchCoordinator for Coordinator {
    fn initialize_transaction(
        &mut self,
        txid: i64,
        _previous: Option<&Value>,
        current: Option<&Value>,
    ) -> Result<Value, ComponentError> {
        if let Some(known) = current {
            if self.counts {
                self.batches.add_replay();
            }
            return Ok(known.clone());
        }
        let batch = self.batches.get(txid)?;
        Ok(metadata(&(batch.from..batch.to)))
    }

    fn success(&mut self, txid: i64) -> ComponentResult {
        self.batches.committed(txid);
        Ok(())
    }

    fn is_ready(&mut self, txid: i64) -> bool {
        self.batches.cut(txid)
    }

    fn is_exhausted(&mut self, txid: i64) -> bool {
        self.batches.is_exhausted(txid)
    }
}

struct Emitter<S> {
    source: S,
    batches: Arc<Batches>,
    index: usize,
    of: usize,
}

/// One of so many shares of a range, in order.
fn share(range: &Range<u64>, index: usize, of: usize) -> Range<u64> {
    let (len, of) = (u128::from(range.end.saturating_sub(range.start)), of.max(1) as u128);
    let at = |index: usize| range.start + (len * index as u128 / of) as u64;
    at(index)..at(index + 1)
}

impl<S: Source> BatchEmitter for Emitter<S> {
    fn emit_batch(
        &mut self,
        _: TransactionAttempt,
        metadata: &Value,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let share = share(&range(metadata)?, self.index, self.of);
        let context = self.batches.context();
        let mut records = Vec::with_capacity((share.end - share.start) as usize);
        let (mut times, mut first) = ([0; TIMES], share.start);
        // Who cancels a run does not want its records.
        while first < share.end && !context.cancel.is_cancelled() {
            let times = &mut times[..(share.end - first).min(TIMES as u64) as usize];
            context.load.scheduled_ns(first, 1, times);
            let events = (first..).zip(times.iter());
            records.extend(events.map(|(at, time)| self.source.record(at, EventTime(*time))));
            first += times.len() as u64;
        }
        // An empty share, too, so that all that follows hears of the batch.
        collector.emit(values![Chunk::value(self.index, records)]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_range_in_order() {
        for (range, of) in [(0..0, 3), (5..6, 3), (5..15, 3), (0..u64::MAX / 2, 7), (3..9, 1)] {
            let shares: Vec<_> = (0..of).map(|index| share(&range, index, of)).collect();
            assert_eq!((shares[0].start, shares[of - 1].end), (range.start, range.end));
            assert!(shares.windows(2).all(|pair| pair[0].end == pair[1].start), "{range:?}");
        }
    }

    #[test]
    fn a_range_is_found_again_in_metadata() {
        assert_eq!(range(&metadata(&(3..70))).expect("a range"), 3..70);
        assert!(range(&Value::Null).is_err());
    }
}
