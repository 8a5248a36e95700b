//! What components emit into.

use super::EmitError;
use crate::executor::{Began, Outlet};
use crate::report::Reporter;
use crate::runtime::acker::{Account, News};
use crate::testing::Emission;
use crate::tuple::Ids;
use crate::{DEFAULT_STREAM, TaskId, Tuple, Value, Values};
use smallvec::SmallVec;
use std::cell::Cell;
use std::rc::Rc;

/// What a bolt emits into, and tells what became of its tuples. It stays on its executor's thread.
#[derive(Debug)]
pub struct OutputCollector {
    pub(crate) outlet: Outlet,
    pub(crate) reporter: Reporter,
}

impl OutputCollector {
    /// Emits on the default stream, anchored to some tuples: the trees of these are not done before
    /// the new one is. Returns the tasks that it goes to.
    pub fn emit<'t>(
        &mut self,
        anchors: impl IntoIterator<Item = &'t Tuple>,
        values: Values,
    ) -> Result<&[TaskId], EmitError> {
        self.emit_to(DEFAULT_STREAM, anchors, values)
    }

    /// Emits on the default stream, outside of all trees. Returns the tasks that it goes to.
    pub fn emit_unanchored(&mut self, values: Values) -> Result<&[TaskId], EmitError> {
        self.emit_to(DEFAULT_STREAM, [], values)
    }

    /// Emits on a stream, anchored to some tuples. Returns the tasks that it goes to.
    pub fn emit_to<'t>(
        &mut self,
        stream: &str,
        anchors: impl IntoIterator<Item = &'t Tuple>,
        values: Values,
    ) -> Result<&[TaskId], EmitError> {
        let anchors: SmallVec<[&Tuple; 4]> = anchors.into_iter().collect();
        self.check(&anchors)?;
        self.outlet.emit(stream, &values, |edge| Outlet::anchored(&anchors, edge))?;
        self.outlet.note(|| Emission::anchored(stream, None, &anchors, &values));
        Ok(self.outlet.targets())
    }

    /// Emits to one task of a component that subscribes by direct grouping. If the task's component
    /// does not subscribe but another does, nothing is sent.
    pub fn emit_direct<'t>(
        &mut self,
        task: TaskId,
        stream: &str,
        anchors: impl IntoIterator<Item = &'t Tuple>,
        values: Values,
    ) -> Result<(), EmitError> {
        let anchors: SmallVec<[&Tuple; 4]> = anchors.into_iter().collect();
        self.check(&anchors)?;
        self.outlet.emit_direct(task, stream, &values, |edge| Outlet::anchored(&anchors, edge))?;
        self.outlet.note(|| Emission::anchored(stream, Some(task), &anchors, &values));
        Ok(())
    }

    /// Emits on a stream outside of all trees, also where that is not allowed: for what only the next
    /// checkpoint covers. Returns the tasks that it goes to.
    pub(crate) fn emit_covered(
        &mut self,
        stream: &str,
        values: Values,
    ) -> Result<&[TaskId], EmitError> {
        self.outlet.emit(stream, &values, |_| Ids::new())?;
        self.outlet.note(|| Emission::anchored(stream, None, &[], &values));
        Ok(self.outlet.targets())
    }

    /// The same, straight to a task.
    pub(crate) fn emit_direct_covered(
        &mut self,
        task: TaskId,
        stream: &str,
        values: Values,
    ) -> Result<(), EmitError> {
        self.outlet.emit_direct(task, stream, &values, |_| Ids::new())?;
        self.outlet.note(|| Emission::anchored(stream, Some(task), &[], &values));
        Ok(())
    }

    fn check(&self, anchors: &[&Tuple]) -> Result<(), EmitError> {
        if anchors.is_empty() && self.outlet.requires_anchors() {
            return Err(EmitError::Unanchored);
        }
        Ok(())
    }

    /// The tuple has been handled.
    pub fn ack(&mut self, tuple: &Tuple) {
        self.outlet.settle(tuple, News::Ack);
    }

    /// The tuple cannot be handled: its trees go back to their spouts.
    pub fn fail(&mut self, tuple: &Tuple) {
        self.outlet.settle(tuple, News::Fail);
    }

    /// Starts the message timeout of the tuple's trees anew.
    pub fn reset_timeout(&mut self, tuple: &Tuple) {
        self.outlet.settle(tuple, News::Reset);
    }

    /// Reports an error of the component, without failing anything. Reports are throttled
    /// (`topology.max.error.report.per.interval`).
    pub fn report_error(&mut self, message: &str) {
        self.reporter.report(message);
    }
}

