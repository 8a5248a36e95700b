//! Storage levels, checkpoints, and damage to their files.

use crate::{local, numbers};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_microbatch::{ContextError, Rdd, SparkConf, SparkContext, StorageLevel};

/// An RDD, and how many records have been computed.
fn counting(sc: &SparkContext) -> (Rdd<(u32, String)>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let rdd = numbers(sc, 10, 3).map(move |x| {
        counter.fetch_add(1, Ordering::Relaxed);
        (x, x.to_string())
    });
    (rdd, calls)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("a file");
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("a file");
}

const LEVELS: [(&str, StorageLevel, usize); 11] = [
    ("DISK_ONLY", StorageLevel::DISK_ONLY, 3),
    ("DISK_ONLY_2", StorageLevel::DISK_ONLY_2, 3),
    ("DISK_ONLY_3", StorageLevel::DISK_ONLY_3, 3),
    ("MEMORY_ONLY", StorageLevel::MEMORY_ONLY, 0),
    ("MEMORY_ONLY_2", StorageLevel::MEMORY_ONLY_2, 0),
    ("MEMORY_ONLY_SER", StorageLevel::MEMORY_ONLY_SER, 0),
    ("MEMORY_ONLY_SER_2", StorageLevel::MEMORY_ONLY_SER_2, 0),
    ("MEMORY_AND_DISK", StorageLevel::MEMORY_AND_DISK, 0),
    ("MEMORY_AND_DISK_2", StorageLevel::MEMORY_AND_DISK_2, 0),
    ("MEMORY_AND_DISK_SER", StorageLevel::MEMORY_AND_DISK_SER, 0),
    ("MEMORY_AND_DISK_SER_2", StorageLevel::MEMORY_AND_DISK_SER_2, 0),
];

#[test]
fn every_level_computes_once() {
    for (name, level, on_disk) in LEVELS {
        let root = tempfile::tempdir().expect("a folder");
        let local_dir = root.path().display();
        let conf = SparkConf::new().set_master("local[2]").set("spark.local.dir", local_dir);
        let sc = SparkContext::from_conf(&conf).expect("a context");
        let (rdd, calls) = counting(&sc);
        assert_eq!((name.parse(), rdd.get_storage_level()), (Ok(level), StorageLevel::NONE));
        let rows = rdd.collect();
        rdd.persist(level).expect("a level");
        assert_eq!(rdd.get_storage_level(), level);
        assert_eq!(
            (rdd.collect(), rdd.collect(), rdd.count()),
            (rows.clone(), rows.clone(), Ok(10))
        );
        assert_eq!(calls.load(Ordering::Relaxed), 20, "{name}");
        assert_eq!(files(root.path()).len(), on_disk, "{name}");
        assert_eq!(rdd.map(|(x, _)| x).count(), Ok(10), "what is made from it reads what is kept");
        assert_eq!(calls.load(Ordering::Relaxed), 20, "{name}");
        rdd.unpersist();
        assert!(files(root.path()).is_empty());
        assert_eq!((rdd.collect(), calls.load(Ordering::Relaxed)), (rows, 30));
        rdd.persist(StorageLevel::DISK_ONLY).expect("another level, after unpersist");
        assert_eq!((rdd.count(), files(root.path()).len()), (Ok(10), 3));
        drop((rdd, sc));
        assert_eq!(std::fs::read_dir(root.path()).expect("a folder").count(), 0, "nothing is left");
    }
    let wrong = "MEMORY".parse::<StorageLevel>().map_err(|error| error.to_string());
    let text = "Invalid StorageLevel: MEMORY; use a name such as MEMORY_ONLY or DISK_ONLY";
    assert_eq!(wrong, Err(text.into()));
}

