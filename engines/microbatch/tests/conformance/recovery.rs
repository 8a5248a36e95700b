//! Cases in which a program is stopped or killed and goes on from its checkpoint. A life of a program is a
//! [`Run`] of its own, with a Spark context of its own, on the same directory.

use crate::case::{Case, Outcome, equal};
use crate::pipeline::{
    Comparison, KEEP, PATIENCE, Refusal, Run, Script, Seen, Stream, batches, refusal, rows,
    watch_any,
};
use crate::value::{Value, normal};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use weir_microbatch::checkpoint_files::{CheckpointFiles, list};
use weir_microbatch::{Checkpoint, Recovery, StreamingError, Time};

pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    let result = match kind {
        "checkpoint_recovery" => two_lives(case),
        "checkpoint_recovery_timeline" => timeline(case),
        "failure" => failures(case),
        "file_stream_recovery" => crate::recovery_files::run(case).map_err(Refusal::Case),
        "checkpoint_files" => files(case).map_err(Refusal::Case),
        _ => return None,
    };
    Some(result.map_err(refusal))
}

pub(crate) fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// One life: a context that goes on from what is in `folder`, and what its output sees.
pub(crate) fn live(
    folder: &Path,
    batch_ms: u64,
    clock_ms: u64,
    define: impl FnOnce(&mut Run) -> Result<Stream, Refusal>,
) -> Result<(Run, Seen), Refusal> {
    let mut run = Run::at(batch_ms, clock_ms, Some(folder));
    let (mut seen, mut refused) = (Seen::default(), None);
    let made = Recovery::from_dir(folder).get_or_create(|_| {
        match define(&mut run).and_then(|last| Ok(watch_any(&last)?)) {
            Ok(watched) => seen = watched,
            Err(refusal) => refused = Some(refusal),
        }
        Ok::<_, StreamingError>(run.ssc.clone())
    });
    match (refused, made) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(_)) => Ok((run, seen)),
    }
}

/// The pipeline of a case over its input, whatever life it is in.
fn scripted(case: &Case<'_>, run: &mut Run, files: &Path) -> Result<Stream, Refusal> {
    let script = Script {
        batches: batches(&case["input"])?,
        batch_ms: run.batch_ms,
        zero_ms: 0,
        partitions: case["num_input_partitions"].as_u64().unwrap_or(2) as usize,
    };
    let input = run.ssc.input_stream(script)?;
    run.inputs.insert("input".into(), input);
    run.files = Some(files.to_owned());
    let made = run.build(run.source(&"input".into())?, &case["params"]["pipeline"])?;
    Ok(made.last().cloned().ok_or("no stream".to_owned())?)
}

fn milliseconds(seen: &Seen) -> BTreeMap<u64, Vec<Value>> {
    seen.lock().expect("rows").iter().map(|(time, (rows, _))| (*time, rows.clone())).collect()
}

fn wait(run: &Run, until_ms: u64) -> Result<(), String> {
    run.clock.set(until_ms * 1_000_000);
    let last = Time::from_ms(until_ms - until_ms % run.batch_ms);
    if run.ssc.await_batch(last, PATIENCE) { Ok(()) } else { Err("batches hang".into()) }
}

fn checkpoint_of(folder: &Path) -> Result<Checkpoint, String> {
    Checkpoint::latest(folder).map_err(say)?.ok_or("no checkpoint".to_owned())
}

