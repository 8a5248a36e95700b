//! What a receiver is, and what it is given.

use super::supervisor::{Command, Control};
use super::{BlockGenerator, BlockGeneratorError, BlockGeneratorListener, BlockGenerators};
use std::any::Any;
use std::sync::Arc;
use thiserror::Error;
use weir_dataflow::Clock;

/// Why a receiver, or storing for it, failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// The receiver does not run.
    #[error("{0}")]
    Generator(#[from] BlockGeneratorError),
    /// A block could not be stored.
    #[error("failed to store a block of the receiver: {0}")]
    Store(String),
    /// The driver does not take the block.
    #[error("the driver rejected a block of the receiver: {0}")]
    Rejected(String),
    /// The receiver says so.
    #[error("{0}")]
    Failed(String),
    /// The system has no thread left.
    #[error("failed to start thread {name}: {reason}")]
    Spawn {
        /// The thread.
        name: String,
        /// The system's reason.
        reason: String,
    },
}

/// Takes records in from outside.
///
/// Both functions must come back at once: what takes long belongs on a thread that
/// [`on_start`](Self::on_start) starts, and that ends once [`ReceiverHandle::is_stopped`].
pub trait Receiver<T>: Send {
    /// Begins to receive. Called again after every restart, with a new handle.
    ///
    /// # Errors
    ///
    /// Why it cannot: the receiver is restarted after the delay.
    fn on_start(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError>;
    /// Ends to receive, and waits for the threads that [`on_start`](Self::on_start) started. The
    /// handle says that it is stopped by then.
    fn on_stop(&mut self);
}

/// Records that are stored as one block.
pub enum ReceivedBlock<T> {
    /// Records.
    Records(Vec<T>),
    /// Records that are taken one by one.
    Iterator(Box<dyn Iterator<Item = T> + Send>),
    /// Encoded records, which nobody counts.
    Bytes(Vec<u8>),
}

impl<T> std::fmt::Debug for ReceivedBlock<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Records(records) => write!(f, "Records({})", records.len()),
            Self::Iterator(_) => f.write_str("Iterator"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

/// Where what was received goes.
pub trait ReceiverSink<T>: Send + Sync {
    /// Called before the receiver runs for the first time.
    ///
    /// # Errors
    ///
    /// It cannot take anything.
    fn start(&self) -> Result<(), ReceiverError> {
        Ok(())
    }
    /// Called after the receiver has ended for good: everything must be stored when it returns.
    fn stop(&self) {}
    /// One record, which goes into a block with others.
    ///
    /// # Errors
    ///
    /// It was not taken.
    fn push_single(&self, record: T) -> Result<(), ReceiverError>;
    /// A whole block, which is stored when this returns.
    ///
    /// # Errors
    ///
    /// It was not stored.
    fn push_block(&self, block: ReceivedBlock<T>) -> Result<(), ReceiverError>;
    /// Something went wrong.
    fn report_error(&self, message: &str, cause: &str);
    /// How many records a second may come from now on.
    fn update_rate(&self, _records_per_s: i64) {}
    /// How many records a second may come; `None` if it does not say.
    fn rate_limit(&self) -> Option<u64> {
        None
    }
    /// What makes further block generators for the receiver, if anything does.
    fn generators(&self) -> Option<&BlockGenerators> {
        None
    }
}

/// What a receiver stores with and speaks through. Copies are the same handle.
pub struct ReceiverHandle<T> {
    pub(super) sink: Arc<dyn ReceiverSink<T>>,
    pub(super) control: Arc<Control>,
    /// Which run of the receiver this is.
    pub(super) run: u64,
}

impl<T> Clone for ReceiverHandle<T> {
    fn clone(&self) -> Self {
        let (sink, control) = (Arc::clone(&self.sink), Arc::clone(&self.control));
        Self { sink, control, run: self.run }
    }
}

impl<T> std::fmt::Debug for ReceiverHandle<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiverHandle").field("run", &self.run).finish_non_exhaustive()
    }
}

impl<T> ReceiverHandle<T> {
    /// Stores one record, at the allowed rate. It may be lost if the process dies.
    ///
    /// # Errors
    ///
    /// It was not taken.
    pub fn store(&self, record: T) -> Result<(), ReceiverError> {
        self.sink.push_single(record)
    }

    /// Stores records as one block. When this returns they are where the settings want them: a
    /// reliable receiver acknowledges them now.
    ///
    /// # Errors
    ///
    /// They were not stored.
    pub fn store_many(&self, records: Vec<T>) -> Result<(), ReceiverError> {
        self.sink.push_block(ReceivedBlock::Records(records))
    }

    /// As [`store_many`](Self::store_many), with records that are taken one by one.
    ///
    /// # Errors
    ///
    /// They were not stored.
    pub fn store_iter(
        &self,
        records: impl Iterator<Item = T> + Send + 'static,
    ) -> Result<(), ReceiverError> {
        self.sink.push_block(ReceivedBlock::Iterator(Box::new(records)))
    }

    /// As [`store_many`](Self::store_many), with records that are encoded already.
    ///
    /// # Errors
    ///
    /// They were not stored.
    pub fn store_bytes(&self, bytes: Vec<u8>) -> Result<(), ReceiverError> {
        self.sink.push_block(ReceivedBlock::Bytes(bytes))
    }

    /// A block generator of the receiver's own, which tells `listener` of its blocks. It has been started,
    /// follows the receiver's rate, and is stopped when the receiver has ended for good, if it still
    /// runs then.
    ///
    /// # Errors
    ///
    /// A setting is out of range, there is no thread, or what is stored goes to a sink that makes none.
    pub fn block_generator<M: Send + 'static>(
        &self,
        listener: Arc<dyn BlockGeneratorListener<T, M>>,
    ) -> Result<Arc<BlockGenerator<T, M>>, ReceiverError>
    where
        T: Send + 'static,
    {
        let why = || ReceiverError::Failed("this receiver's sink makes no block generators".into());
        self.sink.generators().ok_or_else(why)?.make(listener)
    }

    /// Tells the listeners of an error. The receiver goes on.
    pub fn report_error(&self, message: &str, cause: &str) {
        self.sink.report_error(message, cause);
    }

    /// Has the receiver stopped and, after `spark.streaming.receiverRestartDelay`, started. Returns
    /// at once. Only the run of the receiver that this handle was given to can be ended by it.
    pub fn restart(&self, message: &str, cause: &str) {
        self.restart_after(message, cause, self.control.restart_delay_ms);
    }

    /// As [`restart`](Self::restart), with a delay of its own.
    pub fn restart_after(&self, message: &str, cause: &str, delay_ms: u64) {
        let (message, cause) = (message.to_owned(), cause.to_owned());
        self.control.send(Command::Restart { message, cause, delay_ms, run: self.run });
    }

    /// Ends the receiver. Returns at once.
    pub fn stop(&self, message: &str) {
        self.control.send(Command::Stop { message: message.to_owned() });
    }

    /// Whether the run of the receiver that this handle was given to has begun and not ended.
    #[must_use]
    pub fn is_started(&self) -> bool {
        !self.is_stopped()
    }

    /// Whether the run of the receiver that this handle was given to should end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.control.current_run() != Some(self.run)
    }

    /// The clock that delays are measured on.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.control.clock
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}
