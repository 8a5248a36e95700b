//! Runs the cases that were taken from Spark's suites or observed on Spark.
//!
//! Without more, the cases in `cases/` (the recorded ones) and in `own/` (more of the same kinds, of
//! our own) are run. `WEIR_CONFORMANCE` names another folder of case files instead, and `WEIR_CASE` a
//! part of the names of the cases to run.
//!
//! A case is executed on the engine by the runner of its kind, from what its fields say. Where a field
//! is prose it is cut into clauses, and each clause is matched with what is known (`phrases.rs`). A
//! field that nobody read, a clause, function or operation that is not known: each is a failure that
//! names it. The second test changes what the cases expect and demands that this is noticed.
//!
//! Per file it is printed how many cases
//!
//! - **passed**: executed here, and everything came out as the case says. Cases of the kind `steps` are
//!   told in free prose. Those whose steps are calls are executed (`told.rs`). Each of the others has a
//!   test that is named after it (`tests/steps`; `by_hand.rs` has the rule): it counts as passed, in
//!   brackets as "by hand", if there is such a test, which `cargo test` runs and nothing ignores, and if
//!   the case says what our copy of it says, for which the test was written.
//! - **failed**: executed, and something came out differently; or not understood.
//! - **skipped**: on the list in `skips.rs`, by name and with a reason.
//! - **not run**: of the kind `steps`, not told in calls, and without such a test. They are listed by
//!   name.

mod by_hand;
mod case;
mod changed;
mod functions;
mod kinds;
mod lifecycle;
mod listeners;
mod parts;
mod phrases;
mod pipeline;
mod received;
mod records;
mod recovery;
mod recovery_files;
#[cfg(test)]
mod refused;
mod skips;
mod steps;
mod told;
mod value;

use case::{Case, Outcome};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What runs cases: `None` where the kind is somebody else's.
type Runner = fn(kind: &str, case: &Case<'_>) -> Option<Outcome>;

/// Asked in turn.
const RUNNERS: &[Runner] = &[
    pipeline::run,
    recovery::run,
    records::run,
    kinds::run,
    lifecycle::run,
    listeners::run,
    parts::run,
    received::run,
    told::run,
];

enum Verdict {
    Passed,
    ByHand,
    Failed(String),
    Skipped,
    NotRun,
}

/// A file of cases.
struct CaseFile {
    name: String,
    cases: Vec<Json>,
}

/// The cases that are kept here.
fn own_folders() -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    vec![tests.join("cases"), tests.join("own")]
}

fn folders() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("WEIR_CONFORMANCE").map(PathBuf::from) else {
        return own_folders();
    };
    // Tests run in the folder of their package; the caller may have meant that of the workspace.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    vec![if folder.exists() { folder } else { workspace.join(folder) }]
}

/// The case files of a folder. A file that explains the others has no cases.
fn files(folder: &Path) -> Result<Vec<CaseFile>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        if path.extension().is_some_and(|ext| ext == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
        let json: Json = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        match json["cases"].as_array().or_else(|| json.as_array()) {
            Some(cases) => files.push(CaseFile { name, cases: cases.clone() }),
            None if json["conventions"].is_object() => {}
            None => return Err(failed(&"neither cases nor conventions")),
        }
    }
    if files.is_empty() { Err(failed(&"no case files")) } else { Ok(files) }
}

/// How long a case may take; the slowest takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Executes a case; `None` if no runner knows its kind. A case that does not end has failed.
fn execute(json: &Json) -> Option<Outcome> {
    let (tell, told) = crossbeam_channel::bounded(1);
    let json = json.clone();
    // Nobody may listen any more.
    let body = move || drop(tell.send(run(&json)));
    let thread = std::thread::Builder::new().name("case".into()).spawn(body);
    match thread {
        Ok(_) => {
            told.recv_timeout(PATIENCE).unwrap_or_else(|_| Some(Err("it does not end".into())))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}

fn run(json: &Json) -> Option<Outcome> {
    let kind = json["kind"].as_str().unwrap_or_default();
    let case = Case::new(json);
    let run = |runner: &Runner| {
        let run = std::panic::AssertUnwindSafe(|| runner(kind, &case));
        std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(Err(format!("the runner panicked: {}", text.unwrap_or("without words"))))
        })
    };
    let outcome = RUNNERS.iter().find_map(run)?;
    Some(outcome.and_then(|()| case.finished()))
}