#[test]
fn levels_do_not_change() {
    let (rdd, _) = counting(&local(1));
    rdd.cache().expect("a level");
    assert!(rdd.cache().is_ok() && rdd.persist(StorageLevel::MEMORY_ONLY).is_ok());
    let error = rdd.persist(StorageLevel::DISK_ONLY).expect_err("another level");
    assert_eq!(
        error.to_string(),
        "Cannot change storage level of an RDD after it was already assigned a level; unpersist it \
         first"
    );
}

#[test]
fn damage_on_disk_is_an_error() {
    let root = tempfile::tempdir().expect("a folder");
    let local_dir = root.path().display();
    let conf = SparkConf::new().set_master("local[2]").set("spark.local.dir", local_dir);
    let sc = SparkContext::from_conf(&conf).expect("a context");
    let (rdd, _) = counting(&sc);
    rdd.persist(StorageLevel::DISK_ONLY).expect("a level");
    assert_eq!(rdd.count(), Ok(10));
    flip(&files(root.path())[1], 30);
    let error = rdd.count().expect_err("damage").to_string();
    assert!(error.contains("is corrupt: its checksum is wrong; unpersist the RDD"), "{error}");
    assert_eq!(rdd.unpersist().count(), Ok(10));
}

#[test]
fn checkpoints_cut_the_lineage() {
    let root = tempfile::tempdir().expect("a folder");
    let sc = local(2);
    let (rdd, calls) = counting(&sc);
    let error = rdd.checkpoint().expect_err("no folder");
    assert_eq!(error, ContextError::NoCheckpointDir);
    let text =
        "Checkpoint directory has not been set in the SparkContext; call set_checkpoint_dir first";
    assert_eq!(error.to_string(), text);
    sc.set_checkpoint_dir(root.path()).expect("a folder");
    let placed = rdd.partition_by(4);
    let last = placed.map_values(|text| text.len());
    placed.checkpoint().expect("a folder");
    assert!(!placed.is_checkpointed() && placed.get_checkpoint_file().is_none());
    assert!(files(root.path()).is_empty(), "behind the first job");
    let rows = placed.map_values(|text| text).collect().expect("a job");
    assert!(placed.is_checkpointed() && placed.partitioner().is_some());
    let folder = placed.get_checkpoint_file().expect("a folder");
    assert!(folder.starts_with(sc.checkpoint_dir().expect("a folder")));
    assert!(folder.ends_with(format!("rdd-{}", placed.id())));
    assert_eq!(files(&folder).len(), 5);
    let lineage = format!(
        "(4) MapPartitionsRDD[{}] at mapValues []\n |  ReliableCheckpointRDD[{}] at checkpoint []",
        last.id(),
        placed.id()
    );
    assert_eq!(last.to_debug_string(), lineage);
    let before = calls.load(Ordering::Relaxed);
    assert_eq!((placed.collect(), last.count()), (Ok(rows), Ok(10)));
    assert_eq!(calls.load(Ordering::Relaxed), before);
    let part = (0..4).map(|p| folder.join(format!("part-{p:05}")));
    let part = part.max_by_key(|path| std::fs::metadata(path).map_or(0, |m| m.len()));
    flip(&part.expect("a part"), 25);
    let error = placed.count().expect_err("damage").to_string();
    assert!(error.contains("is corrupt: its checksum is wrong; make it anew"), "{error}");
}

#[test]
fn local_checkpoints_are_in_memory() {
    let sc = local(2);
    let (rdd, calls) = counting(&sc);
    rdd.local_checkpoint();
    let rows = rdd.collect();
    assert!(rdd.is_checkpointed() && rdd.get_checkpoint_file().is_none());
    assert!(rdd.dependencies().is_empty());
    let before = calls.load(Ordering::Relaxed);
    assert_eq!((rdd.collect(), calls.load(Ordering::Relaxed)), (rows, before));
    let (kept, calls) = counting(&sc);
    kept.cache().expect("a level").local_checkpoint();
    assert_eq!((kept.count(), kept.count()), (Ok(10), Ok(10)));
    assert_eq!(calls.load(Ordering::Relaxed), 10, "what is kept is not computed again");
}
