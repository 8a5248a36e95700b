//! Cases that are a stream, a list of operations, and what comes out.

use crate::functions;
use crate::value::{Value, normal};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, BatchInfo, ContextState, DStream, InputBatch, InputStream, MapWithStateDStream,
    OutputOperationInfo, Rdd, SparkContext, StateSpec, StopOptions, StreamInfo, StreamingContext,
    StreamingError, StreamingListener, Time,
};

pub const KEEP: StopOptions = StopOptions { stop_spark_context: false, graceful: false };
const PATIENCE: Duration = Duration::from_secs(30);

/// Batches from a case: `None` is a batch without an RDD, batches past the end are empty.
pub struct Script {
    pub batches: Vec<Option<Vec<Value>>>,
    pub batch_ms: u64,
    pub zero_ms: u64,
    pub partitions: usize,
}

impl InputStream<Value> for Script {
    fn compute(&self, batch: &InputBatch<'_>) -> Result<Option<Rdd<Value>>, StreamingError> {
        let index = (batch.time().as_ms() - self.zero_ms) / self.batch_ms - 1;
        let empty = Some(Vec::new());
        let rows = self.batches.get(index as usize).unwrap_or(&empty);
        let Some(rows) = rows else { return Ok(None) };
        batch.report(rows.len() as u64)?;
        let rdd = batch.spark_context().parallelize(rows.clone(), self.partitions);
        Ok(Some(rdd.expect("partitions")))
    }
}

pub fn batches(json: &Json) -> Result<Vec<Option<Vec<Value>>>, String> {
    let all = json.as_array().ok_or("no input")?;
    all.iter().map(|batch| (!batch.is_null()).then(|| rows(batch)).transpose()).collect()
}

pub fn rows(json: &Json) -> Result<Vec<Value>, String> {
    json.as_array().ok_or("no rows")?.iter().map(Value::of).collect()
}

/// A stream of one of the shapes that operations make.
#[derive(Clone)]
pub enum Stream {
    Plain(DStream<Value>),
    Pairs(DStream<(Value, Value)>),
    Mapped(Arc<MapWithStateDStream<Value, Value, Value, Value>>),
}

impl Stream {
    pub fn plain(&self) -> Result<DStream<Value>, StreamingError> {
        match self {
            Self::Plain(stream) => Ok(stream.clone()),
            Self::Pairs(stream) => stream.map(|(key, value)| Value::pair(key, value)),
            Self::Mapped(stream) => Ok((***stream).clone()),
        }
    }

    fn pairs(&self) -> Result<DStream<(Value, Value)>, StreamingError> {
        match self {
            Self::Pairs(stream) => Ok(stream.clone()),
            other => other.plain()?.map(Value::into_pair),
        }
    }

    pub fn info(&self) -> StreamInfo {
        match self {
            Self::Plain(stream) => stream.info(),
            Self::Pairs(stream) => stream.info(),
            Self::Mapped(stream) => stream.info(),
        }
    }

    pub fn generated_ms(&self) -> Vec<u64> {
        let times = match self {
            Self::Plain(stream) => stream.generated_times(),
            Self::Pairs(stream) => stream.generated_times(),
            Self::Mapped(stream) => stream.generated_times(),
        };
        times.iter().map(|time| time.as_ms()).collect()
    }
}

/// Why a pipeline was not made: the case is not understood, or the definition was refused.
pub enum Refusal {
    Case(String),
    Definition(StreamingError),
}

impl From<String> for Refusal {
    fn from(error: String) -> Self {
        Self::Case(error)
    }
}

impl From<StreamingError> for Refusal {
    fn from(error: StreamingError) -> Self {
        Self::Definition(error)
    }
}

/// One run of a case.
pub struct Run {
    pub sc: SparkContext,
    pub ssc: StreamingContext,
    pub clock: Arc<ManualClock>,
    pub inputs: BTreeMap<String, DStream<Value>>,
    pub batch_ms: u64,
    pub start_ms: u64,
}

