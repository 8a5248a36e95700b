//! Cases about what surrounds a pipeline: queues, slices, remembering, printing, lifecycle, listeners.

use crate::pipeline::{KEEP, Refusal, Run, Script, Stream, equal, rows, watch};
use crate::value::{Value, normal};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, BatchInfo, DStream, InputInfoTracker, ProgressListener, Rdd, StreamInputInfo,
    StreamingContext, StreamingError, StreamingListener, Time,
};

pub(crate) fn run(kind: &str, case: &Json) -> Option<Result<(), String>> {
    Some(match kind {
        "queue" | "queue_observed" => queue(case),
        "queue_union" | "queue_transform" => queues(case),
        "slice" => slice(case),
        "slice_observed" => slice_observed(case),
        "remember" => remember(case),
        "remember_observed" => remember_observed(case),
        "print" => print(case),
        "lifecycle_observed" => lifecycle(case),
        "listener" => listener(case),
        "input_info" => input_info(case),
        "progress_listener" => progress(case),
        _ => return None,
    })
}

fn text(error: StreamingError) -> String {
    error.to_string()
}

fn refusal(error: Refusal) -> String {
    match error {
        Refusal::Case(error) => error,
        Refusal::Definition(error) => error.to_string(),
    }
}

fn batch_rows(json: &Json) -> Result<Vec<Vec<Value>>, String> {
    json.as_array().ok_or("no batches")?.iter().map(rows).collect()
}

type Queue = Arc<Mutex<VecDeque<Rdd<Value>>>>;

fn queue_of(run: &Run, json: &Json) -> Result<Queue, String> {
    let rdds = batch_rows(json)?.into_iter().map(|rows| rdd(run, rows)).collect();
    Ok(Arc::new(Mutex::new(rdds)))
}

fn rdd(run: &Run, rows: Vec<Value>) -> Rdd<Value> {
    run.sc.parallelize(rows, 2).expect("partitions")
}

fn queue(case: &Json) -> Result<(), String> {
    let run = Run::new(case["batch_ms"].as_u64().ok_or("no batch_ms")?, 0, false);
    let one = case["one_at_a_time"].as_bool().ok_or("no one_at_a_time")?;
    let ticks = case["enqueue_before_tick"].as_array();
    let queue = if ticks.is_some() { Queue::default() } else { queue_of(&run, &case["queued"])? };
    let default = match &case["default"] {
        Json::Null => None,
        rows_of => Some(rdd(&run, rows(rows_of)?)),
    };
    let stream = run.ssc.queue_stream_with(Arc::clone(&queue), one, default).map_err(text)?;
    let seen = watch(&stream).map_err(text)?;
    run.ssc.start().map_err(text)?;
    let want = batch_rows(&case["expected"])?;
    match ticks {
        Some(ticks) => {
            for (tick, elements) in (1..).zip(ticks) {
                let elements = rows(elements)?.into_iter().map(|row| rdd(&run, vec![row]));
                queue.lock().expect("the queue").extend(elements);
                run.advance(tick)?;
            }
        }
        None => run.advance(case["num_batches"].as_u64().unwrap_or(want.len() as u64))?,
    }
    run.ssc.stop(KEEP).map_err(text)?;
    let mut got: Vec<_> =
        seen.lock().expect("rows").values().map(|(rows, _)| rows.clone()).collect();
    if !case["expected_non_empty"].is_null() {
        got.retain(|rows| !rows.is_empty());
    }
    equal("batches", &got, &want)
}

