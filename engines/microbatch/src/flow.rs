//! The contract's engine, on top of the native API.
//!
//! Everything in here uses [`SparkContext`](crate::SparkContext),
//! [`StreamingContext`](crate::StreamingContext) and [`DStream`](crate::DStream) as any program could.
//!
//! | contract | native |
//! |---|---|
//! | source | [direct stream](crate::StreamingContext::direct_stream) of `Event<T>`; a batch is cut by scheduled time |
//! | narrow operators | one static chain, handed over whole to the map side of the shuffle, or to the sink's task |
//! | `running` | [`stateful`](crate::DStream::stateful): map-side combine, shuffle, merge into the state in place |
//! | `update_state` | [`stateful`](crate::DStream::stateful): records in stream order, applied one by one |
//! | `windowed`, in order and fitting the batches | [`shuffle`](crate::DStream::shuffle) and [`window`](crate::DStream::window) |
//! | `windowed`, else | [`stateful`](crate::DStream::stateful) with event-time panes or sessions |
//! | `union` | [`union`](crate::DStream::union) |
//! | sink | [`foreach_rdd`](crate::DStream::foreach_rdd), one writer per partition for the whole run |
//!
//! **Batches.** The batch at tick *T* holds the records that are scheduled before *T* and were in no
//! batch before. Paced, the generator waits for *T* and then claims; if processing is slow, batches
//! queue up as ranges of offsets and are late. At saturation nothing is waited for: the next batch is
//! cut while the one before runs.
//!
//! **Watermark of a batch.** That of its last record, and so at most that of any later one; with
//! several sources, the least of theirs. Event-time windows are advanced to it at the end of the
//! batch. Once the load has closed (and empty batches have carried the DStream windows that were
//! still open past their ends), it is the end of time.

mod batches;
mod chain;
mod chunks;
mod combine;
mod engine;
mod execute;
mod report;
mod running;
mod update_state;
mod windowed;

pub use chain::MicroBatchFlow;
pub use engine::MicroBatch;