impl Run {
    pub fn of(case: &Json) -> Result<Self, Refusal> {
        let batch_ms = case["batch_ms"].as_u64().ok_or("no batch_ms".to_owned())?;
        let start_ms = case["initial_clock_ms"].as_u64().unwrap_or(0);
        let partitions = case["num_input_partitions"].as_u64().unwrap_or(2) as usize;
        let run = Self::new(batch_ms, start_ms, true);
        let mut inputs = BTreeMap::new();
        for name in ["input", "input2"] {
            if case[name].is_null() {
                continue;
            }
            let zero_ms = start_ms - start_ms % batch_ms;
            let script = Script { batches: batches(&case[name])?, batch_ms, zero_ms, partitions };
            inputs.insert(name.to_owned(), run.ssc.input_stream(script)?);
        }
        Ok(Self { inputs, ..run })
    }

    pub fn new(batch_ms: u64, start_ms: u64, checkpoint: bool) -> Self {
        let sc = SparkContext::local(2).expect("a context");
        let clock = Arc::new(ManualClock::new());
        clock.set(start_ms * 1_000_000);
        let ssc = StreamingContext::builder(&sc, Duration::from_millis(batch_ms))
            .clock(Arc::clone(&clock) as _)
            .scope(ActiveScope::private())
            .build()
            .expect("a context");
        if checkpoint {
            let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("conformance-checkpoints");
            ssc.checkpoint(place).expect("a directory");
        }
        Self { sc, ssc, clock, inputs: BTreeMap::new(), batch_ms, start_ms }
    }

    /// Moves the clock by that many batches at once, and waits until they are done.
    pub fn advance(&self, batches: u64) -> Result<(), String> {
        let end = self.start_ms + batches * self.batch_ms;
        self.clock.set(end * 1_000_000);
        let zero = self.start_ms - self.start_ms % self.batch_ms;
        let last = Time::from_ms(zero + batches * self.batch_ms);
        if self.ssc.await_batch(last, PATIENCE) { Ok(()) } else { Err("batches hang".into()) }
    }

    pub fn source(&self, from: &Json) -> Result<Stream, Refusal> {
        let name = from.as_str().unwrap_or_default();
        let stream = self.inputs.get(name).ok_or(format!("unknown source {name:?}"))?;
        Ok(Stream::Plain(stream.clone()))
    }

    pub fn build(&self, from: Stream, steps: &Json) -> Result<Vec<Stream>, Refusal> {
        let mut all = vec![from];
        for step in steps.as_array().ok_or("no steps".to_owned())? {
            let last = all.last().cloned().ok_or("no stream".to_owned())?;
            all.push(self.step(&last, step)?);
        }
        Ok(all)
    }

    fn other(&self, step: &Json) -> Result<Stream, Refusal> {
        let mut made = self.build(self.source(&step["with"]["from"])?, &step["with"]["steps"])?;
        Ok(made.pop().ok_or("no stream".to_owned())?)
    }

    fn initial(&self, step: &Json) -> Result<Option<Rdd<(Value, Value)>>, Refusal> {
        if step["initial"].is_null() {
            return Ok(None);
        }
        let pairs = rows(&step["initial"])?.into_iter().map(Value::into_pair).collect();
        Ok(Some(self.sc.parallelize(pairs, 2).expect("partitions")))
    }

