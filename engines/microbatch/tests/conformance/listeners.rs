//! Cases about what listeners are told.

use crate::case::{Case, Outcome, equal};
use crate::kinds::{last_stream, text};
use crate::phrases::{clauses, holes, number, unknown};
use crate::pipeline::{KEEP, Run, refusal};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use weir_microbatch::{
    BatchInfo, InputInfoTracker, ProgressListener, ReceiverInfo, StreamInputInfo,
    StreamingListener, Time,
};

pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    Some(match kind {
        "listener" => listener(case),
        "input_info" => input_info(case),
        "progress_listener" => progress(case),
        _ => return None,
    })
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

fn listener(case: &Case<'_>) -> Outcome {
    let run = Run::of(case).map_err(refusal)?;
    let infos = Arc::new(Infos::default());
    run.ssc.add_streaming_listener(Arc::clone(&infos) as _);
    let input = run.source(&"input".into()).map_err(refusal)?;
    let params = case.part("params");
    let streams = run.build(input, &params["pipeline"]).map_err(refusal)?;
    params.finished()?;
    last_stream(&streams)?;
    run.ssc.start().map_err(text)?;
    run.advance(case.int_or("num_batches", case.list("input")?.len() as u64)?)?;
    run.ssc.stop(KEEP).map_err(text)?;
    let infos = infos.0.lock().expect("infos");
    for (event, wanted) in case["expected"].as_object().ok_or("expected is missing")? {
        let batches = infos.get(event.as_str()).ok_or(format!("no event {event:?}"))?;
        for (field, want) in wanted.as_object().ok_or(format!("{event}: no fields"))? {
            check_info(batches, field, want).map_err(|error| format!("{event}: {error}"))?;
        }
    }
    Ok(())
}

/// What a case says of a number that each batch has: that it is there and at least so much, that it is
/// missing, that it never falls, or what it is in all batches or in each.
fn check_numbers(field: &str, got: &[Option<u64>], want: &Json) -> Outcome {
    match want {
        Json::Null => equal(field, &got.iter().all(Option::is_none), &true),
        Json::String(text) if text == "non-decreasing" => {
            equal(field, &(got.is_sorted() && got.iter().all(Option::is_some)), &true)
        }
        Json::String(text) => match holes(text, ">={n}").or_else(|| holes(text, ">= {n}")) {
            Some([least]) => {
                let least = number(least)?;
                equal(field, &got.iter().all(|got| got.is_some_and(|got| got >= least)), &true)
            }
            None => unknown(text),
        },
        Json::Array(all) => equal(field, &json!(got), &json!(all)),
        want => got.iter().try_for_each(|got| equal(field, &json!(got), want)),
    }
}

fn check_info(batches: &[BatchInfo], field: &str, want: &Json) -> Outcome {
    let numbers = |get: fn(&BatchInfo) -> Option<u64>| {
        let got: Vec<_> = batches.iter().map(get).collect();
        check_numbers(field, &got, want)
    };
    match field {
        "count" => equal(field, &json!(batches.len()), want),
        "schedulingDelay" => numbers(BatchInfo::scheduling_delay_ns),
        "processingDelay" => numbers(BatchInfo::processing_delay_ns),
        "totalDelay" => numbers(BatchInfo::total_delay_ns),
        "submissionTime" => numbers(|batch| Some(batch.submitted_ns)),
        "processingStartTime" => numbers(|batch| batch.started_ns),
        "processingEndTime" => numbers(|batch| batch.ended_ns),
        "batchTime" => numbers(|batch| Some(batch.time.as_ms())),
        "numRecords" => numbers(|batch| Some(batch.num_records())),
        "streamIdToInputInfo" => match want {
            Json::Array(all) => {
                let got: Vec<_> = batches.iter().map(|batch| info(&batch.inputs)).collect();
                equal(field, &got, all)
            }
            want => batches.iter().try_for_each(|batch| equal(field, &info(&batch.inputs), want)),
        },
        other => Err(format!("unknown field {other:?}")),
    }
}

