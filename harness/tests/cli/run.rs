//! `weir run`, end to end.

use crate::process::{BINARY, Done, Place, clear, weir};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use weir_reports::schema::{Mode, Reference, ResultFile};

const TINY: [&str; 14] = [
    "--rate",
    "2k,max",
    "--duration",
    "50ms",
    "--warmup",
    "10ms",
    "--rounds",
    "2",
    "--acking",
    "on",
    "--queue-batch",
    "16",
    "--batch-interval",
    "10ms",
];

/// A run that several tests look at, and its folder.
struct Ran {
    place: Place,
    done: Done,
    result: ResultFile,
}

fn out(place: &Place) -> PathBuf {
    place.join("report with a space")
}

fn load(folder: &Path) -> ResultFile {
    weir_reports::load(&folder.join("result.json")).expect("a result")
}

fn ran() -> &'static Ran {
    static RAN: OnceLock<Ran> = OnceLock::new();
    RAN.get_or_init(|| {
        let place = Place::lasting("a-run");
        let folder = out(&place);
        let mut command = weir(place.path());
        command.args(["run", "word-count", "windowed"]).args(TINY).arg("--out").arg(&folder);
        let done: Done = command.output().expect("weir starts").into();
        assert_eq!(done.code, Some(0), "{done:?}");
        std::fs::copy(folder.join("result.json"), place.join("kept.json")).expect("a copy");
        Ran { done, result: load(&folder), place }
    })
}

#[test]
fn a_run_leaves_a_report_and_says_where() {
    let Ran { place, done, result } = ran();
    let folder = out(place);
    for name in ["result.json", "report.html", "latency.hlog"] {
        let size = std::fs::metadata(folder.join(name)).expect(name).len();
        assert!(size > 1_000, "{name} has {size} bytes");
    }
    let charts = std::fs::read_dir(folder.join("charts")).expect("charts").count();
    assert!(charts >= 4, "{charts} charts");
    let tail: Vec<&str> = done.stdout.lines().rev().take(2).collect();
    assert_eq!(tail[0], format!("Data:   {}", folder.join("result.json").display()));
    assert_eq!(tail[1], format!("Report: {}", folder.join("report.html").display()));
    assert!(done.stdout.lines().all(|line| line.is_ascii() || !line.contains('\u{1b}')));
    // Without a terminal: one line, and no bar.
    assert_eq!(done.stderr.lines().count(), 1, "{:?}", done.stderr);
    assert!(done.stderr.contains("every one is checked"), "{:?}", done.stderr);
    assert_eq!(result.workloads.len(), 2);
}

/// It is waited for, and told beforehand.
#[test]
fn a_batch_longer_than_the_load_is_told_of() {
    let place = Place::new();
    for (interval, told) in [("80ms", true), ("50ms", false)] {
        let arguments = ["run", "word-count", "--engine=microbatch", "--rate=2k", "--out=r"];
        let load = ["--duration=50ms", "--warmup=10ms", "--rounds=1", "--batch-interval", interval];
        let done = place.weir(arguments.into_iter().chain(load));
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(done.stderr.contains("takes longer than the load of a run, 60ms"), told);
    }
}

/// Of what does not come evenly the offered rate is what was due in the measured phase.
#[test]
fn an_offered_rate_was_offered() {
    let place = Place::new();
    for (schedule, per_s) in [("burst:100ms,0.1,5", None), ("ramp:1k..5k", Some(3_333.0..3_700.0))]
    {
        let mut arguments = vec!["run", "word-count", "--schedule", schedule, "--rate", "2k"];
        if per_s.is_some() {
            arguments.truncate(4);
        }
        let more =
            ["--duration=250ms", "--warmup=100ms", "--rounds=1", "--queue-batch=1", "--out=r"];
        arguments.extend(more.iter().chain(&["--acking=on", "--engine=topology"]));
        place.weir(arguments).ok();
        let result = load(&place.join("r"));
        let runs = result.workloads[0].rows[0].runs.iter();
        let paced: Vec<_> = runs.filter(|run| run.mode == Mode::Paced).collect();
        assert_eq!(paced.len(), 1, "{schedule}");
        for run in paced {
            let offered = run.offered_per_s.expect("a rate");
            let due = run.latency.expect("latencies").count as f64;
            assert!((offered - due / run.phases.measured_s).abs() < 1e-6, "{schedule}: {offered}");
            assert!(per_s.as_ref().is_none_or(|range| range.contains(&offered)), "{offered}");
        }
    }
}