    fn step(&self, stream: &Stream, step: &Json) -> Result<Stream, Refusal> {
        const KNOWN: &[&str] = &[
            "op", "fn", "with", "streams", "n", "window_ms", "slide_ms", "inv_fn", "filter_fn",
            "initial", "num_partitions", "timeout_ms", "interval_ms",
        ];
        let fields = step.as_object().ok_or("a step is an object".to_owned())?;
        if let Some(field) = fields.keys().find(|field| !KNOWN.contains(&field.as_str())) {
            return Err(Refusal::Case(format!("unknown field {field:?} of a step")));
        }
        let name = step["fn"].as_str().unwrap_or_default();
        let ms = |field: &str| Duration::from_millis(step[field].as_u64().unwrap_or(0));
        let (length, slide) = (ms("window_ms"), ms("slide_ms"));
        let count = |field: &str| step[field].as_u64().unwrap_or(0) as usize;
        let partitions = count("num_partitions");
        let number = |n: u64| Value::Int(n as i64);
        use Stream::{Mapped, Pairs, Plain};
        Ok(match step["op"].as_str().unwrap_or_default() {
            "map" => Plain(stream.plain()?.map(functions::map(name)?)?),
            "flatMap" => Plain(stream.plain()?.flat_map(functions::flat_map(name)?)?),
            "filter" => Plain(stream.plain()?.filter(functions::filter(name)?)?),
            "glom" => match stream.plain()?.glom()?.map(Value::List) {
                Ok(stream) => Plain(stream),
                Err(error) => return Err(error.into()),
            },
            "mapPartitions" => {
                let f = functions::map_partitions(name)?;
                Plain(stream.plain()?.map_partitions(move |input, out| {
                    let mut all = Vec::new();
                    input.for_each(|row| all.push(row))?;
                    f(all).into_iter().for_each(out);
                    Ok(())
                })?)
            }
            "repartition" => Plain(stream.plain()?.repartition(count("n"))?),
            "reduce" => Plain(stream.plain()?.reduce(functions::reduce(name)?)?),
            "count" => Plain(stream.plain()?.count()?.map(number)?),
            "countByValue" => {
                let counts = stream.plain()?.count_by_value(0)?;
                Pairs(counts.map_values(number)?)
            }
            "union" => Plain(stream.plain()?.union(&self.other(step)?.plain()?)?),
            "transform" => Plain(transform(&stream.plain()?, name)?),
            "transformWith" => self.transform_with(stream, name, step)?,
            "contextTransform" => {
                let all = step["streams"].as_array().ok_or("no streams".to_owned())?;
                let mut streams = Vec::new();
                for one in all {
                    let made = self.build(self.source(&one["from"])?, &one["steps"])?;
                    streams.extend(made.last().map(Stream::plain).transpose()?);
                }
                if name != "rdds_union" {
                    return Err(Refusal::Case(format!("unknown rdd function {name:?}")));
                }
                let sc = self.sc.clone();
                Plain(self.ssc.transform(&streams, move |rdds, _| sc.union(&rdds))?)
            }
            "mapValues" => Pairs(stream.pairs()?.map_values(functions::map(name)?)?),
            "groupByKey" => Pairs(stream.pairs()?.group_by_key(0)?.map_values(Value::List)?),
            "reduceByKey" => Pairs(stream.pairs()?.reduce_by_key(functions::reduce(name)?, 0)?),
            "cogroup" | "join" | "leftOuterJoin" | "rightOuterJoin" | "fullOuterJoin" => {
                self.joined(&step["op"], stream, step)?
            }
            "window" => match stream {
                Pairs(stream) => Pairs(stream.window(length, slide)?),
                other => Plain(other.plain()?.window(length, slide)?),
            },
            "reduceByWindow" => {
                let f = functions::reduce(name)?;
                let stream = stream.plain()?;
                Plain(match step["inv_fn"].as_str() {
                    None => stream.reduce_by_window(f, length, slide)?,
                    Some(inverse) => {
                        let inverse = functions::reduce(inverse)?;
                        stream.reduce_by_window_inverse(f, inverse, length, slide)?
                    }
                })
            }
            "countByWindow" => {
                Plain(stream.plain()?.count_by_window(length, slide)?.map(number)?)
            }
            "countByValueAndWindow" => {
                let counts = stream.plain()?.count_by_value_and_window(length, slide, 0)?;
                Pairs(counts.map_values(number)?)
            }
            "groupByKeyAndWindow" => {
                let groups = stream.pairs()?.group_by_key_and_window(length, slide, 0)?;
                Pairs(groups.map_values(Value::List)?)
            }
            "reduceByKeyAndWindow" => {
                let f = functions::reduce(name)?;
                let stream = stream.pairs()?;
                let inverse = step["inv_fn"].as_str().map(functions::reduce).transpose()?;
                let keep = step["filter_fn"].as_str().map(functions::filter).transpose()?;
                Pairs(match (inverse, keep) {
                    (None, _) => stream.reduce_by_key_and_window(f, length, slide, 0)?,
                    (Some(inverse), None) => {
                        stream.reduce_by_key_and_window_inverse(f, inverse, length, slide, 0)?
                    }
                    (Some(inverse), Some(keep)) => stream.reduce_by_key_and_window_filtered(
                        f,
                        inverse,
                        length,
                        slide,
                        0,
                        move |key, value| keep(&Value::pair(key.clone(), value.clone())),
                    )?,
                })
            }
            "updateStateByKey" => {
                let update = functions::update(name)?;
                let initial = self.initial(step)?;
                Pairs(stream.pairs()?.update_state_by_key_with_time(
                    move |time, _, values, state| {
                        update(time.as_ms() as i64, values.collect(), state)
                    },
                    partitions,
                    initial.as_ref(),
                )?)
            }
            "mapWithState" => {
                let f = functions::map_state(name)?;
                let mut spec = StateSpec::try_function(
                    move |_, key: &Value, value, state: &mut weir_microbatch::State<Value>| {
                        f(key, value, state)
                    },
                )
                .num_partitions(partitions);
                if let Some(initial) = self.initial(step)? {
                    spec = spec.initial_state(&initial);
                }
                if !step["timeout_ms"].is_null() {
                    spec = spec.timeout(ms("timeout_ms"));
                }
                Mapped(Arc::new(stream.pairs()?.map_with_state(spec)?))
            }
            "checkpoint" => {
                let interval = ms("interval_ms");
                match stream {
                    Plain(stream) => drop(stream.checkpoint(interval)?),
                    Pairs(stream) => drop(stream.checkpoint(interval)?),
                    Mapped(stream) => drop(stream.checkpoint(interval)?),
                }
                stream.clone()
            }
            other => return Err(Refusal::Case(format!("unknown operation {other:?}"))),
        })
    }

