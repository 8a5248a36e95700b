//! Runs the cases that were taken from Storm's tests or recorded from running Storm's classes.
//!
//! Without more, the cases in `cases/` are run. `WEIR_CONFORMANCE` names another folder of case files
//! instead, and `WEIR_CASE` a part of the names of the cases to run.
//!
//! A case is executed on the engine by the runner of its area, from what its fields say. A field that
//! nobody read, and prose that no runner knows, are failures that name it. The second test changes what
//! the cases expect and demands that this is noticed.
//!
//! Per file it is printed how many cases
//!
//! - **passed**: executed here, and everything came out as the case says;
//! - **righted**: what was recorded is a plain bug of Storm, and weir does the right thing
//!   (`skips::BUGS`, by name and with what is right, or found by the runner);
//! - **failed**: executed, and something came out differently; or not understood;
//! - **skipped**: cannot apply here (`skips::SKIPS`, by name and with a reason);
//! - **not run**: no runner takes it, as `skips::PENDING` says. Any other case that no runner takes has
//!   failed.

mod acking;
mod case;
mod changed;
mod checkpointing;
mod emissions;
mod groupings;
mod measures;
mod named;
mod pressed;
mod queues;
mod rotating;
mod skips;
mod stage;
mod starter;
mod state;
mod stateful;
mod stats;
mod streams;
mod streams_builder;
mod timeouts;
mod topologies;
mod validation;
mod window_bolts;
mod window_driver;
mod window_joins;
mod window_partitions;
mod window_states;
mod windows;

use case::{Case, Outcome};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What runs cases: `None` where the case is somebody else's.
type Runner = fn(area: &str, case: &Case<'_>) -> Option<Outcome>;

/// Asked in turn.
const RUNNERS: &[Runner] = &[
    acking::run,
    checkpointing::run,
    emissions::run,
    groupings::run,
    measures::run,
    queues::run,
    rotating::run,
    starter::run,
    state::run,
    stats::run,
    timeouts::run,
    topologies::run,
    validation::run,
    window_bolts::run,
    window_joins::run,
    windows::run,
    streams::run,
];

/// Whether the cases of an area are run here. Those of Trident are run by its own crate.
fn is_ours(area: &str) -> bool {
    area != "trident"
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Righted,
    Failed(String),
    Skipped,
    NotRun,
}

/// A file of cases.
struct CaseFile {
    name: String,
    area: String,
    cases: Vec<Json>,
}

fn own(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(folder)
}

fn folder() -> PathBuf {
    let Some(folder) = std::env::var_os("WEIR_CONFORMANCE").map(PathBuf::from) else {
        return own("cases");
    };
    // Tests run in the folder of their package; the caller may have meant that of the workspace.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if folder.exists() { folder } else { workspace.join(folder) }
}

/// The files of the cases that say what is right where Storm is not; there may be none.
fn righted_files() -> Result<Vec<CaseFile>, String> {
    let folder = own("righted");
    if folder.exists() { files(&folder) } else { Ok(Vec::new()) }
}

/// The case files of a folder.
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
        let area = json["area"].as_str().unwrap_or(&name).to_owned();
        let cases = json["cases"].as_array().ok_or_else(|| failed(&"there are no cases"))?;
        if is_ours(&area) {
            files.push(CaseFile { name, area, cases: cases.clone() });
        }
    }
    Ok(files)
}

/// How long a case may take; the slowest takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Executes a case; `None` if no runner takes it. A case that does not end has failed.
fn execute(area: &str, json: &Json) -> Option<Outcome> {
    let (tell, told) = crossbeam_channel::bounded(1);
    let (area, json) = (area.to_owned(), json.clone());
    // Nobody may listen any more.
    let body = move || drop(tell.send(run(&area, &json)));
    match std::thread::Builder::new().name("case".into()).spawn(body) {
        Ok(_) => {
            told.recv_timeout(PATIENCE).unwrap_or_else(|_| Some(Err("it does not end".into())))
        }
        Err(error) => Some(Err(error.to_string())),
    }
}

fn run(area: &str, json: &Json) -> Option<Outcome> {
    let case = Case::new(json);
    let run = |runner: &Runner| {
        let run = std::panic::AssertUnwindSafe(|| runner(area, &case));
        std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Some(Err(format!("the runner panicked: {}", text.unwrap_or("without words"))))
        })
    };
    let outcome = RUNNERS.iter().find_map(run)?;
    Some(outcome.and_then(|()| case.finished()))
}

fn name_of(case: &Json) -> &str {
    case["name"].as_str().unwrap_or_default()
}

