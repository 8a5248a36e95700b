//! Cases about what surrounds a pipeline: queues, slices, remembering, printing.

use crate::case::{Case, Outcome, equal};
use crate::phrases::{clauses, holes, number, span_ms, unknown};
use crate::pipeline::{KEEP, Run, Script, Stream, numbers, refusal, rows, watch};
use crate::value::{Value, normal};
use serde_json::{Value as Json, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_microbatch::{DStream, Rdd, SparkContext, StreamingError, Time};

pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    Some(match kind {
        "queue" | "queue_observed" => queue(case),
        "queue_union" | "queue_transform" => queues(kind, case),
        "slice" => slice(case),
        "slice_observed" => slice_observed(case),
        "remember" => remember(case),
        "remember_observed" => remember_observed(case),
        "print" => print(case),
        _ => return None,
    })
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
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

/// A run without a scripted input. Queues are not checkpointed.
fn bare(case: &Case<'_>, start_ms: u64, checkpoint: bool) -> Result<Run, String> {
    match case.int("batch_ms")? {
        0 => Err("no batch interval".into()),
        batch_ms => Ok(Run::new(batch_ms, start_ms, checkpoint)),
    }
}

fn queue(case: &Case<'_>) -> Outcome {
    let run = bare(case, 0, false)?;
    let one = case.flag("one_at_a_time")?;
    let ticks = case.get("enqueue_before_tick").map(batch_rows).transpose()?;
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
                // What is enqueued is one RDD each.
                let elements = elements.into_iter().map(|row| match row {
                    Value::List(rows) => rdd(&run, rows),
                    row => rdd(&run, vec![row]),
                });
                queue.lock().expect("the queue").extend(elements);
                run.advance(tick)?;
            }
        }
        None => run.advance(case.int_or("num_batches", want.len() as u64)?)?,
    }
    run.ssc.stop(KEEP).map_err(text)?;
    let got: Vec<_> = seen.lock().expect("rows").values().map(|(rows, _)| rows.clone()).collect();
    equal("batches", &got, &want)?;
    let Some(want) = case.get("expected_non_empty") else { return Ok(()) };
    let full: Vec<_> = got.into_iter().filter(|rows| !rows.is_empty()).collect();
    equal("batches that are not empty", &full, &batch_rows(want)?)
}

/// What a transformation of RDDs named `rdd1`, `rdd2`.. or, if there is one, `rdd` makes of them:
/// terms joined by `++`, each an RDD or one applied to another.
fn expression(text: &str, rdds: &[Rdd<Value>], sc: &SparkContext) -> Result<Rdd<Value>, String> {
    let terms: Vec<_> = text.split("++").map(str::trim).collect();
    if terms.len() > 1 {
        let all =
            terms.iter().map(|term| expression(term, rdds, sc)).collect::<Result<Vec<_>, _>>();
        return Ok(sc.union(&all?));
    }
    if let Some([left, operator, right]) = holes(text, "{w}.{w}({*})") {
        let (left, right) = (expression(left, rdds, sc)?, expression(right, rdds, sc)?);
        return match operator {
            "cartesian" => Ok(left.cartesian(&right).map(|(a, b)| Value::pair(a, b))),
            "union" => Ok(left.union(&right)),
            other => unknown(other),
        };
    }
    let index = match holes(text, "rdd{n}") {
        Some([n]) => number(n)? as usize,
        None if text == "rdd" && rdds.len() == 1 => 1,
        None => return unknown(text),
    };
    let named = index.checked_sub(1).and_then(|index| rdds.get(index));
    named.cloned().ok_or_else(|| format!("there is no {text}"))
}

