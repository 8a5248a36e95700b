//! What is known of the receivers of a context.

use super::lifecycle::Shared;
use super::listener::Event;
use super::{StreamingContext, Time};
use crate::receiver::BlockReports;
use crate::tracker::{ReceivedBlockInfo, ReceivedBlockTracker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A receiver, as far as the driver knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverInfo {
    /// The number of the input that it belongs to.
    pub stream: usize,
    /// Its name.
    pub name: String,
    /// Whether it is running.
    pub active: bool,
    /// What it last reported since it was started; empty if nothing.
    pub last_error_message: String,
    /// The cause of that.
    pub last_error: String,
    /// When that was, on the clock of the context's receivers.
    pub last_error_at: Option<Time>,
}

impl StreamingContext {
    /// The receivers of the context, by the numbers of their inputs, in the order of creation. None once
    /// it has stopped.
    #[must_use]
    pub fn receivers(&self) -> Vec<ReceiverInfo> {
        let graph = self.shared().graph();
        graph.inputs.iter().filter_map(|input| input.receiver_info()).collect()
    }

    /// How many records a second the receiver of an input may take in one by one; `None` if it does not
    /// run. `i64::MAX` stands for no limit.
    #[must_use]
    pub fn receiver_rate_limit(&self, stream: usize) -> Option<u64> {
        let inputs = self.shared().graph().inputs.clone();
        inputs.iter().find(|input| input.receiver() == Some(stream))?.rate_limit()
    }
}

/// Tells the driver's side of a context what a receiver did.
pub(super) struct Reports {
    pub(super) shared: Arc<Shared>,
    pub(super) tracker: Arc<ReceivedBlockTracker>,
    pub(super) info: Arc<Mutex<ReceiverInfo>>,
}

impl Reports {
    fn info(&self) -> MutexGuard<'_, ReceiverInfo> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The receiver runs, for the first time or again.
    pub(super) fn started(&self) {
        let info = {
            let mut info = self.info();
            let (stream, name) = (info.stream, std::mem::take(&mut info.name));
            *info = ReceiverInfo { stream, name, active: true, ..ReceiverInfo::default() };
            info.clone()
        };
        self.shared.bus.post(|| Event::ReceiverStarted(info));
    }

    /// The receiver has ended.
    pub(super) fn stopped(&self) {
        let info = {
            let mut info = self.info();
            info.active = false;
            info.clone()
        };
        self.shared.bus.post(|| Event::ReceiverStopped(info));
    }
}

impl BlockReports for Reports {
    fn add_block(&self, block: ReceivedBlockInfo) -> Result<(), String> {
        self.tracker.add_block(block).map_err(|error| error.to_string())
    }

    fn report_error(&self, stream: usize, message: &str, cause: &str) {
        log::warn!("receiver of stream {stream}: {message}: {cause}");
        let now = Time::from_ns(self.shared.receivers.clock().now_ns());
        let info = {
            let mut info = self.info();
            (info.last_error_message, info.last_error) = (message.to_owned(), cause.to_owned());
            info.last_error_at = Some(now);
            info.clone()
        };
        self.shared.bus.post(|| Event::ReceiverError(info));
    }
}
