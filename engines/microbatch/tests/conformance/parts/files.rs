//! File streams. Cases tell in clauses which files appear when; the streams are those of a context.

use super::{Case, Outcome, list, same, text};
use crate::phrases::{clauses, holes, number, range, span_ms, unknown};
use crate::pipeline::KEEP;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, create_dir_all, rename, write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use weir_dataflow::{Clock, Data, ManualClock};
use weir_microbatch::files::{accept_visible, text_lines};
use weir_microbatch::{ActiveScope, DStream, SparkContext, StreamingContext, Time};

const PATIENCE: Duration = Duration::from_secs(30);

/// What the batches held, by their times in ms.
type Batches<T> = Arc<Mutex<BTreeMap<u64, Vec<T>>>>;

fn collect<T: Data>(stream: &DStream<T>) -> Result<Batches<T>, String> {
    let batches = Batches::default();
    let into = Arc::clone(&batches);
    let output = stream.foreach_rdd(move |rdd, time| {
        let records = rdd.collect()?;
        into.lock().expect("batches").insert(time.as_ms(), records);
        Ok(())
    });
    output.map_err(text).map(|()| batches)
}

fn context(clock: &Arc<ManualClock>, batch_ms: u64) -> Result<StreamingContext, String> {
    if batch_ms == 0 {
        return Err("no batch interval".into());
    }
    let sc = SparkContext::local(2).map_err(text)?;
    let builder = StreamingContext::builder(&sc, Duration::from_millis(batch_ms));
    builder.clock(Arc::clone(clock) as _).scope(ActiveScope::private()).build().map_err(text)
}

fn now_ms(clock: &ManualClock) -> u64 {
    clock.now_ns() / 1_000_000
}

/// Writes a file whose time is on the case's clock.
fn create(path: &Path, content: &[u8], modified_ms: u64) -> Outcome {
    create_dir_all(path.parent().unwrap_or(Path::new(""))).map_err(text)?;
    write(path, content).map_err(text)?;
    let file = File::options().write(true).open(path).map_err(text)?;
    file.set_modified(UNIX_EPOCH + Duration::from_millis(modified_ms)).map_err(text)
}

/// A directory under which files are made, and the context that watches a part of it.
struct Watched {
    root: tempfile::TempDir,
    clock: Arc<ManualClock>,
    batch_ms: u64,
    pattern: String,
    new_only: bool,
    all_names: bool,
    running: Option<Running>,
    modified: BTreeMap<String, u64>,
}

struct Running {
    ssc: StreamingContext,
    batches: Batches<String>,
    started: bool,
}

impl Watched {
    fn new(case: &Case<'_>) -> Result<Self, String> {
        let root = tempfile::tempdir().map_err(text)?;
        let place = root.path().display().to_string();
        let pattern = match case.get("directory") {
            None => place,
            Some(_) => {
                let told = case.text("directory")?;
                let (path, comment) = match holes(told, "{*} ({*})") {
                    Some([path, comment]) => (path, comment),
                    None => (told, "glob"),
                };
                match holes(comment, "glob over subdirectories {*}") {
                    Some([names]) => clauses(names, ',')
                        .into_iter()
                        .try_for_each(|name| create_dir_all(root.path().join(name)))
                        .map_err(text)?,
                    None if comment == "glob" => {}
                    None => return unknown(comment),
                }
                path.replace("<root>", &place)
            }
        };
        let all_names = match case.get("filter").and_then(Value::as_str) {
            None | Some("default") => false,
            Some("accept all") => true,
            Some(other) => return unknown(other),
        };
        let new_only =
            case.get("new_files_only").map(|_| case.flag("new_files_only")).transpose()?;
        Ok(Self {
            root,
            clock: Arc::new(ManualClock::new()),
            batch_ms: case.int("batch_ms")?,
            pattern,
            new_only: new_only.unwrap_or(true),
            all_names,
            running: None,
            modified: BTreeMap::new(),
        })
    }

    fn create(&mut self, name: &str, content: &str, modified_ms: u64) -> Outcome {
        self.modified.insert(name.to_owned(), modified_ms);
        create(&self.root.path().join(name), content.as_bytes(), modified_ms)
    }

