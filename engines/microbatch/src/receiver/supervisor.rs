//! Starts, restarts and stops a receiver.

use super::api::panic_text;
use super::{Receiver, ReceiverError, ReceiverHandle, ReceiverSink};
use crate::settings::{SettingError, Settings};
use crate::timer::wait_ms;
use crossbeam_channel::{Receiver as Channel, Sender, bounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use weir_dataflow::Clock;

/// Commands that wait while the receiver starts or stops. What does not fit says nothing new.
const QUEUED: usize = 16;

/// The run number that stands for none.
const NO_RUN: u64 = 0;

/// Where a supervisor is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverState {
    /// It has not been started.
    Initialized,
    /// It has been started; the receiver runs, or waits to be restarted.
    Started,
    /// It has ended for good.
    Stopped,
}

pub(super) enum Command {
    Restart { message: String, cause: String, delay_ms: u64, run: u64 },
    Stop { message: String },
}

/// What a handle shares with the supervisor.
pub(super) struct Control {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) restart_delay_ms: u64,
    commands: Sender<Command>,
    run: AtomicU64,
    /// Disconnected when the receiver is to stop: ends the wait for a restart.
    stop: Mutex<Option<Sender<()>>>,
}

impl Control {
    pub(super) fn current_run(&self) -> Option<u64> {
        Some(self.run.load(Ordering::Acquire)).filter(|run| *run != NO_RUN)
    }

    pub(super) fn send(&self, command: Command) {
        if matches!(command, Command::Stop { .. }) {
            self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        // A full queue holds the same wish sixteen times; a closed one belongs to a stopped receiver.
        let _ = self.commands.try_send(command);
    }
}

/// Runs one receiver, and starts it again when it asks for it, fails or panics.
pub struct ReceiverSupervisor<T> {
    stream_id: usize,
    sink: Arc<dyn ReceiverSink<T>>,
    control: Arc<Control>,
    state: Arc<(Mutex<ReceiverState>, Condvar)>,
    start: Mutex<Option<Start<T>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Start<T> {
    receiver: Box<dyn Receiver<T>>,
    commands: Channel<Command>,
    stopping: Channel<()>,
}

impl<T: 'static> ReceiverSupervisor<T> {
    /// A supervisor for the receiver of a stream.
    ///
    /// # Errors
    ///
    /// `spark.streaming.receiverRestartDelay` is not a time.
    pub fn new(
        stream_id: usize,
        receiver: Box<dyn Receiver<T>>,
        sink: Arc<dyn ReceiverSink<T>>,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let restart_delay_ms = settings.time_ms("spark.streaming.receiverRestartDelay", 2_000)?;
        let (send, commands) = bounded(QUEUED);
        let (stop, stopping) = bounded(0);
        let control = Control {
            clock,
            restart_delay_ms,
            commands: send,
            run: AtomicU64::new(NO_RUN),
            stop: Mutex::new(Some(stop)),
        };
        Ok(Self {
            stream_id,
            sink,
            control: Arc::new(control),
            state: Arc::new((Mutex::new(ReceiverState::Initialized), Condvar::new())),
            start: Mutex::new(Some(Start { receiver, commands, stopping })),
            thread: Mutex::new(None),
        })
    }