fn info(inputs: &BTreeMap<usize, StreamInputInfo>) -> Json {
    inputs.iter().map(|(id, info)| (id.to_string(), Json::from(info.records))).collect()
}

fn input_info(case: &Case<'_>) -> Outcome {
    let tracker = InputInfoTracker::default();
    for step in case.list("steps")? {
        let step = Case::new(step);
        if let Some(report) = step.get("report") {
            let time = Time::from_ms(report[0].as_u64().ok_or("no time")?);
            let input = Case::new(&report[1]);
            let (stream, records) = (input.int("stream")?, input.int("records")?);
            input.finished()?;
            let got = tracker.report(time, StreamInputInfo::new(stream as usize, records));
            match (got, step.get("expect")) {
                (Ok(()), None) => {}
                (Ok(()), Some(want)) if want == "ok" => {}
                (Err(error), Some(want)) => check_error(&text(error), want)?,
                (got, want) => return Err(format!("got {got:?}, want {want:?}")),
            }
        } else if step.get("getInfo").is_some() {
            let got = info(&tracker.info(Time::from_ms(step.int("getInfo")?)));
            equal("info", &got, &step["expect"])?;
        } else if step.get("cleanup").is_some() {
            tracker.cleanup(Time::from_ms(step.int("cleanup")?));
        }
        step.finished()?;
    }
    Ok(())
}

/// Compares an error with `error <Java's class>: <message>`.
fn check_error(error: &str, want: &Json) -> Outcome {
    let want = want.as_str().ok_or_else(|| format!("{want} is no text"))?;
    match holes(want, "error {w}: {*}") {
        Some([_, message]) if !message.is_empty() && error.starts_with(message) => Ok(()),
        _ => Err(format!("error {error}; want {want:?}")),
    }
}

/// The inputs of a batch, from the records of each.
fn inputs(records: &Json) -> Result<BTreeMap<usize, StreamInputInfo>, String> {
    let mut inputs = BTreeMap::new();
    for (id, records) in records.as_object().into_iter().flatten() {
        let id = number(id)? as usize;
        let records = records.as_u64().ok_or("records are no number")?;
        inputs.insert(id, StreamInputInfo::new(id, records));
    }
    Ok(inputs)
}

fn progress(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let retained = params.int_or("spark.streaming.ui.retainedBatches", 1_000)?;
    let listener = ProgressListener::new(retained as usize);
    let inputs = Arc::new(inputs(&case["streamIdToRecords"])?);
    let mut telling = Telling { listener, inputs, batches: BTreeMap::new(), last: None };
    if let Some(steps) = case.get("steps") {
        for step in steps.as_array().ok_or("steps are no list")? {
            let step = Case::new(step);
            telling.tell(step.text("event")?)?;
            let expected = step["expect"].as_object().ok_or("expect is missing")?;
            for (field, want) in expected {
                equal(field, &telling.count(field)?, want)?;
            }
            step.finished()?;
        }
        return params.finished();
    }
    // Without steps: so many batches, one behind the other.
    for ms in 1..=params.int_or("completed", retained * 2)? {
        telling.tell(&format!("batchSubmitted(t={ms},sub={ms})"))?;
        telling.tell(&format!("batchStarted(start={ms})"))?;
        telling.tell("batchCompleted")?;
    }
    params.finished()?;
    match &case["expected"] {
        Json::String(text) => telling.bound(text, retained),
        Json::Object(fields) => {
            fields.iter().try_for_each(|(field, want)| equal(field, &telling.count(field)?, want))
        }
        other => Err(format!("unknown expectation {other}")),
    }
}

/// A listener that is told of batches, and the batches.
struct Telling {
    listener: ProgressListener,
    inputs: Arc<BTreeMap<usize, StreamInputInfo>>,
    batches: BTreeMap<u64, BatchInfo>,
    /// The batch that events which name none are about.
    last: Option<u64>,
}

