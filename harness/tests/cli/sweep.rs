//! `weir sweep`, end to end: what it leaves, and what is left when it is ended.

use crate::process::{Done, Place, weir};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;
use weir_reports::schema::Mode;
use weir_reports::sweep::parse;
use weir_reports::sweep::schema::SweepFile;

const TINY: [&str; 17] = [
    "sweep",
    "word-count",
    "--duration",
    "150ms",
    "--saturation",
    "20ms",
    "--warmup",
    "5ms",
    "--rounds",
    "1",
    "--acking",
    "on",
    "--queue-batch",
    "16",
    "--batch-interval",
    "5ms",
    "--out=swept",
];

const OVER: &str = "--over=rate=1k..8k*2";

fn load(place: &Place) -> SweepFile {
    let path = place.join("swept/sweep.json");
    parse(&std::fs::read(&path).expect("a file"), &path).expect("a sweep")
}

/// Names of the cells on the disk, and of whatever else is there.
fn kept(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.join("swept/cells")).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

fn stamp(path: &Path) -> SystemTime {
    std::fs::metadata(path).and_then(|file| file.modified()).expect("a file")
}

/// Starts the sweep and waits until it says that its first cell is over.
fn begun(place: &Place) -> Child {
    let mut child = weir(place.path())
        .args(TINY)
        .arg(OVER)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("weir starts");
    // Byte by byte: what is said later is read with the rest of the output.
    let lines = BufReader::with_capacity(1, child.stderr.as_mut().expect("a pipe")).lines();
    let said: Vec<String> = lines.take(2).map(|line| line.expect("a line")).collect();
    assert_eq!(said, ["weir: 4 cells; every run is checked", "weir: 1 rate-1k done"]);
    child
}

/// That a whole sweep is there: what an uninterrupted one leaves.
#[track_caller]
fn whole(place: &Place) {
    let sweep = load(place);
    let names: Vec<&str> = sweep.cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(names, ["rate-1k", "rate-2k", "rate-4k", "rate-8k"]);
    for (cell, rate) in sweep.cells.iter().zip([1e3, 2e3, 4e3, 8e3]) {
        let result = cell.result.as_ref().expect("a result");
        let rows = &result.workloads[0].rows;
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["topology batch 16", "microbatch 5ms"]);
        for run in rows.iter().flat_map(|row| &row.runs) {
            assert_eq!(run.offered_per_s, Some(rate));
            assert!(run.verdict.valid && run.error.is_none(), "{:?}", run.verdict);
        }
        // Each file of a cell is a result file of its own, and the same as in the document.
        let path = place.join(&format!("swept/cells/{}.json", cell.name));
        assert_eq!(Some(&weir_reports::load(&path).expect("a result")), cell.result.as_ref());
    }
    assert_eq!(kept(place).len(), 4, "{:?}", kept(place));
    for name in ["sweep.csv", "sweep.html", "charts/sweep-latency-by-throughput.svg"] {
        assert!(place.join("swept").join(name).exists(), "{name}");
    }
}

#[test]
fn a_sweep_leaves_a_report_and_is_shown_again() {
    let place = Place::new();
    let said = place.weir(TINY.iter().chain(&[OVER, "-q"])).ok();
    whole(&place);
    assert!(said.contains("microbatch 5ms") && said.contains("rate"), "{said}");
    let again = place.weir(["report", "swept/sweep.json"]).ok();
    assert!(said.starts_with(&again), "{again}\nis not the beginning of\n{said}");
    let rendered = place.weir(["report", "swept/sweep.json", "--out", "rendered"]).ok();
    assert!(rendered.ends_with("sweep.html\n"), "{rendered}");
    let line = place.weir(["compare", "swept/sweep.json", "swept/cells/rate-1k.json"]).refused(2);
    assert!(line.contains("a document of `weir sweep`"), "{line:?}");
    let sweep = load(&place);
    let cell = sweep.cells[0].result.as_ref().expect("a result");
    assert!(cell.command.starts_with("weir run word-count --rate=1k "), "{}", cell.command);
    assert!(sweep.command.ends_with("--over=rate=1k,2k,4k,8k"), "{}", sweep.command);
    place.weir(["report", "swept/sweep.json", "--out", "mixed", "--allow-mixed"]).ok();
    for (folder, mixed) in [("swept", false), ("mixed", true)] {
        let chart = place.join(folder).join("charts/sweep-latency-by-throughput.svg");
        let svg = std::fs::read_to_string(chart).expect("a chart");
        assert_eq!(svg.contains("Mixed: "), mixed, "{folder}");
        assert_eq!(svg.contains("panel of its own"), !mixed, "{folder}");
    }
}

