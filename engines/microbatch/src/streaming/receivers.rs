//! What the receivers of a context share: their clock, their logs, and who knows their blocks.

use super::{StreamingError, Time};
use crate::settings::Settings;
use crate::tracker::ReceivedBlockTracker;
use crate::wal::{
    TimedWriteAheadLog, WalRegistry, WalRole, WriteAheadLog, driver_log_directory,
    receiver_log_directory,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use weir_dataflow::Clock;

/// How long a receiver waits for a block to be in its log.
const STORE_TIMEOUT: &str = "spark.streaming.receiver.blockStoreTimeout";

/// The driver's side of all receivers.
pub(super) struct Receivers {
    clock: Arc<dyn Clock>,
    logs: Arc<WalRegistry>,
    tracker: OnceLock<Arc<ReceivedBlockTracker>>,
    streams: OnceLock<Vec<usize>>,
    checkpoints: OnceLock<PathBuf>,
    /// The logs of receivers, closed at the end.
    open: Mutex<Vec<Arc<dyn WriteAheadLog>>>,
}

impl Receivers {
    pub(super) fn new(clock: Arc<dyn Clock>, logs: Arc<WalRegistry>) -> Self {
        Self {
            clock,
            logs,
            tracker: OnceLock::new(),
            streams: OnceLock::new(),
            checkpoints: OnceLock::new(),
            open: Mutex::default(),
        }
    }

    /// Makes the tracker, with a log if there is a directory for it; `recover` reads what the log says.
    pub(super) fn start(
        &self,
        streams: &[usize],
        batches: &Arc<dyn Clock>,
        checkpoints: Option<&Path>,
        settings: &Settings,
        recover: bool,
    ) -> Result<(), StreamingError> {
        if streams.is_empty() {
            return Ok(());
        }
        let refused = |why: String| StreamingError::ReceivedBlocks(why);
        let log = checkpoints.map(|folder| {
            let folder = driver_log_directory(folder);
            self.logs.create(WalRole::Driver, settings, &folder, &self.clock)
        });
        let log = log.transpose().map_err(|error| refused(error.to_string()))?;
        if let Some(folder) = checkpoints {
            let _ = self.checkpoints.set(folder.to_owned());
        }
        let _ = self.streams.set(streams.to_vec());
        let streams = streams.iter().copied();
        let made = ReceivedBlockTracker::new(streams, Arc::clone(batches), log, recover);
        let tracker = made.map_err(|error| refused(error.to_string()))?;
        let _ = self.tracker.set(Arc::new(tracker));
        Ok(())
    }

    pub(super) fn tracker(&self) -> Result<Arc<ReceivedBlockTracker>, StreamingError> {
        let why = || StreamingError::ReceivedBlocks("the context was not started".into());
        self.tracker.get().cloned().ok_or_else(why)
    }

    pub(super) fn waiting_records(&self) -> u64 {
        let (Some(tracker), Some(streams)) = (self.tracker.get(), self.streams.get()) else {
            return 0;
        };
        let waiting = streams.iter().flat_map(|stream| tracker.unallocated_blocks(*stream));
        waiting.filter_map(|block| block.num_records).sum()
    }

    /// What receivers measure time on.
    pub(super) const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The log of a receiver's blocks, where the settings want one.
    pub(super) fn log_of(
        &self,
        stream: usize,
        settings: &Settings,
    ) -> Result<Option<Arc<dyn WriteAheadLog>>, StreamingError> {
        if !settings.flag("spark.streaming.receiver.writeAheadLog.enable", false)? {
            return Ok(None);
        }
        let folder = self.checkpoints.get().ok_or(StreamingError::LogWithoutCheckpoints)?;
        let folder = receiver_log_directory(folder, stream);
        let log = self.logs.create(WalRole::Receiver, settings, &folder, &self.clock);
        let refused = |why: String| StreamingError::ReceivedBlocks(why);
        let log = log.map_err(|error| refused(error.to_string()))?;
        let timeout_ms = settings.time_s_as_ms(STORE_TIMEOUT, 30_000)?;
        let clock = Arc::clone(&self.clock);
        let log = TimedWriteAheadLog::new(log, clock, timeout_ms, STORE_TIMEOUT);
        let log =
            log.map_err(|error| refused(format!("no thread for a receiver's log: {error}")))?;
        let log = Arc::new(log) as Arc<dyn WriteAheadLog>;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&log));
        Ok(Some(log))
    }

    /// Forgets batches before a time.
    pub(super) fn cleanup(&self, before: Time) {
        if let Some(tracker) = self.tracker.get()
            && let Err(error) = tracker.cleanup_old_batches(before.as_ms(), false)
        {
            log::warn!("the blocks of old batches stay known: {error}");
        }
    }

    /// Closes the logs.
    pub(super) fn stop(&self) {
        if let Some(tracker) = self.tracker.get() {
            tracker.stop();
        }
        let open = std::mem::take(&mut *self.open.lock().unwrap_or_else(PoisonError::into_inner));
        open.iter().for_each(|log| log.close());
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::EpochClock;
    use super::*;

    #[test]
    fn wal_disabled_when_checkpoint_dir_not_set() {
        let folder = tempfile::tempdir().expect("a folder");
        // The driver's log does not depend on whether receivers have one.
        for (checkpoints, logged) in [(None, false), (Some(folder.path()), true)] {
            let clock: Arc<dyn Clock> = Arc::new(EpochClock::new());
            let receivers = Receivers::new(Arc::clone(&clock), Arc::default());
            let settings = Settings::default();
            receivers.start(&[0], &clock, checkpoints, &settings, false).expect("a start");
            let tracker = receivers.tracker().expect("a tracker");
            assert_eq!(tracker.is_write_ahead_log_enabled(), logged);
            assert!(receivers.log_of(0, &settings).expect("no log").is_none());
            let wanted = settings.set("spark.streaming.receiver.writeAheadLog.enable", "true");
            match receivers.log_of(0, &wanted) {
                Ok(log) => assert!(logged && log.is_some()),
                Err(error) => assert!(!logged && error == StreamingError::LogWithoutCheckpoints),
            }
            receivers.stop();
        }
    }
}