/// A tree that a spout has begun.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) root: u64,
    /// The XOR of its first edges.
    pub(crate) xor: u64,
    pub(crate) message_id: Value,
    pub(crate) began: Began,
}

/// What a spout emits into. It stays on its executor's thread.
#[derive(Debug)]
pub struct SpoutOutputCollector {
    pub(crate) outlet: Outlet,
    pub(crate) reporter: Reporter,
    /// Trees begun since the executor last looked.
    pub(crate) openings: Vec<Opening>,
    /// Message ids emitted without acking since then.
    pub(crate) accepted: Vec<Value>,
    /// The last root of the executor, which its tasks count up together.
    pub(crate) last_root: Rc<Cell<u64>>,
    pub(crate) pending: usize,
}

impl SpoutOutputCollector {
    /// Emits on the default stream. With a message id the tuple is the root of a tree, and the spout
    /// gets the id back when that has ended; with acking off, at once. Returns the tasks that it goes
    /// to.
    pub fn emit(
        &mut self,
        values: Values,
        message_id: impl Into<Value>,
    ) -> Result<&[TaskId], EmitError> {
        self.emit_to(DEFAULT_STREAM, values, message_id)
    }

    /// Emits on the default stream, without a message id: what becomes of it stays unknown.
    pub fn emit_untracked(&mut self, values: Values) -> Result<&[TaskId], EmitError> {
        self.emit_to(DEFAULT_STREAM, values, Value::Null)
    }

    /// Emits on a stream. [`Value::Null`] as a message id is none.
    pub fn emit_to(
        &mut self,
        stream: &str,
        values: Values,
        message_id: impl Into<Value>,
    ) -> Result<&[TaskId], EmitError> {
        let message_id = message_id.into();
        let root = self.root(&message_id);
        let mut xor = 0;
        let at = self.outlet.emit(stream, &values, |edge| places(root, &mut xor, edge))?;
        self.outlet.note(|| Emission::rooted(stream, None, &message_id, &values));
        self.begin(at, root, xor, message_id);
        Ok(self.outlet.targets())
    }

    /// Emits to one task of a component that subscribes by direct grouping.
    pub fn emit_direct(
        &mut self,
        task: TaskId,
        stream: &str,
        values: Values,
        message_id: impl Into<Value>,
    ) -> Result<(), EmitError> {
        let message_id = message_id.into();
        let root = self.root(&message_id);
        let mut xor = 0;
        let place = |edge: &mut dyn FnMut() -> u64| places(root, &mut xor, edge);
        let at = self.outlet.emit_direct(task, stream, &values, place)?;
        self.outlet.note(|| Emission::rooted(stream, Some(task), &message_id, &values));
        self.begin(at, root, xor, message_id);
        Ok(())
    }

    /// Trees of this spout's executor that are open.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.pending + self.openings.len()
    }

    /// Reports an error of the component. Reports are throttled
    /// (`topology.max.error.report.per.interval`).
    pub fn report_error(&mut self, message: &str) {
        self.reporter.report(message);
    }

    /// A new tree, if there is a message id and trees are tracked.
    fn root(&mut self, message_id: &Value) -> Option<u64> {
        if message_id.is_null() || !self.outlet.tracks() {
            return None;
        }
        self.last_root.set(self.last_root.get() + 1);
        Some(self.last_root.get())
    }

    fn begin(&mut self, stream: usize, root: Option<u64>, xor: u64, message_id: Value) {
        match root {
            Some(root) => {
                let began = self.outlet.meter.begin_tree(stream);
                let news = News::Init(self.reporter.task.unsigned_abs());
                self.outlet.meter.told(Account { root, xor, news });
                self.openings.push(Opening { root, xor, message_id, began });
            }
            None if message_id.is_null() => {}
            None => self.accepted.push(message_id),
        }
    }
}

fn places(root: Option<u64>, xor: &mut u64, edge: &mut dyn FnMut() -> u64) -> crate::tuple::Ids {
    let tracked = root.map(|root| {
        let new = edge();
        *xor ^= new;
        (root, new)
    });
    tracked.into_iter().collect()
}