#[test]
fn a_sweep_that_is_killed_goes_on_where_it_was() {
    let place = Place::new();
    let mut child = begun(&place);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(!place.join("swept/sweep.json").exists());
    let first = place.join("swept/cells/rate-1k.json");
    weir_reports::load(&first).expect("a whole result");
    let before = stamp(&first);
    // As a process that is killed while it writes leaves it.
    std::fs::write(place.join("swept/cells/.weir-half"), "{").expect("a file");
    let done = place.weir(TINY.iter().chain(&[OVER]));
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stderr.starts_with("weir: 4 cells, "), "{}", done.stderr);
    assert_eq!(stamp(&first), before, "the first cell was kept");
    whole(&place);
    // All is there: nothing is run, and the outcome is the same.
    let sweep = load(&place);
    let done = place.weir(TINY.iter().chain(&[OVER]));
    assert_eq!(done.stderr, "weir: 4 cells, 4 of them kept; every run is checked\n");
    assert_eq!(load(&place), sweep);
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_sweep_cleanly_and_says_how_to_go_on() {
    let place = Place::new();
    let child = begun(&place);
    interrupt(&child);
    let done: Done = child.wait_with_output().expect("ended").into();
    assert_eq!((done.code, done.stdout.as_str()), (Some(130), ""), "{done:?}");
    let last = done.stderr.lines().last().expect("a line");
    assert!(last.contains("interrupted") && last.contains("goes on from there"), "{last:?}");
    assert!(!place.join("swept/sweep.json").exists());
    assert!(kept(&place).iter().all(|name| name.ends_with(".json")), "{:?}", kept(&place));
    place.weir(TINY.iter().chain(&[OVER])).ok();
    whole(&place);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_run_cleanly() {
    let place = Place::new();
    let mut child = weir(place.path())
        .args(["run", "word-count", "--rate=1k", "--duration=60s", "--rounds=1", "--out=here"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("weir starts");
    let mut line = String::new();
    let mut stderr = BufReader::with_capacity(1, child.stderr.as_mut().expect("a pipe"));
    stderr.read_line(&mut line).expect("a line");
    interrupt(&child);
    let done: Done = child.wait_with_output().expect("ended").into();
    let said = done.refused(130);
    assert!(said.contains("thrown away"), "{said:?}");
    assert!(!place.join("here/result.json").exists());
}

#[test]
fn cells_of_something_else_are_refused_and_thrown_away_on_request() {
    let place = Place::new();
    place.weir(TINY.iter().chain(&["--over=rate=1k", "-q"])).ok();
    let path = place.join("swept/cells/rate-1k.json");
    let before = std::fs::read(&path).expect("a file");
    let line = place.weir(TINY.iter().chain(&["--over=rate=1k", "--seed=7"])).refused(2);
    for part in ["rate-1k", "setting seed = 42", "has 7", "--out", "--fresh"] {
        assert!(line.contains(part), "{line:?} lacks {part:?}");
    }
    assert_eq!(std::fs::read(&path).expect("a file"), before, "it is still there");
    place.weir(TINY.iter().chain(&["--over=rate=1k", "--seed=7", "--fresh", "-q"])).ok();
    assert_eq!(weir_reports::load(&path).expect("a result").seed, 7);
}

#[test]
fn a_cell_that_is_cut_off_is_run_again() {
    let place = Place::new();
    let arguments = || TINY.iter().chain(&["--over=rate=1k,2k"]);
    place.weir(arguments()).ok();
    let (cut, whole) =
        (place.join("swept/cells/rate-1k.json"), place.join("swept/cells/rate-2k.json"));
    let before = stamp(&whole);
    let bytes = std::fs::read(&cut).expect("a file");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("a file");
    let done = place.weir(arguments());
    assert_eq!(done.code, Some(0), "{done:?}");
    let said: Vec<&str> = done.stderr.lines().collect();
    assert!(said[0].contains("rate-1k.json is not a complete result file"), "{said:?}");
    assert!(said[0].ends_with("the cell is run again"), "{said:?}");
    assert_eq!(
        said[1..],
        ["weir: 2 cells, 1 of them kept; every run is checked", "weir: 2 rate-1k done"]
    );
    weir_reports::load(&cut).expect("a whole result");
    assert_eq!(stamp(&whole), before, "the other cell was kept");
}

#[test]
fn what_is_no_grid_is_refused() {
    let place = Place::new();
    for (over, part) in [
        ("rate", "NAME=VALUES"),
        ("colour=red", "there are rate"),
        ("rate=1k..2k", "FROM..TO*FACTOR"),
        ("window=1s,fast", "cell window-fast"),
        ("window=1s,2s", "word-count does not use it, windowed does"),
        ("state-size=8,64", "word-count does not use it, keyed-state does"),
        ("batch-interval=1ms", "leave one of them out"),
    ] {
        let line = place.weir(TINY.iter().chain(&["--over", over])).refused(2);
        assert!(line.contains(part), "{line:?} lacks {part:?}");
    }
    assert_eq!(place.names(), [""; 0], "nothing was made");
}

#[test]
fn a_folder_that_cannot_be_made_is_refused_before_anything_is_run() {
    let place = Place::new();
    place.file("file", "mine");
    let arguments = ["sweep", "word-count", OVER, "--out=file/below"];
    let line = place.weir(arguments).refused(2);
    assert!(line.contains("file/below"), "{line:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_clear_error_and_leaves_no_part_of_a_file() {
    let place = Place::new();
    let mut command = crate::process::weir_on_a_full_disk(place.path());
    let done: Done = command.args(TINY).args([OVER, "-q"]).output().expect("a shell").into();
    let line = done.refused(1);
    assert!(line.contains("rate-1k.json") && line.contains("cannot write"), "{line:?}");
    assert_eq!(kept(&place), [""; 0]);
}

/// What a text cannot serve: keys by number, and state of a size.
#[test]
fn state_is_swept_by_cardinality_and_size() {
    let place = Place::new();
    let mut arguments: Vec<&str> = TINY.to_vec();
    arguments[1] = "keyed-state";
    arguments.extend([
        "--rate=1k,max",
        "--over=cardinality=1,1000",
        "--over=state-size=8,4096",
        "-q",
    ]);
    let said = place.weir(&arguments).ok();
    assert!(said.contains("cardinality") && said.contains("state-size"), "{said}");
    let sweep = load(&place);
    assert_eq!(sweep.cells.len(), 4);
    for cell in &sweep.cells {
        let runs = &cell.result.as_ref().expect("a result").workloads[0].rows[1].runs;
        for run in runs {
            // How much is done at saturation is the machine's affair; 155 records are due at 1k.
            let some = run.mode == Mode::Saturation || run.verdict.rows > 0;
            assert!(run.verdict.valid && some, "{run:?}");
        }
    }
    let charts = std::fs::read_dir(place.join("swept/charts")).expect("charts").count();
    assert_eq!(charts, 8, "throughput and latency, along each axis, at each place on the other");
}
