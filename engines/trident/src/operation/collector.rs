//! What operations emit into.

use std::fmt;
use weir_topology::Values;

/// Where emissions go.
pub(crate) trait Sink {
    fn emit(&mut self, values: Values);
    fn report_error(&mut self, message: &str);
}

/// What an operation emits into. Storm's `TridentCollector`.
pub struct TridentCollector<'a>(&'a mut dyn Sink);

impl<'a> TridentCollector<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink) -> Self {
        Self(sink)
    }

    /// Emits the values of the operation's output fields, one for each: another number of them is an
    /// error, which ends the executor. The operations behind work on them at once;
    /// if one of these fails the batch, that is reported when the operation at hand returns.
    pub fn emit(&mut self, values: Values) {
        self.0.emit(values);
    }

    /// Reports an error without failing anything.
    pub fn report_error(&mut self, message: &str) {
        self.0.report_error(message);
    }
}

impl fmt::Debug for TridentCollector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TridentCollector")
    }
}
