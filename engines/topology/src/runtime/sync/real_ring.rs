//! Rings as they are: rtrb's, for one sender and one receiver, without a lock.

pub(crate) use rtrb::{Consumer, Producer, PushError};

/// A ring of `capacity` elements.
pub(crate) fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    rtrb::RingBuffer::new(capacity)
}
