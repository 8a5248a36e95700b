//! A pipeline that is pushed through one record at a time, and can be copied half way.

use crate::operators::Operator;
use weir_dataflow::{Data, Event, EventTime, Source};

/// Takes an operator's output.
pub(crate) type Out<'a, T> = &'a mut dyn FnMut(Event<T>);

/// A source and the operators behind it.
pub(crate) trait Pipe<T>: Send {
    /// Pushes record `index` through, scheduled at `scheduled`.
    fn record(&mut self, index: u64, scheduled: EventTime, out: Out<'_, T>);
    /// Pushes what operators still hold.
    fn end(&mut self, out: Out<'_, T>);
    /// Records that were late for all their windows.
    fn late(&self) -> u64;
    /// A copy with all its state.
    fn copy(&self) -> Box<dyn Pipe<T>>;
}

#[derive(Clone)]
pub(crate) struct Read<S>(pub(crate) S);

impl<S: Source> Pipe<S::Item> for Read<S> {
    fn record(&mut self, index: u64, scheduled: EventTime, out: Out<'_, S::Item>) {
        out(self.0.record(index, scheduled));
    }
    fn end(&mut self, _: Out<'_, S::Item>) {}
    fn late(&self) -> u64 {
        0
    }
    fn copy(&self) -> Box<dyn Pipe<S::Item>> {
        Box::new(self.clone())
    }
}

/// An operator behind a pipe.
pub(crate) struct Then<T, O> {
    pub(crate) before: Box<dyn Pipe<T>>,
    pub(crate) operator: O,
}

impl<T: Data, O: Operator<T>> Pipe<O::Out> for Then<T, O> {
    fn record(&mut self, index: u64, scheduled: EventTime, out: Out<'_, O::Out>) {
        let operator = &mut self.operator;
        self.before.record(index, scheduled, &mut |event| operator.push(event, out));
    }
    fn end(&mut self, out: Out<'_, O::Out>) {
        let operator = &mut self.operator;
        self.before.end(&mut |event| operator.push(event, out));
        operator.end(out);
    }
    fn late(&self) -> u64 {
        self.before.late() + self.operator.late()
    }
    fn copy(&self) -> Box<dyn Pipe<O::Out>> {
        Box::new(Self { before: self.before.copy(), operator: self.operator.clone() })
    }
}

/// Two pipes read side by side.
pub(crate) struct Both<T>(pub(crate) Box<dyn Pipe<T>>, pub(crate) Box<dyn Pipe<T>>);

impl<T: Data> Pipe<T> for Both<T> {
    fn record(&mut self, index: u64, scheduled: EventTime, out: Out<'_, T>) {
        self.0.record(index, scheduled, out);
        self.1.record(index, scheduled, out);
    }
    fn end(&mut self, out: Out<'_, T>) {
        self.0.end(out);
        self.1.end(out);
    }
    fn late(&self) -> u64 {
        self.0.late() + self.1.late()
    }
    fn copy(&self) -> Box<dyn Pipe<T>> {
        Box::new(Self(self.0.copy(), self.1.copy()))
    }
}
