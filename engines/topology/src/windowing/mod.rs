//! Windows over the tuples of a bolt.
//!
//! A [`WindowedBolt`] takes windows of tuples in place of single ones. A [`WindowConfig`] says which:
//! how long they are and by how much they slide, in tuples or in time, and whether time is that of the
//! cluster's clock or one that the tuples tell.
//!
//! # The model
//!
//! Tuples arrive in a queue in front of the bolt, its [`WindowManager`]. Two policies decide about it.
//! A [`TriggerPolicy`] says *when* there is a window, and thereby where it ends: every so many tuples,
//! or every so often. An [`EvictionPolicy`] says, of each tuple from the front, *what* is in that
//! window: it is, it has expired and goes, or it stays for a window to come. The bolt is then given a
//! view of the queue, with what is new since the last window, and what has expired.
//!
//! The length of a window chooses the eviction, and its sliding interval the trigger, one independently
//! of the other:
//!
//! | | in tuples ([`Count`]) | in time |
//! |---|---|---|
//! | length, by the clock | the last *n* tuples | those of the last *t* before the end |
//! | length, by the tuples' time | the last *n* that are not after the end | those in *(end - t, end]* |
//! | interval, by the clock | with every *n*th tuple | every *t* |
//! | interval, by the tuples' time | at every *n*th tuple, when a watermark has passed it | at every multiple of *t* that a watermark passes |
//!
//! Where the interval equals the length, windows tumble, and every tuple is in one. There are no
//! empty windows. A window that is not complete when the topology ends is not handled.
//!
//! # The tuples' time
//!
//! If tuples tell when what they report happened (a [field](WindowConfig::timestamp_field), or a
//! [function](WindowConfig::timestamp_extractor) of them, in milliseconds), windows go by that and are
//! the same however late tuples are. Somebody must then say when a window is complete: a *watermark*
//! says that nothing earlier is expected. A [`WatermarkGenerator`] makes one every
//! [interval](WindowConfig::watermark_interval): the smallest of the latest times of the streams that
//! the bolt reads, less the [lag](WindowConfig::lag) by which tuples may be out of order. So a stream
//! that stands still holds all windows back. A tuple before the last watermark is late: it is in no
//! window, but emitted on the [stream for late tuples](WindowConfig::late_tuple_stream), if there is
//! one, and acked.
//!
//! # Acks and failures
//!
//! What a bolt emits is anchored to all tuples of its window. A tuple is acked when it has expired,
//! which is seen when the next window is made. So the message timeout must not be shorter than length
//! and interval together, nor `topology.max.spout.pending` smaller, where they are counted: it is an
//! error if they are. A window that fails takes its tuples along: they are taken out
//! of the queue and come again from the spout.
//!
//! What survives a failure of the executor is said by the form of the bolt:
//!
//! - [`WindowedBolt`]: nothing; the spout's replay fills the windows again;
//! - [`StatefulWindowedBolt`]: its own state, and which tuples have been in windows, so that those that
//!   come again are not counted twice;
//! - [`PersistentWindowedBolt`]: the windows themselves, too. They are part of the state, and may be
//!   larger than memory.
//!
//! [`JoinBolt`] joins the streams of a window.
//!
//! # What is Storm's, and what is weir's
//!
//! Policies, settings and their defaults, and which tuples are in which window are Storm's; the names of
//! its classes stand at the types. weir's own:
//!
//! - Everything happens on the executor's thread, woken when a window or a watermark is due; Storm has
//!   a thread for each and a lock. Windows on the clock end when they were due, also if the executor
//!   was busy, and a test that moves the clock has the same windows every time.
//! - Events are told apart by where they stand in the queue, not by their equality.
//! - Windows are views. As long as the tuples' times ascend, a window is found by two binary searches,
//!   and costs what it looks at; otherwise the queue is gone through once for each, as in Storm.

mod bolt;
mod config;
mod error;
mod event_time;
mod eviction;
mod executor;
mod join;
#[cfg(test)]
mod laws;
mod manager;
mod persistent;
mod queue;
mod replays;
mod settings;
mod stateful;
mod stored;
mod task;
mod trigger;
mod view;
mod watermark;
mod window_state;

pub use bolt::{TupleWindow, WindowedBolt, WindowedOutputCollector};
pub use config::{Count, WindowConfig, WindowExtent, WindowSpec};
pub use error::WindowError;
pub use eviction::{Action, EvictionContext, EvictionPolicy};
pub use executor::{LATE_TUPLE_FIELD, WindowedBoltExecutor};
pub use join::{JoinBolt, JoinBuilder, JoinError, Selector};
pub use manager::{EXPIRE_EVENTS_THRESHOLD, WindowManager};
pub use persistent::{
    PartitionStorage, PersistentOutputCollector, PersistentState, PersistentTupleWindow,
    PersistentWindowedBolt, PersistentWindowedBoltExecutor, WindowPartition, WindowPartitionCache,
    WindowStates,
};
pub use stateful::{StatefulWindowedBolt, StatefulWindowedBoltExecutor};
pub use stored::{
    InMemoryEvents, StatefulWindowListener, StatefulWindowManager, StoredEvents, StoredWindow,
};
pub use trigger::TriggerPolicy;
pub use view::{Handled, Window, WindowLifecycleListener};
pub use watermark::WatermarkGenerator;
pub use window_state::{KeptWindows, TaskStream, WindowProgress, WindowedState};
