//! What a task counts, and how long it takes.

use crate::metrics::{InputStats, Sampler, StreamStats, TaskStats};
use crate::runtime::acker::News;
use crate::tuple::Source;
use crate::{StreamId, Tuple};
use smallvec::SmallVec;
use std::sync::Arc;
use weir_dataflow::Clock;

/// Which tuples are measured. Each measure draws its own.
#[derive(Clone, Debug)]
pub(crate) struct Samplers {
    pub(crate) executed: Sampler,
    pub(crate) handled: Sampler,
    pub(crate) trees: Sampler,
}

/// A tuple that is being executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Executing {
    input: Option<usize>,
    began_ns: Option<u64>,
}

/// A tree that a spout has begun: on which stream, and when, if that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    stream: usize,
    at_ns: Option<u64>,
}

/// Counts what a task does. It stays on the task's thread; its counts can be read from any.
#[derive(Debug)]
pub(crate) struct Meter {
    stats: Arc<TaskStats>,
    clock: Arc<dyn Clock>,
    /// None if nothing is measured.
    samplers: Option<Samplers>,
    /// Sources of tuples that have been met, and their places in the statistics.
    met: SmallVec<[(Arc<Source>, usize); 4]>,
}

impl Meter {
    pub(crate) fn new(
        stats: Arc<TaskStats>,
        clock: Arc<dyn Clock>,
        samplers: Option<Samplers>,
    ) -> Self {
        Self { stats, clock, samplers, met: SmallVec::new() }
    }

    pub(crate) const fn stats(&self) -> &Arc<TaskStats> {
        &self.stats
    }

    fn stream(&self, stream: usize) -> &StreamStats {
        &self.stats.streams[stream]
    }

    /// The task emitted a tuple, which went to so many tasks.
    #[inline]
    pub(crate) fn emitted(&self, stream: usize, to: usize) {
        let stats = self.stream(stream);
        stats.emitted.add(1);
        stats.transferred.add(to as u64);
    }

    /// Where the task's statistics keep what concerns a tuple: by where it comes from.
    #[inline]
    fn input(&mut self, tuple: &Tuple) -> Option<usize> {
        let source = tuple.source();
        let met = self.met.iter().find(|(met, _)| Arc::ptr_eq(met, source));
        if let Some((_, input)) = met { Some(*input) } else { self.meet(source) }
    }

    #[cold]
    fn meet(&mut self, source: &Arc<Source>) -> Option<usize> {
        let is = |from: &StreamId| {
            (&*from.component, &*from.stream) == (&*source.component, &*source.stream)
        };
        let input = self.stats.inputs.iter().position(|input| is(&input.from))?;
        self.met.push((Arc::clone(source), input));
        Some(input)
    }

    /// The task is about to execute a tuple.
    #[inline]
    pub(crate) fn begin(&mut self, tuple: &Tuple) -> Executing {
        let input = self.input(tuple);
        if let Some(input) = input {
            self.stats.inputs[input].executed.add(1);
        }
        let mut began_ns = None;
        if let Some(samplers) = &mut self.samplers {
            let (executed, handled) = (samplers.executed.sample(), samplers.handled.sample());
            if executed || handled {
                let now_ns = self.clock.now_ns();
                began_ns = executed.then_some(now_ns);
                if handled {
                    tuple.begin(now_ns);
                }
            }
        }
        Executing { input, began_ns }
    }

    /// The task has executed a tuple.
    #[inline]
    pub(crate) fn end(&self, executing: Executing) {
        if let Executing { input: Some(input), began_ns: Some(began_ns) } = executing {
            let took_ns = self.clock.now_ns().saturating_sub(began_ns);
            self.stats.inputs[input].execute.record(took_ns);
        }
    }

    /// The task has said what became of a tuple.
    #[inline]
    pub(crate) fn settled(&mut self, tuple: &Tuple, news: News) {
        let Some(input) = self.input(tuple) else { return };
        let InputStats { acked, failed, process, .. } = &self.stats.inputs[input];
        match news {
            News::Ack => {
                acked.add(1);
                if let Some(began_ns) = tuple.began_ns() {
                    process.record(self.clock.now_ns().saturating_sub(began_ns));
                }
            }
            News::Fail => failed.add(1),
            News::Init(_) | News::Reset => {}
        }
    }

    /// The task begins a tree.
    #[inline]
    pub(crate) fn begin_tree(&mut self, stream: usize) -> Began {
        let sampled = self.samplers.as_mut().is_some_and(|samplers| samplers.trees.sample());
        Began { stream, at_ns: sampled.then(|| self.clock.now_ns()) }
    }

    /// A tree of the task was acked, or failed.
    pub(crate) fn end_tree(&self, began: Began, acked: bool) {
        let stats = self.stream(began.stream);
        if !acked {
            stats.failed.add(1);
            return;
        }
        stats.acked.add(1);
        if let Some(at_ns) = began.at_ns {
            stats.complete.record(self.clock.now_ns().saturating_sub(at_ns));
        }
    }
}
