//! Cases that are a stream, a list of operations, and what comes out.

pub(crate) use crate::case::equal;
use crate::case::{Case, Outcome};
use crate::phrases;
use crate::value::{Value, normal};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, BatchInfo, ContextState, DStream, InputBatch, InputStream, MapWithStateDStream,
    OutputOperationInfo, Rdd, SparkConf, SparkContext, StopOptions, StreamInfo, StreamingContext,
    StreamingError, StreamingListener, Time,
};

pub(crate) const KEEP: StopOptions = StopOptions { stop_spark_context: false, graceful: false };
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Batches from a case: `None` is a batch without an RDD, batches past the end are empty.
pub(crate) struct Script {
    pub(crate) batches: Vec<Option<Vec<Value>>>,
    pub(crate) batch_ms: u64,
    pub(crate) zero_ms: u64,
    pub(crate) partitions: usize,
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

pub(crate) fn batches(json: &Json) -> Result<Vec<Option<Vec<Value>>>, String> {
    let all = json.as_array().ok_or("no input")?;
    all.iter().map(|batch| (!batch.is_null()).then(|| rows(batch)).transpose()).collect()
}

pub(crate) fn rows(json: &Json) -> Result<Vec<Value>, String> {
    json.as_array().ok_or("no rows")?.iter().map(Value::of).collect()
}

/// A stream of one of the shapes that operations make.
#[derive(Clone)]
pub(crate) enum Stream {
    Plain(DStream<Value>),
    Pairs(DStream<(Value, Value)>),
    Mapped(Arc<MapWithStateDStream<Value, Value, Value, Value>>),
}

impl Stream {
    pub(crate) fn plain(&self) -> Result<DStream<Value>, StreamingError> {
        match self {
            Self::Plain(stream) => Ok(stream.clone()),
            Self::Pairs(stream) => stream.map(|(key, value)| Value::pair(key, value)),
            Self::Mapped(stream) => Ok((***stream).clone()),
        }
    }

    pub(crate) fn pairs(&self) -> Result<DStream<(Value, Value)>, StreamingError> {
        match self {
            Self::Pairs(stream) => Ok(stream.clone()),
            other => other.plain()?.map(Value::into_pair),
        }
    }

    pub(crate) fn info(&self) -> StreamInfo {
        match self {
            Self::Plain(stream) => stream.info(),
            Self::Pairs(stream) => stream.info(),
            Self::Mapped(stream) => stream.info(),
        }
    }