fn judge(json: &Json) -> Verdict {
    let name = json["name"].as_str().unwrap_or_default();
    let kind = json["kind"].as_str().unwrap_or_default();
    if name.is_empty() {
        return Verdict::Failed("a case without a name".into());
    }
    if skips::SKIPS.iter().any(|(skip, _)| *skip == name) {
        return Verdict::Skipped;
    }
    match execute(json) {
        Some(Ok(())) => Verdict::Passed,
        Some(Err(error)) => Verdict::Failed(error),
        None if kind == "steps" && by_hand::covers(json) => Verdict::ByHand,
        None if kind == "steps" => Verdict::NotRun,
        None => Verdict::Failed(format!("unknown kind {kind:?}")),
    }
}

#[derive(Default)]
struct Count {
    passed: usize,
    by_hand: usize,
    failed: usize,
    skipped: usize,
    not_run: usize,
}

impl Count {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::ByHand => {
                self.passed += 1;
                self.by_hand += 1;
            }
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped => self.skipped += 1,
            Verdict::NotRun => self.not_run += 1,
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed", self.passed)?;
        if self.by_hand > 0 {
            write!(f, " ({} by hand)", self.by_hand)?;
        }
        write!(f, ", {} failed, {} skipped", self.failed, self.skipped)?;
        if self.not_run > 0 {
            write!(f, ", {} not run", self.not_run)?;
        }
        Ok(())
    }
}

#[test]
fn cases() {
    let only = std::env::var("WEIR_CASE").unwrap_or_default();
    let (mut failures, mut not_run, mut report) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = Count::default();
    for folder in folders() {
        for file in files(&folder).unwrap_or_else(|error| panic!("{error}")) {
            let mut count = Count::default();
            let name_of = |case: &Json| case["name"].as_str().unwrap_or_default().to_owned();
            for case in file.cases.iter().filter(|case| name_of(case).contains(&only)) {
                let (verdict, name) = (judge(case), name_of(case));
                count.add(&verdict);
                all.add(&verdict);
                match verdict {
                    Verdict::Failed(why) => failures.push(format!("{}: {name}: {why}", file.name)),
                    Verdict::NotRun => not_run.push(format!("{}: {name}", file.name)),
                    _ => {}
                }
            }
            report.push(format!("{}: {count}", file.name));
        }
    }
    report.push(format!("all: {all}"));
    if !not_run.is_empty() {
        report.push(format!("not run:\n  {}", not_run.join("\n  ")));
    }
    let report = report.join("\n") + "\n";
    // Not through println, which the test harness would keep to itself.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes());
    assert!(failures.is_empty(), "{report}{}", failures.join("\n"));
    let total = all.passed + all.failed + all.skipped + all.not_run;
    assert!(total > 0, "no case has {only:?} in its name");
    // A single case may be a skipped one.
    assert!(total < 100 || all.skipped * 20 < total, "5 % of the cases or more are skipped");
}

#[test]
fn changed_expectations_are_noticed() {
    let (mut missed, mut tried) = (Vec::new(), 0);
    for folder in own_folders() {
        for file in files(&folder).unwrap_or_else(|error| panic!("{error}")) {
            for case in &file.cases {
                let name = case["name"].as_str().unwrap_or_default();
                if !matches!(judge(case), Verdict::Passed) {
                    continue;
                }
                let changed = changed::changed(case);
                if changed.is_empty() {
                    missed.push(format!("{}: {name}: expects nothing", file.name));
                }
                for (place, case) in changed {
                    tried += 1;
                    if matches!(execute(&case), Some(Ok(()))) {
                        missed.push(format!("{}: {name}: {place}", file.name));
                    }
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} of {tried} were missed:\n{}", missed.len(), missed.join("\n"));
}
