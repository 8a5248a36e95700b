//! The bolts that streams become.

use super::fused::{Fused, PUNCTUATION, punctuation_stream};
use super::plan::BoltPlan;
use super::processor::States;
use crate::state::StatefulBolt;
use crate::windowing::{TupleWindow, WindowedBolt, WindowedOutputCollector};
use crate::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt,
    TaskId, TopologyContext, Tuple,
};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// The input that a tuple belongs to, and whether it tells that a window has ended.
fn find(plan: &BoltPlan, tuple: &Tuple) -> Option<(usize, bool)> {
    let (component, stream) = (tuple.source_component(), tuple.source_stream());
    let (data, punctuation) = match stream.strip_suffix(PUNCTUATION) {
        Some(data) => (data, true),
        None => (stream, false),
    };
    let is = |input: &super::plan::Input| input.component == component && input.stream == data;
    plan.inputs.iter().position(is).map(|input| (input, punctuation))
}

fn declare(plan: &BoltPlan, declarer: &mut OutputFieldsDeclarer) {
    for step in &plan.steps {
        let item: &[&str] = if step.pair { &["key", "value"] } else { &["value"] };
        let fields: Vec<&str> = item.iter().copied().chain(plan.time.as_deref()).collect();
        for stream in step.ports.iter().filter_map(|port| port.stream.as_ref()) {
            declarer.declare_stream(stream, fields.clone());
            declarer.declare_stream(&punctuation_stream(stream), ["punctuation"]);
        }
    }
}

/// The time of a tuple, if it is to be passed on.
fn time(plan: &BoltPlan, tuple: &Tuple) -> Result<Option<i64>, crate::TupleError> {
    plan.time.as_deref().map(|field| tuple.int(field)).transpose()
}

/// Which tasks have ended the window at hand. What they send after that belongs to the next one and
/// waits.
#[derive(Default)]
struct Alignment {
    wanted: usize,
    ended: BTreeSet<(usize, TaskId)>,
    waiting: Vec<Tuple>,
}

/// A bolt that does its operations with every tuple as it comes, and finishes windows when all tasks
/// before it have. Storm's `ProcessorBolt` and `StatefulProcessorBolt`.
pub(super) struct ProcessorBolt {
    plan: Arc<BoltPlan>,
    fused: Fused,
    alignment: Alignment,
    /// Tuples of the window at hand, which are done when it is.
    held: Vec<Tuple>,
    /// The latest time of these.
    latest_ms: Option<i64>,
}

impl ProcessorBolt {
    pub(super) fn new(plan: &Arc<BoltPlan>) -> Self {
        Self {
            plan: Arc::clone(plan),
            fused: Fused::new(plan),
            alignment: Alignment::default(),
            held: Vec::new(),
            latest_ms: None,
        }
    }

    fn prepare(&mut self, context: &TopologyContext) {
        let windowed = self.plan.inputs.iter().filter(|input| input.windowed);
        let tasks = windowed.map(|input| context.component_tasks(&input.component).len());
        self.alignment.wanted = tasks.sum();
    }

    /// Takes a tuple, and those that waited for it.
    fn take(
        &mut self,
        tuple: Tuple,
        mut states: Option<&mut States>,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let mut tuples = VecDeque::from([tuple]);
        while let Some(tuple) = tuples.pop_front() {
            let Some((input, punctuation)) = find(&self.plan, &tuple) else {
                out.ack(&tuple);
                continue;
            };
            if !(self.plan.windowed && self.plan.inputs[input].windowed) {
                if punctuation {
                    out.ack(&tuple);
                } else {
                    self.process(input, tuple, states.as_deref_mut(), out)?;
                }
                continue;
            }
            let from = (input, tuple.source_task());
            if self.alignment.ended.contains(&from) {
                self.alignment.waiting.push(tuple);
            } else if punctuation {
                self.held.push(tuple);
                self.alignment.ended.insert(from);
                if self.alignment.ended.len() >= self.alignment.wanted {
                    self.alignment.ended.clear();
                    self.finish(states.as_deref_mut(), out)?;
                    let waiting = self.alignment.waiting.drain(..).rev();
                    waiting.for_each(|tuple| tuples.push_front(tuple));
                }
            } else {
                self.process(input, tuple, states.as_deref_mut(), out)?;
            }
        }
        Ok(())
    }

