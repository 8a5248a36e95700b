//! Channels as they are: crossbeam's.

use super::{Either, Turn};
use crossbeam_channel::Select;
pub(crate) use crossbeam_channel::{
    Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded,
};
use std::time::Duration;
pub(crate) use weir_dataflow::receive;

/// Waits until there is room for a message in one channel, or a message in another.
pub(crate) fn send_or_receive<M, N>(to: &Sender<M>, message: M, from: &Receiver<N>) -> Turn<M, N> {
    let mut select = Select::new();
    let room = select.send(to);
    select.recv(from);
    let ready = select.select();
    if ready.index() == room {
        return ready.send(to, message).map_or(Turn::Closed, |()| Turn::Sent);
    }
    match ready.recv(from) {
        Ok(received) => Turn::Received(received, message),
        Err(_) => Turn::Alone(message),
    }
}

/// Waits for a message of either channel, or until nobody is left to send through one of them, or for
/// some time.
pub(crate) fn receive_either<A, B>(
    first: &Receiver<A>,
    second: &Receiver<B>,
    most: Duration,
) -> Either<A, B> {
    crossbeam_channel::select! {
        recv(first) -> message => message.map_or(Either::FirstClosed, Either::First),
        recv(second) -> message => message.map_or(Either::SecondClosed, Either::Second),
        default(most) => Either::Neither,
    }
}