    fn joined(&self, op: &Json, stream: &Stream, step: &Json) -> Result<Stream, Refusal> {
        let (left, right) = (stream.pairs()?, self.other(step)?.pairs()?);
        let pair = |(a, b)| Value::pair(a, b);
        Ok(Stream::Pairs(match op.as_str().unwrap_or_default() {
            "cogroup" => left
                .cogroup(&right, 0)?
                .map_values(|(a, b)| Value::pair(Value::List(a), Value::List(b)))?,
            "join" => left.join(&right, 0)?.map_values(pair)?,
            "leftOuterJoin" => left
                .left_outer_join(&right, 0)?
                .map_values(|(a, b)| Value::pair(a, Value::option(b)))?,
            "rightOuterJoin" => left
                .right_outer_join(&right, 0)?
                .map_values(|(a, b)| Value::pair(Value::option(a), b))?,
            _ => left
                .full_outer_join(&right, 0)?
                .map_values(|(a, b)| Value::pair(Value::option(a), Value::option(b)))?,
        }))
    }

    fn transform_with(&self, stream: &Stream, name: &str, step: &Json) -> Result<Stream, Refusal> {
        let (left, right) = (stream.plain()?, self.other(step)?.plain()?);
        Ok(Stream::Plain(match name {
            "rdd_join" => left.transform_with(&right, |a, b, _| {
                let joined = a.map(Value::into_pair).join(&b.map(Value::into_pair), 2);
                joined.map(|(key, (a, b))| Value::pair(key, Value::pair(a, b)))
            })?,
            "rdd_union" => left.transform_with(&right, |a, b, _| a.union(&b))?,
            other => return Err(Refusal::Case(format!("unknown rdd function {other:?}"))),
        }))
    }
}

fn transform(stream: &DStream<Value>, name: &str) -> Result<DStream<Value>, Refusal> {
    Ok(match name {
        "rdd_map_to_string" => {
            let f = functions::map("to_string")?;
            stream.transform(move |rdd, _| rdd.map(f))?
        }
        "rdd_sort_by_key" => stream.transform(|rdd, _| {
            rdd.repartition(1).map_partitions(|input, out| {
                let mut all = Vec::new();
                input.for_each(|row| all.push(row))?;
                all.sort();
                all.into_iter().for_each(out);
                Ok(())
            })
        })?,
        other => return Err(Refusal::Case(format!("unknown rdd function {other:?}"))),
    })
}

