//! The folder is complete, or nothing in it is broken.

use super::*;
use crate::testing;

#[test]
fn everything_is_written_and_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let result = testing::example();
    let into = folder.path().join("new/report");
    let written = write_all(&result, &into).expect("written");
    assert!(crate::load(&written.result).expect("read") == result);
    assert!(written.charts.len() > 8);
    for path in written.charts.iter().chain([&written.report, &written.hlog]) {
        let text = std::fs::read_to_string(path).expect("read");
        assert!(text.len() > 500, "{}", path.display());
    }
    // Once more over what is there.
    assert_eq!(write_all(&result, &into).expect("written"), written);
    let entries = std::fs::read_dir(&into).expect("a folder").count();
    assert_eq!(entries, 4, "no temporary file is left");
}

#[test]
fn a_hostile_result_stays_in_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let into = folder.path().join("report");
    let written = write_all(&testing::hostile(), &into).expect("written");
    assert!(written.charts.iter().all(|path| path.parent() == Some(&into.join("charts"))));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_folder_that_cannot_be_made_is_one_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "old").expect("written");
    let message = write_all(&testing::example(), &in_the_way).expect_err("refused").to_string();
    assert!(message.starts_with("cannot write ") && message.contains("result.json"), "{message}");
    assert_eq!(std::fs::read_to_string(&in_the_way).expect("read"), "old");
}

#[test]
fn charts_of_an_earlier_result_go_and_other_files_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut result = testing::example();
    let before = write_all(&result, folder.path()).expect("written").charts;
    let own = folder.path().join("charts/my-drawing.svg");
    std::fs::write(&own, "<svg/>").expect("written");
    result.workloads.truncate(1);
    let after = write_all(&result, folder.path()).expect("written").charts;
    assert!(own.exists());
    for path in before {
        assert_eq!(path.exists(), after.contains(&path), "{}", path.display());
    }
}

/// `weir run`, `weir search` and `weir sweep` have one default folder.
#[test]
fn runs_a_search_and_a_sweep_leave_each_other_alone_in_one_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let search = crate::search::tests::example();
    let sweep = crate::sweep::tests::over_rate();
    let mut written: Vec<PathBuf> = Vec::new();
    let mut alone = |paths: Vec<PathBuf>| {
        let twice = paths.iter().find(|path| written.contains(path));
        assert_eq!(twice, None, "of another command");
        assert!(written.iter().all(|path| path.exists()), "taken away");
        written.extend(paths);
    };
    let ran = write_all(&testing::example(), folder.path()).expect("written");
    alone([vec![ran.result, ran.report, ran.hlog], ran.charts].concat());
    let left = crate::search::write_search(&search, folder.path()).expect("written");
    alone([vec![left.data, left.page], left.charts].concat());
    let swept = crate::sweep::write_all(&sweep, folder.path()).expect("written");
    alone([vec![swept.sweep, swept.csv, swept.report], swept.charts].concat());
    // Fewer charts of runs than before: those that go are of runs.
    let mut fewer = testing::example();
    fewer.workloads.truncate(1);
    write_all(&fewer, folder.path()).expect("written");
    let others = written.iter().filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        name.starts_with("search") || name.starts_with("sweep")
    });
    assert!(others.clone().count() >= 6 && others.clone().all(|path| path.exists()));
}
