//! Which partition is responsible for a whole batch.

use super::BatchId;

/// Which partition handles the one result of a batch. Storm's `BatchToPartition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchToPartition {
    /// The first one, for every batch. Storm's `GlobalBatchToPartition`.
    First,
    /// One that depends on the batch. Storm's `IndexHashBatchToPartition`.
    ById,
}

impl BatchToPartition {
    /// The partition, of so many.
    #[must_use]
    pub fn partition(self, batch: BatchId, partitions: usize) -> usize {
        match self {
            Self::First => 0,
            Self::ById => {
                // As Java hashes a `Long`, without the sign.
                let key = batch.key() as u64;
                let hash = ((key ^ (key >> 32)) as u32) & 0x7fff_ffff;
                hash as usize % partitions.max(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::TransactionAttempt;

    #[test]
    fn every_attempt_of_a_batch_has_the_same_partition() {
        let of = |txid, attempt| {
            let id = TransactionAttempt { txid, attempt }.into();
            BatchToPartition::ById.partition(id, 3)
        };
        assert_eq!([of(1, 0), of(1, 7), of(2, 0), of(3, 0)], [1, 1, 2, 0]);
        assert_eq!(BatchToPartition::ById.partition(BatchId::Request(-1), 3), 0);
        assert_eq!(BatchToPartition::First.partition(BatchId::Request(5), 3), 0);
    }
}
