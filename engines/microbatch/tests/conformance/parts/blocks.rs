//! Block generation, storage and tracking.

use super::{Outcome, int, list, same, text};
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

#[path = "tracker.rs"]
mod tracker;

pub(super) use tracker::block_tracker;

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

fn numbers(value: &Value) -> Result<Vec<u64>, String> {
    list(value)?.iter().map(int).collect()
}

pub(super) fn block_generator(case: &Value) -> Outcome {
    let clock = Arc::new(ManualClock::new());
    let seen = Arc::new(Seen::default());
    let interval = case["block_interval_ms"].to_string();
    let settings = Settings::default().set("spark.streaming.blockInterval", interval);
    let generator = BlockGenerator::new(0, &settings, clock.clone(), seen.clone()).map_err(text)?;
    let generator = Arc::new(generator);
    let mut run = Generation { clock, seen, generator, stopping: None };
    list(&case["steps"])?
        .iter()
        .try_for_each(|step| run.step(step).map_err(|why| format!("{}: {why}", step["do"])))
}

struct Generation {
    clock: Arc<ManualClock>,
    seen: Arc<Seen>,
    generator: Arc<BlockGenerator<u64, String>>,
    stopping: Option<std::thread::JoinHandle<()>>,
}

impl Generation {
    fn step(&mut self, step: &Value) -> Outcome {
        let what = step["do"].as_str().ok_or("a step is no text")?;
        let range = || {
            let (from, to) = what.split(' ').find_map(|word| word.split_once(".."))?;
            Some(from.parse::<u64>().ok()?..=to.trim_end_matches(';').parse::<u64>().ok()?)
        };
        match what.split([' ', ';']).next().unwrap_or_default() {
            _ if what.starts_with("start again") => {
                let error = self.generator.start().err().ok_or("no error")?.to_string();
                let expected = step["expect"].as_str().unwrap_or_default();
                same(&error, expected.contains(error.split(';').next().unwrap_or("?")), true)?;
            }
            "new" => {}
            "stop" if what == "stop again" => self.generator.stop(),
            "stop" if what.starts_with("stop stays") => {
                let waits = self.stopping.as_ref().is_some_and(|thread| !thread.is_finished());
                same("waits", waits, true)?;
            }
            "stop" => {
                self.stop()?;
                if what.contains("clock advancing") {
                    self.finish()?;
                }
            }
            "start" => {
                self.generator.start().map_err(text)?;
                if let Some(range) = range() {
                    for n in range {
                        self.generator.add_data(n).map_err(text)?;
                    }
                    self.clock.advance(Duration::from_millis(1));
                }
            }
            _ if range().is_none() && what.starts_with("addData") => self.refuses_data()?,
            "addData" => {
                for n in range().ok_or("no range")? {
                    self.generator.add_data(n).map_err(text)?;
                }
            }
            "addDataWithCallback" => {
                for n in range().ok_or("no range")? {
                    self.generator.add_data_with_callback(n, n.to_string()).map_err(text)?;
                }
            }
            "addMultipleDataWithCallback" => {
                let records = range().ok_or("no range")?;
                let added =
                    self.generator.add_multiple_data_with_callback(records, "metadata".into());
                added.map_err(text)?;
            }
            "advance" if what.contains("until the thread ends") => self.finish()?,
            "advance" => self.clock.advance(Duration::from_millis(10)),
            _ => return Err("the step is not known".into()),
        }
        self.check(&step["expect"])
    }

    fn refuses_data(&self) -> Outcome {
        let errors = [
            self.generator.add_data(1),
            self.generator.add_data_with_callback(1, String::new()),
            self.generator.add_multiple_data_with_callback([1], String::new()),
        ];
        for outcome in errors {
            let error = outcome.err().ok_or("no error")?.to_string();
            let gist = "Cannot add data as BlockGenerator has not been started or has been";
            same(&error, error.contains(gist), true)?;
        }
        Ok(())
    }

    fn stop(&mut self) -> Outcome {
        let generator = Arc::clone(&self.generator);
        let body = move || generator.stop();
        self.stopping = Some(std::thread::Builder::new().spawn(body).map_err(text)?);
        until("stopping", || !self.generator.is_active())
    }

