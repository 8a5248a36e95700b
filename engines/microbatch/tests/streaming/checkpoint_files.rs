//! Names, order, replacement and damage of checkpoint files.

use std::fs;
use std::path::Path;
use weir_microbatch::checkpoint_files::{CheckpointFiles, MOST_FILES, list, newest};

fn names(directory: &Path) -> Vec<String> {
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    list(directory).unwrap().iter().map(name).collect()
}

/// A run that goes on from an old checkpoint writes newer ones than those that it has passed over.
#[test]
fn a_new_run_writes_behind_the_newest_file() {
    let root = tempfile::tempdir().unwrap();
    CheckpointFiles::new(root.path()).unwrap().write(5_000, b"old").unwrap();
    let written = CheckpointFiles::new(root.path()).unwrap().write(1_000, b"new").unwrap();
    assert_eq!(written.file, root.path().join("checkpoint-5000"));
    assert_eq!(written.backup, Some(root.path().join("checkpoint-5000.bk")));
    assert_eq!(newest(root.path()).unwrap().as_deref(), Some(&b"new"[..]));
}

#[test]
fn only_files_named_like_checkpoints_count_oldest_first() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("checkpoint-01");
    assert_eq!(names(&folder), [""; 0]);
    fs::create_dir_all(folder.join("checkpoint-1000000000")).unwrap();
    for name in
        ["this-is-matched-before-due-to-parent-path", "temp", "checkpoint-", "checkpoint-1-2"]
    {
        fs::write(folder.join(name), "").unwrap();
    }
    assert_eq!(names(&folder), [""; 0]);
    let sorted = ["checkpoint-900", "checkpoint-1000.bk", "checkpoint-1000", "checkpoint-2000"];
    for name in sorted.iter().rev() {
        fs::write(folder.join(name), "").unwrap();
    }
    assert_eq!(names(&folder), sorted);
}

#[test]
fn a_late_checkpoint_replaces_the_newest_and_old_files_go() {
    let root = tempfile::tempdir().unwrap();
    let mut files = CheckpointFiles::new(root.path()).unwrap();
    assert_eq!(newest(root.path()).unwrap(), None);
    files.write(2000, b"A").unwrap();
    files.write(1000, b"B").unwrap();
    assert_eq!(names(root.path()), ["checkpoint-2000.bk", "checkpoint-2000"]);
    assert_eq!(newest(root.path()).unwrap().unwrap(), b"B");
    for time in 3..20 {
        files.write(time * 1000, b"C").unwrap();
    }
    assert_eq!(names(root.path()).len(), MOST_FILES);
    assert_eq!(names(root.path())[0], "checkpoint-10000");
}

#[test]
fn every_damage_of_the_newest_falls_back_to_the_one_before() {
    let root = tempfile::tempdir().unwrap();
    let mut files = CheckpointFiles::new(root.path()).unwrap();
    files.write(1000, b"old").unwrap();
    files.write(2000, b"new").unwrap();
    let path = root.path().join("checkpoint-2000");
    let bytes = fs::read(&path).unwrap();
    let cut = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let flipped = (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    });
    for damaged in cut.chain(flipped) {
        fs::write(&path, damaged).unwrap();
        assert_eq!(newest(root.path()).unwrap().unwrap(), b"old");
    }
    fs::write(root.path().join("checkpoint-1000"), "").unwrap();
    assert!(newest(root.path()).unwrap_err().to_string().contains("Failed to read checkpoint"));
}