fn queues(case: &Json) -> Result<(), String> {
    let run = Run::new(case["batch_ms"].as_u64().ok_or("no batch_ms")?, 0, false);
    let mut queues = Vec::new();
    match case["queues"].as_array() {
        Some(all) => {
            for one in all {
                queues.push(queue_of(&run, one)?);
            }
        }
        None => {
            queues.push(queue_of(&run, &case["queued1"])?);
            queues.push(queue_of(&run, &case["queued2"])?);
        }
    }
    let streams: Result<Vec<_>, _> =
        queues.into_iter().map(|queue| run.ssc.queue_stream(queue)).collect();
    let streams = streams.map_err(text)?;
    let sc = run.sc.clone();
    let made = match case["transform"].as_str() {
        None => run.ssc.union(&streams),
        Some("rdd2 ++ rdd3 ++ rdd1") => run.ssc.transform(&streams, move |rdds, _| {
            sc.union(&[rdds[1].clone(), rdds[2].clone(), rdds[0].clone()])
        }),
        Some("rdd.cartesian(rdd)") => streams[0].transform(|rdd, _| {
            let all = rdd.map(|row| ((), row));
            all.join(&all, 1).map(|((), (a, b))| Value::pair(a, b))
        }),
        Some(other) => return Err(format!("unknown transform {other:?}")),
    };
    let seen = watch(&made.map_err(text)?).map_err(text)?;
    run.ssc.start().map_err(text)?;
    run.advance(3)?;
    run.ssc.stop(KEEP).map_err(text)?;
    let got: Vec<_> = seen.lock().expect("rows").values().map(|(rows, _)| rows.clone()).collect();
    if !case["expected"].is_null() {
        equal("batches", &got, &batch_rows(&case["expected"])?)
    } else if !case["expected_concat"].is_null() {
        equal("rows", &got.concat(), &rows(&case["expected_concat"])?)
    } else {
        equal("first", &got[0], &rows(&case["expected_first_batch"])?)
    }
}

fn collected(rdds: Vec<Rdd<Value>>) -> Result<Vec<Vec<Value>>, String> {
    rdds.iter().map(|rdd| rdd.collect().map_err(|error| error.to_string())).collect()
}

fn slice(case: &Json) -> Result<(), String> {
    let run = Run::of(case).map_err(refusal)?;
    let input =
        run.source(&"input".into()).and_then(|input| Ok(input.plain()?)).map_err(refusal)?;
    watch(&input).map_err(text)?;
    run.ssc.start().map_err(text)?;
    for query in case["queries"].as_array().ok_or("no queries")? {
        let time = |field: &str| Time::from_ms(query[field].as_u64().unwrap_or(0));
        let rdds = input.slice(time("from_ms"), time("to_ms")).map_err(text)?;
        let got = collected(rdds)?.concat();
        equal("slice", &normal(&got, false, false), &rows(&query["expected"])?)?;
    }
    run.ssc.stop(KEEP).map_err(text)
}

/// A stream whose batch *i* holds *i*.
fn counting(run: &Run, batches: i64) -> Result<DStream<Value>, StreamingError> {
    run.ssc.input_stream(Script {
        batches: (1..=batches).map(|i| Some(vec![Value::Int(i)])).collect(),
        batch_ms: run.batch_ms,
        zero_ms: run.start_ms,
        partitions: 2,
    })
}

fn slice_observed(case: &Json) -> Result<(), String> {
    let params = &case["params"];
    let ms = |field: &str| params[field].as_u64().ok_or(format!("no {field}"));
    let run = Run::new(ms("batch_ms")?, ms("zero_time_ms")?, false);
    let input = counting(&run, 10).map_err(text)?;
    let stream = match params["stream"].as_str().unwrap_or_default() {
        "input" => input,
        window => {
            let numbers = window.strip_prefix("window(").and_then(|rest| rest.strip_suffix(')'));
            let numbers = numbers.and_then(|numbers| numbers.split_once(','));
            let (length, slide) = numbers.ok_or(format!("unknown stream {window:?}"))?;
            let ms = |text: &str| text.parse().map(Duration::from_millis);
            let (Ok(length), Ok(slide)) = (ms(length), ms(slide)) else {
                return Err(format!("unknown stream {window:?}"));
            };
            input.window(length, slide).map_err(text)?
        }
    };
    watch(&stream).map_err(text)?;
    run.ssc.start().map_err(text)?;
    let (from, to) = (Time::from_ms(ms("from_ms")?), Time::from_ms(ms("to_ms")?));
    let got = collected(stream.slice(from, to).map_err(text)?)?;
    run.ssc.stop(KEEP).map_err(text)?;
    equal("slice", &got, &batch_rows(&case["expected_rdds"])?)
}

fn last_stream(stream: &Stream) -> Result<(), StreamingError> {
    watch(&stream.plain()?).map(drop)
}