/// Some batches, a stop, and the rest: the last batch before the stop is run again.
fn two_lives(case: &Case<'_>) -> Result<(), Refusal> {
    let batch_ms = case.int("batch_ms")?;
    let before = case.int("num_batches_before_restart")?;
    let total = case.int("total_batches")?;
    let (place, files) = (tempfile::tempdir().map_err(say)?, tempfile::tempdir().map_err(say)?);
    let define = |run: &mut Run| scripted(case, run, files.path());
    let (run, seen) = live(place.path(), batch_ms, 0, define)?;
    run.ssc.start()?;
    wait(&run, before * batch_ms)?;
    run.ssc.stop(KEEP)?;
    let first = milliseconds(&seen);
    let at_ms = checkpoint_of(place.path())?.time().as_ms();
    let (run, seen) = live(place.path(), batch_ms, at_ms, define)?;
    run.ssc.start()?;
    wait(&run, total * batch_ms)?;
    run.ssc.await_termination_or_timeout(Duration::ZERO)?;
    run.ssc.stop(KEEP)?;
    let second = milliseconds(&seen);
    let want = case["expected"].as_array().ok_or("no expected".to_owned())?;
    let again = (before as usize - 1).min(want.len());
    let comparison = Comparison::of(case)?;
    let rows_of = |seen: &BTreeMap<u64, Vec<Value>>| seen.values().cloned().collect::<Vec<_>>();
    let same = |what: &str, got: &BTreeMap<u64, Vec<Value>>, want: &Json| {
        comparison.same(what, &rows_of(got), want, comparison.ordered)
    };
    same("before the restart", &first, &Json::from(&want[..(before as usize).min(want.len())]))?;
    same("after the restart", &second, &Json::from(&want[again..]))?;
    if let Some(stated) = case.get("expected_outputs_after_restart") {
        same("expected_outputs_after_restart", &second, stated)?;
    }
    Ok(saved_files(case, files.path(), batch_ms, total)?)
}

/// A pipeline that writes every batch to files has written each of them once, as it should be.
fn saved_files(case: &Case<'_>, files: &Path, batch_ms: u64, total: u64) -> Result<(), String> {
    let names: Vec<_> = std::fs::read_dir(files).map_err(say)?.filter_map(Result::ok).collect();
    if names.is_empty() {
        return Ok(());
    }
    equal("folders", &(names.len() as u64), &total)?;
    let sc = weir_microbatch::SparkContext::local(1).map_err(say)?;
    for (batch, want) in (1..).zip(case["expected"].as_array().into_iter().flatten()) {
        let folder = files.join(format!("result-{}", batch * batch_ms));
        let got = sc.object_file::<Value>(&folder).map_err(say)?.collect().map_err(say)?;
        equal("file", &normal(&got, false, false), &normal(&rows(want)?, false, false))?;
    }
    Ok(())
}

/// Outputs with their times: `[[time, rows], ...]`.
fn timed(json: &Json) -> Result<BTreeMap<u64, Vec<Value>>, String> {
    let all = json.as_array().ok_or("no outputs")?;
    let one = |output: &Json| {
        let time = output[0].as_u64().ok_or("an output without a time")?;
        Ok((time, rows(&output[1])?))
    };
    all.iter().map(one).collect()
}

fn timeline(case: &Case<'_>) -> Result<(), Refusal> {
    let batch_ms = case.int("batch_ms")?;
    let params = case.part("params");
    // How its outputs are written; `timed` refuses any other way.
    case.comment("output_format");
    let before = params.int("batches_before_stop")?;
    let down = params.int("downtime_batches")?;
    let (place, files) = (tempfile::tempdir().map_err(say)?, tempfile::tempdir().map_err(say)?);
    let define = |run: &mut Run| scripted(case, run, files.path());
    let ordered = Comparison::of(case)?.ordered;
    let same = |what: &str, seen: &Seen| {
        let put = |all: BTreeMap<u64, Vec<Value>>| -> BTreeMap<u64, Vec<Value>> {
            all.into_iter().map(|(time, rows)| (time, normal(&rows, ordered, false))).collect()
        };
        equal(what, &put(milliseconds(seen)), &put(timed(&case[what])?))
    };
    let (run, seen) = live(place.path(), batch_ms, 0, define)?;
    run.ssc.start()?;
    wait(&run, before * batch_ms)?;
    run.ssc.stop(KEEP)?;
    same("expected_before", &seen)?;
    let clock_ms = checkpoint_of(place.path())?.time().as_ms() + down * batch_ms;
    equal("clock", &clock_ms, &case.int("expected_clock_after_restart_ms")?)?;
    let (run, seen) = live(place.path(), batch_ms, clock_ms, define)?;
    let zero_ms = run.ssc.zero_time().map(Time::as_ms);
    equal("zero time", &zero_ms, &case["expected_zero_time_after_ms"].as_u64())?;
    run.ssc.start()?;
    wait(&run, clock_ms)?;
    same("expected_immediately_after_restart", &seen)?;
    wait(&run, params.int("total_batches")? * batch_ms)?;
    run.ssc.await_termination_or_timeout(Duration::ZERO)?;
    run.ssc.stop(KEEP)?;
    Ok(same("expected_after", &seen)?)
}

