//! Channels as a model: crossbeam's behaviour, made of a lock and a condition that can be scheduled.

use super::{Condvar, Either, Mutex, MutexGuard, Turn, thread};
pub(crate) use crossbeam_channel::{
    RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError,
};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use weir_dataflow::{Alarm, Received};

struct State<T> {
    queue: VecDeque<T>,
    senders: usize,
    receivers: usize,
    /// Who waits for this channel or another.
    watchers: Vec<Arc<Watcher>>,
}

struct Channel<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

impl<T> Channel<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and has everybody look who waits for a change.
    fn change<R>(
        &self,
        mut state: MutexGuard<'_, State<T>>,
        change: impl FnOnce(&mut State<T>) -> R,
    ) -> R {
        let result = change(&mut state);
        let watchers = state.watchers.clone();
        drop(state);
        self.changed.notify_all();
        watchers.iter().for_each(|watcher| watcher.raise());
        result
    }
}

/// A thread that waits for one of two channels.
struct Watcher {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Watcher {
    fn raise(&self) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        while !*raised {
            raised = self.changed.wait(raised).unwrap_or_else(PoisonError::into_inner);
        }
        *raised = false;
    }
}

/// A watcher's place at a channel.
struct Watch<'a, T>(&'a Channel<T>, &'a Arc<Watcher>);

impl<'a, T> Watch<'a, T> {
    fn new(channel: &'a Channel<T>, watcher: &'a Arc<Watcher>) -> Self {
        channel.state().watchers.push(Arc::clone(watcher));
        Self(channel, watcher)
    }
}

impl<T> Drop for Watch<'_, T> {
    fn drop(&mut self) {
        self.0.state().watchers.retain(|other| !Arc::ptr_eq(other, self.1));
    }
}

/// A channel that holds `capacity` messages.
pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a channel without room is not modelled");
    let state = State { queue: VecDeque::new(), senders: 1, receivers: 1, watchers: Vec::new() };
    let channel = Channel { capacity, state: Mutex::new(state), changed: Condvar::new() };
    let channel = Arc::new(channel);
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

/// The same as a channel, to a model.
pub(crate) fn mailbox<T>(capacity: usize) -> (Post<T>, Mailbox<T>) {
    bounded(capacity)
}

pub(crate) type Post<T> = Sender<T>;
pub(crate) type Mailbox<T> = Receiver<T>;

/// An end to send through.
pub(crate) struct Sender<T>(Arc<Channel<T>>);

impl<T> Sender<T> {
    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let state = self.0.state();
        if state.receivers == 0 {
            return Err(TrySendError::Disconnected(message));
        }
        if state.queue.len() == self.0.capacity {
            return Err(TrySendError::Full(message));
        }
        self.0.change(state, |state| state.queue.push_back(message));
        Ok(())
    }

    pub(crate) fn send(&self, message: T) -> Result<(), SendError<T>> {
        let mut state = self.0.state();
        while state.receivers > 0 && state.queue.len() == self.0.capacity {
            state = self.0.wait(state);
        }
        if state.receivers == 0 {
            return Err(SendError(message));
        }
        self.0.change(state, |state| state.queue.push_back(message));
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.change(self.0.state(), |state| state.senders -= 1);
    }
}

impl<T> std::fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

/// An end to receive from.
pub(crate) struct Receiver<T>(Arc<Channel<T>>);

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        let state = self.0.state();
        if state.queue.is_empty() {
            let alone = state.senders == 0;
            return Err(if alone { TryRecvError::Disconnected } else { TryRecvError::Empty });
        }
        self.0.change(state, |state| state.queue.pop_front()).ok_or(TryRecvError::Empty)
    }

    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        let mut state = self.0.state();
        while state.queue.is_empty() && state.senders > 0 {
            state = self.0.wait(state);
        }
        if state.queue.is_empty() {
            return Err(RecvError);
        }
        self.0.change(state, |state| state.queue.pop_front()).ok_or(RecvError)
    }

    /// It is never long enough.
    pub(crate) fn recv_timeout(&self, _: Duration) -> Result<T, RecvTimeoutError> {
        self.recv().map_err(|RecvError| RecvTimeoutError::Disconnected)
    }

    #[cfg(test)]
    pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.state().receivers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let lost = self.0.change(self.0.state(), |state| {
            state.receivers -= 1;
            // What nobody will take is dropped at once, as crossbeam does.
            if state.receivers == 0 { std::mem::take(&mut state.queue) } else { VecDeque::new() }
        });
        drop(lost);
    }
}

impl<T> std::fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

/// Waits for a message or an alarm. Time stands still in a model: an alarm has gone off already, or it
/// never will. A clock that has some of them go off makes time pass.
pub(crate) fn receive<T>(from: &Receiver<T>, alarm: Alarm) -> Received<T> {
    if !matches!(alarm, Alarm::Now) {
        return from.recv().map_or(Received::Closed, Received::Message);
    }
    match from.try_recv() {
        Ok(message) => Received::Message(message),
        Err(TryRecvError::Disconnected) => Received::Closed,
        Err(TryRecvError::Empty) => {
            thread::yield_now();
            Received::TimedOut
        }
    }
}

/// Waits until there is room for a message in one channel, or a message in another. Which counts, if
/// both are there, is anybody's guess.
pub(crate) fn send_or_receive<M, N>(
    to: &Sender<M>,
    mut message: M,
    from: &Receiver<N>,
) -> Turn<M, N> {
    let watcher = Arc::new(Watcher { raised: Mutex::new(false), changed: Condvar::new() });
    let _room = Watch::new(&to.0, &watcher);
    let _notice = Watch::new(&from.0, &watcher);
    let mut sends = sends_first();
    loop {
        if sends {
            message = match to.try_send(message) {
                Ok(()) => return Turn::Sent,
                Err(TrySendError::Disconnected(_)) => return Turn::Closed,
                Err(TrySendError::Full(message)) => message,
            };
        }
        match from.try_recv() {
            Ok(received) => return Turn::Received(received, message),
            Err(TryRecvError::Disconnected) => return Turn::Alone(message),
            Err(TryRecvError::Empty) if sends => watcher.wait(),
            Err(TryRecvError::Empty) => sends = true,
        }
    }
}

/// Waits for a message of either channel, or until nobody is left to send through one of them. Which
/// counts, if both are there, is anybody's guess. It is never long enough: who relies on that is found
/// out.
pub(crate) fn receive_either<A, B>(
    first: &Receiver<A>,
    second: &Receiver<B>,
    _: Duration,
) -> Either<A, B> {
    let watcher = Arc::new(Watcher { raised: Mutex::new(false), changed: Condvar::new() });
    let _first = Watch::new(&first.0, &watcher);
    let _second = Watch::new(&second.0, &watcher);
    let mut looks = sends_first();
    loop {
        if looks {
            match first.try_recv() {
                Ok(message) => return Either::First(message),
                Err(TryRecvError::Disconnected) => return Either::FirstClosed,
                Err(TryRecvError::Empty) => {}
            }
        }
        match second.try_recv() {
            Ok(message) => return Either::Second(message),
            Err(TryRecvError::Disconnected) => return Either::SecondClosed,
            Err(TryRecvError::Empty) if looks => watcher.wait(),
            Err(TryRecvError::Empty) => looks = true,
        }
    }
}

#[cfg(shuttle)]
fn sends_first() -> bool {
    use shuttle::rand::{Rng, thread_rng};
    thread_rng().r#gen()
}

/// Where all schedules are explored, the sender's being there first is one of them.
#[cfg(loom)]
const fn sends_first() -> bool {
    true
}