fn queues(kind: &str, case: &Case<'_>) -> Outcome {
    let run = bare(case, 0, false)?;
    let mut all: Vec<&Json> = Vec::new();
    match case.get("queues") {
        Some(queues) => all.extend(queues.as_array().into_iter().flatten()),
        None => all.extend((1..).map_while(|n| case.get(&format!("queued{n}")))),
    }
    let batches = all.iter().filter_map(|queue| queue.as_array().map(Vec::len)).max();
    let mut streams = Vec::new();
    for queue in all {
        streams.push(run.ssc.queue_stream(queue_of(&run, queue)?).map_err(text)?);
    }
    let made = match kind {
        "queue_union" => run.ssc.union(&streams).map_err(text)?,
        _ => {
            let (sc, transform) = (run.sc.clone(), case.text("transform")?.to_owned());
            // Before the start, so that what is not understood is told at once.
            let sample: Vec<_> = streams.iter().map(|_| rdd(&run, Vec::new())).collect();
            expression(&transform, &sample, &sc)?;
            let f =
                move |rdds: Vec<Rdd<Value>>, _| expression(&transform, &rdds, &sc).expect("one");
            run.ssc.transform(&streams, f).map_err(text)?
        }
    };
    let seen = watch(&made).map_err(text)?;
    run.ssc.start().map_err(text)?;
    run.advance(case.int_or("num_batches", batches.unwrap_or(0) as u64)?)?;
    run.ssc.stop(KEEP).map_err(text)?;
    let got: Vec<_> = seen.lock().expect("rows").values().map(|(rows, _)| rows.clone()).collect();
    let first = got.first().ok_or("no batch")?;
    let mut checks = 0;
    if let Some(want) = case.get("expected") {
        equal("batches", &got, &batch_rows(want)?)?;
        checks += 1;
    }
    if let Some(want) = case.get("expected_concat") {
        equal("rows", &got.concat(), &rows(want)?)?;
        checks += 1;
    }
    if let Some(want) = case.get("expected_first_batch") {
        equal("first", first, &rows(want)?)?;
        checks += 1;
    }
    if checks == 0 { Err("the case expects nothing".into()) } else { Ok(()) }
}

fn collected(rdds: Vec<Rdd<Value>>) -> Result<Vec<Vec<Value>>, String> {
    rdds.iter().map(|rdd| rdd.collect().map_err(text)).collect()
}

fn slice(case: &Case<'_>) -> Outcome {
    case.comment("op");
    let run = Run::of(case).map_err(refusal)?;
    let input = run.source(&"input".into()).map_err(refusal)?.plain().map_err(text)?;
    watch(&input).map_err(text)?;
    run.ssc.start().map_err(text)?;
    if let Some(want) = case.get("zero_time_ms") {
        equal("zero time", &json!(run.ssc.zero_time().map(Time::as_ms)), want)?;
    }
    let ordered = case.flag("ordered")?;
    for query in case.list("queries")? {
        let query = Case::new(query);
        let (from, to) = (query.int("from_ms")?, query.int("to_ms")?);
        let rdds = input.slice(Time::from_ms(from), Time::from_ms(to)).map_err(text)?;
        let (got, want) = (collected(rdds)?.concat(), rows(&query["expected"])?);
        let normal = |rows: &[Value]| normal(rows, ordered, false);
        equal(&format!("from {from} to {to}"), &normal(&got), &normal(&want))?;
        query.finished()?;
    }
    run.ssc.stop(KEEP).map_err(text)
}

/// A stream whose batch *i* holds *i*.
fn counting(run: &Run, batches: u64) -> Result<DStream<Value>, StreamingError> {
    run.ssc.input_stream(Script {
        batches: (1..=batches as i64).map(|i| Some(vec![Value::Int(i)])).collect(),
        batch_ms: run.batch_ms,
        zero_ms: run.start_ms - run.start_ms % run.batch_ms,
        partitions: 2,
    })
}