/// Makes a file that was last written to at a time.
pub(crate) fn make_file(folder: &Path, name: u64, text: &str, at_ms: u64) -> Result<(), String> {
    // Elsewhere first: a directory is looked at while files come.
    let (made, path) = (folder.join(format!(".{name}")), folder.join(name.to_string()));
    std::fs::write(&made, text).map_err(say)?;
    let file = File::options().write(true).open(&made).map_err(say)?;
    file.set_modified(UNIX_EPOCH + Duration::from_millis(at_ms)).map_err(say)?;
    std::fs::rename(made, path).map_err(say)
}

/// The pipeline of a case over the files of a folder.
pub(crate) fn over_files(case: &Case<'_>, run: &mut Run, folder: &Path) -> Result<Stream, Refusal> {
    let lines = run.ssc.text_file_stream(&folder.display().to_string())?;
    run.inputs.insert("input".into(), lines.map(|line| Value::Str(line.into()))?);
    let made = run.build(run.source(&"input".into())?, &case["params"]["pipeline"])?;
    Ok(made.last().cloned().ok_or("no stream".to_owned())?)
}

/// What is in the file of batch *i*, said in words.
fn file_text(words: &str, i: u64) -> Result<String, String> {
    match words {
        _ if words.starts_with("file i contains \"i\"") => Ok(format!("{i}\n")),
        _ if words.starts_with("file i contains i times ") => {
            let word = words.split('"').nth(1).ok_or("no word in quotes")?;
            Ok(vec![word; i as usize].join(" ") + "\n")
        }
        _ => Err(format!("files {words:?} are not understood")),
    }
}

/// Stops at moments that a generator chooses: before, in and behind batches.
fn failures(case: &Case<'_>) -> Result<(), Refusal> {
    let (batch_ms, total) = (case.int("batch_ms")?, case.int("num_batches")?);
    let words = case["input_files"].as_str().ok_or("no input_files".to_owned())?;
    let (place, folder) = (tempfile::tempdir().map_err(say)?, tempfile::tempdir().map_err(say)?);
    let (mut outputs, mut random) = (Vec::new(), 0x5eed_u64);
    let mut choose = |below: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (mut batch, mut lives) = (0, 0);
    while batch < total {
        let define = |run: &mut Run| over_files(case, run, folder.path());
        let (run, seen) = live(place.path(), batch_ms, batch * batch_ms, define)?;
        run.ssc.start()?;
        let until = (batch + 1 + choose(6)).min(total);
        while batch < until {
            batch += 1;
            let text = file_text(words, batch)?;
            make_file(folder.path(), batch, &text, batch * batch_ms - batch_ms / 2)?;
            run.clock.set(batch * batch_ms * 1_000_000);
            // The last life is allowed to end, and some others do.
            // A first life without a checkpoint would be none: the files would be older than the second.
            if batch == 1 || batch == total || choose(3) > 0 {
                wait(&run, batch * batch_ms)?;
            }
        }
        run.ssc.stop(KEEP)?;
        outputs.extend(milliseconds(&seen).into_values().flatten());
        lives += 1;
    }
    equal("more than one life", &(lives > 1), &true)?;
    check_outputs(case, &outputs).map_err(Refusal::Case)
}