fn remember(case: &Json) -> Result<(), String> {
    let run = Run::of(case).map_err(refusal)?;
    if let Some(ms) = case["params"]["context_remember_ms"].as_u64() {
        run.ssc.remember(Duration::from_millis(ms)).map_err(text)?;
    }
    let input = run.source(&"input".into()).map_err(refusal)?;
    let streams = run.build(input, &case["params"]["pipeline"]).map_err(refusal)?;
    let last = streams.last().ok_or("no stream")?;
    let seen = match last {
        Stream::Pairs(_) => {
            last_stream(last).map_err(text)?;
            None
        }
        other => Some(watch(&other.plain().map_err(text)?).map_err(text)?),
    };
    run.ssc.start().map_err(text)?;
    run.advance(case["num_batches"].as_u64().ok_or("no num_batches")?)?;
    if let Some(seen) = seen {
        let outputs = seen.lock().expect("rows").len() as u64;
        equal("outputs", &Some(outputs), &case["expected_num_outputs"].as_u64())?;
    }
    check_remembered(case, &streams)?;
    run.ssc.stop(KEEP).map_err(text)
}

fn check_remembered(case: &Json, streams: &[Stream]) -> Result<(), String> {
    let named = |name: &str| match name.split('(').next().unwrap_or_default() {
        "mapped" => streams.get(1),
        "window1" => streams.get(2),
        "window2" => streams.get(3),
        "state" => streams.iter().find(|stream| stream.info().operation == "StateDStream"),
        _ => None,
    };
    for (what, wanted) in case["expected"].as_object().into_iter().flatten() {
        if what == "checkpoint_ms" {
            let last = streams.last().ok_or("no stream")?;
            let checkpoint = last.info().checkpoint.map(|every| every.as_millis() as u64);
            equal(what, &checkpoint, &wanted.as_u64())?;
            continue;
        }
        for (name, want) in wanted.as_object().into_iter().flatten() {
            let stream = named(name).ok_or(format!("unknown stream {name:?}"))?;
            let kept = match what.as_str() {
                "remember_ms" => {
                    let remember = stream.info().remember.map(|span| span.as_millis() as u64);
                    equal(name, &remember, &want.as_u64())?;
                    continue;
                }
                "generated_times_present" => true,
                "generated_times_absent" => false,
                other => return Err(format!("unknown expectation {other:?}")),
            };
            let times = stream.generated_ms();
            for ms in want.as_array().into_iter().flatten().filter_map(Json::as_u64) {
                equal(&format!("{name} at {ms} of {times:?}"), &times.contains(&ms), &kept)?;
            }
        }
    }
    Ok(())
}

fn remember_observed(case: &Json) -> Result<(), String> {
    let name = case["name"].as_str().unwrap_or_default();
    if !name.ends_with("after 10 batches: updateStateByKey.checkpoint(3s)") {
        return Err(format!("unknown pipeline {name:?}"));
    }
    let steps = json!([
        {"op": "map", "fn": "pair_one"},
        {"op": "updateStateByKey", "fn": "running_sum"},
        {"op": "checkpoint", "interval_ms": 3000}
    ]);
    let run = Run::new(case["batch_ms"].as_u64().ok_or("no batch_ms")?, 0, true);
    let input = Stream::Plain(counting(&run, 10).map_err(text)?);
    let streams = run.build(input.clone(), &steps).map_err(refusal)?;
    let state = streams.last().ok_or("no stream")?;
    last_stream(state).map_err(text)?;
    run.ssc.start().map_err(text)?;
    run.advance(10)?;
    let remember = |stream: &Stream| stream.info().remember.map(|span| span.as_millis() as u64);
    let got = json!({
        "state_times": state.generated_ms(), "remember": remember(state),
        "input_times": input.generated_ms(), "input_remember": remember(&input),
    });
    run.ssc.stop(KEEP).map_err(text)?;
    equal("remembered", &got, &case["expected"])
}

