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
//! - **failed**: executed, and something came out differently; or not understood;
//! - **skipped**: cannot apply here (`skips::SKIPS`, by name and with a reason).

mod batches;
// Cases of Storm are read and altered in one way, whichever crate runs them.
#[path = "../../../topology/tests/conformance/case.rs"]
#[allow(dead_code, reason = "the runners here read a part of what those of the topology do")]
mod case;
#[path = "../../../topology/tests/conformance/changed.rs"]
mod changed;
mod definitions;
mod master;
mod skips;
mod states;
mod steps;
mod tuples;

use case::{Case, Outcome};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What runs cases: `None` where the case is somebody else's.
type Runner = fn(area: &str, case: &Case<'_>) -> Option<Outcome>;

/// Asked in turn.
const RUNNERS: &[Runner] =
    &[states::run, tuples::run, definitions::run, steps::run, master::run, batches::run];

/// Whether the cases of an area are run here.
fn is_ours(area: &str) -> bool {
    area == "trident"
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed(String),
    Skipped,
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
    if skips::reason(name).is_some() {
        return Verdict::Skipped;
    }
    match execute(area, json) {
        Some(Ok(())) => Verdict::Passed,
        Some(Err(error)) => Verdict::Failed(error),
        None => Verdict::Failed(format!("no runner takes it, of {area}")),
    }
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Count {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::Skipped => self.skipped += 1,
        }
    }

    fn total(&self) -> usize {
        self.passed + self.failed + self.skipped
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[test]
fn cases() {
    let only = std::env::var("WEIR_CASE").unwrap_or_default();
    let (mut failures, mut report) = (Vec::new(), Vec::new());
    let mut all = Count::default();
    for file in files(&folder()).unwrap_or_else(|error| panic!("{error}")) {
        let mut count = Count::default();
        for case in file.cases.iter().filter(|case| name_of(case).contains(&only)) {
            let (verdict, name) = (judge(&file.area, case), name_of(case));
            count.add(&verdict);
            all.add(&verdict);
            if let Verdict::Failed(why) = verdict {
                failures.push(format!("{}: {name}: {why}", file.name));
            }
        }
        report.push(format!("{}: {count}", file.name));
    }
    report.push(format!("all: {all}"));
    let report = report.join("\n") + "\n";
    // Not through println, which the test harness would keep to itself.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes());
    assert!(failures.is_empty(), "{report}{}", failures.join("\n"));
    assert!(all.total() > 0, "no case has {only:?} in its name");
    // A single case may be a skipped one.
    assert!(all.total() < 20 || all.skipped * 10 < all.total(), "10 % of the cases are skipped");
}

#[test]
fn changed_expectations_are_noticed() {
    let (mut missed, mut tried) = (Vec::new(), 0);
    for file in files(&own("cases")).unwrap_or_else(|error| panic!("{error}")) {
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

/// A list that names what is not there is out of date.
#[test]
fn skips_are_up_to_date() {
    let mut left: BTreeSet<&str> = skips::SKIPS.iter().map(|(name, _)| *name).collect();
    for file in files(&own("cases")).unwrap_or_else(|error| panic!("{error}")) {
        left.retain(|name| file.cases.iter().all(|case| name_of(case) != *name));
    }
    assert!(left.is_empty(), "{left:?}");
}
