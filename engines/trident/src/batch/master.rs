//! Which batches are under way, and which is next to be committed.

use super::TransactionAttempt;
use std::collections::BTreeMap;

/// How far a batch has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Processing,
    Processed,
    Committing,
}

/// What the master says next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Begin a batch.
    Begin(TransactionAttempt),
    /// Commit a batch.
    Commit(TransactionAttempt),
    /// A batch has been committed.
    Success(TransactionAttempt),
}

/// The rules of Storm's `MasterBatchCoordinator`, apart from spouts and stores: at most so many batches
/// are under way, they are committed in the order of their ids, one after the other, and one that fails
/// takes all later ones with it.
///
/// In Storm, word that an attempt failed that was given up before takes the attempt under way with it,
/// and leaves those behind it. Here such word is ignored.
#[derive(Clone, Debug)]
pub struct Transactions {
    /// The next to be committed.
    current: i64,
    most: usize,
    active: BTreeMap<i64, (TransactionAttempt, Status)>,
    /// The last attempts at batches that are not committed.
    attempts: BTreeMap<i64, i64>,
}

impl Transactions {
    /// Goes on with the batch `current` and the attempts that there were at it and later ones. At most
    /// `most` batches are under way, at least one.
    #[must_use]
    pub fn new(current: i64, most: usize, attempts: BTreeMap<i64, i64>) -> Self {
        let most = most.max(1);
        let end = current.saturating_add(i64::try_from(most).unwrap_or(i64::MAX));
        let attempts = attempts.into_iter().filter(|(txid, _)| (current..end).contains(txid));
        Self { current, most, active: BTreeMap::new(), attempts: attempts.collect() }
    }

    /// The batch that is next to be committed.
    #[must_use]
    pub const fn current(&self) -> i64 {
        self.current
    }

    /// The last attempts at batches that are not committed: to be kept, so that attempts at a batch
    /// increase from one life of the master to the next.
    #[must_use]
    pub const fn attempts(&self) -> &BTreeMap<i64, i64> {
        &self.attempts
    }

    /// The batches under way.
    pub fn active(&self) -> impl Iterator<Item = TransactionAttempt> {
        self.active.values().map(|(attempt, _)| *attempt)
    }

    /// The commit that is due, if one is.
    pub fn commit(&mut self) -> Option<Order> {
        match self.active.get_mut(&self.current) {
            Some((attempt, status @ Status::Processed)) => {
                *status = Status::Committing;
                Some(Order::Commit(*attempt))
            }
            _ => None,
        }
    }

    /// The batches that may begin, in order. Each is begun with [`begin`](Self::begin), or not.
    #[must_use]
    pub fn candidates(&self) -> Vec<i64> {
        if self.active.len() >= self.most {
            return Vec::new();
        }
        let end = self.current.saturating_add(i64::try_from(self.most).unwrap_or(i64::MAX));
        (self.current..end).filter(|txid| !self.active.contains_key(txid)).collect()
    }

    /// Begins a batch.
    pub fn begin(&mut self, txid: i64) -> Order {
        let attempt = self.attempts.get(&txid).map_or(0, |last| last + 1);
        self.attempts.insert(txid, attempt);
        let attempt = TransactionAttempt { txid, attempt };
        self.active.insert(txid, (attempt, Status::Processing));
        Order::Begin(attempt)
    }

    /// What was begun or is being committed has been done everywhere.
    pub fn ack(&mut self, attempt: TransactionAttempt) -> Option<Order> {
        let (active, status) = self.active.get_mut(&attempt.txid)?;
        if *active != attempt {
            return None;
        }
        match status {
            Status::Processing => *status = Status::Processed,
            Status::Processed => {}
            Status::Committing => {
                self.active.remove(&attempt.txid);
                self.attempts.remove(&attempt.txid);
                self.current = attempt.txid + 1;
                return Some(Order::Success(attempt));
            }
        }
        None
    }

    /// What was begun or is being committed has failed somewhere. Returns whether that is news.
    pub fn fail(&mut self, attempt: TransactionAttempt) -> bool {
        let under_way =
            self.active.get(&attempt.txid).is_some_and(|(active, _)| *active == attempt);
        if under_way {
            self.active.split_off(&attempt.txid);
        }
        under_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(txid: i64, attempt: i64) -> TransactionAttempt {
        TransactionAttempt { txid, attempt }
    }

    fn begin_all(tx: &mut Transactions) -> Vec<Order> {
        let candidates = tx.candidates();
        candidates.into_iter().map(|txid| tx.begin(txid)).collect()
    }

    #[test]
    fn batches_are_committed_in_order() {
        let mut tx = Transactions::new(1, 3, BTreeMap::new());
        let begun = [1, 2, 3].map(|txid| Order::Begin(attempt(txid, 0)));
        assert_eq!(begin_all(&mut tx), begun);
        assert_eq!(begin_all(&mut tx), []);
        assert_eq!(tx.ack(attempt(2, 0)), None);
        assert_eq!(tx.commit(), None, "2 waits for 1");
        assert_eq!(tx.ack(attempt(1, 0)), None);
        assert_eq!(tx.commit(), Some(Order::Commit(attempt(1, 0))));
        assert_eq!(tx.commit(), None, "once");
        assert_eq!(begin_all(&mut tx), [], "1 is still under way");
        assert_eq!(tx.ack(attempt(1, 0)), Some(Order::Success(attempt(1, 0))));
        assert_eq!(tx.commit(), Some(Order::Commit(attempt(2, 0))));
        assert_eq!(begin_all(&mut tx), [Order::Begin(attempt(4, 0))]);
        assert_eq!((tx.current(), tx.attempts().len()), (2, 3));
    }

    #[test]
    fn a_failure_takes_later_batches_with_it_and_old_news_do_nothing() {
        let mut tx = Transactions::new(1, 3, BTreeMap::new());
        begin_all(&mut tx);
        assert!(tx.fail(attempt(2, 0)));
        assert_eq!(tx.active().collect::<Vec<_>>(), [attempt(1, 0)]);
        assert_eq!(begin_all(&mut tx), [2, 3].map(|txid| Order::Begin(attempt(txid, 1))));
        assert!(!tx.fail(attempt(2, 0)), "an attempt that has been given up");
        assert!(!tx.fail(attempt(3, 0)));
        assert_eq!(tx.ack(attempt(3, 0)), None);
        assert_eq!(tx.active().count(), 3);
    }

    #[test]
    fn attempts_go_on_in_the_next_life() {
        let mut tx = Transactions::new(5, 2, BTreeMap::from([(4, 1), (5, 7), (6, 0), (9, 3)]));
        assert_eq!(tx.attempts(), &BTreeMap::from([(5, 7), (6, 0)]));
        let begun = [(5, 8), (6, 1)].map(|(txid, n)| Order::Begin(attempt(txid, n)));
        assert_eq!(begin_all(&mut tx), begun);
        assert_eq!(Transactions::new(1, 0, BTreeMap::new()).candidates(), [1], "at least one");
    }
}
