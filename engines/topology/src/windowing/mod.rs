//! Windows over the tuples of a bolt.

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
pub use window_state::{TaskStream, WindowProgress, WindowedState};
