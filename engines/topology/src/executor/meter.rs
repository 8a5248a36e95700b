//! What a task counts, and how long it takes.

use crate::metrics::{InputStats, Sampler, StreamStats, TaskStats};
use crate::runtime::acker::{Account, News};
use crate::tuple::Source;
use crate::{
    EmitInfo, StreamId, TaskHook, TaskId, TreeInfo, Tuple, TupleInfo, Value, Values, values,
};
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
#[derive(Debug)]
pub(crate) struct Executing {
    input: Option<usize>,
    began_ns: Option<u64>,
    /// None if nobody watches.
    tuple: Option<Tuple>,
}

/// A tree that a spout has begun: on which stream, and when, if that is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    stream: usize,
    at_ns: Option<u64>,
}

/// Counts what a task does, and tells those who watch it. It stays on the task's thread; its counts
/// can be read from any.
pub(crate) struct Meter {
    stats: Arc<TaskStats>,
    clock: Arc<dyn Clock>,
    /// None if nothing is measured.
    samplers: Option<Samplers>,
    /// Sources of tuples that have been met, and their places in the statistics.
    met: SmallVec<[(Arc<Source>, usize); 4]>,
    hooks: Vec<Box<dyn TaskHook>>,
}

impl Meter {
    pub(crate) fn new(
        stats: Arc<TaskStats>,
        clock: Arc<dyn Clock>,
        samplers: Option<Samplers>,
    ) -> Self {
        Self { stats, clock, samplers, met: SmallVec::new(), hooks: Vec::new() }
    }

    pub(crate) const fn stats(&self) -> &Arc<TaskStats> {
        &self.stats
    }

    /// Tells these what the task does from now on, and no others.
    pub(crate) fn tell(&mut self, hooks: Vec<Box<dyn TaskHook>>) {
        self.hooks = hooks;
    }

    /// Those who were told what the task does; from now on nobody is.
    pub(crate) fn take_hooks(&mut self) -> Vec<Box<dyn TaskHook>> {
        std::mem::take(&mut self.hooks)
    }

    fn stream(&self, stream: usize) -> &StreamStats {
        &self.stats.streams[stream]
    }

    /// The task emitted a tuple.
    #[inline]
    pub(crate) fn emitted(&mut self, stream: usize, values: &Values, tasks: &[TaskId]) {
        let stats = &self.stats.streams[stream];
        // In this order: see `TopologyStats::emitted_if_processed`.
        stats.transferred.add(tasks.len() as u64);
        stats.emitted.add(1);
        for hook in &mut self.hooks {
            hook.emit(EmitInfo { stream: &stats.stream, values, tasks });
        }
    }

    /// The task tells an acker something of a tree.
    #[inline]
    pub(crate) fn told(&mut self, account: Account) {
        if self.hooks.is_empty() {
            return;
        }
        let stream = match account.news {
            News::Init(_) => "__ack_init",
            News::Ack => "__ack_ack",
            News::Fail => "__ack_fail",
            News::Reset => "__ack_reset_timeout",
        };
        let values = values![account.root.cast_signed(), account.xor.cast_signed()];
        for hook in &mut self.hooks {
            hook.emit(EmitInfo { stream, values: &values, tasks: &[] });
        }
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
        let tuple = if self.hooks.is_empty() { None } else { Some(tuple.clone()) };
        Executing { input, began_ns, tuple }
    }

    /// The task has executed a tuple: what it emitted because of it has been counted. The tuple counts
    /// before hooks are told of it, so that it does even if one of them dies.
    #[inline]
    pub(crate) fn end(&mut self, executing: Executing) {
        let Executing { input, began_ns, tuple } = executing;
        let latency_ns = self.since(began_ns);
        if let Some(input) = input {
            let InputStats { executed, execute, .. } = &self.stats.inputs[input];
            executed.add(1);
            latency_ns.into_iter().for_each(|took_ns| execute.record(took_ns));
        }
        if let Some(tuple) = &tuple {
            self.hooks
                .iter_mut()
                .for_each(|hook| hook.bolt_execute(TupleInfo { tuple, latency_ns }));
        }
    }

    #[inline]
    fn since(&self, began_ns: Option<u64>) -> Option<u64> {
        began_ns.map(|began_ns| self.clock.now_ns().saturating_sub(began_ns))
    }

    /// The task has said what became of a tuple.
    #[inline]
    pub(crate) fn settled(&mut self, tuple: &Tuple, news: News) {
        if news == News::Reset {
            return;
        }
        let (acks, latency_ns) = (news == News::Ack, self.since(tuple.began_ns()));
        if let Some(input) = self.input(tuple) {
            let InputStats { acked, failed, process, .. } = &self.stats.inputs[input];
            if acks {
                acked.add(1)
            } else {
                failed.add(1)
            }
            latency_ns.filter(|_| acks).into_iter().for_each(|took_ns| process.record(took_ns));
        }
        let info = TupleInfo { tuple, latency_ns };
        for hook in &mut self.hooks {
            if acks { hook.bolt_ack(info) } else { hook.bolt_fail(info) }
        }
    }

    /// The task begins a tree.
    #[inline]
    pub(crate) fn begin_tree(&mut self, stream: usize) -> Began {
        let sampled = self.samplers.as_mut().is_some_and(|samplers| samplers.trees.sample());
        Began { stream, at_ns: sampled.then(|| self.clock.now_ns()) }
    }

    /// A tree of the task was acked, or failed. With acking off there is no tree, and every tuple is
    /// acked. It counts before hooks are told of it.
    pub(crate) fn end_tree(&mut self, began: Option<Began>, message_id: &Value, acked: bool) {
        let latency_ns = self.since(began.and_then(|began| began.at_ns));
        if let Some(began) = began {
            let stats = self.stream(began.stream);
            if acked {
                stats.acked.add(1)
            } else {
                stats.failed.add(1)
            }
            latency_ns
                .filter(|_| acked)
                .into_iter()
                .for_each(|took_ns| stats.complete.record(took_ns));
        }
        let info = TreeInfo { message_id, latency_ns };
        for hook in &mut self.hooks {
            if acked { hook.spout_ack(info) } else { hook.spout_fail(info) }
        }
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").field("task", &self.stats.task).finish_non_exhaustive()
    }
}
