//! A result goes to disk and comes back, or says in one line why not.

use super::*;
use crate::testing;
use proptest::prelude::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_result_comes_back_as_it_was() {
    let folder = folder();
    for result in [testing::example(), testing::hostile()] {
        let path = folder.path().join("deep/er/result.json");
        save(&result, &path).expect("written");
        assert!(load(&path).expect("read") == result, "not as it was");
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.chars().any(|c| c != '\n' && is_hostile(c)));
    }
    assert_eq!(names(&folder.path().join("deep/er")), ["result.json"]);
}

#[test]
fn what_is_not_a_result_is_said_in_one_line_that_names_the_file() {
    let folder = folder();
    let path = folder.path().join("odd.json");
    let whole = to_json(&testing::example(), &path).expect("json");
    let newer = whole.replacen("\"schema_version\": 1", "\"schema_version\": 2", 1);
    let unborn = whole.replacen("\"schema_version\": 1", "\"schema_version\": 0", 1);
    for (content, remedy) in [
        (String::new(), "run weir again"),
        ("not json".to_owned(), "run weir again"),
        ("{}".to_owned(), "run weir again"),
        ("[1, 2]".to_owned(), "run weir again"),
        ("{\"schema_version\": 1}".to_owned(), "run weir again"),
        ("{\"schema_version\": -1}".to_owned(), "run weir again"),
        ("\u{1b}[2J".to_owned(), "run weir again"),
        (whole[..whole.len() / 2].to_owned(), "run weir again"),
        (whole.replace("\"rows\"", "\"raws\""), "missing field `rows`"),
        (newer, "the weir that wrote it, or a newer one"),
        ("{\"schema_version\": 7, \"future\": true}".to_owned(), "schema version 7"),
        (unborn, "schema version 0"),
    ] {
        std::fs::write(&path, &content).expect("written");
        let message = load(&path).expect_err("refused").to_string();
        assert!(message.contains("odd.json") && message.contains(remedy), "{message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
    for missing in [folder.path().join("none.json"), folder.path().to_path_buf()] {
        let message = load(&missing).expect_err("refused").to_string();
        assert!(message.starts_with("cannot read ") && !message.contains('\n'), "{message}");
    }
}

#[test]
fn fields_of_later_versions_are_ignored() {
    let result = testing::example();
    let json = to_json(&result, Path::new("x")).expect("json");
    let more = json.replacen('{', "{\"added_later\": [1, {}],", 1);
    assert!(parse(more.as_bytes(), Path::new("x")).expect("read") == result);
}

#[test]
fn a_number_that_does_not_read_back_is_not_written() {
    let folder = folder();
    let path = folder.path().join("result.json");
    let mut result = testing::example();
    save(&result, &path).expect("written");
    result.workloads[0].rows[0].runs[0].achieved_per_s = f64::NAN;
    let message = save(&result, &path).expect_err("refused").to_string();
    assert!(message.contains("result.json"), "{message}");
    assert!(load(&path).expect("the old one") == testing::example());
    assert_eq!(names(folder.path()), ["result.json"]);
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let folder = folder();
    let there = folder.path().join("there");
    std::fs::write(&there, "old").expect("written");
    // A file where a folder should be, and a folder where the file should be.
    for path in [there.join("result.json"), folder.path().to_path_buf()] {
        let error = write_whole(&path, b"new").expect_err("refused");
        assert!(matches!(error, FileError::Write { .. }), "{error}");
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&there).expect("read"), "old");
    assert_eq!(names(folder.path()), ["there"]);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_device_a_device() {
    let folder = folder();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::fs::write(&real, "old").expect("written");
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    write_whole(&link, b"new").expect("written");
    assert_eq!(std::fs::read_to_string(&real).expect("read"), "new");
    assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
    write_whole(Path::new("/dev/null"), b"gone").expect("written");
    assert!(!std::fs::metadata("/dev/null").expect("there").is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_clear_error() {
    let error = write_whole(Path::new("/dev/full"), b"much").expect_err("refused").to_string();
    assert!(error.starts_with("cannot write /dev/full: ") && !error.contains('\n'), "{error}");
}

/// A disk that is full after half of the file.
#[test]
fn what_fails_half_way_leaves_what_was_there_and_nothing_else() {
    let folder = folder();
    let path = folder.path().join("result.json");
    for before in [None, Some("old")] {
        if let Some(old) = before {
            std::fs::write(&path, old).expect("written");
        }
        let full = try_write_with(&path, |file| {
            file.write_all(b"{\"half\":")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert_eq!(full.expect_err("refused").kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), before);
        let entries = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(entries, usize::from(before.is_some()), "no part of a file is left");
    }
}

#[test]
fn a_document_of_another_kind_says_so() {
    let sweep = br#"{"kind": "sweep", "schema_version": 1}"#;
    assert_eq!(kind_of(sweep).as_deref(), Some("sweep"));
    assert_eq!((kind_of(b"{}"), kind_of(b"no JSON")), (None, None));
    let error = parse(sweep, Path::new("s.json")).expect_err("refused").to_string();
    assert!(error.contains("of `weir sweep`") && error.contains("weir report"), "{error}");
}

#[test]
fn every_field_is_documented() {
    let readme = include_str!("../../README.md");
    let json = to_json(&testing::example(), Path::new("x")).expect("json");
    let value: serde_json::Value = serde_json::from_str(&json).expect("json");
    let mut fields = Vec::new();
    collect(&value, &mut fields);
    fields.sort();
    fields.dedup();
    assert!(fields.len() > 70, "{}", fields.len());
    for field in fields {
        assert!(readme.contains(&format!("`{field}`")), "README.md does not mention `{field}`");
    }
}

/// The names of all fields; the keys of maps, which are data, are left out.
fn collect(value: &serde_json::Value, fields: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                fields.push(name.clone());
                let is_map = ["counters", "settings"].contains(&name.as_str()) && value.is_object();
                if !is_map {
                    collect(value, fields);
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, fields)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_comes_back(text: String) {
        let mut result = testing::example();
        result.workloads.clear();
        result.command = text;
        let json = to_json(&result, Path::new("x")).expect("json");
        prop_assert_eq!(parse(json.as_bytes(), Path::new("x")).expect("read"), result);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, Path::new("x"));
    }
}