#[test]
fn every_run_is_verified_and_none_is_empty() {
    for workload in &ran().result.workloads {
        let ids: Vec<&str> = workload.rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["topology batch 16", "microbatch 10ms"]);
        for run in workload.rows.iter().flat_map(|row| &row.runs) {
            assert!(run.verdict.valid && run.error.is_none(), "{:?}", run.verdict);
            assert!(run.records > 0 && run.verdict.rows > 0);
        }
        // What the rows are held against is kept run by run, as they are.
        let modes = |reference: &Option<Reference>| -> Vec<Mode> {
            let reference = reference.as_ref().expect("a reference");
            assert!(reference.runs.iter().all(|run| run.verdict.valid && run.records > 0));
            reference.runs.iter().map(|run| run.mode).collect()
        };
        assert!(modes(&workload.cost).iter().all(|mode| *mode == Mode::Saturation));
        let paced = modes(&workload.null).iter().filter(|mode| **mode == Mode::Paced).count();
        assert_eq!(modes(&workload.null).len(), paced + modes(&workload.cost).len());
        assert!(paced > 0);
    }
}

#[test]
fn rounds_go_a_b_b_a() {
    for (at, workload) in ran().result.workloads.iter().enumerate() {
        let mut runs: Vec<_> = workload
            .rows
            .iter()
            .flat_map(|row| row.runs.iter().map(move |run| (run.sequence, run.mode, &row.engine)))
            .collect();
        runs.sort_by_key(|run| run.0);
        let sequences: Vec<u32> = runs.iter().map(|run| run.0).collect();
        let first = 8 * at as u32 + 1;
        assert_eq!(sequences, (first..first + 8).collect::<Vec<_>>());
        let (paced, full) = (Mode::Paced, Mode::Saturation);
        let (a, b) = ("topology", "microbatch");
        let want = [
            (paced, a),
            (paced, b),
            (full, a),
            (full, b),
            (paced, b),
            (paced, a),
            (full, b),
            (full, a),
        ];
        let order: Vec<_> = runs.iter().map(|(_, mode, engine)| (*mode, engine.as_str())).collect();
        assert_eq!(order, want);
    }
}

#[test]
#[cfg(unix)]
fn the_command_in_the_result_repeats_it() {
    let Ran { place, result, .. } = ran();
    // As if it had been typed into a shell. It replaces the report, file by file.
    let words = result.command.strip_prefix("weir ").expect("a command of ours");
    let mut command = Command::new("sh");
    clear(&mut command);
    command.arg("-c").arg(format!("\"$0\" {words}")).arg(BINARY).current_dir(place.path());
    let done: Done = command.output().expect("a shell").into();
    assert_eq!(done.code, Some(0), "{done:?}");
    let repeated = load(&out(place));
    assert_ne!(repeated.created, result.created, "it was made anew");
    assert_eq!(repeated.command, result.command);
    let values = |result: &ResultFile| -> Vec<(String, String)> {
        result.settings.iter().map(|s| (s.name.clone(), s.value.clone())).collect()
    };
    assert_eq!(values(&repeated), values(result));
    // Records that are paced are the same in number, whatever the machine was doing.
    let paced = |result: &ResultFile| -> Vec<u64> {
        let rows = result.workloads.iter().flat_map(|workload| &workload.rows);
        let runs = rows.flat_map(|row| &row.runs).filter(|run| run.mode == Mode::Paced);
        runs.map(|run| run.records).collect()
    };
    assert_eq!(paced(&repeated), paced(result));
}