/// What an output saw: batch times, rows and partitions.
pub type Seen = Arc<Mutex<BTreeMap<u64, (Vec<Value>, usize)>>>;

pub fn watch(stream: &DStream<Value>) -> Result<Seen, StreamingError> {
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    stream.foreach_rdd(move |rdd, time| {
        let rows = rdd.collect()?;
        into.lock().expect("rows").insert(time.as_ms(), (rows, rdd.partitions()));
        Ok(())
    })?;
    Ok(seen)
}

fn watch_any(stream: &Stream) -> Result<Seen, StreamingError> {
    match stream {
        Stream::Plain(stream) => watch(stream),
        Stream::Mapped(stream) => watch(stream),
        Stream::Pairs(stream) => {
            let seen = Seen::default();
            let into = Arc::clone(&seen);
            stream.foreach_rdd(move |rdd, time| {
                let rows = rdd.collect()?.into_iter().map(|(k, v)| Value::pair(k, v)).collect();
                into.lock().expect("rows").insert(time.as_ms(), (rows, rdd.partitions()));
                Ok(())
            })?;
            Ok(seen)
        }
    }
}

/// Events as the cases write them.
#[derive(Default)]
struct Log(Mutex<Vec<(u64, String)>>);

impl Log {
    fn push(&self, time: Time, text: String) {
        self.0.lock().expect("events").push((time.as_ms(), text));
    }
}

impl StreamingListener for Log {
    fn on_batch_submitted(&self, batch: &BatchInfo) {
        self.push(batch.time, format!("submitted {}", batch.time.as_ms()));
    }
    fn on_batch_started(&self, batch: &BatchInfo) {
        self.push(batch.time, format!("started {}", batch.time.as_ms()));
    }
    fn on_batch_completed(&self, batch: &BatchInfo) {
        self.push(batch.time, format!("completed {}", batch.time.as_ms()));
    }
    fn on_output_operation_started(&self, output: &OutputOperationInfo) {
        self.push(output.time, format!("opStarted {} {}", output.time.as_ms(), output.id));
    }
    fn on_output_operation_completed(&self, output: &OutputOperationInfo) {
        let failed = output.failure_reason.is_some();
        let text = format!("opCompleted {} {} failed={failed}", output.time.as_ms(), output.id);
        self.push(output.time, text);
    }
}

pub fn run(kind: &str, case: &Json) -> Option<Result<(), String>> {
    let result = match kind {
        "pipeline" | "pipeline_property" | "pipeline_failure" => pipeline(case),
        "definition_error" => return Some(definition_error(case)),
        _ => return None,
    };
    Some(result.map_err(|refusal| match refusal {
        Refusal::Case(error) => error,
        Refusal::Definition(error) => format!("refused: {error}"),
    }))
}

const FIELDS: &[&str] = &[
    "name", "kind", "op", "params", "batch_ms", "num_input_partitions", "input", "input2",
    "num_batches", "expected", "ordered", "source", "expect_error", "expected_num_partitions",
    "output_times_ms", "expected_zero_time_ms", "expected_last_stream_remember_ms",
    "expected_last_stream_checkpoint_ms", "expected_snapshots", "expected_events",
    "expected_events_note", "second_output", "expected_second", "expected_second_times_ms",
    "initial_clock_ms", "value_compare", "properties", "note", "failed_batch_indices",
    "expected_outputs_of_successful_batches", "await_termination",
];

pub fn equal<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, want: &T) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}")) }
}

fn numbers(json: &Json) -> Vec<u64> {
    json.as_array().into_iter().flatten().filter_map(Json::as_u64).collect()
}

