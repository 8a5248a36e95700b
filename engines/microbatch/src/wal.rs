//! Write-ahead logs: what was received, or decided, is on disk before anybody acts on it.
//!
//! ```text
//! driver:   BatchedWriteAheadLog ─> FileBasedWriteAheadLog ─> log-<start>-<stop> files
//! receiver: TimedWriteAheadLog ───> FileBasedWriteAheadLog ─> log-<start>-<stop> files
//! ```

mod batched;
mod error;
mod file_based;
mod frame;
mod log_file;
mod parallel;
mod record;
mod select;
mod timed;

pub use batched::{BatchedWriteAheadLog, aggregate, deaggregate};
pub use error::WalError;
pub use file_based::{FileBasedWriteAheadLog, FileWalOptions};
pub use frame::{FrameReader, FrameWriter, WalHandle, read_at};
pub use log_file::LogFile;
pub use parallel::ParallelIter;
pub use record::{Flaw, Gap, RecordReader};
pub use select::{WalRegistry, WalRole, driver_log_directory, receiver_log_directory};
pub use timed::TimedWriteAheadLog;

use std::sync::Arc;

/// Records of a log, oldest first.
pub type Records = Box<dyn Iterator<Item = Result<Vec<u8>, WalError>> + Send>;

/// A log that records are written to before they count.
pub trait WriteAheadLog: Send + Sync + std::fmt::Debug {
    /// Writes a record of time `time_ms`; once this returns, it is there after the process was killed.
    /// Whether it is after the machine lost power is a matter of the log: see
    /// [`FileWalOptions::sync`].
    ///
    /// # Errors
    ///
    /// It could not be written, also not by trying again.
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError>;

    /// Reads the record that [`write`](Self::write) returned the handle of.
    ///
    /// # Errors
    ///
    /// It is not there, is damaged, or this log does not support it.
    fn read(&self, handle: &WalHandle) -> Result<Vec<u8>, WalError>;

    /// Reads everything that is there. What is damaged is left out, with a warning.
    ///
    /// # Errors
    ///
    /// The log cannot be listed.
    fn read_all(&self) -> Result<Records, WalError>;

    /// Removes what is older than `threshold_ms`, file by file; waits for it if `wait`.
    ///
    /// # Errors
    ///
    /// The files cannot be removed, where it was waited for.
    fn clean(&self, threshold_ms: u64, wait: bool) -> Result<(), WalError>;

    /// Ends the log. Closing twice changes nothing.
    fn close(&self);

    /// What this log is made of: `Batched(FileBased)`.
    fn describe(&self) -> String;
}

impl<L: WriteAheadLog + ?Sized> WriteAheadLog for Arc<L> {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        (**self).write(record, time_ms)
    }

    fn read(&self, handle: &WalHandle) -> Result<Vec<u8>, WalError> {
        (**self).read(handle)
    }

    fn read_all(&self) -> Result<Records, WalError> {
        (**self).read_all()
    }

    fn clean(&self, threshold_ms: u64, wait: bool) -> Result<(), WalError> {
        (**self).clean(threshold_ms, wait)
    }

    fn close(&self) {
        (**self).close();
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}