impl Telling {
    /// `batchSubmitted(t=1000,sub=1000)` and the like; times are in ms.
    fn tell(&mut self, event: &str) -> Outcome {
        let [what, arguments] = holes(event, "{w}({*})").unwrap_or([event, ""]);
        let mut values = BTreeMap::new();
        for argument in clauses(arguments, ',') {
            let (name, value) = argument.split_once('=').unwrap_or(("", argument));
            values.insert(name.trim(), number(value)?);
        }
        let mut take = |name: &str| values.remove(name);
        let (t, ns) = (take("t"), |ms: u64| ms * 1_000_000);
        if what == "streamingStarted" {
            let at = take("").ok_or_else(|| format!("{event:?}: no time"))?;
            self.listener.on_streaming_started(ns(at));
        } else if what.starts_with("receiver") {
            let receiver = ReceiverInfo {
                stream: take("stream").or_else(|| take("")).ok_or("which receiver?")? as usize,
                name: "receiver".into(),
                active: what != "receiverStopped",
                last_error_message: String::new(),
                last_error: String::new(),
                last_error_at: None,
            };
            match what {
                "receiverStarted" => self.listener.on_receiver_started(&receiver),
                "receiverError" => self.listener.on_receiver_error(&receiver),
                "receiverStopped" => self.listener.on_receiver_stopped(&receiver),
                _ => return unknown(event),
            }
        } else {
            let time = t.or(self.last).ok_or_else(|| format!("{event:?}: of which batch?"))?;
            self.last = Some(time);
            let inputs = Arc::clone(&self.inputs);
            let batch = self.batches.entry(time).or_insert_with(|| BatchInfo {
                time: Time::from_ms(time),
                inputs,
                submitted_ns: ns(time),
                started_ns: None,
                ended_ns: None,
                outputs: Vec::new(),
            });
            match what {
                "batchSubmitted" => {
                    batch.submitted_ns = take("sub").map_or(batch.submitted_ns, ns);
                    self.listener.on_batch_submitted(batch);
                }
                "batchStarted" => {
                    batch.started_ns = take("start").map(ns);
                    self.listener.on_batch_started(batch);
                }
                "batchCompleted" => {
                    batch.ended_ns = take("end").map(ns);
                    self.listener.on_batch_completed(batch);
                }
                _ => return unknown(event),
            }
        }
        if values.is_empty() { Ok(()) } else { unknown(event) }
    }

    fn count(&self, field: &str) -> Result<Json, String> {
        let (listener, totals) = (&self.listener, self.listener.totals());
        let time = |batch: Option<BatchInfo>| Json::from(batch.map(|batch| batch.time.as_ms()));
        Ok(match field {
            "startTime" => listener.started_ns().map(|ns| ns / 1_000_000).into(),
            "waiting" => listener.waiting_batches().into(),
            "running" => listener.running_batches().into(),
            "completed" | "retainedCompletedBatches" => {
                listener.retained_completed_batches().len().into()
            }
            "unprocessed" => listener.unprocessed_batches().into(),
            "totalCompletedBatches" => totals.completed_batches.into(),
            "totalProcessedRecords" => totals.processed_records.into(),
            "totalReceivedRecords" => totals.received_records.into(),
            "lastReceivedBatch" => time(listener.last_received_batch()),
            "lastCompletedBatch" => time(listener.last_completed_batch()),
            gauge => match listener.gauges().get(gauge) {
                Some(value) => (*value).into(),
                None => return unknown(field),
            },
        })
    }

    /// `size <= waiting+running+retained+10`: of the batches that the listener keeps.
    fn bound(&self, text: &str, retained: u64) -> Outcome {
        let Some([sum]) = holes(text, "size <= {*}") else { return unknown(text) };
        let mut most = 0;
        for term in sum.split('+').map(str::trim) {
            most += match term {
                "waiting" => self.listener.waiting_batches() as u64,
                "running" => self.listener.running_batches() as u64,
                "retained" => retained,
                term => number(term)?,
            };
        }
        let kept =
            self.listener.retained_completed_batches().len() + self.listener.unprocessed_batches();
        let kept = kept as u64;
        if kept <= most { Ok(()) } else { Err(format!("{kept} batches are kept, {text}")) }
    }
}