    pub(crate) fn generated_ms(&self) -> Vec<u64> {
        let times = match self {
            Self::Plain(stream) => stream.generated_times(),
            Self::Pairs(stream) => stream.generated_times(),
            Self::Mapped(stream) => stream.generated_times(),
        };
        times.iter().map(|time| time.as_ms()).collect()
    }
}

/// Why a pipeline was not made: the case is not understood, or the definition was refused.
pub(crate) enum Refusal {
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
pub(crate) struct Run {
    pub(crate) sc: SparkContext,
    pub(crate) ssc: StreamingContext,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) inputs: BTreeMap<String, DStream<Value>>,
    pub(crate) batch_ms: u64,
    pub(crate) start_ms: u64,
    /// Where steps that write files put them.
    pub(crate) files: Option<PathBuf>,
    /// Where its checkpoints are, if that is its own; goes with it.
    _place: Option<tempfile::TempDir>,
}

impl Run {
    pub(crate) fn of(case: &Case<'_>) -> Result<Self, Refusal> {
        let batch_ms = case.int("batch_ms")?;
        let start_ms = case.int_or("initial_clock_ms", 0)?;
        let partitions = case.int_or("num_input_partitions", 2)? as usize;
        if batch_ms == 0 || partitions == 0 {
            return Err(Refusal::Case("no batch interval, or no partitions".into()));
        }
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

    pub(crate) fn new(batch_ms: u64, start_ms: u64, checkpoint: bool) -> Self {
        let place = checkpoint.then(|| tempfile::tempdir().expect("a directory"));
        let run = Self::at(batch_ms, start_ms, place.as_ref().map(tempfile::TempDir::path));
        Self { _place: place, ..run }
    }

    /// With checkpoints in a directory of the caller's.
    pub(crate) fn at(batch_ms: u64, start_ms: u64, checkpoints: Option<&Path>) -> Self {
        let conf = SparkConf::new().set_master("local[2]");
        let conf = conf.set("weir.streaming.checkpoint.sync", false);
        let sc = SparkContext::from_conf(&conf).expect("a context");
        let clock = Arc::new(ManualClock::new());
        clock.set(start_ms * 1_000_000);
        let ssc = StreamingContext::builder(&sc, Duration::from_millis(batch_ms))
            .clock(Arc::clone(&clock) as _)
            .scope(ActiveScope::private())
            .build()
            .expect("a context");
        if let Some(place) = checkpoints {
            ssc.checkpoint(place).expect("a directory");
        }
        Self {
            sc,
            ssc,
            clock,
            inputs: BTreeMap::new(),
            batch_ms,
            start_ms,
            files: None,
            _place: None,
        }
    }

    /// Moves the clock by that many batches at once, and waits until they are done.
    pub(crate) fn advance(&self, batches: u64) -> Result<(), String> {
        let end = self.start_ms + batches * self.batch_ms;
        self.clock.set(end * 1_000_000);
        let zero = self.start_ms - self.start_ms % self.batch_ms;
        let last = Time::from_ms(zero + batches * self.batch_ms);
        if self.ssc.await_batch(last, PATIENCE) { Ok(()) } else { Err("batches hang".into()) }
    }

    pub(crate) fn source(&self, from: &Json) -> Result<Stream, Refusal> {
        let name = from.as_str().unwrap_or_default();
        let stream = self.inputs.get(name).ok_or(format!("unknown source {name:?}"))?;
        Ok(Stream::Plain(stream.clone()))
    }

    pub(crate) fn build(&self, from: Stream, steps: &Json) -> Result<Vec<Stream>, Refusal> {
        let mut all = vec![from];
        for step in steps.as_array().ok_or("no steps".to_owned())? {
            let last = all.last().cloned().ok_or("no stream".to_owned())?;
            all.push(self.step(&last, step)?);
        }
        Ok(all)
    }
}

/// What an output saw: batch times, rows and partitions.
pub(crate) type Seen = Arc<Mutex<BTreeMap<u64, (Vec<Value>, usize)>>>;

pub(crate) fn watch(stream: &DStream<Value>) -> Result<Seen, StreamingError> {
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    stream.foreach_rdd(move |rdd, time| {
        let rows = rdd.collect()?;
        into.lock().expect("rows").insert(time.as_ms(), (rows, rdd.partitions()));
        Ok(())
    })?;
    Ok(seen)
}

pub(crate) fn watch_any(stream: &Stream) -> Result<Seen, StreamingError> {
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

pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    match kind {
        "pipeline" | "pipeline_property" | "pipeline_failure" => {
            Some(pipeline(case).map_err(refusal))
        }
        "definition_error" => Some(definition_error(case)),
        _ => None,
    }
}

/// What to say where nothing should have been refused.
pub(crate) fn refusal(refusal: Refusal) -> String {
    match refusal {
        Refusal::Case(error) => error,
        Refusal::Definition(error) => format!("refused: {error}"),
    }
}

pub(crate) fn numbers(json: &Json) -> Result<Vec<u64>, String> {
    let all = json.as_array().ok_or_else(|| format!("{json} is no list"))?;
    let number = |one: &Json| one.as_u64().ok_or_else(|| format!("{one} is no whole number"));
    all.iter().map(number).collect()
}

/// How the rows of a case are compared.
pub(crate) struct Comparison {
    pub(crate) ordered: bool,
    /// The order within a key's values says nothing.
    grouped: bool,
}

impl Comparison {
    pub(crate) fn of(case: &Case<'_>) -> Result<Self, String> {
        let ordered = case.get("ordered").map_or(Ok(false), |_| case.flag("ordered"))?;
        let mut ops = Vec::new();
        operations(&case["params"], &mut ops);
        let groups = ["groupByKey", "groupByKeyAndWindow", "cogroup"];
        Ok(Self { ordered, grouped: !ordered && ops.iter().any(|op| groups.contains(op)) })
    }

