//! Block generation and storage.

use super::{Case, Outcome, int, list, same, text};
use crate::phrases::{clauses, holes, is, number, range, unknown};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_microbatch::receiver::{
    BlockGenerator, BlockGeneratorListener, BlockHandler, BlockStore, Codec, ReceivedBlock,
    StorageLevel,
};
use weir_microbatch::settings::Settings;
use weir_microbatch::tracker::BlockId;
use weir_microbatch::wal::{FileBasedWriteAheadLog, FileWalOptions, WriteAheadLog};

#[derive(Debug, Default)]
struct Seen {
    metadata: Mutex<Vec<String>>,
    added: Mutex<Vec<u64>>,
    generated: Mutex<usize>,
    pushed: Mutex<Vec<u64>>,
}

impl BlockGeneratorListener<u64, String> for Seen {
    fn on_add_data(&self, data: &[u64], metadata: String) {
        self.added.lock().expect("data").extend(data);
        self.metadata.lock().expect("metadata").push(metadata);
    }
    fn on_generate_block(&self, _: BlockId) {
        *self.generated.lock().expect("a count") += 1;
    }
    fn on_push_block(&self, _: BlockId, records: Vec<u64>) -> Result<(), String> {
        self.pushed.lock().expect("records").extend(records);
        Ok(())
    }
    fn on_error(&self, message: &str, cause: &str) {
        panic!("{message}: {cause}");
    }
}

/// Waits for something that another thread does without the clock.
fn until(what: &str, mut done: impl FnMut() -> bool) -> Outcome {
    let clock = weir_dataflow::SystemClock::new();
    while !done() {
        if clock.now_ns() > 20_000_000_000 {
            return Err(format!("{what} does not happen"));
        }
        std::thread::yield_now();
    }
    Ok(())
}

/// How many blocks a receiver that always has data makes in a batch.
pub(super) fn blocks_in(batch: Duration, interval: Duration) -> Result<usize, String> {
    let (clock, seen) = (Arc::new(ManualClock::new()), Arc::new(Seen::default()));
    let settings = Settings::default()
        .set("spark.streaming.blockInterval", format!("{}ms", interval.as_millis()));
    let generator = BlockGenerator::new(0, &settings, clock.clone(), seen.clone()).map_err(text)?;
    let mut run =
        Generation { clock, seen, generator: Arc::new(generator), interval, stopping: None };
    run.generator.start().map_err(text)?;
    let generated = |run: &Generation| *run.seen.generated.lock().expect("a count");
    let mut now = interval;
    while now <= batch {
        let before = generated(&run);
        run.generator.add_data(1).map_err(text)?;
        run.clock.advance(interval);
        until("a block", || generated(&run) > before)?;
        now += interval;
    }
    let blocks = generated(&run);
    run.stop()?;
    run.finish()?;
    // What comes before the first interval is over is a block of its own in the end.
    Ok(blocks.max(1))
}

fn numbers(value: &Value) -> Result<Vec<u64>, String> {
    list(value)?.iter().map(int).collect()
}

pub(super) fn block_generator(case: &Case<'_>) -> Outcome {
    let clock = Arc::new(ManualClock::new());
    let seen = Arc::new(Seen::default());
    let interval = Duration::from_millis(case.int("block_interval_ms")?);
    let settings = Settings::default()
        .set("spark.streaming.blockInterval", format!("{}ms", interval.as_millis()));
    let generator = BlockGenerator::new(0, &settings, clock.clone(), seen.clone()).map_err(text)?;
    let generator = Arc::new(generator);
    let mut run = Generation { clock, seen, generator, interval, stopping: None };
    for step in case.list("steps")? {
        let step = Case::new(step);
        let what = step.text("do")?;
        run.step(what, &step["expect"]).map_err(|why| format!("{what}: {why}"))?;
        step.finished()?;
    }
    Ok(())
}