    fn finish(&mut self) -> Outcome {
        let clock = Arc::clone(&self.clock);
        let generator = Arc::clone(&self.generator);
        until("the end", || {
            clock.advance(Duration::from_millis(10));
            generator.is_stopped()
        })
    }

    fn check(&self, expected: &Value) -> Outcome {
        for (name, value) in expected.as_object().into_iter().flatten() {
            let happened = |pushed: bool| same(name, Some(pushed), value.as_bool());
            match name.as_str() {
                "active" => happened(self.generator.is_active())?,
                "stopped" => happened(self.generator.is_stopped())?,
                "callbacks" => same(name, *self.seen.generated.lock().expect("a count"), 0)?,
                "onAddData" => happened(!self.seen.metadata.lock().expect("metadata").is_empty())?,
                "onGenerateBlock" | "onPushBlock" if value == true => {
                    until(name, || *self.seen.generated.lock().expect("a count") > 0)?;
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

pub(super) fn block_store(case: &Value) -> Outcome {
    let block = case["params"]["block"].as_str().ok_or("block is missing")?;
    let level = match block {
        _ if block.contains("MEMORY_AND_DISK") => StorageLevel::MemoryAndDisk,
        _ if block.contains("DISK_ONLY") => StorageLevel::DiskOnly,
        _ => StorageLevel::MemoryOnly,
    };
    let max_bytes = if block.contains("not fitting") { 100 } else { 1 << 20 };
    let count = block.split(['(', ')']).nth(1).map_or(Ok(3), str::parse).map_err(text)?;
    let records: Vec<String> = (0..count).map(|n: u64| format!("{n:0>100}")).collect();
    let logs: &[bool] = match case["params"]["handler"].as_str() {
        Some("any") => &[false, true],
        Some("wal") => &[true],
        Some("bm") => &[false],
        other => return Err(format!("handler {other:?} is not known")),
    };
    for with_log in logs {
        let Stored { handler, _folder } = handler(level, *with_log, max_bytes)?;
        let data = if block.starts_with("ByteBuffer") {
            ReceivedBlock::Bytes(postcard::to_stdvec(&records).map_err(text)?)
        } else if block.starts_with("ArrayBuffer") {
            ReceivedBlock::Records(records.clone())
        } else {
            ReceivedBlock::Iterator(Box::new(records.clone().into_iter()))
        };
        let info = handler.store(BlockId::new(0, 1), data).map_err(text)?;
        same("records", info.num_records, case["expected_num_records"].as_u64())?;
        same("log", info.wal_handle.is_some(), *with_log)?;
        same("read", &*handler.read(&info, false).map_err(text)?, &records)?;
    }
    Ok(())
}

pub(super) fn wal_rdd(case: &Value) -> Outcome {
    let params = &case["params"];
    let expected = case["expected"].as_str().ok_or("expected is missing")?;
    let name = case["name"].as_str().unwrap_or_default();
    let (blocks, here) = (int(&params["partitions"])?, int(&params["in_block_manager"])?);
    let logged = int(&params["in_wal"])?;
    let Stored { handler, _folder } = handler(StorageLevel::MemoryOnly, true, 1 << 20)?;
    for n in 0..blocks {
        let id = BlockId::new(0, n);
        let records = vec![format!("{n}a"), format!("{n}b")];
        let mut info = handler.store(id, ReceivedBlock::Records(records.clone())).map_err(text)?;
        let store = handler.block_store();
        if n >= here || name.contains("after removeBlocks") {
            store.remove(id);
        }
        if n < blocks - logged {
            info.wal_handle = None;
        }
        info.is_block_id_valid = !name.contains("isBlockIdValid=false");
        let keep = name.contains("storeInBlockManager=true");
        let read = handler.read(&info, keep);
        if expected.starts_with("error") {
            same("error", read.is_err(), true)?;
            continue;
        }
        same(n, &*read.map_err(text)?, &records)?;
        same("kept", !keep || store.contains(id), true)?;
    }
    Ok(())
}
