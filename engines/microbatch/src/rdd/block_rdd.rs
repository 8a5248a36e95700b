//! Blocks that were received, as an RDD.

use super::RddNode;
use crate::job::{Stage, TaskContext, TaskError};
use crate::receiver::BlockHandler;
use crate::tracker::ReceivedBlockInfo;
use std::sync::Arc;
use weir_dataflow::Data;

/// Blocks that were received, a partition each, in the order of arrival.
pub(crate) struct BlockRdd<T> {
    handler: Arc<BlockHandler<T>>,
    blocks: Vec<ReceivedBlockInfo>,
    /// Whether all of them are in a log, where they are read if they are kept no more.
    logged: bool,
}

impl<T: Data> BlockRdd<T> {
    /// The blocks of a batch. Those that are neither kept nor in a log are left out, with a warning.
    pub(crate) fn of(handler: Arc<BlockHandler<T>>, mut blocks: Vec<ReceivedBlockInfo>) -> Self {
        let all = blocks.len();
        let logged = blocks.iter().filter(|block| block.wal_handle.is_some()).count();
        if handler.has_log() && logged < all {
            log::warn!("{} of {all} blocks are not in the write-ahead log", all - logged);
        }
        let kept = |block: &ReceivedBlockInfo| {
            block.is_block_id_valid && handler.block_store().contains(block.block_id)
        };
        blocks.retain(|block| {
            let there = block.wal_handle.is_some() || kept(block);
            if !there {
                log::warn!(
                    "{} is left out of its batch, as it is neither kept nor in a log; set \
                     spark.streaming.receiver.writeAheadLog.enable",
                    block.block_id
                );
            }
            there
        });
        let logged = if all == 0 { handler.has_log() } else { logged == all };
        Self { handler, blocks, logged }
    }
}

impl<T: Data> RddNode<T> for BlockRdd<T> {
    fn partitions(&self) -> usize {
        self.blocks.len()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        let records = self.handler.read(&self.blocks[task.partition()], false);
        let records = records.map_err(|error| TaskError::new(error.to_string()))?;
        records.iter().cloned().for_each(sink);
        Ok(())
    }
    fn stages(&self, _: &mut dyn FnMut(Arc<dyn Stage>)) {}
    fn kept(&self) -> bool {
        true
    }
    fn kind(&self) -> &'static str {
        if self.logged { "WriteAheadLogBackedBlockRDD" } else { "BlockRDD" }
    }
    fn label(&self) -> Arc<str> {
        "receiver".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::{BlockStore, Codec, ReceivedBlock, StorageLevel};
    use crate::tracker::BlockId;
    use crate::wal::{FileBasedWriteAheadLog, FileWalOptions, WriteAheadLog};
    use weir_dataflow::ManualClock;

    /// A handler that has stored five blocks, each of its own number.
    fn five(
        folder: Option<&tempfile::TempDir>,
    ) -> (Arc<BlockHandler<u64>>, Vec<ReceivedBlockInfo>) {
        let log = folder.map(|folder| {
            let log = FileBasedWriteAheadLog::new(folder.path(), FileWalOptions::default());
            Arc::new(log.expect("a log")) as Arc<dyn WriteAheadLog>
        });
        let store = Arc::new(BlockStore::new(Codec::serde(), 1 << 20));
        let clock = Arc::new(ManualClock::new());
        let handler = BlockHandler::new(store, StorageLevel::MemoryOnly, log, clock);
        let put = |id| handler.store(BlockId::new(0, id), ReceivedBlock::Records(vec![id]));
        let blocks = (0..5).map(|id| put(id).expect("stored")).collect();
        (Arc::new(handler), blocks)
    }

    /// The kind of the RDD, and the blocks that it has.
    fn made(
        handler: &Arc<BlockHandler<u64>>,
        blocks: Vec<ReceivedBlockInfo>,
    ) -> (&'static str, Vec<ReceivedBlockInfo>) {
        let rdd = BlockRdd::of(Arc::clone(handler), blocks);
        assert_eq!(RddNode::partitions(&rdd), rdd.blocks.len());
        (RddNode::kind(&rdd), rdd.blocks)
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn createblockrdd_no_wal_no_blocks_empty_blockrdd_not_wal_backed() {
        assert_eq!(made(&five(None).0, Vec::new()), ("BlockRDD", Vec::new()));
    }

    #[test]
    fn createblockrdd_no_wal_5_blocks_blockrdd_with_the_same_block_ids_in_order() {
        let (handler, blocks) = five(None);
        assert_eq!(made(&handler, blocks.clone()), ("BlockRDD", blocks));
    }

    #[test]
    fn createblockrdd_no_wal_2_present_3_absent_blocks_blockrdd_with_only_the_2_present_ids() {
        let (handler, mut blocks) = five(None);
        handler.block_store().remove(blocks[0].block_id);
        handler.block_store().remove(blocks[3].block_id);
        // Known from an earlier run: what has that name now is another block.
        blocks[4].is_block_id_valid = false;
        let present = vec![blocks[1].clone(), blocks[2].clone()];
        assert_eq!(made(&handler, blocks), ("BlockRDD", present));
    }

    #[test]
    fn createblockrdd_wal_no_blocks_empty_writeaheadlogbackedblockrdd() {
        let folder = folder();
        let made = made(&five(Some(&folder)).0, Vec::new());
        assert_eq!(made, ("WriteAheadLogBackedBlockRDD", Vec::new()));
    }

    #[test]
    fn createblockrdd_wal_all_5_blocks_with_wal_handles_wal_backed_rdd_with_same_ids_and_handles() {
        let folder = folder();
        let (handler, blocks) = five(Some(&folder));
        assert!(blocks.iter().all(|block| block.wal_handle.is_some()));
        blocks.iter().for_each(|block| handler.block_store().remove(block.block_id));
        assert_eq!(made(&handler, blocks.clone()), ("WriteAheadLogBackedBlockRDD", blocks));
    }

    #[test]
    fn createblockrdd_wal_enabled_but_only_2_of_5_blocks_have_wal_handles_plain_blockrdd_with_all_5_ids()
     {
        let folder = folder();
        let (handler, mut blocks) = five(Some(&folder));
        blocks[2..].iter_mut().for_each(|block| block.wal_handle = None);
        assert_eq!(made(&handler, blocks.clone()), ("BlockRDD", blocks));
    }
}