struct Generation {
    clock: Arc<ManualClock>,
    seen: Arc<Seen>,
    generator: Arc<BlockGenerator<u64, String>>,
    interval: Duration,
    stopping: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Generation {
    /// A case that failed may have left it running.
    fn drop(&mut self) {
        if self.generator.is_active() && self.stop().is_err() {
            return;
        }
        if let Some(stopping) = self.stopping.take()
            && self.finish().is_ok()
        {
            let _ = stopping.join();
        }
    }
}

/// Whether the generator refused something.
type Done = Result<(), String>;

impl Generation {
    fn step(&mut self, what: &str, expected: &Value) -> Outcome {
        let mut refused = None;
        for clause in clauses(what, ';') {
            refused = refused.or(self.act(clause)?.err());
        }
        match (expected.as_str(), refused) {
            (None, None) => self.check(expected),
            (Some("ok"), None) => Ok(()),
            (Some(want), Some(error)) => {
                let gist = match holes(want, "error {w}: {*}") {
                    Some([_, gist]) => gist,
                    None if is(want, "error {w}") => "",
                    None => return unknown(want),
                };
                if error.contains(gist) { Ok(()) } else { Err(format!("{error}; want {want}")) }
            }
            (want, refused) => Err(format!("refused: {refused:?}; want {want:?}")),
        }
    }

    /// Does what a clause says; inside, whether it was refused.
    fn act(&mut self, clause: &str) -> Result<Done, String> {
        let of = |text: &str| range(text).ok_or_else(|| format!("{text:?} is no range"));
        let generator = &self.generator;
        if let Some([records, metadata]) =
            holes(clause, "addMultipleDataWithCallback {w} metadata {q}")
        {
            let metadata = metadata.to_owned();
            let added = generator.add_multiple_data_with_callback(of(records)?, metadata);
            return Ok(added.map_err(text));
        }
        let with_metadata = "addDataWithCallback {w} with metadata str(i)";
        if let Some([records]) = holes(clause, with_metadata) {
            let mut all = of(records)?;
            let add = |n: u64| generator.add_data_with_callback(n, n.to_string());
            return Ok(all.try_for_each(add).map_err(text));
        }
        if let Some([records]) = holes(clause, "addData {w}").or_else(|| holes(clause, "add {w}"))
            && let Some(mut all) = range(records)
        {
            return Ok(all.try_for_each(|n| generator.add_data(n)).map_err(text));
        }
        if is(clause, "addData etc{*}") {
            return self.add_in_all_ways(&["addData", "addDataWithCallback", "addMultiple"]);
        }
        if clause.starts_with("addData") || clause.starts_with("addMultiple") {
            return self.add_in_all_ways(&clauses(clause, '/'));
        }
        if let Some([ms]) = holes(clause, "advance {n}") {
            self.clock.advance(Duration::from_millis(number(ms)?));
            return Ok(Ok(()));
        }
        match clause {
            "new" => {}
            "start" | "start again" => return Ok(generator.start().map_err(text)),
            "stop again" => generator.stop(),
            "stop" | "stop (in thread, clock advancing)" => {
                self.stop()?;
                self.finish()?;
            }
            "stop in thread" => self.stop()?,
            "stop stays blocked until the next interval fires" => {
                let waits = self.stopping.as_ref().is_some_and(|thread| !thread.is_finished());
                same("waits", waits, true)?;
            }
            "advance by block interval until the thread ends" => self.finish()?,
            _ => return unknown(clause),
        }
        Ok(Ok(()))
    }

    /// Adds a record in each way, of which all are refused or none is.
    fn add_in_all_ways(&self, ways: &[&str]) -> Result<Done, String> {
        let mut done = Vec::new();
        for way in ways {
            done.push(match *way {
                "addData" => self.generator.add_data(1),
                "addDataWithCallback" => self.generator.add_data_with_callback(1, String::new()),
                "addMultiple" | "addMultipleDataWithCallback" => {
                    self.generator.add_multiple_data_with_callback([1], String::new())
                }
                other => return unknown(other),
            });
        }
        same("refused", done.iter().all(Result::is_err), done.iter().any(Result::is_err))?;
        Ok(done.into_iter().next().unwrap_or(Ok(())).map_err(text))
    }

    fn stop(&mut self) -> Outcome {
        let generator = Arc::clone(&self.generator);
        let body = move || generator.stop();
        self.stopping = Some(std::thread::Builder::new().spawn(body).map_err(text)?);
        until("stopping", || !self.generator.is_active())
    }

    fn finish(&mut self) -> Outcome {
        let clock = Arc::clone(&self.clock);
        let (generator, interval) = (Arc::clone(&self.generator), self.interval);
        until("the end", || {
            clock.advance(interval);
            generator.is_stopped()
        })
    }