    fn running(&mut self) -> Result<&mut Running, String> {
        if self.running.is_none() {
            let ssc = context(&self.clock, self.batch_ms)?;
            let stream = if self.new_only && !self.all_names {
                ssc.text_file_stream(&self.pattern)
            } else {
                let all_names = self.all_names;
                let accept = move |path: &Path| all_names || accept_visible(path);
                let read = |path: &Path| text_lines(path, 1 << 20);
                ssc.file_stream(&self.pattern, accept, self.new_only, read)
            };
            let batches = collect(&stream.map_err(text)?)?;
            self.running = Some(Running { ssc, batches, started: false });
        }
        self.running.as_mut().ok_or_else(|| "there is no context".into())
    }

    fn start(&mut self) -> Outcome {
        let running = self.running()?;
        running.started = true;
        running.ssc.start().map_err(text)
    }

    /// Moves the clock, and waits for the batches that are due by then; how many these were.
    fn advance(&mut self, ms: u64) -> Result<u64, String> {
        let before = now_ms(&self.clock) / self.batch_ms;
        self.clock.advance(Duration::from_millis(ms));
        let after = now_ms(&self.clock) / self.batch_ms;
        let Some(running) = self.running.as_ref().filter(|running| running.started) else {
            return Ok(0);
        };
        let last = Time::from_ms(after * self.batch_ms);
        if after > before && !running.ssc.await_batch(last, PATIENCE) {
            return Err(format!("the batch at {last} does not end"));
        }
        Ok(after - before)
    }

    fn batches(&self) -> Result<Vec<Vec<String>>, String> {
        let running = self.running.as_ref().ok_or("nothing was started")?;
        let mut batches: Vec<_> =
            running.batches.lock().expect("batches").values().cloned().collect();
        batches.iter_mut().for_each(|batch| batch.sort());
        Ok(batches)
    }

    /// Does what an event says. Its parts are set off by semicolons, and by commas.
    fn event(&mut self, event: &str) -> Outcome {
        for clause in clauses(event, ';') {
            if self.act(clause)? {
                continue;
            }
            for part in clauses(clause, ',') {
                if !self.act(part)? {
                    return unknown(part);
                }
            }
        }
        Ok(())
    }

    /// When a file was written: `10000`, `clock` or `clock (13000)`.
    fn time_of(&self, text: &str) -> Result<u64, String> {
        let now = now_ms(&self.clock);
        match holes(text, "clock ({n})") {
            Some([ms]) => same("clock", now, number(ms)?).map(|()| now),
            None if text == "clock" => Ok(now),
            None => number(text),
        }
    }

    /// Whether a clause is understood.
    fn act(&mut self, clause: &str) -> Result<bool, String> {
        Ok(self.make_files(clause)? || self.make_many(clause)? || self.pass_time(clause)?)
    }

