//! Text and object files.

use crate::{local, sorted};
use proptest::prelude::*;
use std::path::Path;
use weir_microbatch::{ContextError, JobError};

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), text).expect("a file");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_line_once_and_in_order(
        lines in prop::collection::vec("[a-c]{0,6}", 0..40),
        windows: bool,
        ended: bool,
        partitions in 1usize..12,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let end = if windows { "\r\n" } else { "\n" };
        let mut text = lines.join(end);
        if ended && !lines.is_empty() {
            text += end;
        }
        write(folder.path(), "in", &text);
        let path = folder.path().join("in").display().to_string();
        let rdd = local(2).text_file(&path, partitions).expect("a file");
        let model: Vec<String> = text.lines().map(String::from).collect();
        prop_assert_eq!(rdd.collect(), Ok(model));
    }
}

#[test]
fn paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().display();
    for (name, text) in
        [("a.txt", "1\n2"), ("b.txt", "3\n"), ("c.log", "4"), ("_x", "5"), (".y", "6")]
    {
        write(folder.path(), name, text);
    }
    let sc = local(2);
    for (path, lines) in [
        (format!("{root}"), vec!["1", "2", "3", "4"]),
        (format!("{root}/a.txt"), vec!["1", "2"]),
        (format!("file://{root}/a.txt"), vec!["1", "2"]),
        (format!("{root}/*.txt"), vec!["1", "2", "3"]),
        (format!("{root}/[bc]*"), vec!["3", "4"]),
        (format!("{root}/c.log,{root}/a.txt"), vec!["4", "1", "2"]),
    ] {
        let rdd = sc.text_file(&path, 1).expect("files");
        assert_eq!(rdd.collect(), Ok(lines.into_iter().map(String::from).collect()), "{path}");
    }
    let whole = sc.whole_text_files(&format!("{root}/*.txt"), 2).expect("files");
    let texts: Vec<_> = sorted(&whole).into_iter().map(|(_, text)| text).collect();
    assert_eq!((texts, whole.partitions()), (vec!["1\n2".to_owned(), "3\n".into()], 2));
    for path in [format!("{root}/none"), format!("{root}/*.csv")] {
        let error = sc.text_file(&path, 1).expect_err("no files");
        let text = format!("Input path does not exist: {path} (no such file); correct the path");
        assert_eq!(error, ContextError::Input(text));
    }
    write(folder.path(), "a.txt", b"\xffx\n");
    let rdd = sc.text_file(&format!("{root}/a.txt"), 1).expect("a file");
    assert_eq!(rdd.collect(), Ok(vec!["\u{fffd}x".to_owned()]));
    std::fs::remove_file(folder.path().join("a.txt")).expect("a file");
    let error = rdd.collect().expect_err("gone").to_string();
    assert!(error.contains("failed to read") && error.contains("a.txt"), "{error}");
}

#[test]
fn text_is_written_by_partition() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let sc = local(2);
    let rdd = sc.parallelize(vec![1, 2, 3], 4).expect("slices");
    rdd.save_as_text_file(&out).expect("files");
    let parts = ["_SUCCESS", "part-00000", "part-00001", "part-00002", "part-00003"];
    assert_eq!(names(&out), parts);
    let text = |name: &str| std::fs::read_to_string(out.join(name)).expect("a file");
    assert_eq!((&*text("part-00000"), &*text("part-00001")), ("", "1\n"));
    let read = sc.text_file(&out.display().to_string(), 1).expect("files");
    assert_eq!(read.collect(), Ok(vec!["1".to_owned(), "2".into(), "3".into()]));
    let error = rdd.save_as_text_file(&out).expect_err("there already");
    assert_eq!(error, JobError::OutputExists(out.display().to_string()));
    let said = format!("Output directory {} already exists", out.display());
    assert!(error.to_string().starts_with(&said), "{error}");
    // Into a folder that exists, files are replaced: those of empty partitions too.
    sc.parallelize(vec![9], 2).expect("slices").write_text(&out).expect("files");
    assert_eq!((&*text("part-00000"), &*text("part-00001")), ("", "9\n"));
    assert_eq!(names(&out), parts[..3], "and those that there are too many");
}

#[test]
fn objects_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let sc = local(2);
    let rows: Vec<(u32, Option<String>)> = vec![(1, None), (2, Some("two".into())), (3, None)];
    for slices in [1, 2, 5] {
        let rdd = sc.parallelize(rows.clone(), slices).expect("slices");
        rdd.write_objects(&out).expect("files");
        let read = sc.object_file::<(u32, Option<String>)>(&out).expect("files");
        assert_eq!((read.partitions(), read.collect()), (slices, Ok(rows.clone())));
    }
    let rdd = sc.parallelize(rows, 2).expect("slices");
    assert!(matches!(rdd.save_as_object_file(&out), Err(JobError::OutputExists(_))));
    let other = sc.object_file::<(u64, Option<String>)>(&out).expect("files").collect();
    let error = other.expect_err("another type").to_string();
    assert!(
        error.contains("it holds (u32, core::option::Option<alloc::string::String>), not"),
        "{error}"
    );
    std::fs::remove_file(out.join("part-00001")).expect("a file");
    let error = sc.object_file::<(u32, Option<String>)>(&out).expect_err("a part is missing");
    assert!(error.to_string().contains("part-00001 is missing"), "{error}");
    assert!(matches!(sc.object_file::<u8>(folder.path()), Err(ContextError::Input(_))));
}
