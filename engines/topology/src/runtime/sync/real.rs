//! Channels as they are: crossbeam's.

use super::{Either, Turn};
use crossbeam_channel::Select;
pub(crate) use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded,
};
use crossbeam_utils::sync::{Parker, Unparker};
use std::time::Duration;
use weir_dataflow::{Alarm, Received};

/// Yields before a receiver of a mailbox sleeps: together they take a microsecond or two, less than it
/// costs to be woken, and leave the core to whoever has something to do on it.
const YIELDS: usize = 4;

/// A channel for one receiver that is asleep most of the time. Crossbeam's receivers spin for some
/// microseconds before they yield and before they sleep, in case something comes. Where executors share
/// a core, as they do when one wakes the other, that keeps the one waiting that has something to do: at
/// each of a tuple's hops.
pub(crate) fn mailbox<T>(capacity: usize) -> (Post<T>, Mailbox<T>) {
    let (to, from) = bounded(capacity);
    let sleeper = Parker::new();
    (Post { to, bell: Bell(sleeper.unparker().clone()) }, Mailbox { from, sleeper })
}

/// Wakes a receiver, also when it goes.
#[derive(Debug)]
struct Bell(Unparker);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

/// An end of a mailbox to send through.
#[derive(Debug)]
pub(crate) struct Post<T> {
    to: Sender<T>,
    /// It is dropped after the sender is, so that the receiver sees that.
    bell: Bell,
}

impl<T> Post<T> {
    pub(crate) fn send(&self, message: T) -> Result<(), crossbeam_channel::SendError<T>> {
        self.to.send(message)?;
        self.bell.0.unpark();
        Ok(())
    }

    pub(crate) fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        self.to.try_send(message)?;
        self.bell.0.unpark();
        Ok(())
    }
}

impl<T> Clone for Post<T> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone(), bell: Bell(self.bell.0.clone()) }
    }
}

/// The receiving end of a mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    from: Receiver<T>,
    sleeper: Parker,
}

impl<T> Mailbox<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.from.try_recv()
    }

    /// What is there.
    #[cfg(test)]
    pub(crate) fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        self.from.try_iter()
    }

    /// For a test that must not wait for ever.
    #[cfg(test)]
    pub(crate) fn recv_timeout(&self, most: Duration) -> Result<T, RecvTimeoutError> {
        self.from.recv_timeout(most)
    }
}

/// Waits for a message or an alarm, whichever comes first; a waiting message wins.
pub(crate) fn receive<T>(mailbox: &Mailbox<T>, alarm: Alarm) -> Received<T> {
    // Whoever has sent something, or has gone, rings after that: of a bell that was rung before it is
    // waited for, waiting ends at once.
    if !matches!(alarm, Alarm::Now) {
        for _ in 0..YIELDS {
            if !mailbox.from.is_empty() {
                break;
            }
            std::thread::yield_now();
        }
    }
    loop {
        match (mailbox.from.try_recv(), &alarm) {
            (Ok(message), _) => return Received::Message(message),
            (Err(TryRecvError::Disconnected), _) => return Received::Closed,
            (Err(TryRecvError::Empty), Alarm::Never) => mailbox.sleeper.park(),
            (Err(TryRecvError::Empty), Alarm::At(at)) if !is_over(at) => {
                mailbox.sleeper.park_deadline(*at);
            }
            (Err(TryRecvError::Empty), _) => return weir_dataflow::receive(&mailbox.from, alarm),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a time of the operating system's clock is given")]
fn is_over(at: &std::time::Instant) -> bool {
    std::time::Instant::now() >= *at
}

/// Waits until there is room for a message in one mailbox, or a message in another.
pub(crate) fn send_or_receive<M, N>(to: &Post<M>, message: M, from: &Mailbox<N>) -> Turn<M, N> {
    let mut select = Select::new();
    let room = select.send(&to.to);
    select.recv(&from.from);
    let ready = select.select();
    if ready.index() == room {
        let sent = ready.send(&to.to, message).map_or(Turn::Closed, |()| Turn::Sent);
        to.bell.0.unpark();
        return sent;
    }
    match ready.recv(&from.from) {
        Ok(received) => Turn::Received(received, message),
        Err(_) => Turn::Alone(message),
    }
}

/// Waits for a message of either channel, or until nobody is left to send through one of them, or for
/// some time.
pub(crate) fn receive_either<A, B>(
    first: &Receiver<A>,
    second: &Mailbox<B>,
    most: Duration,
) -> Either<A, B> {
    let second = &second.from;
    crossbeam_channel::select! {
        recv(first) -> message => message.map_or(Either::FirstClosed, Either::First),
        recv(second) -> message => message.map_or(Either::SecondClosed, Either::Second),
        default(most) => Either::Neither,
    }
}
