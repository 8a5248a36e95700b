//! Who is told about batches, and how.
//!
//! Events go over a bounded queue to a thread of their own, `microbatch-listener`, which calls all
//! listeners in the order in which they were added. An active context has a listener of its own, which
//! counts ([`StreamingContext::progress`](super::StreamingContext::progress)). A listener that is slower than the batches makes them wait once the queue is full:
//! no event is lost.

use super::{BatchInfo, OutputOperationInfo, ReceiverInfo, StreamingError, Time};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, ThreadId};

/// Events that may wait for the listeners.
const WAITING_EVENTS: usize = 10_000;

/// Is told about a context and its batches. All methods have empty defaults. A panic in one is that
/// event's loss for that listener and nothing more.
///
/// Per batch: submitted, started (with its first job), then started and completed for each output, then
/// completed. A batch without jobs is not told. Nothing is told after the stop.
pub trait StreamingListener: Send + Sync {
    /// The context has started, at a time of its clock in nanoseconds.
    fn on_streaming_started(&self, at_ns: u64) {
        let _ = at_ns;
    }
    /// A receiver runs.
    fn on_receiver_started(&self, receiver: &ReceiverInfo) {
        let _ = receiver;
    }
    /// A receiver reported an error; it goes on.
    fn on_receiver_error(&self, receiver: &ReceiverInfo) {
        let _ = receiver;
    }
    /// A receiver has stopped.
    fn on_receiver_stopped(&self, receiver: &ReceiverInfo) {
        let _ = receiver;
    }
    /// A batch was handed to the scheduler.
    fn on_batch_submitted(&self, batch: &BatchInfo) {
        let _ = batch;
    }
    /// A batch's first job starts.
    fn on_batch_started(&self, batch: &BatchInfo) {
        let _ = batch;
    }
    /// A batch's last job has ended, well or not.
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let _ = batch;
    }
    /// An output's job starts.
    fn on_output_operation_started(&self, output: &OutputOperationInfo) {
        let _ = output;
    }
    /// An output's job has ended, well or not.
    fn on_output_operation_completed(&self, output: &OutputOperationInfo) {
        let _ = output;
    }
}

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Started(u64),
    ReceiverStarted(ReceiverInfo),
    ReceiverError(ReceiverInfo),
    ReceiverStopped(ReceiverInfo),
    Submitted(BatchInfo),
    BatchStarted(BatchInfo),
    Completed(BatchInfo),
    OutputStarted(OutputOperationInfo),
    OutputCompleted(OutputOperationInfo),
}

impl Event {
    fn tell(&self, listener: &dyn StreamingListener) {
        match self {
            Self::Started(at) => listener.on_streaming_started(*at),
            Self::ReceiverStarted(receiver) => listener.on_receiver_started(receiver),
            Self::ReceiverError(receiver) => listener.on_receiver_error(receiver),
            Self::ReceiverStopped(receiver) => listener.on_receiver_stopped(receiver),
            Self::Submitted(batch) => listener.on_batch_submitted(batch),
            Self::BatchStarted(batch) => listener.on_batch_started(batch),
            Self::Completed(batch) => listener.on_batch_completed(batch),
            Self::OutputStarted(output) => listener.on_output_operation_started(output),
            Self::OutputCompleted(output) => listener.on_output_operation_completed(output),
        }
    }
}

type Listeners = Arc<Mutex<Vec<Arc<dyn StreamingListener>>>>;

/// The listeners of a context and the thread that calls them.
#[derive(Default)]
pub(super) struct ListenerBus {
    listeners: Listeners,
    thread: Mutex<Bus>,
}

#[derive(Default)]
enum Bus {
    /// The context has not been started, or nobody listens.
    #[default]
    Idle,
    Running(Sender<Event>, JoinHandle<()>),
    Stopped,
}

impl ListenerBus {
    fn bus(&self) -> std::sync::MutexGuard<'_, Bus> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, listener: Arc<dyn StreamingListener>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    pub(super) fn remove(&self, listener: &Arc<dyn StreamingListener>) {
        let mut all = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(other, listener));
    }

    /// Whether there is anybody to tell.
    pub(super) fn is_listening(&self) -> bool {
        !self.listeners.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Tells all listeners of what `event` makes, later and in order.
    pub(super) fn post(&self, event: impl FnOnce() -> Event) {
        if !self.is_listening() {
            return;
        }
        let queue = match &mut *self.bus() {
            Bus::Running(queue, _) => queue.clone(),
            Bus::Stopped => return,
            idle => {
                let (send, events) = bounded(WAITING_EVENTS);
                let listeners = Arc::clone(&self.listeners);
                let thread = std::thread::Builder::new().name("microbatch-listener".into());
                let Ok(thread) = thread.spawn(move || deliver(&events, &listeners)) else {
                    // Tried again with the next event: batches matter more than who hears of them.
                    return;
                };
                *idle = Bus::Running(send.clone(), thread);
                send
            }
        };
        // Only the end of the thread closes the queue.
        let _ = queue.send(event());
    }

    /// The thread that listeners are called in.
    pub(super) fn thread(&self) -> Option<ThreadId> {
        match &*self.bus() {
            Bus::Running(_, thread) => Some(thread.thread().id()),
            Bus::Idle | Bus::Stopped => None,
        }
    }

    /// Delivers what waits, and nothing from then on.
    pub(super) fn stop(&self) {
        let before = std::mem::replace(&mut *self.bus(), Bus::Stopped);
        if let Bus::Running(queue, thread) = before {
            drop(queue);
            if thread.thread().id() != std::thread::current().id() {
                // Listeners are caught where they panic.
                let _ = thread.join();
            }
        }
    }
}

fn deliver(events: &Receiver<Event>, listeners: &Listeners) {
    for event in events {
        let all = listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in all {
            let _ = catch_unwind(AssertUnwindSafe(|| event.tell(&*listener)));
        }
    }
}

/// What the inputs of a context reported, by batch and input.
#[derive(Debug, Default)]
pub struct InputInfoTracker {
    batches: Mutex<Reports>,
}

type Reports =
    std::collections::BTreeMap<Time, std::collections::BTreeMap<usize, super::StreamInputInfo>>;

impl InputInfoTracker {
    /// Takes an input's report for a batch. Fails if there is one already.
    pub fn report(&self, time: Time, info: super::StreamInputInfo) -> Result<(), StreamingError> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = info.stream;
        match batches.entry(time).or_default().entry(stream) {
            std::collections::btree_map::Entry::Occupied(_) => {
                Err(StreamingError::ReportedTwice { stream, time })
            }
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(info);
                Ok(())
            }
        }
    }

    /// What was reported for a batch, by input.
    pub fn info(&self, time: Time) -> std::collections::BTreeMap<usize, super::StreamInputInfo> {
        let batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.get(&time).cloned().unwrap_or_default()
    }

    /// Forgets batches before `threshold`.
    pub fn cleanup(&self, threshold: Time) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        while batches.first_key_value().is_some_and(|(time, _)| *time < threshold) {
            batches.pop_first();
        }
    }
}
