//! File selection.

use super::{Outcome, int, list, same, text};
use serde_json::{Value, json};
use std::fs::{File, create_dir_all, rename, write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use weir_microbatch::files::{FileSelector, fixed_length_records, list as listing, text_lines};
use weir_microbatch::settings::Settings;

/// A directory under which files are made, and the selector that watches a part of it.
struct Watched {
    root: tempfile::TempDir,
    pattern: String,
    selector: FileSelector,
}

impl Watched {
    fn new(below: &str, batch_ms: u64, new_only: bool, now_ms: u64) -> Result<Self, String> {
        let root = tempfile::tempdir().map_err(text)?;
        let pattern = format!("{}/{below}", root.path().display());
        let batch = Duration::from_millis(batch_ms);
        let selector =
            FileSelector::new(&Settings::default(), batch, new_only, now_ms).map_err(text)?;
        Ok(Self { root, pattern, selector })
    }

    fn create(&self, name: &str, content: &str, modified_ms: u64) -> Result<PathBuf, String> {
        let path = self.root.path().join(name);
        create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(text)?;
        write(&path, content).map_err(text)?;
        let file = File::options().write(true).open(&path).map_err(text)?;
        let at = UNIX_EPOCH + Duration::from_millis(modified_ms);
        file.set_modified(at).map_err(text)?;
        Ok(path)
    }

    /// The lines of the batch's files.
    fn batch(&mut self, batch_ms: u64) -> Result<Vec<String>, String> {
        let files = listing(&self.pattern, |ms| ms).map_err(text)?;
        let mut lines = Vec::new();
        for file in self.selector.select(batch_ms, &files) {
            lines.extend(text_lines(&file, 1 << 20).map_err(text)?);
        }
        self.selector.clear_before(batch_ms);
        Ok(lines)
    }
}

pub(super) fn file_stream(case: &Value) -> Outcome {
    let name = case["name"].as_str().unwrap_or_default();
    if case["batch_times_ms"].is_array() {
        timeline(case)
    } else if name == "file input stream - wildcard" {
        wildcard(case)
    } else if name.starts_with("Modified files") {
        renamed(case)
    } else if name.starts_with("java") {
        let mut watched = Watched::new("", int(&case["batch_ms"])?, true, 0)?;
        watched.create("0", "0\n", 1_000)?;
        same("batches", json!([watched.batch(1_000)?]), case["expected"].clone())
    } else if name.starts_with("py") {
        python(case)
    } else {
        Err("no such file stream is known".into())
    }
}

/// The number that stands behind `mark` in an event.
fn number_after(event: &str, mark: &str) -> Option<u64> {
    let rest = event.split_once(mark)?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Files that are described by events, one batch behind another.
fn timeline(case: &Value) -> Outcome {
    let new_only = case["new_files_only"].as_bool().ok_or("new_files_only is missing")?;
    let mut watched =
        Watched::new("", int(&case["batch_ms"])?, new_only, int(&case["zero_time_ms"])?)?;
    let mut times = list(&case["batch_times_ms"])?.iter();
    let mut batches = Vec::new();
    for event in list(&case["events"])? {
        let event = event["do"].as_str().ok_or("an event is no text")?;
        if event.starts_with("create file") {
            let name = event.split('"').nth(1).ok_or("a file has no name")?;
            let at = number_after(event, "mtime=").or_else(|| number_after(event, "mtime=clock ("));
            watched.create(name, &format!("{name}\n"), at.ok_or("a file has no time")?)?;
        } else if !["set clock", "start", "advance"].iter().any(|known| event.starts_with(known)) {
            return Err(format!("event {event:?} is not known"));
        }
        if event.contains("wait batch") {
            batches.push(watched.batch(int(times.next().ok_or("a batch has no time")?)?)?);
        }
    }
    let mut all: Vec<_> = batches.concat();
    all.sort();
    same("all", json!(all), case["expected_set"].clone())?;
    same("batches", json!(batches), case["expected_batches"].clone())
}

fn wildcard(case: &Value) -> Outcome {
    let mut watched = Watched::new("*/", int(&case["batch_ms"])?, true, 12_000)?;
    watched.create("0", "0\n", 10_000)?;
    watched.create("tmp2/.keep", "", 10_000)?;
    let mut got = Vec::new();
    for n in 1..=10_u64 {
        let now_ms = 11_000 + 2_000 * n;
        watched.create(&format!("tmp1/{n}"), &format!("{n}\n"), now_ms)?;
        got.extend(watched.batch(now_ms + 1_000)?);
    }
    same("all", json!(got), case["expected_set"].clone())
}

fn renamed(case: &Value) -> Outcome {
    let mut watched = Watched::new("streaming/sub*", int(&case["batch_ms"])?, true, 12_000)?;
    watched.create("generated/subdir/existing", "existing\n", 10_000)?;
    let first = watched.batch(14_000)?;
    same("first batch", first, vec![])?;
    watched.create("generated/subdir/renamed.txt", "renamed\n", 14_000)?;
    create_dir_all(watched.root.path().join("streaming")).map_err(text)?;
    let of = |name: &str| watched.root.path().join(name);
    rename(of("generated/subdir"), of("streaming/subdir")).map_err(text)?;
    same("second batch", json!(watched.batch(16_000)?), case["expected_set"].clone())
}

fn python(case: &Value) -> Outcome {
    let batch_ms = int(&case["batch_ms"])?;
    let mut watched = Watched::new("", batch_ms, true, 1_000)?;
    let lines: String = (0..10).map(|n| format!("{n}\n")).collect();
    let mut batches = Vec::new();
    for (name, at_ms) in [("a", 1_050), ("b", 2_050)] {
        watched.create(name, &lines, at_ms)?;
        let numbers: Result<Vec<u64>, _> =
            watched.batch(at_ms + 50)?.iter().map(|line| line.parse()).collect();
        batches.push(numbers.map_err(text)?);
    }
    same("batches", json!(batches), case["expected_non_empty"].clone())
}

pub(super) fn file_stream_binary(case: &Value) -> Outcome {
    let length = int(&case["record_length"])? as usize;
    let folder = tempfile::tempdir().map_err(text)?;
    for (n, file) in list(&case["files"])?.iter().enumerate() {
        let bytes: Vec<u8> = serde_json::from_value(file.clone()).map_err(text)?;
        let path = folder.path().join(n.to_string());
        write(&path, &bytes).map_err(text)?;
        same(n, fixed_length_records(&path, length).map_err(text)?.concat(), bytes.clone())?;
        let error = fixed_length_records(&path, bytes.len() + 1).err().ok_or("no error")?;
        let gist = "Byte array does not have correct length.";
        same(&error, error.to_string().contains(gist), true)?;
    }
    Ok(())
}