/// A writer that others can look at.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the page").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn print(case: &Json) -> Result<(), String> {
    let run = Run::of(case).map_err(refusal)?;
    let page = Page::default();
    let count = case["params"]["num"].as_u64().ok_or("no num")? as usize;
    let input = run.inputs.get("input").ok_or("no input")?;
    input.print_to(count, page.clone()).map_err(text)?;
    run.ssc.start().map_err(text)?;
    let want = case["expected_lines"].as_array().ok_or("no expected_lines")?;
    run.advance(want.len() as u64)?;
    run.ssc.stop(KEEP).map_err(text)?;
    let got = String::from_utf8_lossy(&page.0.lock().expect("the page")).into_owned();
    let lines = want.iter().flat_map(|batch| batch.as_array().into_iter().flatten());
    let want: String = lines.filter_map(Json::as_str).flat_map(|line| [line, "\n"]).collect();
    equal("text", &got, &want)
}

fn check_observed(case: &Json, result: Result<String, StreamingError>) -> Result<(), String> {
    let observed = case["observed"].as_str().unwrap_or_default();
    match (result, case["expect"].as_str()) {
        (Ok(got), Some("ok")) => equal("result", &got.as_str(), &observed),
        (Err(error), Some("error")) => {
            // Spark says which exception first, and where the other context was started last.
            let want = observed.split_once(": ").map_or(observed, |(_, message)| message);
            let want = want.trim_start_matches("requirement failed: ");
            let want = want.split(" JVM.").next().unwrap_or(want);
            let message = error.to_string();
            if message.starts_with(want) { Ok(()) } else { Err(format!("{message}; want {want}")) }
        }
        (result, expect) => Err(format!("got {result:?}, want {expect:?}")),
    }
}

fn start_second(second: StreamingContext) -> Result<String, StreamingError> {
    second.queue_stream::<Value>(Queue::default())?.foreach_rdd(|_, _| Ok(()))?;
    second.start()?;
    Ok(format!("{:?}", second.state()).to_uppercase())
}

fn lifecycle(case: &Json) -> Result<(), String> {
    let name = case["name"].as_str().unwrap_or_default();
    let what = name.strip_prefix("lifecycle observed - ").ok_or("an unknown name")?;
    let scope = ActiveScope::private();
    let sc = weir_microbatch::SparkContext::local(1).map_err(|error| error.to_string())?;
    let none = |_| String::new();
    let make = |ms: u64| {
        StreamingContext::builder(&sc, Duration::from_millis(ms))
            .clock(Arc::new(ManualClock::new()))
            .scope(scope.clone())
            .build()
    };
    let ssc = make(1_000).map_err(text)?;
    let input = ssc.queue_stream::<Value>(Queue::default()).map_err(text)?;
    input.foreach_rdd(|_, _| Ok(())).map_err(text)?;
    let started = || ssc.start().map(|()| ssc.clone());
    let second = || start_second(make(1_000)?);
    let unit = |(): ()| "()".to_owned();
    let state = |ssc: &StreamingContext| format!("{:?}", ssc.state()).to_uppercase();
    let after = Duration::from_secs(5);
    let result: Result<String, StreamingError> = match what {
        "awaitTerminationOrTimeout before start" => {
            ssc.await_termination_or_timeout(Duration::from_millis(1)).map(|over| over.to_string())
        }
        "second context start" => started().and_then(|_| second()),
        "map after start" => started().and_then(|_| input.map(|x| x)).map(none),
        "transform closure after start" => {
            started().and_then(|_| input.transform(|rdd, _| rdd)).map(none)
        }
        "persist after start" => started().and_then(|_| input.persist().map(|_| String::new())),
        "checkpoint interval after start" => {
            started().and_then(|_| input.checkpoint(after).map(|_| String::new()))
        }
        "ssc.remember after start" => started().and_then(|ssc| ssc.remember(after)).map(unit),
        "ssc.remember twice" => started()
            .and_then(|ssc| ssc.remember(after).and_then(|()| ssc.remember(after)))
            .map(unit),
        "addStreamingListener after start" => started()
            .map(|ssc| ssc.add_streaming_listener(Arc::new(ProgressListener::default())))
            .map(unit),
        "second context start after first stopped" => {
            started().and_then(|ssc| ssc.stop(KEEP)).and_then(|()| second())
        }
        "map after stop" => {
            started().and_then(|ssc| ssc.stop(KEEP)).and_then(|()| input.map(|x| x)).map(none)
        }
        "stop twice" => started()
            .and_then(|ssc| ssc.stop(KEEP).and_then(|()| ssc.stop(KEEP)))
            .map(|()| state(&ssc)),
        "awaitTermination after stop" => started()
            .and_then(|ssc| ssc.stop(KEEP).and_then(|()| ssc.await_termination()))
            .map(unit),
        "new StreamingContext with 0 batch" => make(0).map(|ssc| state(&ssc)),
        other => return Err(format!("unknown step {other:?}")),
    };
    check_observed(case, result)
}