fn report(columns: &str, variables: &[(&str, &str)]) -> String {
    let Ran { place, .. } = ran();
    let mut command = weir(place.path());
    command.args(["report", "kept.json"]).env("COLUMNS", columns);
    command.envs(variables.iter().copied());
    Done::from(command.output().expect("weir starts")).ok()
}

#[test]
fn tables_fit_the_terminal_and_show_every_row() {
    for columns in [80, 100, 160] {
        let text = report(&columns.to_string(), &[]);
        for line in text.lines() {
            assert!(line.chars().count() <= columns, "{line:?} exceeds {columns}");
        }
        for part in ["word-count", "windowed", "topology batch 16", "microbatch 10ms"] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }
}

#[test]
fn a_report_repeats_what_the_run_printed() {
    let printed = &ran().done.stdout;
    let tables = report("100", &[]);
    assert!(printed.starts_with(&tables), "{tables}\nis not the beginning of\n{printed}");
}

/// Minutes of measuring are not lost for want of a place to keep them.
#[cfg(target_os = "linux")]
#[test]
fn what_was_measured_is_shown_on_a_full_disk_too() {
    let place = Place::new();
    let mut command = crate::process::weir_on_a_full_disk(place.path());
    command.args(["run", "word-count", "-q", "--engine=microbatch", "--out=here"]).args(TINY);
    let done: Done = command.output().expect("a shell").into();
    let shown = done.not_written(Path::new("here/result.json"));
    assert!(shown.contains("microbatch 10ms"), "{shown}");
    assert!(!place.join("here/result.json").exists());
}

#[test]
fn colours_are_asked_for_or_absent() {
    let escape = '\u{1b}';
    assert!(!report("100", &[]).contains(escape), "standard output is no terminal");
    let forced = [("CLICOLOR_FORCE", "1")];
    assert!(report("100", &forced).contains(escape), "colours were forced");
    let refused = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!report("100", &refused).contains(escape), "NO_COLOR wins");
}

#[test]
fn a_report_goes_to_a_folder_again() {
    let Ran { place, .. } = ran();
    let said = place.weir(["report", "kept.json", "--out", "rendered"]).ok();
    assert!(said.ends_with("report.html\n"), "{said}");
    let kept = std::fs::read(place.join("kept.json")).expect("the result");
    let rendered = std::fs::read(place.join("rendered/result.json")).expect("the result");
    assert!(kept == rendered, "the result file is what it was");
}

#[test]
fn a_result_that_is_none_is_refused() {
    let place = Place::new();
    for (name, text) in
        [("text.json", "no JSON"), ("cut.json", "{\"schema_version\": 1,"), ("none.json", "")]
    {
        place.file(name, text);
        let line = place.weir(["report", name]).refused(2);
        assert!(line.contains(name), "{line:?}");
    }
    place.file("newer.json", "{\"schema_version\": 999}");
    let line = place.weir(["report", "newer.json"]).refused(2);
    assert!(line.contains("newer.json") && line.contains("999"), "{line:?}");
}

#[test]
fn flags_without_a_command_are_those_of_run() {
    let place = Place::new();
    let mut command = weir(place.path());
    command.args(TINY).args(["-q", "--set", "workload=stateful", "--out=here"]);
    let done: Done = command.output().expect("weir starts").into();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:?}");
    let result = load(&place.join("here"));
    assert_eq!(result.workloads.len(), 1);
    assert!(result.command.starts_with("weir run stateful "), "{}", result.command);
}

#[test]
fn the_environment_can_say_it_all() {
    let place = Place::new();
    let mut command = weir(place.path());
    for pair in TINY.chunks(2) {
        let name = pair[0].trim_start_matches("--").to_uppercase().replace('-', "_");
        command.env(format!("WEIR_{name}"), pair[1]);
    }
    command.envs([("WEIR_WORKLOAD", "word-count"), ("WEIR_OUT", "here"), ("WEIR_QUIET", "1")]);
    let done: Done = command.output().expect("weir starts").into();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:?}");
    let result = load(&place.join("here"));
    let said = result.settings.iter().filter(|setting| setting.origin.starts_with("env WEIR_"));
    assert_eq!(said.count(), TINY.len() / 2 + 2);
}
