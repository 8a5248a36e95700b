//! The received-block tracker. Cases tell its life in steps, of which each is some clauses.

use super::tracker_words::{Known, LogFiles, STREAM, Words, block, ids, log_files, shown};
use super::{Case, Outcome, same, text};
use crate::phrases::{clauses, holes, is, number, span_ms, unknown};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock, SystemClock};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::{LogEvent, ReceivedBlockTracker, TrackerError};
use weir_microbatch::wal::{
    FileBasedWriteAheadLog, FileWalOptions, LogFile, Records, WalError, WalHandle, WalRegistry,
    WalRole, WriteAheadLog, deaggregate,
};

pub(super) fn block_tracker(case: &Case<'_>) -> Outcome {
    let mut driver = Driver::new(case)?;
    for step in case.list("steps")? {
        let step = Case::new(step);
        driver.begin_step()?;
        let mut refused = None;
        if step.get("do").is_some() {
            for clause in clauses(step.text("do")?, ';') {
                let done = driver.act(clause).map_err(|why| format!("{clause}: {why}"))?;
                refused = refused.or(done.err());
            }
        }
        driver.check(&step["expect"], refused).map_err(|why| {
            format!("{}: {why}", step.get("do").and_then(Value::as_str).unwrap_or("after that"))
        })?;
        driver.before = driver.known();
        step.finished()?;
    }
    Ok(())
}

/// A log that refuses to be written to when it is told to.
#[derive(Debug)]
struct Failing {
    log: Arc<dyn WriteAheadLog>,
    fails: Arc<AtomicBool>,
}

impl WriteAheadLog for Failing {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(WalError::Other("the disk is full".into()));
        }
        self.log.write(record, time_ms)
    }
    fn read(&self, handle: &WalHandle) -> Result<Vec<u8>, WalError> {
        self.log.read(handle)
    }
    fn read_all(&self) -> Result<Records, WalError> {
        self.log.read_all()
    }
    fn clean(&self, threshold_ms: u64, wait: bool) -> Result<(), WalError> {
        self.log.clean(threshold_ms, wait)
    }
    fn close(&self) {
        self.log.close();
    }
    fn describe(&self) -> String {
        "Failing".into()
    }
}

/// A tracker in a folder, at a time.
struct Driver {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    settings: Settings,
    logged: bool,
    fails: Arc<AtomicBool>,
    words: Words,
    /// What was in the folder before the first step.
    files: LogFiles,
    tracker: Option<ReceivedBlockTracker>,
    /// The files that there were when the step began.
    files_before: Vec<LogFile>,
    /// What the tracker knew after the step before.
    before: Option<Known>,
    /// What trackers knew that were recovered from different files in this step.
    variants: Vec<Known>,
}

type Done = Result<Result<(), TrackerError>, String>;

impl Driver {
    fn new(case: &Case<'_>) -> Result<Self, String> {
        let params = case.part("params");
        // Steps say by how much the clock moves.
        params.comment("clock_increment_ms");
        let key = "spark.streaming.driver.writeAheadLog";
        let batching = params.get("allow_batching").is_some_and(|flag| flag == true);
        let rolling = params.int_or("driver_rolling_interval_s", 1)?;
        params.finished()?;
        let settings = Settings::default()
            .set(&format!("{key}.rollingIntervalSecs"), rolling.to_string())
            .set(&format!("{key}.allowBatching"), batching.to_string());
        let mut words = Words::default();
        let files = log_files(&mut words, &case["files"])?;
        let driver = Self {
            folder: tempfile::tempdir().map_err(text)?,
            clock: Arc::new(ManualClock::new()),
            settings,
            logged: case.get("wal").is_none_or(|wal| wal == true),
            fails: Arc::default(),
            words,
            files,
            tracker: None,
            files_before: Vec::new(),
            before: None,
            variants: Vec::new(),
        };
        driver.files.iter().try_for_each(|file| driver.make_file(file))?;
        Ok(driver)
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ns() / 1_000_000
    }

    /// Writes a log file as the log itself does.
    fn make_file(&self, (start, stop, events): &(u64, u64, Vec<LogEvent>)) -> Outcome {
        let options =
            FileWalOptions { rolling_interval_ms: stop - start, ..FileWalOptions::default() };
        let log = FileBasedWriteAheadLog::new(self.folder.path(), options).map_err(text)?;
        for event in events {
            log.write(&event.to_bytes().map_err(text)?, *start).map_err(text)?;
        }
        log.close();
        let made = LogFile::new(self.folder.path(), *start, *stop).path;
        same("file", made.exists(), true)
    }

