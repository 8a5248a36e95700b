//! Which log is used, by settings.

use super::{
    BatchedWriteAheadLog, FileBasedWriteAheadLog, FileWalOptions, WalError, WriteAheadLog,
};
use crate::settings::{SettingError, Settings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_dataflow::Clock;

/// Who writes to a log: each has its own settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalRole {
    /// What the driver decides.
    Driver,
    /// What receivers take in.
    Receiver,
}

type Make = dyn Fn(&Settings, &Path) -> Result<Arc<dyn WriteAheadLog>, WalError> + Send + Sync;

/// Makes logs. Kinds of the user's own stand for Spark's classes: they are registered under the name
/// that the setting `spark.streaming.{driver,receiver}.writeAheadLog.class` has.
#[derive(Default)]
pub struct WalRegistry {
    kinds: BTreeMap<String, Box<Make>>,
}

impl WalRegistry {
    /// Knows the log in files only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of log, made from the settings and its folder.
    pub fn register(
        &mut self,
        class: &str,
        make: impl Fn(&Settings, &Path) -> Result<Arc<dyn WriteAheadLog>, WalError>
        + Send
        + Sync
        + 'static,
    ) {
        self.kinds.insert(class.to_owned(), Box::new(make));
    }

    /// The log of a role, in `folder`. The driver's is batched unless the settings say otherwise.
    ///
    /// # Errors
    ///
    /// A setting cannot be read, the class is not registered, or the log cannot be opened.
    pub fn create(
        &self,
        role: WalRole,
        settings: &Settings,
        folder: &Path,
        clock: &Arc<dyn Clock>,
    ) -> Result<Arc<dyn WriteAheadLog>, WalError> {
        let log = match settings.get(&role.key("class")) {
            None => {
                let options = role.options(settings).map_err(refused)?;
                Arc::new(FileBasedWriteAheadLog::new(folder, options)?) as Arc<dyn WriteAheadLog>
            }
            Some(class) => self.custom(class, settings, folder)?,
        };
        if !role.is_batched(settings).map_err(refused)? {
            return Ok(log);
        }
        let timeout = settings.time_ms(&role.key("batchingTimeout"), 5_000).map_err(refused)?;
        let batched = BatchedWriteAheadLog::new(log, Arc::clone(clock), timeout);
        Ok(Arc::new(batched.map_err(|error| WalError::io(folder, error))?))
    }

    fn custom(
        &self,
        class: &str,
        settings: &Settings,
        folder: &Path,
    ) -> Result<Arc<dyn WriteAheadLog>, WalError> {
        let refuse = |reason: String| WalError::Class { class: class.to_owned(), reason };
        let make = self.kinds.get(class).ok_or_else(|| refuse("it is not known".into()))?;
        make(settings, folder).map_err(|error| refuse(error.to_string()))
    }
}

fn refused(error: SettingError) -> WalError {
    WalError::Other(error.to_string())
}

impl WalRole {
    const fn name(self) -> &'static str {
        match self {
            Self::Driver => "driver",
            Self::Receiver => "receiver",
        }
    }

    fn key(self, name: &str) -> String {
        format!("spark.streaming.{}.writeAheadLog.{name}", self.name())
    }

    /// Whether records are put together: the driver's are unless `allowBatching` is false, a
    /// receiver's never, as its handles must be readable.
    ///
    /// # Errors
    ///
    /// The setting is not a flag.
    pub fn is_batched(self, settings: &Settings) -> Result<bool, SettingError> {
        Ok(self == Self::Driver && settings.flag(&self.key("allowBatching"), true)?)
    }

    /// How files are written. `sync` is a setting of this engine, not of Spark, and so has a prefix of its
    /// own: `weir.streaming.{driver,receiver}.writeAheadLog.sync`, false unless it is set.
    ///
    /// # Errors
    ///
    /// A setting cannot be read.
    pub fn options(self, settings: &Settings) -> Result<FileWalOptions, SettingError> {
        let rolling = settings.time_s_as_ms(&self.key("rollingIntervalSecs"), 60_000)?;
        Ok(FileWalOptions {
            rolling_interval_ms: rolling,
            max_failures: settings.number(&self.key("maxFailures"), 3)?,
            close_file_after_write: settings.flag(&self.key("closeFileAfterWrite"), false)?,
            checksums: true,
            sync: settings
                .flag(&format!("weir.streaming.{}.writeAheadLog.sync", self.name()), false)?,
        })
    }
}

impl std::fmt::Debug for WalRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.kinds.keys()).finish()
    }
}

/// Where the log of a receiver's blocks is, under a checkpoint folder.
#[must_use]
pub fn receiver_log_directory(checkpoint: &Path, stream_id: usize) -> PathBuf {
    checkpoint.join("receivedData").join(stream_id.to_string())
}

/// Where the log of the driver's decisions is, under a checkpoint folder.
#[must_use]
pub fn driver_log_directory(checkpoint: &Path) -> PathBuf {
    checkpoint.join("receivedBlockMetadata")
}
