//! The graph of streams as data: what is known of a stream without knowing what its records are.
//!
//! Durations follow one rule, from the outputs up. A stream remembers its RDDs for one slide, or for
//! twice its checkpoint interval where that is no shorter than the slide; its parents remember at least
//! as long, and those of a window longer by the window. (The numbers are Spark's.)

use super::checkpoint::{Places, StreamSaved};
use super::{StreamingError, Time};
use crate::StorageLevel;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What state streams are checkpointed at least this often for, unless their slide is longer.
const CHECKPOINT_NS: u64 = 10_000_000_000;

/// How a stream came to be; everything else follows.
pub(super) struct Kind {
    /// Spark's name for such a stream: it is in error messages.
    pub(super) operation: &'static str,
    pub(super) slide_ns: u64,
    /// By how much longer than itself its parents must remember.
    pub(super) window_ns: u64,
    pub(super) must_checkpoint: bool,
    /// The default checkpoint interval in slides; 0 for the rule of `CHECKPOINT_NS`.
    pub(super) checkpoint_slides: u64,
    /// Whether it has a state that cannot be written down.
    pub(super) volatile: bool,
    /// The number of an input.
    pub(super) input: Option<usize>,
}

impl Kind {
    pub(super) const fn of(operation: &'static str, slide_ns: u64) -> Self {
        let (window_ns, checkpoint_slides) = (0, 0);
        Self {
            operation,
            slide_ns,
            window_ns,
            must_checkpoint: false,
            checkpoint_slides,
            volatile: false,
            input: None,
        }
    }
}

/// A stream of the graph.
pub(super) struct Meta {
    pub(super) id: usize,
    pub(super) kind: Kind,
    pub(super) item: &'static str,
    pub(super) parents: Vec<Arc<Meta>>,
    /// 0 until it is known.
    remember_ns: AtomicU64,
    /// For how long children and windows ask for RDDs: beyond that, up to `remember_ns`, only their
    /// times are kept.
    demand_ns: AtomicU64,
    /// 0 for none.
    checkpoint_ns: AtomicU64,
    storage: Mutex<StorageLevel>,
    started: AtomicU64,
    /// Where its checkpoints are.
    pub(super) places: Places,
}

impl Meta {
    pub(super) fn new(id: usize, kind: Kind, item: &'static str, parents: Vec<Arc<Self>>) -> Self {
        Self {
            id,
            kind,
            item,
            parents,
            remember_ns: AtomicU64::new(0),
            demand_ns: AtomicU64::new(0),
            checkpoint_ns: AtomicU64::new(0),
            storage: Mutex::new(StorageLevel::NONE),
            started: AtomicU64::new(0),
            places: Places::default(),
        }
    }

    pub(super) fn remember_ns(&self) -> u64 {
        self.remember_ns.load(Ordering::Relaxed)
    }

    pub(super) fn demand_ns(&self) -> u64 {
        self.demand_ns.load(Ordering::Relaxed).max(self.kind.slide_ns)
    }

    pub(super) fn checkpoint_ns(&self) -> Option<u64> {
        Some(self.checkpoint_ns.load(Ordering::Relaxed)).filter(|ns| *ns > 0)
    }

    pub(super) fn set_checkpoint_ns(&self, ns: u64) {
        self.checkpoint_ns.store(ns, Ordering::Relaxed);
    }