fn pipeline(case: &Json) -> Result<(), Refusal> {
    let fields = case.as_object().ok_or("a case is an object".to_owned())?;
    if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(Refusal::Case(format!("unknown field {field:?}")));
    }
    let run = Run::of(case)?;
    let log = Arc::new(Log::default());
    run.ssc.add_streaming_listener(Arc::clone(&log) as _);
    let streams = run.build(run.source(&"input".into())?, &case["params"]["pipeline"])?;
    let last = streams.last().ok_or("no stream".to_owned())?;
    let seen = watch_any(last)?;
    let second = match case["second_output"].as_str() {
        None => None,
        Some(_) => Some(watch_any(&streams[0])?),
    };
    let mapped = streams.iter().find_map(|stream| match stream {
        Stream::Mapped(mapped) => Some(Arc::clone(mapped)),
        _ => None,
    });
    let snapshots = match mapped {
        Some(mapped) if case["expected_snapshots"].is_array() || case["properties"].is_object() => {
            Some(watch_any(&Stream::Pairs(mapped.state_snapshots()?))?)
        }
        _ => None,
    };
    run.ssc.start()?;
    run.advance(case["num_batches"].as_u64().ok_or("no num_batches".to_owned())?)?;
    let outcome = run.ssc.await_termination_or_timeout(Duration::ZERO);
    let (info, zero) = (last.info(), run.ssc.zero_time());
    let pending: Vec<u64> = run.ssc.pending_times().iter().map(|time| time.as_ms()).collect();
    run.ssc.stop(KEEP)?;
    check_error(case, outcome, &pending)?;
    let seen = seen.lock().expect("rows").clone();
    let got: Vec<Vec<Value>> = seen.values().map(|(rows, _)| rows.clone()).collect();
    let ordered = case["ordered"].as_bool().unwrap_or(false);
    let op = case["op"].as_str().unwrap_or_default();
    let grouped = !ordered && ["groupByKey", "groupByKeyAndWindow", "cogroup"].contains(&op);
    let same = |what: &str, got: &[Vec<Value>], want: &Json, ordered: bool| {
        let want = want.as_array().ok_or(format!("{what}: no rows"))?;
        let want = want.iter().map(rows).collect::<Result<Vec<_>, _>>()?;
        let normal = |all: &[Vec<Value>]| -> Vec<_> {
            all.iter().map(|rows| normal(rows, ordered, grouped)).collect()
        };
        equal(what, &normal(got), &normal(&want))
    };
    for field in ["expected", "expected_outputs_of_successful_batches"] {
        if !case[field].is_null() {
            same(field, &got, &case[field], ordered)?;
        }
    }
    if !case["output_times_ms"].is_null() {
        let times: Vec<u64> = seen.keys().copied().collect();
        equal("output_times_ms", &times, &numbers(&case["output_times_ms"]))?;
    }
    if !case["expected_num_partitions"].is_null() {
        let partitions: Vec<u64> = seen.values().map(|(_, n)| *n as u64).collect();
        equal("partitions", &partitions, &numbers(&case["expected_num_partitions"]))?;
    }
    if let Some(zero_ms) = case["expected_zero_time_ms"].as_u64() {
        equal("zero time", &zero, &Some(Time::from_ms(zero_ms)))?;
    }
    let ms = |duration: Option<Duration>| duration.map(|duration| duration.as_millis() as u64);
    if let Some(remember) = case["expected_last_stream_remember_ms"].as_u64() {
        equal("remember", &ms(info.remember), &Some(remember))?;
    }
    if let Some(checkpoint) = fields.get("expected_last_stream_checkpoint_ms") {
        equal("checkpoint", &ms(info.checkpoint), &checkpoint.as_u64())?;
    }
    let taken = |seen: &Seen| -> Vec<Vec<Value>> {
        seen.lock().expect("rows").values().map(|(rows, _)| rows.clone()).collect()
    };
    if let Some(second) = second {
        same("second output", &taken(&second), &case["expected_second"], false)?;
        let times: Vec<u64> = second.lock().expect("rows").keys().copied().collect();
        equal("second times", &times, &numbers(&case["expected_second_times_ms"]))?;
    }
    let snapshots = snapshots.map(|snapshots| taken(&snapshots));
    if let (Some(snapshots), true) = (&snapshots, case["expected_snapshots"].is_array()) {
        same("snapshots", snapshots, &case["expected_snapshots"], false)?;
    }
    if case["properties"].is_object() {
        properties(&case["properties"], &got, &snapshots.unwrap_or_default())?;
    }
    if case["expected_events"].is_array() {
        check_events(&case["expected_events"], &log)?;
    }
    Ok(())
}

