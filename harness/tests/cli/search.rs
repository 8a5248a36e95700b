//! `weir search`, end to end. How fast this machine is, no test says.

use crate::process::{Done, Place};
use std::path::Path;
use weir_reports::search::schema::{Ending, Finding};
use weir_reports::{Document, load_document};

const TINY: [&str; 17] = [
    "search",
    "word-count",
    "--engine=topology",
    "--acking=on",
    "--queue-batch=16",
    "--duration=100ms",
    "--warmup=10ms",
    "--saturation=20ms",
    "--max-rate=2k",
    "--confirm=1",
    "--resolution=50%",
    "--slo",
    "p50<10s",
    "--slo",
    "max<=10s",
    "--out",
    "here",
];

#[test]
fn a_search_leaves_its_trace_and_a_command_that_measures() {
    let place = Place::new();
    let said = place.weir(TINY).ok();
    let folder = place.join("here");
    let Ok(Document::Search(search)) = load_document(&folder.join("search.json")) else {
        panic!("no search in {folder:?}")
    };
    let row = &search.rows[0];
    assert_eq!((search.rows.len(), row.id.as_str()), (1, "topology batch 16"));
    assert!(!row.probes.is_empty());
    for (number, probe) in (1..).zip(&row.probes) {
        assert_eq!(probe.number, number);
        assert!(probe.rate_per_s <= 2_000.0, "above the maximum: {probe:?}");
        assert!(probe.verdict.valid || probe.finding == Finding::Failed, "{probe:?}");
    }
    assert!(search.ceiling.asked_for && search.ceiling.null_paced_per_s.is_some());
    assert_eq!(search.level.len(), 2);
    let words = ["weir search word-count", "'--slo=p50<10s'", "--confirm=1", "--max-rate=2k"];
    assert!(words.iter().all(|word| search.command.contains(word)), "{}", search.command);
    assert!(said.contains("topology batch 16") && said.contains("Report: "), "{said}");
    if row.ending == Ending::HoldsAtMost {
        assert_eq!(row.found_per_s, Some(2_000.0));
        let measure = row.measure.as_deref().expect("a command");
        assert!(measure.starts_with("weir run word-count ") && measure.contains("--rate=2000"));
        assert!(!measure.contains("--out") && measure.contains("--queue-batch=16"), "{measure}");
    }
    let again = place.weir(["report", "here/search.json"]).ok();
    assert!(said.starts_with(&again), "{again}\nis not the beginning of\n{said}");
    place.weir(["report", "here/search.json", "--out", "again"]).ok();
    for name in ["search.html", "search.json"] {
        let read = |folder: &str| std::fs::read(place.join(folder).join(name)).expect(name);
        assert!(read("here") == read("again"), "{name} made again is another");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_found_is_shown_on_a_full_disk_too() {
    let place = Place::new();
    let mut command = crate::process::weir_on_a_full_disk(place.path());
    let done: Done = command.args(TINY).arg("-q").output().expect("a shell").into();
    let shown = done.not_written(Path::new("here/search.json"));
    assert!(shown.contains("topology batch 16"), "{shown}");
    assert!(!place.join("here/search.json").exists());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_runs() {
    let place = Place::new();
    for (arguments, code, part) in [
        (&["search", "word-count", "--slo", "p95<1ms"][..], 2, "there are p50"),
        (&["search", "word-count", "--slo", "p99<1"], 2, "unit"),
        (&["search", "word-count", "--resolution", "0"], 2, "from 0.5 to 100"),
        (&["search", "word-count", "--confirm", "many"], 2, "from 0 to 15"),
        (&["search", "word-count", "--max-rate", "fast"], 2, "--max-rate"),
        (&["search", "word-count", "--rate", "10k"], 2, "--rate is not for a search: the rate is"),
        (&["search", "word-count", "--rate=10k"], 2, "--max-rate"),
        (&["search", "word-count", "--rounds", "3"], 2, "--confirm"),
        (&["search", "word-count", "--schedule", "poisson"], 2, "constant rates"),
        (&["search", "word-cuont"], 2, "there are word-count"),
        (&["search", "word-count", "--engine", "null"], 4, "nothing is selected"),
    ] {
        let line = place.weir(arguments).refused(code);
        assert!(line.contains(part), "{arguments:?}: {line}");
    }
}

#[test]
fn a_search_is_no_result_of_runs() {
    let place = Place::new();
    let path = place.file("s.json", "{\"schema_version\": 1, \"kind\": \"search\"}");
    let path = path.to_str().expect("UTF-8");
    let line = place.weir(["report", path]).refused(2);
    assert!(line.contains("s.json"), "{line}");
    let line = place.weir(["compare", path, path]).refused(2);
    assert!(line.contains("s.json") && line.contains("weir search"), "{line}");
}
