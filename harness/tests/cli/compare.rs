//! Which documents a path stands for: `weir compare`, `weir report` and `weir export` on files and folders.

use crate::process::{Place, weir};
use std::process::Stdio;
use weir_reports::compare::settings_of;
use weir_reports::schema::ResultFile;
use weir_reports::testing::example;

/// A document of `weir search` as far as its kind is told.
const SEARCH: &str = "{\"schema_version\": 1, \"kind\": \"search\"}";

fn keep(place: &Place, name: &str, result: &ResultFile) {
    let path = place.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    weir_reports::save(result, &path).expect("written");
}

/// The example, as of another day.
fn later() -> ResultFile {
    ResultFile { created: "2026-03-15T09:26:53+01:00".to_owned(), ..example() }
}

#[test]
fn copies_of_a_result_are_no_rounds() {
    let place = Place::new();
    keep(&place, "old/a.json", &example());
    keep(&place, "old/b.json", &later());
    keep(&place, "new.json", &example());
    let said = place.weir(["compare", "old", "new.json", "--format=markdown"]).ok();
    assert!(said.contains("6/3"), "the rounds of both: {said}");
    // A copy may have been shown again, which adds a setting of charts.
    let mut copy = example();
    copy.settings.clear();
    keep(&place, "old/copy.json", &copy);
    for arguments in [["compare", "old", "new.json"], ["compare", "new.json", "old"]] {
        let line = place.weir(arguments).refused(2);
        for part in ["old/a.json", "old/copy.json", "the same runs", "take one of them out"] {
            assert!(line.contains(part), "{line:?} lacks {part:?}");
        }
    }
}

/// A gate that nothing can close is said to stand open.
#[test]
fn a_gate_of_too_few_rounds_says_so() {
    let place = Place::new();
    keep(&place, "old.json", &example());
    keep(&place, "new.json", &example());
    let gate = ["compare", "old.json", "new.json", "--fail-on", "regression"];
    let done = place.weir(gate);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stderr.contains("--fail-on regression needs more"), "{done:?}");
    assert_eq!(place.weir(["compare", "old.json", "new.json"]).stderr, "");
    assert_eq!(place.weir(gate.into_iter().chain(["--confidence", "75"])).stderr, "");
}

#[test]
fn documents_of_another_kind_are_left_out_of_a_folder_and_named() {
    let place = Place::new();
    keep(&place, "old/result.json", &example());
    place.file("old/search.json", SEARCH);
    keep(&place, "new.json", &example());
    let done = place.weir(["compare", "old", "new.json"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.stderr, "weir: left out old/search.json, a document of `weir search`\n");
    // What is damaged may have been a result.
    place.file("old/half.json", "{\"schema_version\": 1,");
    let line = place.weir(["compare", "new.json", "old"]).refused(2);
    assert!(line.contains("half.json"), "{line:?}");
    std::fs::create_dir(place.join("searches")).expect("a folder");
    place.file("searches/search.json", SEARCH);
    let done = place.weir(["compare", "searches", "new.json"]);
    assert_eq!(done.code, Some(2), "{done:?}");
    let last = done.stderr.lines().last().expect("a line");
    assert!(last.contains("there is no result of `weir run` in searches"), "{last:?}");
}

#[test]
fn what_has_nothing_in_common_is_listed_with_a_remedy() {
    let place = Place::new();
    let (mut old, mut new) = (example(), example());
    old.workloads.truncate(1);
    new.workloads.remove(0);
    keep(&place, "old.json", &old);
    keep(&place, "new.json", &new);
    let line = place.weir(["compare", "old.json", "new.json"]).refused(8);
    for part in ["word-count, of the new stateful, windowed", "run the same workloads"] {
        assert!(line.contains(part), "{line:?} lacks {part:?}");
    }
}

#[test]
fn a_folder_stands_for_the_document_in_it() {
    let place = Place::new();
    keep(&place, "here/result.json", &example());
    for command in ["report", "export"] {
        let of_file = place.weir([command, "here/result.json"]).ok();
        assert_eq!(place.weir([command, "here"]).ok(), of_file);
        // That of runs comes before others.
        place.file("here/search.json", SEARCH);
        assert_eq!(place.weir([command, "here"]).ok(), of_file);
    }
    std::fs::remove_file(place.join("here/result.json")).expect("removed");
    let line = place.weir(["report", "here"]).refused(2);
    assert!(line.contains("search.json is not a complete"), "{line:?}");
    let line = place.weir(["export", "here"]).refused(2);
    assert!(line.contains("a document of `weir search`"), "{line:?}");
    place.file("here/sweep.json", "");
    let line = place.weir(["report", "here"]).refused(2);
    assert!(line.contains("search.json and sweep.json: name one of them"), "{line:?}");
}

/// Where nothing can be written, that is said first, and nothing else.
#[test]
fn a_place_that_takes_no_files_is_refused_before_anything_is_shown() {
    let place = Place::new();
    keep(&place, "result.json", &example());
    place.file("file", "");
    for (arguments, part) in [
        (&["report", "result.json", "--out", "file"][..], "name another folder with --out"),
        (&["export", "result.json", "--out", "file/csv"], "name another file with --out"),
        (&["export", "result.json", "--out", "."], "it is a folder"),
        (&["export", "result.json", "--format=hgrm", "--out", "file"], "another folder with --out"),
    ] {
        let line = place.weir(arguments).refused(2);
        assert!(line.contains(part), "{arguments:?}: {line:?} lacks {part:?}");
    }
    assert_eq!(place.names(), ["file", "result.json"]);
}

#[cfg(target_os = "linux")]
#[test]
fn standard_input_has_a_name() {
    let place = Place::new();
    keep(&place, "result.json", &example());
    let piped = std::fs::File::open(place.join("result.json")).expect("the result");
    let mut command = weir(place.path());
    command.args(["report", "/dev/stdin"]).stdin(Stdio::from(piped));
    let done: crate::process::Done = command.output().expect("weir starts").into();
    assert_eq!(done.ok(), place.weir(["report", "result.json"]).ok());
}

#[test]
fn a_comparison_knows_what_each_workload_is_told() {
    for name in weir_workloads::NAMES {
        let told = settings_of(name).unwrap_or_else(|| panic!("{name} is in no table"));
        for setting in told {
            let known = weir_harness::settings::TABLE.iter().any(|def| def.name == *setting);
            assert!(known, "{name}: there is no setting {setting}");
        }
    }
}