#[derive(Default)]
struct Infos(Mutex<BTreeMap<&'static str, Vec<BatchInfo>>>);

impl Infos {
    fn push(&self, event: &'static str, batch: &BatchInfo) {
        self.0.lock().expect("infos").entry(event).or_default().push(batch.clone());
    }
}

impl StreamingListener for Infos {
    fn on_batch_submitted(&self, batch: &BatchInfo) {
        self.push("submitted", batch);
    }
    fn on_batch_started(&self, batch: &BatchInfo) {
        self.push("started", batch);
    }
    fn on_batch_completed(&self, batch: &BatchInfo) {
        self.push("completed", batch);
    }
}

fn listener(case: &Json) -> Result<(), String> {
    let run = Run::of(case).map_err(refusal)?;
    let infos = Arc::new(Infos::default());
    run.ssc.add_streaming_listener(Arc::clone(&infos) as _);
    let input = run.source(&"input".into()).map_err(refusal)?;
    let streams = run.build(input, &case["params"]["pipeline"]).map_err(refusal)?;
    last_stream(streams.last().ok_or("no stream")?).map_err(text)?;
    run.ssc.start().map_err(text)?;
    run.advance(case["input"].as_array().map_or(0, Vec::len) as u64)?;
    run.ssc.stop(KEEP).map_err(text)?;
    let infos = infos.0.lock().expect("infos");
    for (event, wanted) in case["expected"].as_object().into_iter().flatten() {
        let batches = infos.get(event.as_str()).ok_or(format!("no event {event:?}"))?;
        for (field, want) in wanted.as_object().into_iter().flatten() {
            check_info(batches, field, want).map_err(|error| format!("{event}: {error}"))?;
        }
    }
    Ok(())
}

fn check_info(batches: &[BatchInfo], field: &str, want: &Json) -> Result<(), String> {
    let rising = |get: fn(&BatchInfo) -> Option<u64>| {
        let times: Vec<_> = batches.iter().map(get).collect();
        equal(field, &(times.is_sorted() && times.iter().all(Option::is_some)), &true)
    };
    let delay = |get: fn(&BatchInfo) -> Option<u64>| {
        let known = !want.is_null();
        equal(field, &batches.iter().all(|batch| get(batch).is_some() == known), &true)
    };
    match field {
        "count" => equal(field, &Some(batches.len() as u64), &want.as_u64()),
        "schedulingDelay" => delay(BatchInfo::scheduling_delay_ns),
        "processingDelay" => delay(BatchInfo::processing_delay_ns),
        "totalDelay" => delay(BatchInfo::total_delay_ns),
        "submissionTime" => rising(|batch| Some(batch.submitted_ns)),
        "processingStartTime" => rising(|batch| batch.started_ns),
        "processingEndTime" => rising(|batch| batch.ended_ns),
        "numRecords" => batches
            .iter()
            .try_for_each(|batch| equal(field, &Some(batch.num_records()), &want.as_u64())),
        "streamIdToInputInfo" => {
            batches.iter().try_for_each(|batch| equal(field, &info(&batch.inputs), want))
        }
        other => Err(format!("unknown field {other:?}")),
    }
}

fn info(inputs: &BTreeMap<usize, StreamInputInfo>) -> Json {
    inputs.iter().map(|(id, info)| (id.to_string(), Json::from(info.records))).collect()
}

fn input_info(case: &Json) -> Result<(), String> {
    let tracker = InputInfoTracker::default();
    for step in case["steps"].as_array().ok_or("no steps")? {
        if let Some(report) = step["report"].as_array() {
            let time = Time::from_ms(report[0].as_u64().ok_or("no time")?);
            let number = |field: &str| report[1][field].as_u64().ok_or(format!("no {field}"));
            let info = StreamInputInfo::new(number("stream")? as usize, number("records")?);
            let want = step["expect"].as_str().and_then(|text| text.split_once(": "));
            match (tracker.report(time, info), want) {
                (Ok(()), None) => {}
                (Err(error), Some((_, want))) if error.to_string().starts_with(want) => {}
                (got, want) => return Err(format!("got {got:?}, want {want:?}")),
            }
        } else if let Some(ms) = step["getInfo"].as_u64() {
            equal("info", &info(&tracker.info(Time::from_ms(ms))), &step["expect"])?;
        } else if let Some(ms) = step["cleanup"].as_u64() {
            tracker.cleanup(Time::from_ms(ms));
        } else {
            return Err(format!("unknown step {step}"));
        }
    }
    Ok(())
}

fn batch_info(ms: u64, records: &Json) -> BatchInfo {
    let inputs = records.as_object().into_iter().flatten().filter_map(|(id, records)| {
        let id = id.parse().ok()?;
        Some((id, StreamInputInfo::new(id, records.as_u64()?)))
    });
    BatchInfo {
        time: Time::from_ms(ms),
        inputs: Arc::new(inputs.collect()),
        submitted_ns: ms * 1_000_000,
        started_ns: None,
        ended_ns: None,
        outputs: Vec::new(),
    }
}

fn progress(case: &Json) -> Result<(), String> {
    let retained = case["params"]["spark.streaming.ui.retainedBatches"].as_u64().unwrap_or(1_000);
    let listener = ProgressListener::new(retained as usize);
    let batch = batch_info(1_000, &case["streamIdToRecords"]);
    let Some(steps) = case["steps"].as_array() else {
        let completed = case["params"]["completed"].as_u64().unwrap_or(5_000);
        for ms in 0..completed {
            let batch = batch_info(ms, &Json::Null);
            listener.on_batch_submitted(&batch);
            listener.on_batch_started(&batch);
            listener.on_batch_completed(&batch);
        }
        let kept = listener.retained_completed_batches().len() + listener.unprocessed_batches();
        return match &case["expected"] {
            Json::String(_) => equal("bound", &(kept as u64 <= retained + 10), &true),
            want => {
                let total = listener.totals().completed_batches;
                let got = json!({"retainedCompletedBatches": kept, "totalCompletedBatches": total});
                equal("batches", &got, want)
            }
        };
    };
    for step in steps {
        match step["event"].as_str().unwrap_or_default() {
            "streamingStarted(100)" => listener.on_streaming_started(100_000_000),
            "batchSubmitted(t=1000,sub=1000)" => listener.on_batch_submitted(&batch),
            "batchStarted(start=2000)" => listener.on_batch_started(&batch),
            "batchCompleted" => listener.on_batch_completed(&batch),
            other => return Err(format!("unknown event {other:?}")),
        }
        for (field, want) in step["expect"].as_object().into_iter().flatten() {
            let time = |batch: Option<BatchInfo>| Json::from(batch.map(|batch| batch.time.as_ms()));
            let totals = listener.totals();
            let got: Json = match field.as_str() {
                "startTime" => listener.started_ns().map(|ns| ns / 1_000_000).into(),
                "waiting" => listener.waiting_batches().into(),
                "running" => listener.running_batches().into(),
                "completed" => listener.retained_completed_batches().len().into(),
                "unprocessed" => listener.unprocessed_batches().into(),
                "totalCompletedBatches" => totals.completed_batches.into(),
                "totalProcessedRecords" => totals.processed_records.into(),
                "totalReceivedRecords" => totals.received_records.into(),
                "lastReceivedBatch" => time(listener.last_received_batch()),
                "lastCompletedBatch" => time(listener.last_completed_batch()),
                other => return Err(format!("unknown field {other:?}")),
            };
            equal(field, &got, want)?;
        }
    }
    Ok(())
}