    fn make_files(&mut self, clause: &str) -> Result<bool, String> {
        let clause = clause.strip_suffix(" before the context exists").unwrap_or(clause);
        let clause = clause.strip_suffix(" exists").unwrap_or(clause);
        let made = clause.strip_prefix("create ").unwrap_or(clause);
        if let Some([name, content, time]) = holes(made, "file {q} content {q} mtime={*}") {
            let content = content.replace("\\n", "\n");
            let time = self.time_of(time)?;
            self.create(name, &content, time)?;
        } else if let Some([name, time, _]) =
            holes(made, "file {q} with mtime {n} directly under <root>{*}")
        {
            self.create(name, &format!("{name}\n"), number(time)?)?;
        } else if let Some([path, time]) = holes(made, "write {w} with mtime = {*}") {
            let time = self.time_of(time)?;
            self.create(path, &stem(path), time)?;
        } else if let Some([path]) = holes(made, "write {w}") {
            // Some time, which the clock is set by afterwards.
            let time = now_ms(&self.clock).max(10_000);
            self.create(path, &stem(path), time)?;
        } else if let Some([from, to]) = holes(made, "rename {w} -> {w}") {
            let of = |name: &str| self.root.path().join(name);
            create_dir_all(of(to).parent().unwrap_or(Path::new(""))).map_err(text)?;
            rename(of(from), of(to)).map_err(text)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Clauses that stand for many files, with batches between them.
    fn make_many(&mut self, clause: &str) -> Result<bool, String> {
        let many = "create files {*} under {w}{*}, mtime=clock, advance one batch each";
        if let Some([numbers, folder, _]) = holes(clause, many) {
            for part in numbers.split(" then ") {
                for n in range(part).ok_or_else(|| format!("{part:?} is no range"))? {
                    self.create(&format!("{folder}/{n}"), &format!("{n}\n"), now_ms(&self.clock))?;
                    self.advance(self.batch_ms)?;
                }
            }
            return Ok(true);
        }
        let apart = "{w} files {*} with lines {n}..{n} created {*} apart after start";
        let Some([count, names, from, to, span]) = holes(clause, apart) else { return Ok(false) };
        let span = span_ms(span).ok_or_else(|| format!("{span:?} is no time"))?;
        let names = clauses(names, ',');
        let words = ["no", "one", "two", "three", "four", "five", "six"];
        let count_of = words.iter().position(|word| *word == count);
        same("files", count_of.or_else(|| count.parse().ok()), Some(names.len()))?;
        let lines: String = (number(from)?..=number(to)?).map(|n| format!("{n}\n")).collect();
        self.start()?;
        for name in names {
            // Between two batches.
            self.advance(self.batch_ms / 2)?;
            self.create(name, &lines, now_ms(&self.clock))?;
            self.advance(span.max(self.batch_ms) - self.batch_ms / 2)?;
        }
        Ok(true)
    }

    fn pass_time(&mut self, clause: &str) -> Result<bool, String> {
        let (what, comment) = match holes(clause, "{*} ({*})") {
            Some([what, comment]) => (what, comment),
            None => (clause, ""),
        };
        let (mut passed, mut total) = (0, 0);
        let at = what.strip_prefix("set ").or_else(|| what.strip_prefix("manual "));
        if let Some([ms]) = holes(at.unwrap_or(what), "clock {n}")
            .or_else(|| holes(at.unwrap_or(what), "clock at {n}"))
        {
            self.clock.set(number(ms)? * 1_000_000);
        } else if let Some([name, ms]) = holes(clause, "clock = mtime({w})+{n}") {
            let suffix = format!("/{name}");
            let found =
                self.modified.iter().find(|(path, _)| *path == name || path.ends_with(&suffix));
            let modified = *found.ok_or_else(|| format!("there is no file {name}"))?.1;
            self.clock.set((modified + number(ms)?) * 1_000_000);
            return Ok(true);
        } else if let Some([ms]) = holes(what, "advance {n}") {
            passed = self.advance(number(ms)?)?;
        } else if let Some([count, _]) = holes(what, "run {n} batch{*}") {
            if self.running.as_ref().is_none_or(|running| !running.started) {
                self.start()?;
            }
            passed = self.advance(number(count)? * self.batch_ms)?;
        } else if let Some([count]) = holes(clause, "wait batch {n} complete") {
            same("batches", self.batches()?.len() as u64, number(count)?)?;
        } else {
            match what {
                "create stream" => drop(self.running()?),
                "start" => self.start()?,
                _ => return Ok(false),
            }
        }
        if self.running.is_some() {
            total = self.batches()?.len() as u64;
        }
        for part in clauses(comment, ',') {
            self.check_comment(part, passed, total)?;
        }
        Ok(true)
    }

    /// What is said in brackets of the batches that have passed.
    fn check_comment(&self, comment: &str, passed: u64, total: u64) -> Outcome {
        if let Some([n]) = holes(comment, "batch {n}") {
            return same(comment, total, number(n)?);
        }
        if let Some([ms]) = holes(comment, "time {n}") {
            return same(comment, now_ms(&self.clock) / self.batch_ms * self.batch_ms, number(ms)?);
        }
        match comment {
            "no batch" => same(comment, passed, 0),
            "nothing matches" => {
                same(comment, self.batches()?.last().map(Vec::is_empty), Some(true))
            }
            _ => unknown(comment),
        }
    }
}

/// The line of a file that is written without saying what is in it.
fn stem(path: &str) -> String {
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    format!("{stem}\n")
}

/// Lines as a case writes them: as texts, or as numbers.
fn as_in(expected: &Value, lines: &[Vec<String>]) -> Value {
    let numbers = expected.to_string().contains(|c: char| c.is_ascii_digit())
        && !expected.to_string().contains('"');
    let shown = |line: &String| match line.parse::<i64>() {
        Ok(number) if numbers => json!(number),
        _ => json!(line),
    };
    lines.iter().map(|batch| batch.iter().map(shown).collect::<Value>()).collect()
}

pub(super) fn file_stream(case: &Case<'_>) -> Outcome {
    let mut watched = Watched::new(case)?;
    for event in case.list("events")? {
        let event = event.as_str().or_else(|| event["do"].as_str()).ok_or("an event is no text")?;
        watched.event(event).map_err(|why| format!("{event}: {why}"))?;
    }
    let running = watched.running()?;
    if case.get("zero_time_ms").is_some() {
        let zero = running.ssc.zero_time().map(Time::as_ms);
        same("zero time", zero, Some(case.int("zero_time_ms")?))?;
    }
    if let Some(want) = case.get("batch_times_ms") {
        let times: Vec<u64> = running.batches.lock().expect("batches").keys().copied().collect();
        same("batch times", &json!(times), want)?;
    }
    running.ssc.await_termination_or_timeout(Duration::ZERO).map_err(text)?;
    running.ssc.stop(KEEP).map_err(text)?;
    let batches = watched.batches()?;
    let mut checks = 0;
    for field in ["expected", "expected_batches"] {
        if let Some(want) = case.get(field) {
            same(field, &as_in(want, &batches), want)?;
            checks += 1;
        }
    }
    if let Some(want) = case.get("expected_non_empty") {
        let full: Vec<_> = batches.iter().filter(|batch| !batch.is_empty()).cloned().collect();
        same("batches that are not empty", &as_in(want, &full), want)?;
        checks += 1;
    }
    if let Some(want) = case.get("expected_set") {
        let mut all = batches.concat();
        all.sort();
        let mut want: Vec<&str> = list(want)?.iter().filter_map(Value::as_str).collect();
        want.sort_unstable();
        same("all", all.iter().map(String::as_str).collect::<Vec<_>>(), want)?;
        checks += 1;
    }
    if checks == 0 { Err("the case expects nothing".into()) } else { Ok(()) }
}

/// One file each batch.
pub(super) fn file_stream_binary(case: &Case<'_>) -> Outcome {
    let (batch_ms, length) = (case.int("batch_ms")?, case.int("record_length")? as usize);
    let folder = tempfile::tempdir().map_err(text)?;
    let clock = Arc::new(ManualClock::new());
    let ssc = context(&clock, batch_ms)?;
    let place = folder.path().display().to_string();
    let records = collect(&ssc.binary_records_stream(&place, length).map_err(text)?)?;
    ssc.start().map_err(text)?;
    let mut files = Vec::new();
    for (n, file) in list(&case["files"])?.iter().enumerate() {
        let bytes: Vec<u8> = serde_json::from_value(file.clone()).map_err(text)?;
        clock.advance(Duration::from_millis(batch_ms));
        let time_ms = now_ms(&clock);
        // Written at the end of the batch before, which does not have it.
        if !ssc.await_batch(Time::from_ms(time_ms), PATIENCE) {
            return Err(format!("the batch at {time_ms} does not end"));
        }
        let path: PathBuf = folder.path().join(n.to_string());
        create(&path, &bytes, time_ms + 1)?;
        files.push(bytes);
    }
    clock.advance(Duration::from_millis(batch_ms));
    let last = Time::from_ms(now_ms(&clock));
    same("the last batch ends", ssc.await_batch(last, PATIENCE), true)?;
    let outcome = ssc.await_termination_or_timeout(Duration::ZERO);
    ssc.stop(KEEP).map_err(text)?;
    if case.get("expect").is_some_and(|expect| expect == "error") {
        let (error, gist) = (outcome.err().ok_or("no error")?, case.text("message_gist")?);
        return same(&error, error.to_string().contains(gist), true);
    }
    outcome.map_err(text)?;
    same("in order", case.flag("expected_per_file_in_order")?, true)?;
    let batches = records.lock().expect("batches");
    let got: Vec<_> = batches.values().filter(|batch| !batch.is_empty()).cloned().collect();
    let want: Vec<Vec<Vec<u8>>> =
        files.iter().map(|bytes| bytes.chunks(length).map(<[u8]>::to_vec).collect()).collect();
    same("records", got, want)
}
