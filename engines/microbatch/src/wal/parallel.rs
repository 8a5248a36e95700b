//! Work on a few items at a time, answers in order.

use std::collections::VecDeque;

/// Applies a function to items on at most `threads` named threads at once and gives the answers in
/// the items' order. A group is worked on when its first answer is asked for: what waits is at most
/// `threads` answers.
pub struct ParallelIter<I: Iterator, O, F> {
    items: I,
    ready: VecDeque<O>,
    threads: usize,
    work: F,
}

impl<I, O, F> ParallelIter<I, O, F>
where
    I: Iterator,
    I::Item: Send,
    O: Send,
    F: Fn(I::Item) -> O + Sync,
{
    /// Works on `items`, up to `threads` of them at once.
    pub fn new(items: I, threads: usize, work: F) -> Self {
        Self { items, ready: VecDeque::new(), threads: threads.max(1), work }
    }
}

impl<I, O, F> Iterator for ParallelIter<I, O, F>
where
    I: Iterator,
    I::Item: Send,
    O: Send,
    F: Fn(I::Item) -> O + Sync,
{
    type Item = O;

    fn next(&mut self) -> Option<O> {
        if self.ready.is_empty() {
            let mut group: Vec<_> = self.items.by_ref().take(self.threads).map(Some).collect();
            let mut done: Vec<Option<O>> = group.iter().map(|_| None).collect();
            let work = &self.work;
            std::thread::scope(|scope| {
                for (n, (item, slot)) in group.iter_mut().zip(&mut done).enumerate() {
                    let job = move || *slot = item.take().map(work);
                    let name = format!("wal-reader-{n}");
                    // Without a thread the work is done below.
                    let _ = std::thread::Builder::new().name(name).spawn_scoped(scope, job);
                }
            });
            for (item, slot) in group.into_iter().zip(done) {
                self.ready.extend(slot.or_else(|| item.map(work)));
            }
        }
        self.ready.pop_front()
    }
}

impl<I: Iterator, O, F> std::fmt::Debug for ParallelIter<I, O, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParallelIter").field("threads", &self.threads).finish_non_exhaustive()
    }
}
