//! Where a flow's rows end.

/// A sink, as the harness hands it to an engine.
pub trait Sink<T>: Clone + Send + Sync + 'static {
    /// What one task writes to.
    type Writer: Writer<T>;
    /// A writer for one more task. All rows of one key come from one task.
    fn writer(&self) -> Self::Writer;
}

/// One task's end of a [`Sink`]. What it holds counts as visible as soon as it was written; dropping
/// it hands its contents over.
pub trait Writer<T>: Send + 'static {
    /// Takes one row.
    fn write(&mut self, row: T);
}
