//! Logs whose files were damaged.

use weir_microbatch::wal::{FileBasedWriteAheadLog, FileWalOptions, LogFile, WriteAheadLog};

/// A log of three records in one file, which is changed by `damage`; what is read, and what is read
/// after one more record.
fn after(damage: impl Fn(&mut Vec<u8>)) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let open =
        || FileBasedWriteAheadLog::new(folder.path(), FileWalOptions::default()).expect("a log");
    let read = |log: &FileBasedWriteAheadLog| -> Vec<String> {
        let records = log.read_all().expect("a list");
        records.map(|one| String::from_utf8(one.expect("readable")).expect("UTF-8")).collect()
    };
    let log = open();
    for record in ["one", "two", "three"] {
        log.write(record.as_bytes(), 5).expect("written");
    }
    log.close();
    let path = LogFile::list(folder.path()).expect("files").remove(0).path;
    let mut bytes = std::fs::read(&path).expect("bytes");
    damage(&mut bytes);
    std::fs::write(&path, bytes).expect("written");
    let before = read(&open());
    let log = open();
    log.write(b"four", 5).expect("written");
    (before, read(&log))
}

#[test]
fn a_torn_end_is_left_out_and_written_over() {
    let all = ["one", "two", "three"];
    assert_eq!(
        after(|_| {}),
        (
            all.map(str::to_owned).into(),
            vec!["one".to_owned(), "two".into(), "three".into(), "four".into()]
        )
    );
    for cut in 1..=12 {
        let (before, later) = after(|bytes| bytes.truncate(bytes.len() - cut));
        assert_eq!(before, ["one", "two"], "{cut} bytes cut");
        assert_eq!(later, ["one", "two", "four"], "{cut} bytes cut");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    // 4 bytes of length, 4 of checksum, the record: three times.
    let ends = [11, 22, 35];
    for byte in 0..35 {
        for bit in 0..8 {
            let (before, later) = after(|bytes| bytes[byte] ^= 1 << bit);
            let intact = ends.iter().filter(|end| **end <= byte).count();
            assert_eq!(before, ["one", "two", "three"][..intact], "bit {bit} of byte {byte}");
            assert_eq!(later[..intact], before, "bit {bit} of byte {byte}");
            assert_eq!(later[intact..], ["four"], "bit {bit} of byte {byte}");
        }
    }
}
