//! Groupings: which task of a subscriber gets a tuple, and in what form.
//!
//! A grouping runs in the task that emits. It may change the tuple on the way: the keyed grouping
//! takes it apart into key and value, and hashes the key only where there is a choice of tasks. The
//! hash does not travel with the tuple: hashing again where the key is looked up measures the same.

use std::marker::PhantomData;
use weir_dataflow::{Data, partition_of};

/// One emitting task's side of a grouping.
pub(crate) trait Place<T>: Send + 'static {
    /// What the subscriber takes.
    type Out: Data;
    /// Which of `tasks` gets it, and what that one gets.
    fn place(&mut self, value: T, tasks: usize) -> (usize, Self::Out);
}

/// In turn. Each emitting task begins at another one, so that first tuples spread too.
pub(crate) struct Shuffle {
    pub(crate) next: usize,
}

impl<T: Data> Place<T> for Shuffle {
    type Out = T;
    #[inline(always)]
    fn place(&mut self, value: T, tasks: usize) -> (usize, T) {
        let at = if self.next < tasks { self.next } else { 0 };
        self.next = at + 1;
        (at, value)
    }
}

/// All to the only queue there is: the lowest task of a global grouping, the opposite number of a
/// forward grouping.
pub(crate) struct Only;

impl<T: Data> Place<T> for Only {
    type Out = T;
    #[inline(always)]
    fn place(&mut self, value: T, _: usize) -> (usize, T) {
        (0, value)
    }
}

/// By hash.
pub(crate) struct Fields<F>(pub(crate) F);

impl<T: Data, F: FnMut(&T) -> u64 + Send + 'static> Place<T> for Fields<F> {
    type Out = T;
    #[inline(always)]
    fn place(&mut self, value: T, tasks: usize) -> (usize, T) {
        (partition_of((self.0)(&value), tasks), value)
    }
}

/// By hash, taking the tuple apart.
pub(crate) struct Keyed<F, H, O> {
    pub(crate) split: F,
    pub(crate) hash: H,
    pub(crate) out: PhantomData<fn() -> O>,
}

impl<T, O, F, H> Place<T> for Keyed<F, H, O>
where
    O: Data,
    F: FnMut(T) -> O + Send + 'static,
    H: FnMut(&O) -> u64 + Send + 'static,
{
    type Out = O;
    #[inline(always)]
    fn place(&mut self, value: T, tasks: usize) -> (usize, O) {
        let out = (self.split)(value);
        let to = if tasks == 1 { 0 } else { partition_of((self.hash)(&out), tasks) };
        (to, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffle_goes_round_from_where_it_starts() {
        let mut shuffle = Shuffle { next: 2 };
        let places: Vec<usize> = (0..7).map(|x| shuffle.place(x, 3).0).collect();
        assert_eq!(places, [2, 0, 1, 2, 0, 1, 2]);
        assert_eq!(Shuffle { next: 9 }.place((), 2).0, 0);
    }

    #[test]
    fn equal_hashes_go_to_one_task() {
        let mut fields = Fields(|x: &u64| *x % 10);
        let mut keyed =
            Keyed { split: |x: u64| x as u8, hash: |x: &u8| u64::from(*x % 10), out: PhantomData };
        for x in 0..100u64 {
            assert_eq!(fields.place(x, 8).0, fields.place(x % 10, 8).0);
            assert_eq!(keyed.place(x, 8), (fields.place(x, 8).0, x as u8));
        }
    }
}