    fn check(&self, expected: &Value) -> Outcome {
        for (name, value) in expected.as_object().into_iter().flatten() {
            let happened = |pushed: bool| same(name, Some(pushed), value.as_bool());
            match name.as_str() {
                "active" => happened(self.generator.is_active())?,
                "stopped" => happened(self.generator.is_stopped())?,
                "callbacks" if value == "none" => {
                    let added = self.seen.metadata.lock().expect("metadata").len();
                    let pushed = self.seen.pushed.lock().expect("records").len();
                    same(name, (added, pushed), (0, 0))?;
                    same(name, *self.seen.generated.lock().expect("a count"), 0)?;
                }
                "onAddData" => happened(!self.seen.metadata.lock().expect("metadata").is_empty())?,
                "onGenerateBlock" if value == true => {
                    until(name, || *self.seen.generated.lock().expect("a count") > 0)?;
                }
                "onPushBlock" if value == true => {
                    until(name, || !self.seen.pushed.lock().expect("records").is_empty())?;
                }
                "onGenerateBlock" => happened(*self.seen.generated.lock().expect("a count") > 0)?,
                "onPushBlock" => happened(!self.seen.pushed.lock().expect("records").is_empty())?,
                "pushed" => {
                    let expected = numbers(value)?;
                    until(name, || {
                        self.seen.pushed.lock().expect("records").len() >= expected.len()
                    })?;
                    same(name, self.seen.pushed.lock().expect("records").clone(), expected)?;
                }
                "added" => {
                    same(name, self.seen.added.lock().expect("data").clone(), numbers(value)?)?
                }
                "metadata" => {
                    let got = self.seen.metadata.lock().expect("metadata").clone();
                    same(name, &serde_json::json!(got), value)?;
                }
                _ => return Err(format!("expectation {name} is not known")),
            }
        }
        Ok(())
    }
}

struct Stored {
    handler: BlockHandler<String>,
    _folder: tempfile::TempDir,
}

fn handler(level: StorageLevel, with_log: bool, max_bytes: u64) -> Result<Stored, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let store = Arc::new(BlockStore::new(Codec::serde(), max_bytes));
    let log = FileBasedWriteAheadLog::new(folder.path(), FileWalOptions::default());
    let log: Arc<dyn WriteAheadLog> = Arc::new(log.map_err(text)?);
    let handler = BlockHandler::new(store, level, with_log.then_some(log), clock);
    Ok(Stored { handler, _folder: folder })
}

/// What a block is made of, from `Iterator(70) MEMORY_ONLY not fitting in memory, WAL handler`.
struct Told {
    kind: String,
    count: u64,
    level: StorageLevel,
    fits: bool,
    handler: Option<String>,
}

fn told(block: &str) -> Result<Told, String> {
    let (what, handler) = match block.split_once(',') {
        Some((what, handler)) => (what, Some(handler.trim())),
        None => (block, None),
    };
    let handler = match handler.map(|handler| holes(handler, "{*} handler")) {
        None => None,
        Some(Some(["WAL"])) => Some("wal".to_owned()),
        Some(Some(["block manager"])) => Some("bm".to_owned()),
        Some(_) => return unknown(block),
    };
    let (what, fits) = match what.trim().strip_suffix("not fitting in memory") {
        Some(what) => (what.trim(), false),
        None => (what.trim(), true),
    };
    let (made, level) = what.split_once(' ').unwrap_or((what, "MEMORY_ONLY"));
    let level: weir_microbatch::StorageLevel =
        level.trim().parse().map_err(|_| format!("{level:?} is no storage level"))?;
    let (kind, count) = match holes(made, "{w}({n})") {
        Some([kind, count]) => (kind, number(count)?),
        None => (made, 3),
    };
    Ok(Told { kind: kind.to_owned(), count, level: level.into(), fits, handler })
}