    fn begin_step(&mut self) -> Outcome {
        self.files_before = self.log_files()?;
        self.variants.clear();
        Ok(())
    }

    fn log_files(&self) -> Result<Vec<LogFile>, String> {
        LogFile::list(self.folder.path()).map_err(text)
    }

    fn make(&mut self, logged: bool, recover: bool) -> Outcome {
        if let Some(old) = self.tracker.take() {
            old.stop();
        }
        let mut log = None;
        if logged {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
            let registry = WalRegistry::new();
            let (folder, settings) = (self.folder.path(), &self.settings);
            let made = registry.create(WalRole::Driver, settings, folder, &clock).map_err(text)?;
            let failing = Failing { log: made, fails: Arc::clone(&self.fails) };
            log = Some(Arc::new(failing) as Arc<dyn WriteAheadLog>);
        }
        let made = ReceivedBlockTracker::new([STREAM], self.clock.clone(), log, recover);
        self.tracker = Some(made.map_err(text)?);
        Ok(())
    }

    /// The tracker; one that recovers, if there is none yet.
    fn tracker(&mut self) -> Result<&ReceivedBlockTracker, String> {
        if self.tracker.is_none() {
            self.make(self.logged, true)?;
        }
        self.tracker.as_ref().ok_or_else(|| "there is no tracker".into())
    }

    /// What the tracker knows of the times that were named.
    fn known(&self) -> Option<Known> {
        let tracker = self.tracker.as_ref()?;
        let times = self.words.times().into_iter();
        let batch = |ms| (ms, ids(&tracker.blocks_of_batch_and_stream(ms, STREAM)));
        let batches = times.map(batch).filter(|(_, blocks)| !blocks.is_empty()).collect();
        Some(Known { batches, unallocated: ids(&tracker.unallocated_blocks(STREAM)) })
    }

    /// Does what a clause says; inside, whether the tracker refused it.
    fn act(&mut self, clause: &str) -> Done {
        // "tracker1 add A(5)": there is one at a time.
        let clause = match holes(clause, "tracker{n} {*}") {
            Some([_, rest]) if !rest.starts_with("with") => rest,
            _ => clause,
        };
        if let Some([blocks]) = holes(clause, "add {*}") {
            let blocks = self.words.blocks(blocks)?;
            let tracker = self.tracker()?;
            return Ok(blocks.into_iter().try_for_each(|n| tracker.add_block(block(n))));
        }
        if let Some([time, how]) = holes(clause, "allocate({w}){*}") {
            return self.allocate(time, how.trim());
        }
        if let Some([threshold]) = holes(clause, "cleanupOldBatches({*})") {
            return self.clean(threshold);
        }
        if let Some([files]) = holes(clause, "recreate {*} and recover") {
            return self.recreate(files).map(Ok);
        }
        if let Some([by]) = holes(clause, "+{*}") {
            let ms = span_ms(by).ok_or_else(|| format!("{by:?} is no time"))?;
            self.clock.advance(Duration::from_millis(ms));
            return Ok(Ok(()));
        }
        if let Some([at]) = holes(clause, "recover at clock {n}") {
            self.clock.set(number(at)? * 1_000_000);
            self.recover()?;
            return Ok(Ok(()));
        }
        match clause {
            "new tracker without checkpoint dir" => self.make(false, false)?,
            "new tracker" => self.make(self.logged, false)?,
            "recover" => self.recover()?,
            "stop" => self.tracker()?.stop(),
            _ if is(clause, "tracker{*}without recovery") => self.make(self.logged, false)?,
            _ if is(clause, "tracker{*}with recovery") => self.recover()?,
            _ => return unknown(clause),
        }
        Ok(Ok(()))
    }

    /// Makes a tracker of what is in the files. If the case says what was in them, that is known now.
    fn recover(&mut self) -> Outcome {
        self.make(self.logged, true)?;
        if self.before.is_none() && !self.files.is_empty() {
            same("recovered", self.known(), Some(Known::of(&self.files)))?;
        }
        Ok(())
    }

