//! From a receiver's records to the blocks of a batch.

use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::receiver::{
    BlockHandler, BlockReports, BlockStore, Codec, ReceivedBlock, ReceiverSink, StorageLevel,
    StoringSink,
};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::{ReceivedBlockInfo, ReceivedBlockTracker};
use weir_microbatch::wal::{FileBasedWriteAheadLog, FileWalOptions, WriteAheadLog};

struct Driver(ReceivedBlockTracker);

impl BlockReports for Driver {
    fn add_block(&self, block: ReceivedBlockInfo) -> Result<(), String> {
        self.0.add_block(block).map_err(|error| error.to_string())
    }
    fn report_error(&self, stream_id: usize, message: &str, cause: &str) {
        panic!("stream {stream_id}: {message}: {cause}");
    }
}

#[test]
fn what_is_stored_reaches_a_batch_and_survives_in_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::new());
    let log = FileBasedWriteAheadLog::new(folder.path(), FileWalOptions::default());
    let log: Arc<dyn WriteAheadLog> = Arc::new(log.expect("a log"));
    let handler = || {
        let store = Arc::new(BlockStore::new(Codec::serde(), 1 << 20));
        let clock: Arc<dyn Clock> = clock.clone();
        BlockHandler::new(store, StorageLevel::MemoryOnly, Some(Arc::clone(&log)), clock)
    };
    let tracker = ReceivedBlockTracker::new([7], clock.clone(), None, false).expect("a tracker");
    let driver = Arc::new(Driver(tracker));
    let settings = Settings::default();
    let sink =
        StoringSink::<u64>::new(7, &settings, clock.clone(), Arc::new(handler()), driver.clone());
    let sink = Arc::new(sink.expect("good settings"));
    sink.start().expect("starts");
    sink.push_block(ReceivedBlock::Records(vec![1, 2])).expect("stored");
    sink.push_single(3).expect("taken");
    sink.push_single(4).expect("taken");
    let stopping = Arc::clone(&sink);
    let stop = std::thread::Builder::new().spawn(move || stopping.stop()).expect("a thread");
    while !stop.is_finished() {
        clock.advance(Duration::from_millis(200));
        std::thread::yield_now();
    }
    stop.join().expect("stops");
    assert!(sink.push_single(5).is_err());
    driver.0.allocate_blocks_to_batch(1_000).expect("no log");
    let blocks = driver.0.blocks_of_batch_and_stream(1_000, 7);
    // Another process: the store is empty, the log is not.
    let later = handler();
    let records: Vec<_> =
        blocks.iter().map(|info| later.read(info, false).expect("logged").to_vec()).collect();
    assert_eq!(records, [[1, 2], [3, 4]]);
}
