//! Records on their way through a shuffle, in chunks that are used again.
//!
//! A block of a large batch is some megabytes. Grown as one vector it is copied several times, and its
//! memory goes back to the system with every batch, to be zeroed and mapped again with the next: that
//! costs as much as the records' work. Chunks are as large as a core's cache likes, and go back to where
//! the next batch finds them.

use crate::Block;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of a chunk, about.
const CHUNK: usize = 64 << 10;

/// Bytes of chunks that are kept for the next batch, at most.
const KEPT: usize = 64 << 20;

/// The chunks that nobody uses.
pub(super) struct Chunks<R>(Mutex<Vec<Vec<R>>>);

impl<R> Chunks<R> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Records per chunk.
    const fn records() -> usize {
        let size = if size_of::<R>() == 0 { 1 } else { size_of::<R>() };
        if size > CHUNK { 1 } else { CHUNK / size }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<R>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<R> {
        let spare = self.spare().pop();
        spare.unwrap_or_else(|| Vec::with_capacity(Self::records()))
    }

    fn give_back(&self, chunk: Vec<R>) {
        let mut spare = self.spare();
        if chunk.is_empty() && spare.len() < KEPT / CHUNK {
            spare.push(chunk);
        }
    }
}

/// Records in order, in chunks that are all full but the last.
pub(super) struct Chunked<R> {
    full: Vec<Vec<R>>,
    last: Vec<R>,
}

impl<R> Chunked<R> {
    pub(super) const fn new() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, record: R, chunks: &Chunks<R>) {
        if self.last.len() == self.last.capacity() {
            self.next_chunk(chunks);
        }
        self.last.push(record);
    }

    #[cold]
    #[inline(never)]
    fn next_chunk(&mut self, chunks: &Chunks<R>) {
        let full = std::mem::replace(&mut self.last, chunks.take());
        if !full.is_empty() {
            self.full.push(full);
        }
    }

    /// Hands out the records, in order.
    #[inline(always)]
    pub(super) fn for_each(self, chunks: &Chunks<R>, mut each: impl FnMut(R)) {
        let last = (!self.last.is_empty()).then_some(self.last);
        for mut chunk in self.full.into_iter().chain(last) {
            for record in chunk.drain(..) {
                each(record);
            }
            chunks.give_back(chunk);
        }
    }
}

impl<R: Send + 'static> Block for Chunked<R> {
    fn entries(&self) -> usize {
        self.full.iter().map(Vec::len).sum::<usize>() + self.last.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_out_in_order_and_chunks_are_used_again() {
        let chunks = Chunks::new();
        for (count, spare) in [(0, 0), (1, 1), (8_192, 1), (8_193, 2), (100_000, 13), (5, 13)] {
            let mut block = Chunked::new();
            (0..count).for_each(|record: u64| block.push(record, &chunks));
            assert_eq!(block.entries(), count as usize);
            let mut out = Vec::new();
            block.for_each(&chunks, |record| out.push(record));
            assert_eq!(out, (0..count).collect::<Vec<_>>());
            assert_eq!(chunks.spare().len(), spare, "{count} records");
        }
        assert!(chunks.spare().iter().all(|chunk| chunk.capacity() == 8_192));
    }

    #[test]
    fn records_of_any_size_have_chunks() {
        assert_eq!(Chunks::<()>::records(), CHUNK);
        assert_eq!(Chunks::<[u8; 100_000]>::records(), 1);
        let chunks = Chunks::new();
        let mut block = Chunked::new();
        (0..10).for_each(|_| block.push((), &chunks));
        let mut count = 0;
        block.for_each(&chunks, |()| count += 1);
        assert_eq!(count, 10);
    }
}