    pub(super) fn storage(&self) -> StorageLevel {
        *self.storage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_storage(&self, level: StorageLevel) {
        *self.storage.lock().unwrap_or_else(PoisonError::into_inner) = level;
    }

    /// Whether an output reaches it: only then has it a zero time and RDDs.
    pub(super) fn is_initialized(&self) -> bool {
        self.started.load(Ordering::Acquire) > 0
    }

    /// Whether a batch's RDD is checkpointed.
    pub(super) fn is_checkpoint_due(&self, time: Time, zero: Time) -> bool {
        let since = time.as_ns().saturating_sub(zero.as_ns());
        self.checkpoint_ns().is_some_and(|every| since.is_multiple_of(every))
    }

    /// What the folder of its checkpoint of a batch is called.
    pub(super) fn folder_name(&self, time: Time) -> String {
        format!("stream-{}-{}", self.id, time.as_ns())
    }

    /// Settles the checkpoint interval and the shortest remembering of this stream and its parents.
    pub(super) fn initialize(&self) {
        if self.started.swap(1, Ordering::AcqRel) > 0 {
            return;
        }
        let slide = self.kind.slide_ns;
        if self.kind.must_checkpoint && self.checkpoint_ns().is_none() {
            let slides = match self.kind.checkpoint_slides {
                0 => CHECKPOINT_NS.div_ceil(slide),
                fixed => fixed,
            };
            self.set_checkpoint_ns(slides.max(1).saturating_mul(slide));
        }
        let shortest = match self.checkpoint_ns() {
            Some(interval) if slide <= interval => interval.saturating_mul(2),
            _ => slide,
        };
        self.remember_ns.fetch_max(shortest, Ordering::Relaxed);
        self.demand_ns.fetch_max(slide, Ordering::Relaxed);
        self.parents.iter().for_each(|parent| parent.initialize());
    }

    /// Keeps RDDs for `ns`, and those of the parents as long as that needs.
    pub(super) fn remember(&self, ns: u64, demand_ns: u64) {
        self.remember_ns.fetch_max(ns, Ordering::Relaxed);
        self.demand_ns.fetch_max(demand_ns, Ordering::Relaxed);
        let ns = self.remember_ns().saturating_add(self.kind.window_ns);
        let demand = self.demand_ns().saturating_add(self.kind.window_ns);
        self.parents.iter().for_each(|parent| parent.remember(ns, demand));
    }

    /// What is checked when a context starts.
    pub(super) fn validate(&self, checkpoint_dir: bool) -> Result<(), StreamingError> {
        if checkpoint_dir && self.kind.volatile {
            return Err(StreamingError::NotSerializable { operation: self.kind.operation });
        }
        if let Some(interval_ns) = self.checkpoint_ns() {
            let (operation, slide_ns) = (self.kind.operation, self.kind.slide_ns);
            if !checkpoint_dir {
                return Err(StreamingError::NoCheckpointDirectory);
            }
            if interval_ns < slide_ns {
                return Err(StreamingError::CheckpointTooShort {
                    operation,
                    interval_ns,
                    slide_ns,
                });
            }
            if !interval_ns.is_multiple_of(slide_ns) {
                let error =
                    StreamingError::CheckpointNotMultiple { operation, interval_ns, slide_ns };
                return Err(error);
            }
            if self.remember_ns() <= interval_ns {
                let remember_ns = self.remember_ns();
                return Err(StreamingError::RememberTooShort {
                    operation,
                    remember_ns,
                    interval_ns,
                });
            }
        }
        self.parents.iter().try_for_each(|parent| parent.validate(checkpoint_dir))
    }
}

/// A stream, whatever its records are: what the context does to all of them.
pub(super) trait AnyStream: Send + Sync {
    fn meta(&self) -> &Arc<Meta>;
    /// Forgets what a completed batch makes superfluous, but for what `pending` batches hold.
    fn clear_metadata(&self, completed: Time, pending: &BTreeSet<Time>);
    /// The batches that it remembers.
    fn generated(&self) -> Vec<Time>;
    /// What a checkpoint in `directory` keeps of it beyond its definition.
    fn save(&self, time: Time, directory: &Path) -> StreamSaved;
    /// Takes back what a checkpoint kept.
    fn restore(&self, saved: &StreamSaved, directory: &Path) -> Result<(), StreamingError>;
}

/// A stream of a context, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its number in the order of creation.
    pub id: usize,
    /// Spark's name for the operation that made it.
    pub operation: &'static str,
    /// The type of its records.
    pub item: &'static str,
    /// The streams that it is made of.
    pub parents: Vec<usize>,
    /// How often it has an RDD.
    pub slide: Duration,
    /// For how long RDDs are remembered; `None` before the start, and for streams without an output.
    pub remember: Option<Duration>,
    /// How often its RDDs are checkpointed.
    pub checkpoint: Option<Duration>,
    /// How its RDDs are kept.
    pub storage: StorageLevel,
    /// Whether the stream needs a checkpoint directory.
    pub must_checkpoint: bool,
    /// The number of the input, for inputs.
    pub input: Option<usize>,
}

impl Meta {
    pub(super) fn info(&self) -> StreamInfo {
        let some = |ns: u64| Some(Duration::from_nanos(ns)).filter(|d| !d.is_zero());
        StreamInfo {
            id: self.id,
            operation: self.kind.operation,
            item: self.item,
            parents: self.parents.iter().map(|parent| parent.id).collect(),
            slide: Duration::from_nanos(self.kind.slide_ns),
            remember: some(self.remember_ns()),
            checkpoint: self.checkpoint_ns().and_then(some),
            storage: self.storage(),
            must_checkpoint: self.kind.must_checkpoint,
            input: self.kind.input,
        }
    }
}