fn check_outputs(case: &Case<'_>, outputs: &[Value]) -> Result<(), String> {
    let distinct: BTreeSet<Value> = outputs.iter().cloned().collect();
    let set =
        |field: &str| rows(&case[field]).map(|rows| rows.into_iter().collect::<BTreeSet<_>>());
    let mut checked = false;
    if !case["expected_distinct_output_set"].is_null() {
        equal("outputs", &distinct, &set("expected_distinct_output_set")?)?;
        checked = true;
    }
    if !case["expected_values_allowed"].is_null() {
        let allowed = set("expected_values_allowed")?;
        equal("outputs that are not allowed", &distinct.difference(&allowed).next(), &None)?;
        checked = true;
    }
    if !case["expected_last"].is_null() {
        equal("last output", &outputs.last(), &Some(&Value::of(&case["expected_last"])?))?;
        checked = true;
    }
    equal("something is expected", &checked, &true)
}

/// What a step of a case does to the files of a directory.
fn files(case: &Case<'_>) -> Result<(), String> {
    if let Some(cases) = case["cases"].as_array() {
        return cases.iter().try_for_each(listing);
    }
    let place = tempfile::tempdir().map_err(say)?;
    if let Some(names) = case["files"].as_array() {
        for name in texts(&Json::from(names.as_slice()))? {
            std::fs::write(place.path().join(name), "").map_err(say)?;
        }
        return equal("files", &names_in(place.path())?, &texts(&case["expected_oldest_first"])?);
    }
    let mut writer = CheckpointFiles::new(place.path()).map_err(say)?;
    for step in case["steps"].as_array().ok_or("no steps, files or cases")? {
        let (write, at) = (&step["write"], step["write"]["time_ms"].as_u64());
        let content = write["content"].as_str().ok_or("a step writes no content")?;
        writer.write(at.ok_or("a step has no time")?, content.as_bytes()).map_err(say)?;
    }
    let mut want = case["expected_files_newest_first"].as_array().ok_or("nothing expected")?.iter();
    for path in list(place.path()).map_err(say)?.into_iter().rev() {
        let want = want.next().ok_or(format!("{} was not expected", path.display()))?;
        equal("name", &name_of(&path).as_str(), &want["name"].as_str().unwrap_or_default())?;
        let content = weir_microbatch::checkpoint_files::read(&path).map_err(say)?;
        let want = want["content"].as_str().unwrap_or_default();
        equal("content", &String::from_utf8_lossy(&content).as_ref(), &want)?;
    }
    equal("a file that is not there", &want.next(), &None)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn names_in(folder: &Path) -> Result<Vec<String>, String> {
    Ok(list(folder).map_err(say)?.iter().map(|path| name_of(path)).collect())
}

fn texts(json: &Json) -> Result<Vec<String>, String> {
    let all = json.as_array().ok_or_else(|| format!("{json} is no list"))?;
    let text = |one: &Json| Some(one.as_str()?.to_owned());
    all.iter().map(|one| text(one).ok_or_else(|| format!("{one} is no text"))).collect()
}

/// A directory with a name and entries of the form `file NAME` or `directory NAME`.
fn listing(case: &Json) -> Result<(), String> {
    let place = tempfile::tempdir().map_err(say)?;
    let folder: PathBuf = place.path().join(case["dir"].as_str().ok_or("no dir")?);
    std::fs::create_dir_all(&folder).map_err(say)?;
    for entry in texts(&case["content"])? {
        match entry.split_once(' ') {
            Some(("file", name)) => std::fs::write(folder.join(name), "").map_err(say)?,
            Some(("directory", name)) => std::fs::create_dir(folder.join(name)).map_err(say)?,
            _ => return Err(format!("entry {entry:?} is not understood")),
        }
    }
    equal("files", &names_in(&folder)?, &texts(&case["expected"])?)
}

pub(crate) fn recorded(checkpoint: &Checkpoint) -> Vec<u64> {
    let files = checkpoint.selected_files().into_values().flatten();
    let mut names: Vec<u64> = files.filter_map(|path| name_of(&path).parse().ok()).collect();
    names.sort_unstable();
    names
}