    pub(crate) fn same(
        &self,
        what: &str,
        got: &[Vec<Value>],
        want: &Json,
        ordered: bool,
    ) -> Result<(), String> {
        let want = want.as_array().ok_or(format!("{what}: no rows"))?;
        let want = want.iter().map(rows).collect::<Result<Vec<_>, _>>()?;
        let normal = |all: &[Vec<Value>]| -> Vec<_> {
            all.iter().map(|rows| normal(rows, ordered, self.grouped)).collect()
        };
        equal(what, &normal(got), &normal(&want))
    }
}

/// The names of all operations in a pipeline, those of its side streams too.
fn operations<'j>(json: &'j Json, into: &mut Vec<&'j str>) {
    match json {
        Json::Array(all) => all.iter().for_each(|one| operations(one, into)),
        Json::Object(fields) => {
            into.extend(json["op"].as_str());
            fields.values().for_each(|field| operations(field, into));
        }
        _ => {}
    }
}

/// When there were outputs, in how many partitions, and what the last stream keeps.
fn check_shape(
    case: &Case<'_>,
    seen: &BTreeMap<u64, (Vec<Value>, usize)>,
    info: &weir_microbatch::StreamInfo,
    zero: Option<Time>,
) -> Result<(), String> {
    if !case["output_times_ms"].is_null() {
        let times: Vec<u64> = seen.keys().copied().collect();
        equal("output_times_ms", &times, &numbers(&case["output_times_ms"])?)?;
    }
    if !case["expected_num_partitions"].is_null() {
        let partitions: Vec<u64> = seen.values().map(|(_, n)| *n as u64).collect();
        equal("partitions", &partitions, &numbers(&case["expected_num_partitions"])?)?;
    }
    let ms = |duration: Option<Duration>| Json::from(duration.map(|span| span.as_millis() as u64));
    let facts = [
        ("expected_zero_time_ms", Json::from(zero.map(Time::as_ms))),
        ("expected_last_stream_remember_ms", ms(info.remember)),
        ("expected_last_stream_checkpoint_ms", ms(info.checkpoint)),
    ];
    for (field, got) in facts {
        if let Some(want) = case.get(field) {
            equal(field, &got, want)?;
        }
    }
    Ok(())
}

/// The outputs of a run.
struct Watched {
    last: Seen,
    second: Option<Seen>,
    snapshots: Option<Seen>,
}

/// The second output is on the input: before the first or behind it.
fn second_output(case: &Case<'_>) -> Result<Option<bool>, String> {
    let Some(text) = case.get("second_output") else { return Ok(None) };
    let text = text.as_str().ok_or("second_output is no text")?;
    match phrases::holes(text, "foreachRDD on the raw input, registered {w} the first output") {
        Some(["after"]) => Ok(Some(false)),
        Some(["before"]) => Ok(Some(true)),
        _ => phrases::unknown(text),
    }
}

fn outputs(case: &Case<'_>, streams: &[Stream]) -> Result<Watched, Refusal> {
    let last = streams.last().ok_or("no stream".to_owned())?;
    let before = second_output(case)?;
    let early = if before == Some(true) { Some(watch_any(&streams[0])?) } else { None };
    let seen = watch_any(last)?;
    let late = if before == Some(false) { Some(watch_any(&streams[0])?) } else { None };
    let snapshots = if !case["expected_snapshots"].is_null() || !case["properties"].is_null() {
        let mapped = streams.iter().find_map(|stream| match stream {
            Stream::Mapped(mapped) => Some(mapped),
            _ => None,
        });
        let mapped = mapped.ok_or("no stream has snapshots".to_owned())?;
        Some(watch_any(&Stream::Pairs(mapped.state_snapshots()?))?)
    } else {
        None
    };
    Ok(Watched { last: seen, second: early.or(late), snapshots })
}

fn taken(seen: &Seen) -> Vec<Vec<Value>> {
    seen.lock().expect("rows").values().map(|(rows, _)| rows.clone()).collect()
}

fn pipeline(case: &Case<'_>) -> Result<(), Refusal> {
    // They say in words what the pipeline and "ordered" say.
    ["op", "value_compare"].iter().for_each(|field| case.comment(field));
    let run = Run::of(case)?;
    let log = Arc::new(Log::default());
    run.ssc.add_streaming_listener(Arc::clone(&log) as _);
    let params = case.part("params");
    let streams = run.build(run.source(&"input".into())?, &params["pipeline"])?;
    params.finished()?;
    let last = streams.last().ok_or("no stream".to_owned())?;
    let watched = outputs(case, &streams)?;
    run.ssc.start()?;
    run.advance(case.int("num_batches")?)?;
    let outcome = run.ssc.await_termination_or_timeout(Duration::ZERO);
    let (info, zero) = (last.info(), run.ssc.zero_time());
    let pending: Vec<u64> = run.ssc.pending_times().iter().map(|time| time.as_ms()).collect();
    run.ssc.stop(KEEP)?;
    let seen = watched.last.lock().expect("rows").clone();
    check_error(case, &run, outcome, &pending, &seen)?;
    check_shape(case, &seen, &info, zero)?;
    check_failed(case, &run, &seen)?;
    check_rows(case, &watched)?;
    if !case["expected_events"].is_null() {
        check_events(&case["expected_events"], &log)?;
    }
    Ok(())
}

fn check_rows(case: &Case<'_>, watched: &Watched) -> Outcome {
    let got = taken(&watched.last);
    let comparison = Comparison::of(case)?;
    let mut checks = 0;
    for field in ["expected", "expected_outputs_of_successful_batches"] {
        if !case[field].is_null() {
            comparison.same(field, &got, &case[field], comparison.ordered)?;
            checks += 1;
        }
    }
    if let Some(second) = &watched.second {
        comparison.same("second output", &taken(second), &case["expected_second"], false)?;
        let times: Vec<u64> = second.lock().expect("rows").keys().copied().collect();
        equal("second times", &times, &numbers(&case["expected_second_times_ms"])?)?;
    }
    let snapshots = watched.snapshots.as_ref().map(taken).unwrap_or_default();
    if !case["expected_snapshots"].is_null() {
        comparison.same("snapshots", &snapshots, &case["expected_snapshots"], false)?;
        checks += 1;
    }
    if !case["properties"].is_null() {
        properties(&case["properties"], &got, &snapshots)?;
        checks += 1;
    }
    if checks == 0 && case.get("expect_error").is_none() {
        return Err("the case expects nothing".into());
    }
    Ok(())
}

/// The batches that a case names have no output, and all others have.
fn check_failed(case: &Case<'_>, run: &Run, seen: &BTreeMap<u64, (Vec<Value>, usize)>) -> Outcome {
    if case["failed_batch_indices"].is_null() {
        return Ok(());
    }
    let failed = numbers(&case["failed_batch_indices"])?;
    let zero = run.start_ms - run.start_ms % run.batch_ms;
    let batches = case.int("num_batches")?;
    let missing: Vec<u64> =
        (0..batches).filter(|i| !seen.contains_key(&(zero + (i + 1) * run.batch_ms))).collect();
    equal("failed batches", &missing, &failed)
}

fn check_error(
    case: &Case<'_>,
    run: &Run,
    outcome: Result<bool, StreamingError>,
    pending: &[u64],
    seen: &BTreeMap<u64, (Vec<Value>, usize)>,
) -> Outcome {
    let wanted = [case.part("expect_error"), case.part("await_termination")];
    let Some(want) = wanted.into_iter().find(|want| !want.is_missing()) else {
        return outcome.map(drop).map_err(|error| format!("failed: {error}"));
    };
    // What Java calls the error, and when it is thrown: all errors are reported at the same place.
    ["type", "phase"].iter().for_each(|field| want.comment(field));
    if want.get("expect").is_some_and(|expect| expect != "error") {
        return Err(format!("unknown expectation {}", want["expect"]));
    }
    let gist = want.text("message_gist")?;
    match outcome {
        Ok(_) => return Err(format!("no error; want {gist:?}")),
        Err(error) if !error.to_string().contains(gist) => {
            return Err(format!("error {error}; want {gist:?}"));
        }
        Err(_) => {}
    }
    // The batch that fails has no output.
    let zero = run.start_ms - run.start_ms % run.batch_ms;
    let failed = match (want.get("batch_index"), want.get("batch_time_ms")) {
        (Some(_), _) => Some(zero + (want.int("batch_index")? + 1) * run.batch_ms),
        (None, Some(_)) => Some(want.int("batch_time_ms")?),
        (None, None) => None,
    };
    if let Some(ms) = failed {
        equal("time of the failed batch", &want.int_or("batch_time_ms", ms)?, &ms)?;
        equal("output of the failed batch", &seen.contains_key(&ms), &false)?;
    }
    if let Some(times) = want.get("pending_times_ms_after") {
        equal("pending", &pending.to_vec(), &numbers(times)?)?;
    }
    want.finished()
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
    for event in want.as_array().ok_or("expected_events is no list")? {
        let event = event.as_str().ok_or("an event is no text")?;
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

fn definition_error(case: &Case<'_>) -> Outcome {
    ["op", "num_batches"].iter().for_each(|field| case.comment(field));
    equal("expect", &case.text("expect")?, &"error")?;
    let gist = case.text("message_gist")?;
    let run = Run::of(case).map_err(refusal)?;
    let params = case.part("params");
    let made = run.source(&"input".into()).and_then(|input| {
        let streams = run.build(input, &params["pipeline"])?;
        if let Some(last) = streams.last() {
            watch_any(last)?;
        }
        Ok(())
    });
    params.finished()?;
    let phase = case.text("phase")?;
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
    equal("state", &state_name(&run.ssc), &case.text("state_after")?)
}

/// Where a context is in its life, as the cases write it.
pub(crate) fn state_name(ssc: &StreamingContext) -> &'static str {
    match ssc.state() {
        ContextState::Initialized => "INITIALIZED",
        ContextState::Active => "ACTIVE",
        ContextState::Stopped => "STOPPED",
    }
}