fn slice_observed(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (from, to) = (params.int("from_ms")?, params.int("to_ms")?);
    let run = bare(&params, params.int("zero_time_ms")?, false)?;
    // As many batches as may be asked for.
    let input = counting(&run, to.max(from) / run.batch_ms + 1).map_err(text)?;
    let stream = match params.text("stream")? {
        "input" => input,
        window => match holes(window, "window({n},{n})") {
            Some(numbers) => {
                let [length, slide] = numbers.map(number);
                let (length, slide) =
                    (Duration::from_millis(length?), Duration::from_millis(slide?));
                input.window(length, slide).map_err(text)?
            }
            None => return unknown(window),
        },
    };
    params.finished()?;
    watch(&stream).map_err(text)?;
    run.ssc.start().map_err(text)?;
    let rdds = stream.slice(Time::from_ms(from), Time::from_ms(to)).map_err(text)?;
    let got = collected(rdds)?;
    run.ssc.stop(KEEP).map_err(text)?;
    equal("slice", &got, &batch_rows(&case["expected_rdds"])?)
}

pub(crate) fn last_stream(streams: &[Stream]) -> Outcome {
    let last = streams.last().ok_or("no stream")?;
    last.plain().and_then(|stream| watch(&stream)).map(drop).map_err(text)
}

fn remember_ms(stream: &Stream) -> Option<u64> {
    stream.info().remember.map(|span| span.as_millis() as u64)
}

fn remember(case: &Case<'_>) -> Outcome {
    let run = Run::of(case).map_err(refusal)?;
    let params = case.part("params");
    if params.get("context_remember_ms").is_some() {
        let ms = params.int("context_remember_ms")?;
        run.ssc.remember(Duration::from_millis(ms)).map_err(text)?;
    }
    let input = run.source(&"input".into()).map_err(refusal)?;
    let streams = run.build(input, &params["pipeline"]).map_err(refusal)?;
    params.finished()?;
    let last = streams.last().ok_or("no stream")?;
    let seen = match last {
        // A stream of its own: what is made of pairs has no RDDs of theirs.
        Stream::Pairs(_) => watch_pairs(last)?,
        other => watch(&other.plain().map_err(text)?).map_err(text)?,
    };
    run.ssc.start().map_err(text)?;
    run.advance(case.int("num_batches")?)?;
    if case.get("final_clock_ms").is_some() {
        let end = run.start_ms + case.int("num_batches")? * run.batch_ms;
        equal("clock", &end, &case.int("final_clock_ms")?)?;
    }
    let outputs = seen.lock().expect("rows").len() as u64;
    equal("outputs", &outputs, &case.int("expected_num_outputs")?)?;
    check_remembered(case, &streams)?;
    run.ssc.stop(KEEP).map_err(text)
}

fn watch_pairs(stream: &Stream) -> Result<crate::pipeline::Seen, String> {
    stream.plain().and_then(|stream| watch(&stream)).map_err(text)
}

/// The stream that a case means by `mapped`, `window2(4s,2s)` or `state`: what is in brackets is told
/// by the pipeline, and a number counts the streams of that kind.
fn named<'s>(streams: &'s [Stream], name: &str) -> Result<&'s Stream, String> {
    let name = name.split('(').next().unwrap_or_default();
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let nth = if base == name { 1 } else { number(&name[base.len()..])? as usize };
    let operations: &[&str] = match base {
        "input" => return streams.first().ok_or("no input".into()),
        "last" => return streams.last().ok_or("no stream".into()),
        "mapped" => &["MappedDStream"],
        "filtered" => &["FilteredDStream"],
        "flatMapped" => &["FlatMappedDStream"],
        "shuffled" | "reduced" | "grouped" => &["ShuffledDStream"],
        "transformed" => &["TransformedDStream"],
        "window" => &["WindowedDStream", "ReducedWindowedDStream"],
        "state" => &["StateDStream", "MapWithStateDStream"],
        _ => return unknown(name),
    };
    let mut found = streams.iter().filter(|one| operations.contains(&one.info().operation));
    found.nth(nth.saturating_sub(1)).ok_or_else(|| format!("there is no stream {name}"))
}

