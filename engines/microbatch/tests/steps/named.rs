//! Every case that is told as steps has a test that is named after it.

use crate::by_hand::{copies, function_name, tests};
use crate::skips::SKIPS;
use std::collections::BTreeSet;

/// Cases whose tests are still to be written. A name that has a test does not belong here.
const TO_BE_WRITTEN: &[&str] = &[
    "DStreamCheckpointData.restore invoking times",
    "SPARK-6222: Do not clear received block data too soon",
    "SPARK-6847 both state RDDs checkpointed",
    "WAL disabled when checkpoint dir not set",
    "allocated executors",
    "basic rdd checkpoints + dstream graph checkpoint recovery",
    "block does not fit, MEMORY_ONLY, block manager handler",
    "checkPoint from conf",
    "createBlockRDD: WAL enabled but only 2 of 5 blocks have WAL handles -> plain BlockRDD with all 5 ids",
    "createBlockRDD: WAL, all 5 blocks with WAL handles -> WAL-backed RDD with same ids and handles",
    "createBlockRDD: WAL, no blocks -> empty WriteAheadLogBackedBlockRDD",
    "createBlockRDD: no WAL, 2 present + 3 absent blocks -> BlockRDD with only the 2 present ids",
    "createBlockRDD: no WAL, 5 blocks -> BlockRDD with the same block ids in order",
    "createBlockRDD: no WAL, no blocks -> empty BlockRDD (not WAL-backed)",
    "from checkpoint keeps conf",
    "from conf with settings",
    "from no conf + spark home / env",
    "from no conf constructor",
    "getActiveOrCreate(checkpointPath) returns the active one even if a checkpoint exists",
    "getActiveOrCreate(checkpointPath): empty / corrupted / corrupted+createOnError / valid",
    "getOrCreate: corrupted checkpoint",
    "getOrCreate: corrupted checkpoint, createOnError=true",
    "getOrCreate: empty path",
    "getOrCreate: valid checkpoint recovers old conf",
    "getOrCreate: valid checkpoint with an existing SparkContext",
    "graceful shutdown shouldn't lead to job generation error",
    "metrics source registered on start, removed on stop",
    "non-existent checkpoint dir",
    "published rates reach receivers",
    "queueStream doesn't support checkpointing",
    "rate controller publishes updates after batches complete",
    "rdd cleanup - input blocks and persisted RDDs",
    "receiver info reporting",
    "receiver is restarted after it stops itself",
    "recovery maintains rate controller",
    "recovery of conf through checkpoints",
    "send rate update to receivers",
    "start should set local properties of streaming jobs correctly",
    "stop gracefully even if a receiver misses StopReceiver",
    "stop gracefully processes everything received",
    "stop slow receiver gracefully",
    "track the number of input streams",
    "write ahead log - generating and cleaning",
];

#[test]
fn every_case_has_a_test() {
    let tests = tests();
    let applies = |name: &&String| SKIPS.iter().all(|(other, _)| other != *name);
    let all = copies();
    let missing: BTreeSet<&str> = all
        .keys()
        .filter(applies)
        .filter(|name| !tests.contains(&function_name(name)))
        .map(String::as_str)
        .collect();
    assert_eq!(missing, TO_BE_WRITTEN.iter().copied().collect());
}