fn judge(area: &str, json: &Json) -> Verdict {
    let name = name_of(json);
    if name.is_empty() {
        return Verdict::Failed("a case without a name".into());
    }
    if skips::reason(skips::SKIPS, name).is_some() {
        return Verdict::Skipped;
    }
    let outcome = execute(area, json);
    if let Some(right) = skips::reason(skips::BUGS, name) {
        return match (outcome, righted(name)) {
            (Some(Ok(())), _) => Verdict::Failed(format!("it comes out as in Storm, not: {right}")),
            (Some(Err(_)), Ok(())) => Verdict::Righted,
            (Some(Err(_)), Err(error)) => Verdict::Failed(format!("{right}: {error}")),
            (None, _) => Verdict::Failed(format!("no runner takes it, of {area}")),
        };
    }
    match outcome {
        Some(Ok(())) => Verdict::Passed,
        Some(Err(error)) if error.starts_with(skips::RIGHTED) => Verdict::Righted,
        Some(Err(error)) => Verdict::Failed(error),
        None if skips::pending(area, name).is_some() => Verdict::NotRun,
        None => Verdict::Failed(format!("no runner takes it, of {area}")),
    }
}

/// Whether what is right, in place of what was recorded, comes out.
fn righted(name: &str) -> Outcome {
    for file in righted_files()? {
        if let Some(case) = file.cases.iter().find(|case| name_of(case) == name) {
            let outcome = execute(&file.area, case);
            return outcome.unwrap_or_else(|| Err("no runner takes what is right".into()));
        }
    }
    if named::has_test(name) { Ok(()) } else { Err("nothing says what is right".into()) }
}

#[derive(Default)]
struct Count {
    passed: usize,
    righted: usize,
    failed: usize,
    skipped: usize,
    not_run: usize,
}

impl Count {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Righted => self.righted += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped => self.skipped += 1,
            Verdict::NotRun => self.not_run += 1,
        }
    }

    fn total(&self) -> usize {
        self.passed + self.righted + self.failed + self.skipped + self.not_run
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed", self.passed)?;
        if self.righted > 0 {
            write!(f, ", {} righted", self.righted)?;
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
    for file in files(&folder()).unwrap_or_else(|error| panic!("{error}")) {
        let mut count = Count::default();
        for case in file.cases.iter().filter(|case| name_of(case).contains(&only)) {
            let (verdict, name) = (judge(&file.area, case), name_of(case));
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
    report.push(format!("all: {all}"));
    if !not_run.is_empty() {
        report.push(format!("not run:\n  {}", not_run.join("\n  ")));
    }
    let report = report.join("\n") + "\n";
    // Not through println, which the test harness would keep to itself.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes());
    assert!(failures.is_empty(), "{report}{}", failures.join("\n"));
    assert!(all.total() > 0, "no case has {only:?} in its name");
    // A single case may be a skipped one.
    assert!(all.total() < 100 || all.skipped * 10 < all.total(), "10 % of the cases are skipped");
}

#[test]
fn changed_expectations_are_noticed() {
    let (mut missed, mut tried) = (Vec::new(), 0);
    let all = files(&own("cases")).and_then(|cases| Ok((cases, righted_files()?)));
    let (cases, righted) = all.unwrap_or_else(|error| panic!("{error}"));
    for file in cases.iter().chain(&righted) {
        for case in &file.cases {
            let name = name_of(case);
            if !matches!(execute(&file.area, case), Some(Ok(()))) {
                continue;
            }
            let changed = changed::changed(&file.area, case);
            if changed.is_empty() {
                missed.push(format!("{}: {name}: expects nothing", file.name));
            }
            for (place, case) in changed {
                tried += 1;
                if matches!(execute(&file.area, &case), Some(Ok(()))) {
                    missed.push(format!("{}: {name}: {place}", file.name));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{} of {tried} were missed:\n{}", missed.len(), missed.join("\n"));
}

/// A list that names what is not there, or says that nobody runs what somebody does, is out of date.
#[test]
fn lists_are_up_to_date() {
    let mut left: BTreeMap<&str, &str> = BTreeMap::new();
    left.extend(skips::SKIPS.iter().chain(skips::BUGS).map(|(name, _)| (*name, "no such case")));
    left.extend(skips::PENDING.iter().map(|entry| (*entry, "nothing of it is left to run")));
    for file in files(&own("cases")).unwrap_or_else(|error| panic!("{error}")) {
        for case in &file.cases {
            left.remove(name_of(case));
            if let Some(entry) = skips::pending(&file.area, name_of(case))
                && left.contains_key(entry)
                && judge(&file.area, case) == Verdict::NotRun
            {
                left.remove(entry);
            }
        }
    }
    assert!(left.is_empty(), "{left:?}");
}