fn check_remembered(case: &Case<'_>, streams: &[Stream]) -> Outcome {
    let expected = case.part("expected");
    if expected.get("checkpoint_ms").is_some() {
        let last = streams.last().ok_or("no stream")?;
        let checkpoint = last.info().checkpoint.map(|every| every.as_millis() as u64);
        equal("checkpoint", &json!(checkpoint), &expected["checkpoint_ms"])?;
    }
    for (name, want) in expected["remember_ms"].as_object().into_iter().flatten() {
        equal(name, &json!(remember_ms(named(streams, name)?)), want)?;
    }
    for (field, kept) in [("generated_times_present", true), ("generated_times_absent", false)] {
        for (name, want) in expected[field].as_object().into_iter().flatten() {
            let times = named(streams, name)?.generated_ms();
            for ms in numbers(want)? {
                equal(&format!("{name} at {ms} of {times:?}"), &times.contains(&ms), &kept)?;
            }
        }
    }
    expected.finished()
}

/// The steps of `updateStateByKey.checkpoint(3s)`: operations, with what they need in brackets.
fn chain(text: &str) -> Result<Vec<Json>, String> {
    let mut steps = Vec::new();
    for call in clauses(text, '.') {
        let [op, args] = holes(call, "{w}({*})").unwrap_or([call, ""]);
        let spans: Option<Vec<u64>> = clauses(args, ',').into_iter().map(span_ms).collect();
        let spans = spans.ok_or_else(|| format!("{call:?}: no times in brackets"))?;
        match (op, spans.as_slice()) {
            ("checkpoint", &[every]) => steps.push(json!({"op": op, "interval_ms": every})),
            ("window", &[length, slide]) => {
                steps.push(json!({"op": op, "window_ms": length, "slide_ms": slide}));
            }
            ("map", []) => steps.push(json!({"op": op, "fn": "identity"})),
            ("updateStateByKey", []) => {
                steps.push(json!({"op": "map", "fn": "pair_one"}));
                steps.push(json!({"op": op, "fn": "running_sum"}));
            }
            _ => return unknown(call),
        }
    }
    Ok(steps)
}

/// The pipeline and the number of batches may be told in the name.
fn remember_observed(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (steps, batches) = match params.get("pipeline") {
        Some(steps) => (steps.clone(), case.int("num_batches")?),
        None => match holes(case.name(), "{*}generated RDD times after {n} batches: {*}") {
            Some([_, batches, steps]) => (Json::from(chain(steps)?), number(batches)?),
            None => return unknown(case.name()),
        },
    };
    params.finished()?;
    let run = bare(case, 0, true)?;
    let input = Stream::Plain(counting(&run, batches).map_err(text)?);
    let streams = run.build(input, &steps).map_err(refusal)?;
    last_stream(&streams)?;
    run.ssc.start().map_err(text)?;
    run.advance(batches)?;
    let expected = case["expected"].as_object().ok_or("expected is missing")?;
    for (field, want) in expected {
        let (name, what) = field.rsplit_once('_').unwrap_or(("last", field));
        let stream = named(&streams, name)?;
        let got = match what {
            "times" => json!(stream.generated_ms()),
            "remember" => json!(remember_ms(stream)),
            _ => return unknown(field),
        };
        equal(field, &got, want)?;
    }
    run.ssc.stop(KEEP).map_err(text)
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

fn print(case: &Case<'_>) -> Outcome {
    let run = Run::of(case).map_err(refusal)?;
    let (page, params) = (Page::default(), case.part("params"));
    let count = params.int("num")? as usize;
    let input = run.source(&"input".into()).map_err(refusal)?;
    let steps = params.get("pipeline").cloned().unwrap_or_else(|| json!([]));
    let streams = run.build(input, &steps).map_err(refusal)?;
    params.finished()?;
    let last = streams.last().ok_or("no stream")?.plain().map_err(text)?;
    last.print_to(count, page.clone()).map_err(text)?;
    run.ssc.start().map_err(text)?;
    let want = batch_rows(&case["expected_lines"])?;
    run.advance(case.int_or("num_batches", want.len() as u64)?)?;
    run.ssc.stop(KEEP).map_err(text)?;
    let got = String::from_utf8_lossy(&page.0.lock().expect("the page")).into_owned();
    let want: String = want.iter().flatten().flat_map(|line| [line.text(), "\n"]).collect();
    equal("text", &got, &want)
}
