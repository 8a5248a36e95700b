//! What is the same for all, or nearly.

use super::thread;

/// A size that the protocols do not depend on: `usual`, or `modelled` where schedules are explored, so
/// that queues are full and batches complete within a few steps.
pub(crate) const fn size(usual: usize, modelled: usize) -> usize {
    if cfg!(any(loom, shuttle)) { modelled } else { usual }
}

/// What came of [`send_or_receive`](super::channel::send_or_receive).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn<M, N> {
    /// The message has been sent.
    Sent,
    /// Nobody is left to take the message.
    Closed,
    /// This came first; the message has not been sent.
    Received(N, M),
    /// Nobody is left to send anything; the message has not been sent.
    Alone(M),
}

/// What came of [`receive_either`](super::channel::receive_either).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Either<A, B> {
    /// A message of the first channel.
    First(A),
    /// Nobody is left to send through the first channel.
    FirstClosed,
    /// A message of the second channel.
    Second(B),
    /// Nobody is left to send through the second channel.
    SecondClosed,
    /// It was long enough.
    #[cfg_attr(any(loom, shuttle), expect(dead_code, reason = "in a model it never is"))]
    Neither,
}

/// Whether a thread has ended.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn has_ended<T>(thread: &thread::JoinHandle<T>) -> bool {
    thread.is_finished()
}

/// Whether a thread has ended: what the tools cannot say.
#[cfg(any(loom, shuttle))]
pub(crate) fn has_ended<T>(_: &thread::JoinHandle<T>) -> bool {
    false
}