    fn process(
        &mut self,
        input: usize,
        tuple: Tuple,
        states: Option<&mut States>,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let time_ms = time(&self.plan, &tuple)?;
        self.fused.time = time_ms.map(Into::into);
        let mut emit = |stream: &str, values| out.emit_to(stream, [&tuple], values).map(drop);
        let done = self.fused.feed(&self.plan.inputs[input], &tuple, states, &mut emit);
        match settled(done, out)? {
            false => out.fail(&tuple),
            true if self.plan.windowed && self.plan.batch => {
                self.latest_ms = self.latest_ms.max(time_ms);
                self.held.push(tuple);
            }
            true => out.ack(&tuple),
        }
        Ok(())
    }

    fn finish(
        &mut self,
        states: Option<&mut States>,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let held = std::mem::take(&mut self.held);
        self.fused.time = self.latest_ms.take().map(Into::into);
        let mut emit = |stream: &str, values| out.emit_to(stream, &held, values).map(drop);
        let done = self.fused.finish(states, &mut emit);
        if settled(done, out)? {
            held.iter().for_each(|tuple| out.ack(tuple));
        } else {
            self.fused.reset();
            held.iter().for_each(|tuple| out.fail(tuple));
        }
        Ok(())
    }
}

/// Whether something went well, or failed in a way that only concerns the tuples at hand.
fn settled(done: ComponentResult, out: &mut OutputCollector) -> Result<bool, ComponentError> {
    match done {
        Ok(()) => Ok(true),
        Err(ComponentError::Failed(_)) => Ok(false),
        Err(ComponentError::Reported(message)) => {
            out.report_error(&message);
            Ok(false)
        }
        Err(fatal) => Err(fatal),
    }
}

impl RichBolt for ProcessorBolt {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        Self::prepare(self, context);
        Ok(())
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.take(tuple, None, out)
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declare(&self.plan, declarer);
    }
}

impl StatefulBolt for ProcessorBolt {
    type State = States;

    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        Self::prepare(self, context);
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut States,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        self.take(tuple, Some(state), out)
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declare(&self.plan, declarer);
    }
}

/// A bolt that does its operations with all tuples of a window, and then finishes it. Storm's
/// `WindowedProcessorBolt`.
pub(super) struct WindowedProcessor {
    plan: Arc<BoltPlan>,
    fused: Fused,
}

impl WindowedProcessor {
    pub(super) fn new(plan: &Arc<BoltPlan>) -> Self {
        Self { plan: Arc::clone(plan), fused: Fused::new(plan) }
    }

    fn process(
        &mut self,
        window: &TupleWindow<'_>,
        out: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let plan = Arc::clone(&self.plan);
        self.fused.time = Some(window.end_timestamp_ms().into());
        let mut emit = |stream: &str, values| out.emit_to(stream, values).map(drop);
        for tuple in window.get() {
            if let Some((input, _)) = find(&plan, tuple) {
                self.fused.feed(&plan.inputs[input], tuple, None, &mut emit)?;
            }
        }
        self.fused.finish(None, &mut emit)
    }
}

impl WindowedBolt for WindowedProcessor {
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        out: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let done = self.process(window, out);
        if done.is_err() {
            self.fused.reset();
        }
        done
    }

    /// Those behind wait for the windows of all tasks, also of those without items.
    fn execute_empty(&mut self, end_ms: i64, out: &mut OutputCollector) -> ComponentResult {
        self.fused.time = Some(end_ms.into());
        let mut emit = |stream: &str, values| out.emit_covered(stream, values).map(drop);
        self.fused.finish(None, &mut emit)
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declare(&self.plan, declarer);
    }
}