    fn allocate(&mut self, time: &str, how: &str) -> Done {
        let (how, no_op) = match how.strip_suffix("-> no-op") {
            Some(how) => (how.trim(), true),
            None => (how, false),
        };
        let fails = match how {
            "" | "again" | "with WAL ok" => false,
            "with WAL write throwing" | "with WAL write failing" => true,
            _ if is(how, "again ({*})") => false,
            _ => return unknown(how),
        };
        let now_ms = self.now_ms();
        let batch_ms = self.words.time(time, now_ms)?;
        self.tracker()?;
        let before = self.known();
        self.fails.store(fails, Ordering::Relaxed);
        let done = self.tracker()?.allocate_blocks_to_batch(batch_ms);
        self.fails.store(false, Ordering::Relaxed);
        if no_op {
            same("after the no-op", self.known(), before)?;
        }
        Ok(done)
    }

    /// Of several thresholds, all are refused or none is.
    fn clean(&mut self, threshold: &str) -> Done {
        if self.now_ms() == 0 {
            self.clock.advance(Duration::from_secs(1));
        }
        let now_ms = self.now_ms();
        let thresholds = match threshold {
            "thresh >= clock now" => vec![now_ms, now_ms + 1],
            "thresh < clock now" => vec![now_ms - 1],
            time => vec![self.words.time(time, now_ms)?],
        };
        let tracker = self.tracker()?;
        let done: Vec<_> =
            thresholds.into_iter().map(|ms| tracker.cleanup_old_batches(ms, true)).collect();
        same("refused", done.iter().all(Result::is_err), done.iter().any(Result::is_err))?;
        Ok(done.into_iter().next().unwrap_or(Ok(())))
    }

    /// Recovers from every choice of files that are there again: `X`, `X and Y`, `X and/or Y`.
    fn recreate(&mut self, text: &str) -> Outcome {
        let any = text.contains(" and/or ");
        let names: Vec<_> = text.split(if any { " and/or " } else { " and " }).collect();
        let mut named = Vec::new();
        for name in names {
            let file = self
                .files
                .iter()
                .find(|(start, stop, _)| format!("log-{start}-{stop}") == name.trim());
            named.push(file.cloned().ok_or_else(|| format!("there was no file {name}"))?);
        }
        let all = (1_u32 << named.len()) - 1;
        for choice in if any { 1..=all } else { all..=all } {
            for (n, file) in named.iter().enumerate() {
                let path = LogFile::new(self.folder.path(), file.0, file.1).path;
                if path.exists() {
                    std::fs::remove_file(path).map_err(|error| error.to_string())?;
                }
                if choice & (1 << n) != 0 {
                    self.make_file(file)?;
                }
            }
            self.make(self.logged, true)?;
            self.variants.extend(self.known());
        }
        Ok(())
    }

    fn check(&mut self, expected: &Value, refused: Option<TrackerError>) -> Outcome {
        let mut wants_error = false;
        match expected {
            Value::Null => {}
            Value::String(expected) => wants_error = self.check_text(expected, refused.as_ref())?,
            Value::Object(fields) => {
                for (field, want) in fields {
                    if field == "error" {
                        same(field, json!(refused.is_some()), want.clone())?;
                        wants_error = want == true;
                    } else {
                        self.check_field(field, want)?;
                    }
                }
            }
            other => return Err(format!("expectation {other} is not known")),
        }
        match refused {
            Some(error) if !wants_error => Err(format!("refused: {error}")),
            _ => Ok(()),
        }
    }

    /// Whether an error was expected.
    fn check_text(&self, want: &str, refused: Option<&TrackerError>) -> Result<bool, String> {
        if want == "ok" {
            return Ok(false);
        }
        if let Some([class, _]) = holes(want, "error {w}{*}") {
            let error = refused.ok_or("no error")?.to_string();
            let requirement = error.starts_with("requirement failed");
            return same(&error, requirement, class.contains("IllegalArgument")).map(|()| true);
        }
        let Some([batches]) = holes(want, "same state as before for batches {*}") else {
            return unknown(want);
        };
        let (batches, none) = match holes(batches, "{*} ({n} -> none)") {
            Some([batches, none]) => (batches, Some(number(none)?)),
            None => (batches, None),
        };
        let before = self.before.as_ref().ok_or("there is no before")?;
        same("recoveries", self.variants.is_empty(), false)?;
        for known in &self.variants {
            for batch in clauses(batches, ',') {
                let ms = number(batch)?;
                same(batch, known.batches.get(&ms), before.batches.get(&ms))?;
            }
            same("unallocated", &known.unallocated, &before.unallocated)?;
            if let Some(none) = none {
                same(none, known.batches.get(&none), None)?;
            }
        }
        Ok(false)
    }