fn check_error(
    case: &Json,
    outcome: Result<bool, StreamingError>,
    pending: &[u64],
) -> Result<(), String> {
    let want = [&case["expect_error"], &case["await_termination"]];
    let Some(want) = want.into_iter().find(|want| want.is_object()) else {
        return outcome.map(drop).map_err(|error| format!("failed: {error}"));
    };
    let gist = want["message_gist"].as_str().unwrap_or_default();
    match outcome {
        Ok(_) => return Err(format!("no error; want {gist:?}")),
        Err(error) if !error.to_string().contains(gist) => {
            return Err(format!("error {error}; want {gist:?}"));
        }
        Err(_) => {}
    }
    match &want["pending_times_ms_after"] {
        Json::Null => Ok(()),
        times => equal("pending", &pending.to_vec(), &numbers(times)),
    }
}

fn properties(want: &Json, got: &[Vec<Value>], snapshots: &[Vec<Value>]) -> Result<(), String> {
    for (property, value) in want.as_object().into_iter().flatten() {
        let value = normal(&rows(value)?, false, false);
        let sorted = |rows: &Vec<Value>| normal(rows, false, false);
        match property.as_str() {
            "all_mapped_outputs_flattened_sorted" => {
                equal(property, &normal(&got.concat(), false, false), &value)?;
            }
            "some_snapshot_equals" => {
                equal(property, &snapshots.iter().any(|rows| sorted(rows) == value), &true)?;
            }
            "last_snapshot" => equal(property, &snapshots.last().map(sorted), &Some(value))?,
            other => return Err(format!("unknown property {other:?}")),
        }
    }
    Ok(())
}

/// The order within a batch is fixed; batches interleave.
fn check_events(want: &Json, log: &Log) -> Result<(), String> {
    let mut batches: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for event in want.as_array().into_iter().flatten().filter_map(Json::as_str) {
        let time = event.split(' ').nth(1).and_then(|ms| ms.parse().ok());
        let time = time.ok_or(format!("an event without a time: {event}"))?;
        batches.entry(time).or_default().push(event.to_owned());
    }
    let mut got: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (time, event) in log.0.lock().expect("events").iter() {
        got.entry(*time).or_default().push(event.clone());
    }
    equal("events", &got, &batches)
}

fn definition_error(case: &Json) -> Result<(), String> {
    let gist = case["message_gist"].as_str().ok_or("no message_gist")?;
    let run = match Run::of(case) {
        Ok(run) => run,
        Err(_) => return Err("the input was refused".into()),
    };
    let made = run.source(&"input".into()).and_then(|input| {
        let streams = run.build(input, &case["params"]["pipeline"])?;
        if let Some(last) = streams.last() {
            watch_any(last)?;
        }
        Ok(())
    });
    let phase = case["phase"].as_str().unwrap_or_default();
    let error = match (made, phase) {
        (Err(Refusal::Case(error)), _) => return Err(error),
        (Err(Refusal::Definition(error)), "definition") => error,
        (Ok(()), "start()") => match run.ssc.start() {
            Err(error) => error,
            Ok(()) => return Err("it started".into()),
        },
        (made, phase) => return Err(format!("phase {phase:?}: refused {}", made.is_err())),
    };
    if !error.to_string().contains(gist) {
        return Err(format!("error {error}; want {gist:?}"));
    }
    let state = match run.ssc.state() {
        ContextState::Initialized => "INITIALIZED",
        ContextState::Active => "ACTIVE",
        ContextState::Stopped => "STOPPED",
    };
    equal("state", &state, &case["state_after"].as_str().unwrap_or_default())
}
