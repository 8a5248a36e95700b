//! Windows of a stream.

use super::Stream;
use super::aggregate::Part;
use crate::TridentError;
use crate::operation::Aggregation;
use crate::processor::{Input, WindowProcessor};
use crate::tuple::TupleFactory;
use crate::window::{MemoryWindowsStore, WindowConfig, WindowsStoreFactory};
use std::sync::Arc;
use std::time::Duration;
use weir_topology::IntoFields;

impl Stream {
    /// Aggregates windows over batches, in each partition by itself. The result of a window comes out with
    /// the batch that ends after the window does, and has the fields of `output`. Tuples and results are
    /// kept in a store, batch by batch until they are committed: windows are as exact as a state would be,
    /// behind transactional and opaque spouts.
    ///
    /// Each task has windows of its own, of what comes to it. Behind a [`shuffle`](Self::shuffle) into several
    /// tasks, and whatever else does not go by the tuple alone, a batch that comes again is split otherwise,
    /// and other windows come out than with the attempt before, also behind a transactional spout: keep them
    /// in an opaque state, or say which tuples belong together with [`partition_by`](Self::partition_by)
    /// before the window.
    ///
    /// A store that outlives its process goes with the progress of the spouts and with the number of
    /// tasks: if one of them begins anew, the store has to be emptied.
    pub fn window_in<K>(
        &self,
        store: impl WindowsStoreFactory,
        window: WindowConfig,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        let windows = || -> Result<Self, TridentError> {
            let (cut, part) = (window.cut()?, Part::new(input, aggregation, output)?);
            let (seen, fields) = (part.input.clone(), part.output.clone());
            let input = Input::new("window", &self.output_fields(), &seen)?;
            let aggregator = part.kind.whole();
            let number = self.definition.borrow().nodes.len();
            let stores: Arc<dyn WindowsStoreFactory> = Arc::new(store);
            Ok(self.then(fields.clone(), false, move || {
                Box::new(WindowProcessor {
                    aggregator: aggregator.make(),
                    input: input.clone(),
                    seen: TupleFactory::fresh(seen.clone()),
                    output: TupleFactory::fresh(fields.clone()),
                    cut,
                    number,
                    stores: Arc::clone(&stores),
                    life: None,
                })
            }))
        };
        self.or_fail(windows())
    }

    /// Aggregates windows over batches, in each partition by itself, as [`window_in`](Self::window_in) does;
    /// tuples and results are kept in memory.
    pub fn window<K>(
        &self,
        window: WindowConfig,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        self.window_in(MemoryWindowsStore::new(), window, input, aggregation, output)
    }

    /// Windows of so many tuples, each in one window.
    pub fn tumbling_window<K>(
        &self,
        length: usize,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        self.window(WindowConfig::TumblingCount(length), input, aggregation, output)
    }

    /// Windows of so many tuples, cut anew after so many.
    pub fn sliding_window<K>(
        &self,
        (length, slide): (usize, usize),
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        let window = WindowConfig::SlidingCount { length, slide };
        self.window(window, input, aggregation, output)
    }

    /// Windows of so long a time, each tuple in one window.
    pub fn tumbling_time_window<K>(
        &self,
        length: Duration,
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        self.window(WindowConfig::TumblingDuration(length), input, aggregation, output)
    }

    /// Windows of so long a time, cut anew after so long.
    pub fn sliding_time_window<K>(
        &self,
        (length, slide): (Duration, Duration),
        input: impl IntoFields,
        aggregation: impl Aggregation<K>,
        output: impl IntoFields,
    ) -> Self {
        let window = WindowConfig::SlidingDuration { length, slide };
        self.window(window, input, aggregation, output)
    }
}
