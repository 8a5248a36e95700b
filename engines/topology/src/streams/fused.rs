//! Operations that are done one after the other in a task.

use super::item::{Datum, Row};
use super::plan::{BoltPlan, Input, Target};
use super::processor::{Outputs, Processor, States};
use crate::{ComponentResult, EmitError, Tuple, Value, Values, values};
use std::sync::Arc;

/// What tells, on a stream of its own, that a window has ended. Storm's `WindowNode.PUNCTUATION`.
pub(super) const PUNCTUATION: &str = "__punctuation";

/// The stream that tells when the windows of a stream end.
pub(super) fn punctuation_stream(stream: &str) -> String {
    format!("{stream}{PUNCTUATION}")
}

/// Where a bolt puts what it emits.
pub(super) type Emit<'a> = dyn FnMut(&str, Values) -> Result<(), EmitError> + 'a;

/// What is still to be done with an item.
enum Todo {
    Process(Target, Row),
    /// By step and port.
    Emit(usize, usize, Row),
}

/// The processors of a task.
pub(super) struct Fused {
    plan: Arc<BoltPlan>,
    processors: Vec<Box<dyn Processor>>,
    todo: Vec<Todo>,
    made: Vec<(usize, Row)>,
    /// The time of what is emitted, if anybody wants to know.
    pub(super) time: Option<Value>,
}

impl Fused {
    pub(super) fn new(plan: &Arc<BoltPlan>) -> Self {
        let mut fused = Self {
            plan: Arc::clone(plan),
            processors: Vec::new(),
            todo: Vec::new(),
            made: Vec::new(),
            time: None,
        };
        fused.reset();
        fused
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        let windowed = self.plan.windowed;
        self.processors = self.plan.steps.iter().map(|step| (step.make)(windowed)).collect();
    }

    /// Does all with an item that there is to do.
    pub(super) fn feed(
        &mut self,
        input: &Input,
        tuple: &Tuple,
        states: Option<&mut States>,
        emit: &mut Emit<'_>,
    ) -> ComponentResult {
        let row = row(input, tuple)?;
        self.todo.clear();
        let targets = input.targets.iter().rev();
        self.todo.extend(targets.map(|target| Todo::Process(*target, row.clone())));
        self.drain(states, emit)
    }

    /// A window has ended: has every processor finish it, each after those before it.
    pub(super) fn finish(
        &mut self,
        mut states: Option<&mut States>,
        emit: &mut Emit<'_>,
    ) -> ComponentResult {
        for step in 0..self.processors.len() {
            self.todo.clear();
            self.made.clear();
            let mut out = Outputs { rows: &mut self.made, states: states.as_deref_mut() };
            self.processors[step].finish(&mut out)?;
            self.spread(step);
            self.drain(states.as_deref_mut(), emit)?;
        }
        let plan = Arc::clone(&self.plan);
        let streams = plan.steps.iter().flat_map(|step| &step.ports);
        for stream in streams.filter_map(|port| port.stream.as_ref()) {
            emit(&punctuation_stream(stream), values![PUNCTUATION])?;
        }
        Ok(())
    }

    fn drain(&mut self, mut states: Option<&mut States>, emit: &mut Emit<'_>) -> ComponentResult {
        let plan = Arc::clone(&self.plan);
        while let Some(todo) = self.todo.pop() {
            match todo {
                Todo::Process((step, input), row) => {
                    self.made.clear();
                    let mut out = Outputs { rows: &mut self.made, states: states.as_deref_mut() };
                    self.processors[step].process(input, row, &mut out)?;
                    self.spread(step);
                }
                Todo::Emit(step, port, row) => {
                    let step = &plan.steps[step];
                    if let Some(stream) = &step.ports[port].stream {
                        emit(stream, self.values(step.pair, row))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Passes on what a processor has made, to be done in order.
    fn spread(&mut self, step: usize) {
        for (port, row) in self.made.drain(..).rev() {
            let to = &self.plan.steps[step].ports[port];
            let targets = to.targets.iter().rev();
            self.todo.extend(targets.map(|target| Todo::Process(*target, row.clone())));
            if to.stream.is_some() {
                self.todo.push(Todo::Emit(step, port, row));
            }
        }
    }

    fn values(&self, pair: bool, row: Row) -> Values {
        let key = pair.then_some(row.key);
        let time = self.plan.time.as_ref().and(self.time.clone());
        match (key, time) {
            (None, None) => [row.value].into(),
            (Some(key), None) => [key, row.value].into(),
            (None, Some(time)) => [row.value, time].into(),
            (Some(key), Some(time)) => [key, row.value, time].into(),
        }
    }
}

/// The item that a tuple is.
fn row(input: &Input, tuple: &Tuple) -> Result<Row, crate::TupleError> {
    Ok(match (input.raw, input.pair) {
        (true, _) => Row { key: Value::Null, value: tuple.clone().into_value() },
        (_, true) => Row { key: tuple.get(0)?.clone(), value: tuple.get(1)?.clone() },
        (_, false) => Row { key: Value::Null, value: tuple.get(0)?.clone() },
    })
}
