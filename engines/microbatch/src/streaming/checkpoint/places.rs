//! Where the checkpoints of one stream are.

use crate::streaming::Time;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The folders that hold what a stream had at some of its times.
#[derive(Default)]
pub(in crate::streaming) struct Places {
    complete: Mutex<BTreeMap<Time, PathBuf>>,
}

impl Places {
    fn complete(&self) -> MutexGuard<'_, BTreeMap<Time, PathBuf>> {
        self.complete.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A folder is complete.
    pub(in crate::streaming) fn add(&self, time: Time, folder: PathBuf) {
        self.complete().insert(time, folder);
    }

    /// All that are complete and not superseded.
    pub(in crate::streaming) fn all(&self) -> BTreeMap<Time, PathBuf> {
        self.complete().clone()
    }

    /// The newest after `after` (if there is a limit) and not after `until`.
    pub(in crate::streaming) fn newest(
        &self,
        after: Option<Time>,
        until: Time,
    ) -> Option<(Time, PathBuf)> {
        let places = self.complete();
        let (time, folder) = places.range(..=until).next_back()?;
        after.is_none_or(|after| *time > after).then(|| (*time, folder.clone()))
    }

    /// Gives up those up to `until`, but for the newest of all: it is what recovery begins with.
    pub(in crate::streaming) fn supersede(&self, until: Time) {
        let mut places = self.complete();
        while places.len() > 1 && places.first_key_value().is_some_and(|(time, _)| *time <= until) {
            places.pop_first();
        }
    }
}