    fn check_field(&mut self, field: &str, want: &Value) -> Outcome {
        let got = match field {
            "walEnabled" => json!(self.tracker()?.is_write_ahead_log_enabled()),
            "hasUnallocated" => json!(self.tracker()?.has_unallocated_received_blocks()),
            "blockIdValid" => {
                let blocks = self.tracker()?.unallocated_blocks(STREAM);
                let valid = |valid| blocks.iter().all(|block| block.is_block_id_valid == valid);
                same("blocks", blocks.is_empty(), false)?;
                if valid(true) { json!(true) } else { json!(!valid(false)) }
            }
            "unallocated" => {
                let got = ids(&self.tracker()?.unallocated_blocks(STREAM));
                return same(field, got, self.words.expected(want)?);
            }
            "wal_files" => json!(self.log_files()?.len()),
            "oldest log file deleted" => {
                let oldest = self.files_before.first().ok_or("there was no file")?;
                json!(!oldest.path.exists())
            }
            "wal" | "wal_records" | "wal last file contains" => {
                return self.check_log(field, want);
            }
            batch => return self.check_batch(batch, want),
        };
        same(field, &got, want)
    }

    fn check_batch(&mut self, field: &str, want: &Value) -> Outcome {
        if let Some([time]) = holes(field, "getBlocksOfBatch({w})") {
            let ms = self.words.time(time, 0)?;
            let got = self.tracker()?.blocks_of_batch(ms);
            let mut wanted = Vec::new();
            for (_, blocks) in want.as_object().ok_or("no streams")? {
                wanted.push(self.words.expected(blocks)?);
            }
            return same(field, got.values().map(|all| ids(all)).collect::<Vec<_>>(), wanted);
        }
        if let Some([time]) = holes(field, "batch{n}_size") {
            let ms = self.words.time(time, 0)?;
            let got = self.tracker()?.blocks_of_batch_and_stream(ms, STREAM).len();
            return same(field, &json!(got), want);
        }
        let time = field.strip_prefix("batch").unwrap_or(field).trim();
        let ms = self.words.time(time, 0)?;
        let got = ids(&self.tracker()?.blocks_of_batch_and_stream(ms, STREAM));
        same(field, got, self.words.expected(want)?)
    }

    /// All events in some files, as a log reads them that has no others.
    fn events(files: &[LogFile]) -> Result<Vec<LogEvent>, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        for file in files {
            let copy = LogFile::new(folder.path(), file.start_ms, file.stop_ms).path;
            std::fs::copy(&file.path, copy).map_err(text)?;
        }
        let log = FileBasedWriteAheadLog::new(folder.path(), FileWalOptions::default());
        let mut events = Vec::new();
        for record in log.map_err(text)?.read_all().map_err(text)? {
            for event in deaggregate(record.map_err(text)?) {
                events.push(LogEvent::from_bytes(&event).map_err(text)?);
            }
        }
        Ok(events)
    }

    fn check_log(&mut self, field: &str, want: &Value) -> Outcome {
        let files = self.log_files()?;
        if field == "wal last file contains" {
            let want = self.words.events(want.as_str().ok_or("no event")?)?;
            let last = files.last().ok_or("there is no file")?;
            let got = Self::events(std::slice::from_ref(last))?;
            let got: Vec<_> = got.iter().map(shown).collect();
            let found = want.iter().all(|event| got.contains(&shown(event)));
            return if found { Ok(()) } else { Err(format!("{got:?}")) };
        }
        let got = Self::events(&files)?;
        let Some(counts) = want.as_str() else {
            let mut wanted = Vec::new();
            for event in want.as_array().ok_or("no events")? {
                wanted.extend(self.words.events(event.as_str().ok_or("no event")?)?);
            }
            let shown_all = |events: &[LogEvent]| events.iter().map(shown).collect::<Vec<_>>();
            return same(field, shown_all(&got), shown_all(&wanted));
        };
        // "5 BlockAddition + 1 BatchAllocation"
        let mut total = 0;
        for part in clauses(counts, '+') {
            let Some([count, kind]) = holes(part, "{n} {w}") else { return unknown(part) };
            let of_kind = |event: &&LogEvent| match event {
                LogEvent::BlockAddition(_) => kind == "BlockAddition",
                LogEvent::BatchAllocation { .. } => kind == "BatchAllocation",
                LogEvent::BatchCleanup { .. } => kind == "BatchCleanup",
            };
            same(part, got.iter().filter(of_kind).count() as u64, number(count)?)?;
            total += number(count)?;
        }
        same("all events", got.len() as u64, total)
    }
}
