//! Documents that older versions of weir wrote, and ones that newer versions may write. The files in
//! `reports/tests/golden` are never written again: what could be read once can be read for ever.

use super::schema::{faults, validator};
use crate::compare::{self, Options};
use crate::export::{hgrm, runs, series};
use crate::file::FileError;
use crate::schema::ResultFile;
use crate::terminal::Colour;
use crate::text::is_hostile;
use crate::{Document, Summary, load, load_document, search, sweep, terminal, write_all};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The files whose names begin so, in order.
fn files(start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the golden files");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let name =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(start));
    let mut found: Vec<PathBuf> = paths.filter(name).collect();
    found.sort();
    found
}

/// A text with nothing in it that commands a terminal.
fn tame(what: &str, text: &str) {
    assert!(
        !text.is_empty() && !text.chars().any(|c| c != '\n' && is_hostile(c)),
        "{what}: {text:?}"
    );
}

/// All that can be made of a result.
pub(super) fn use_all(what: &str, result: &ResultFile) {
    let text = terminal::render(&Summary::of(result), 100, Colour::Plain);
    assert!(!text.is_empty() && !text.chars().any(|c| c != '\n' && c.is_control()), "{what}");
    let out = tempfile::tempdir().expect("a folder");
    let written = write_all(result, out.path()).expect(what);
    let page = std::fs::read_to_string(&written.report).expect("a page");
    assert!(page.contains("</html>") && !page.contains("<script"), "{what}");
    assert!(load(&written.result).expect(what) == *result, "{what} is not as it was");
    let lines: usize =
        result.workloads.iter().flat_map(|w| &w.rows).map(|row| row.runs.len()).sum();
    let read = |text: String| csv::Reader::from_reader(text.as_bytes()).records().flatten().count();
    assert_eq!(read(runs(result)), lines, "{what}");
    read(series(result));
    assert!(hgrm(result).len() <= 2 * lines, "{what}");
    let one = std::slice::from_ref(result);
    // What cannot be compared says why in words.
    match compare::compare(one, one, &Options::default()) {
        Ok(same) => {
            assert!(!same.has_regressed(), "{what} is worse than itself");
            tame(what, &compare::terminal(&same, 100, Colour::Plain));
            let markdown = compare::markdown(&same);
            tame(what, &markdown);
            assert!(!markdown.contains("<script"), "{what}");
            tame(what, &same.to_json());
        }
        Err(why) => tame(what, &why.to_string()),
    }
}

#[test]
fn a_result_of_every_age_is_shown_compared_and_exported() {
    let validator = validator("result");
    let files = files("result-");
    assert!(files.len() >= 5, "{files:?}");
    for path in files {
        let what = path.display().to_string();
        let text = std::fs::read_to_string(&path).expect("text");
        let document = serde_json::from_str(&text).expect("JSON");
        assert_eq!(faults(&validator, &document), Vec::<String>::new(), "{what}");
        let result = load(&path).expect(&what);
        use_all(&what, &result);
        let one = [result];
        let same = compare::compare(&one, &one, &Options::default()).expect(&what);
        assert!(!same.findings.is_empty(), "{what}");
    }
}

#[test]
fn what_an_older_version_did_not_write_is_not_made_up() {
    let results: Vec<ResultFile> =
        files("result-").iter().map(|path| load(path).expect("a result")).collect();
    let first = &results[0];
    assert_eq!(first.environment.fitness, None);
    for row in first.workloads.iter().flat_map(|workload| &workload.rows) {
        assert!(row.checkpointing.is_empty() && row.time.is_empty());
        assert!(row.runs.iter().all(|run| run.steady.is_none() && run.ran.is_none()));
    }
    // Each age has all that the one before had: the runs are the same.
    for result in &results[1..] {
        let speeds = |of: &ResultFile| -> Vec<f64> {
            let rows = of.workloads.iter().flat_map(|workload| &workload.rows);
            rows.flat_map(|row| &row.runs).map(|run| run.achieved_per_s).collect()
        };
        assert_eq!(speeds(result), speeds(first));
    }
}

#[test]
fn searches_and_sweeps_of_older_versions_are_shown() {
    for path in files("search-") {
        let bytes = std::fs::read(&path).expect("a file");
        let document = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(faults(&validator("search"), &document), Vec::<String>::new());
        let Ok(Document::Search(search)) = load_document(&path) else {
            panic!("{} is no search", path.display());
        };
        assert!(search::render(&search, 100, Colour::Plain).contains("topology"));
        search::write_search(&search, tempfile::tempdir().expect("a folder").path()).expect("left");
    }
    for path in files("sweep-") {
        let bytes = std::fs::read(&path).expect("a file");
        let document = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(faults(&validator("sweep"), &document), Vec::<String>::new());
        let sweep = sweep::parse(&bytes, &path).expect("a sweep");
        sweep::write_all(&sweep, tempfile::tempdir().expect("a folder").path()).expect("written");
    }
    assert_eq!((files("search-").len(), files("sweep-").len()), (1, 1));
}

#[test]
fn a_newer_version_is_refused_with_the_remedy() {
    let files = files("newer-");
    assert_eq!(files.len(), 1);
    let error = load(&files[0]).expect_err("refused");
    assert!(matches!(error, FileError::Newer { found: 2, .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("schema version 2") && message.contains("a newer one"), "{message}");
    assert!(!message.contains('\n'), "{message}");
}