pub(super) fn block_store(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let told = told(params.text("block")?)?;
    let logs: &[bool] = match params.text("handler")? {
        "any" => &[false, true],
        "wal" => &[true],
        "bm" => &[false],
        other => return unknown(other),
    };
    params.finished()?;
    if let Some(handler) = &told.handler {
        same("handler", handler.as_str(), params.text("handler")?)?;
    }
    let max_bytes = if told.fits { 1 << 20 } else { 100 };
    let records: Vec<String> = (0..told.count).map(|n| format!("{n:0>100}")).collect();
    let error = case.get("expect").is_some_and(|expect| expect == "error");
    for with_log in logs {
        let Stored { handler, _folder } = handler(told.level, *with_log, max_bytes)?;
        let data = match told.kind.as_str() {
            "ByteBuffer" => ReceivedBlock::Bytes(postcard::to_stdvec(&records).map_err(text)?),
            "ArrayBuffer" => ReceivedBlock::Records(records.clone()),
            "Iterator" => ReceivedBlock::Iterator(Box::new(records.clone().into_iter())),
            other => return unknown(other),
        };
        let stored = handler.store(BlockId::new(0, 1), data);
        if error {
            let (gist, error) = (case.text("message_gist")?, stored.err().ok_or("no error")?);
            same(&error, error.to_string().contains(gist), true)?;
            continue;
        }
        let info = stored.map_err(text)?;
        let wanted = case.get("expected_num_records").ok_or("expected_num_records is missing")?;
        same("records", &serde_json::json!(info.num_records), wanted)?;
        same("log", info.wal_handle.is_some(), *with_log)?;
        same("read", &*handler.read(&info, false).map_err(text)?, &records)?;
    }
    Ok(())
}

/// What a case does with blocks before they are read.
struct Reading {
    valid: bool,
    removed: bool,
    keep: bool,
}

/// From parameters or, where there are none, from the name.
fn reading(case: &Case<'_>, params: &Case<'_>) -> Result<Reading, String> {
    let mut told = Reading { valid: true, removed: false, keep: false };
    let name = case.name().split_once(": ").map_or(case.name(), |(_, what)| what);
    for word in name.split([' ', ',']) {
        let set = |value: &str| value.parse().map_err(|_| format!("{word:?} is not known"));
        match word.split_once('=') {
            Some(("isBlockIdValid", value)) => told.valid = set(value)?,
            Some(("storeInBlockManager", value)) => told.keep = set(value)?,
            Some(_) => return unknown(word),
            None => told.removed |= word == "removeBlocks",
        }
    }
    for (field, into) in [
        ("is_block_id_valid", &mut told.valid),
        ("store_in_block_manager", &mut told.keep),
        ("remove_blocks", &mut told.removed),
    ] {
        if params.get(field).is_some() {
            *into = params.flag(field)?;
        }
    }
    Ok(told)
}

/// The first blocks are in memory, and the last ones in the log.
pub(super) fn wal_rdd(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (blocks, here) = (params.int("partitions")?, params.int("in_block_manager")?);
    let logged = params.int("in_wal")?;
    let Reading { valid, removed, keep } = reading(case, &params)?;
    params.finished()?;
    if here > blocks || logged > blocks {
        return Err("more blocks than there are".into());
    }
    let Stored { handler, _folder } = handler(StorageLevel::MemoryOnly, true, 1 << 20)?;
    let (mut errors, mut wrong, mut missing) = (0, 0, 0);
    for n in 0..blocks {
        let id = BlockId::new(0, n);
        let records = vec![format!("{n}a"), format!("{n}b")];
        let mut info = handler.store(id, ReceivedBlock::Records(records.clone())).map_err(text)?;
        let store = handler.block_store();
        if n >= here || removed {
            store.remove(id);
        }
        if n < blocks - logged {
            info.wal_handle = None;
        }
        info.is_block_id_valid = valid;
        match handler.read(&info, keep) {
            Ok(read) => wrong += usize::from(*read != records),
            Err(_) => errors += 1,
        }
        missing += usize::from(!store.contains(id));
    }
    let expected = case.text("expected")?;
    let (what, comment) = match holes(expected, "{*} ({*})") {
        Some([what, comment]) => (what, comment),
        None => (expected, ""),
    };
    if is(what, "error {w}") {
        // One partition that fails is enough for the job to fail.
        same(comment, ["", "block manager is skipped"].contains(&comment), true)?;
        return same("some reading fails", errors > 0, true);
    }
    same(comment, ["", "RDD stays valid"].contains(&comment), true)?;
    same("failed and wrong", (errors, wrong), (0, 0))?;
    match what {
        "data" => Ok(()),
        "data and all blocks now in the block manager" => same("missing", missing, 0),
        _ => unknown(what),
    }
}