    /// Starts the sink and the receiver, which is told on the supervisor's thread. Starting twice
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// The sink cannot start, or there is no thread.
    pub fn start(&self) -> Result<(), ReceiverError> {
        let mut waiting = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(start) = waiting.take() else { return Ok(()) };
        self.sink.start()?;
        let name = format!("receiver-{}", self.stream_id);
        let runner = Runner {
            receiver: start.receiver,
            sink: Arc::clone(&self.sink),
            control: Arc::clone(&self.control),
            runs: NO_RUN,
        };
        let state = Arc::clone(&self.state);
        set(&state, ReceiverState::Started);
        let body = move || {
            runner.run(&start.commands, &start.stopping);
            set(&state, ReceiverState::Stopped);
        };
        let spawned = std::thread::Builder::new().name(name.clone()).spawn(body);
        let thread = spawned.map_err(|error| {
            set(&self.state, ReceiverState::Stopped);
            ReceiverError::Spawn { name, reason: error.to_string() }
        })?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Ends the receiver and waits until everything that it stored is stored.
    pub fn stop(&self, message: &str) {
        let never_started = self.start.lock().unwrap_or_else(PoisonError::into_inner).take();
        if never_started.is_some() {
            set(&self.state, ReceiverState::Stopped);
        }
        self.control.send(Command::Stop { message: message.to_owned() });
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It catches what the receiver throws.
            let _ = thread.join();
        }
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> ReceiverState {
        *lock(&self.state)
    }

    /// Whether the receiver runs now, rather than waiting to be restarted.
    #[must_use]
    pub fn is_receiver_started(&self) -> bool {
        self.control.current_run().is_some()
    }

    /// Waits until the receiver has ended for good.
    pub fn await_termination(&self) {
        let mut state = lock(&self.state);
        while *state != ReceiverState::Stopped {
            state = self.state.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Has the receiver stopped and started again, after a delay. Returns at once.
    pub fn restart(&self, message: &str, delay_ms: u64) {
        let run = self.control.run.load(Ordering::Acquire);
        let (message, cause) = (message.to_owned(), String::new());
        self.control.send(Command::Restart { message, cause, delay_ms, run });
    }

    /// How many records a second may come, if the sink says.
    #[must_use]
    pub fn rate_limit(&self) -> Option<u64> {
        self.sink.rate_limit()
    }

    /// Changes how many records a second may come.
    pub fn update_rate(&self, records_per_s: i64) {
        self.sink.update_rate(records_per_s);
    }
}

fn lock(state: &(Mutex<ReceiverState>, Condvar)) -> MutexGuard<'_, ReceiverState> {
    state.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(state: &(Mutex<ReceiverState>, Condvar), to: ReceiverState) {
    *lock(state) = to;
    state.1.notify_all();
}

impl<T> Drop for ReceiverSupervisor<T> {
    fn drop(&mut self) {
        self.control.send(Command::Stop { message: "the supervisor is dropped".into() });
    }
}

impl<T> std::fmt::Debug for ReceiverSupervisor<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("ReceiverSupervisor");
        out.field("stream_id", &self.stream_id).field("state", &*lock(&self.state));
        out.finish_non_exhaustive()
    }
}

struct Runner<T> {
    receiver: Box<dyn Receiver<T>>,
    sink: Arc<dyn ReceiverSink<T>>,
    control: Arc<Control>,
    runs: u64,
}

impl<T> Runner<T> {
    fn run(mut self, commands: &Channel<Command>, stopping: &Channel<()>) {
        self.start_receiver();
        for command in commands {
            match command {
                Command::Stop { message } => {
                    log::info!("stopping the receiver: {message}");
                    break;
                }
                // Asked for by a run that has ended since.
                Command::Restart { run, .. } if self.control.current_run() != Some(run) => {}
                Command::Restart { message, cause, delay_ms, .. } => {
                    let told = format!("Restarting receiver with delay {delay_ms} ms: {message}");
                    self.sink.report_error(&told, &cause);
                    self.stop_receiver();
                    if !wait_ms(&*self.control.clock, stopping, delay_ms) {
                        break;
                    }
                    self.start_receiver();
                }
            }
        }
        self.stop_receiver();
        self.sink.stop();
    }

    fn start_receiver(&mut self) {
        self.runs += 1;
        self.control.run.store(self.runs, Ordering::Release);
        let (sink, control) = (Arc::clone(&self.sink), Arc::clone(&self.control));
        let handle = ReceiverHandle { sink, control, run: self.runs };
        let own = handle.clone();
        let started = catch_unwind(AssertUnwindSafe(|| self.receiver.on_start(handle)));
        match started {
            Ok(Ok(())) => {}
            Ok(Err(error)) => own.restart("Error starting receiver", &error.to_string()),
            Err(panic) => own.restart("Receiver panicked while starting", &panic_text(&*panic)),
        }
    }

    fn stop_receiver(&mut self) {
        if self.control.run.swap(NO_RUN, Ordering::AcqRel) == NO_RUN {
            return;
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.receiver.on_stop())) {
            self.sink.report_error("Receiver panicked while stopping", &panic_text(&*panic));
        }
    }
}
