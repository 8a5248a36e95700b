//! Cases that are told as steps, as far as the steps are calls: of a context, of streams, of both.
//!
//! A case is read as a whole first. Where a step is not understood, the case is not run here: it has a
//! test of its own, written by hand (`by_hand.rs`).

use crate::case::{Case, Outcome, equal};
use crate::kinds::text;
use crate::phrases::{clauses, holes, range, span_ms};
use crate::pipeline::state_name;
use crate::value::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{ActiveScope, DStream, SparkContext, StopOptions, StreamingContext, Time};

pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    if kind != "steps" {
        return None;
    }
    let story = Story::of(case)?;
    Some(story.run(case))
}

/// One call: what it is called on, and the methods, with their arguments.
#[derive(Debug)]
struct Calls {
    on: Option<String>,
    methods: Vec<(String, Vec<String>)>,
}

/// What a step does.
#[derive(Debug)]
enum Action {
    /// A new context, with batches of so many ms.
    Context(u64),
    /// Says what is so anyway.
    Nothing,
    /// Calls, whose stream may be given a name.
    Calls { into: Option<String>, calls: Calls },
    /// Numbers up to this are counted by a job.
    Job(u64),
}

/// What a step says of what it does.
#[derive(Debug, Default)]
struct Claims {
    state: Option<&'static str>,
    error: bool,
    value: Option<String>,
}

/// The steps of a case, understood.
struct Story {
    steps: Vec<(String, Action, Claims)>,
    /// Whether the context has an output from the beginning.
    output: bool,
    after: Vec<&'static str>,
}

const STATES: [&str; 3] = ["INITIALIZED", "ACTIVE", "STOPPED"];

fn state(text: &str) -> Option<&'static str> {
    STATES.into_iter().find(|state| *state == text)
}

impl Story {
    fn of(case: &Case<'_>) -> Option<Self> {
        let mut story = Self { steps: Vec::new(), output: true, after: Vec::new() };
        for step in case.get("steps")?.as_array()? {
            for clause in clauses(step.as_str()?, ';') {
                story.read(clause)?;
            }
        }
        for after in case.get("after").and_then(Json::as_array).into_iter().flatten() {
            let [name] = holes(after.as_str()?, "state == {w}")?;
            story.after.push(state(name)?);
        }
        // What is expected of a case that is told otherwise.
        let known = match case.get("expect")?.as_str()? {
            "ok" => case["message_gist"].as_str().is_none_or(|gist| gist.starts_with("logWarning")),
            "error" => true,
            _ => false,
        };
        let told = ["params", "batch_ms", "assertions"]
            .iter()
            .all(|field| *field == "params" || case.get(field).is_none());
        (known && told && !story.steps.is_empty()).then_some(story)
    }

    /// Reads a clause; where it is several, set off by commas, each of them.
    fn read(&mut self, clause: &str) -> Option<()> {
        if let Some(step) = self.step(clause) {
            self.steps.push(step);
            return Some(());
        }
        let parts = clauses(clause, ',');
        if parts.len() < 2 {
            return None;
        }
        parts.into_iter().try_for_each(|part| {
            let step = self.step(part)?;
            self.steps.push(step);
            Some(())
        })
    }

    fn step(&mut self, clause: &str) -> Option<(String, Action, Claims)> {
        let mut claims = Claims::default();
        let (mut what, then) = clause.split_once(" -> ").unwrap_or((clause, ""));
        for claim in clauses(then, ',') {
            let claim = claim.split(" (").next().unwrap_or(claim);
            let claim = claim.strip_prefix("still ").unwrap_or(claim);
            match claim {
                "error" => claims.error = true,
                "no error" | "OK" | "warning" | "warning only" => {}
                other => claims.state = Some(state(other)?),
            }
        }
        for comment in [
            "again",
            "(context NOT started)",
            "without ssc.checkpoint(dir)",
            "after stop",
            "before start",
        ] {
            what = what.strip_suffix(comment).unwrap_or(what).trim();
        }
        if let Some((call, value)) = what.split_once("==") {
            claims.value = Some(value.trim().to_owned());
            what = call.trim();
        }
        let action = self.action(what)?;
        Some((clause.to_owned(), action, claims))
    }

    fn action(&mut self, what: &str) -> Option<Action> {
        let context = ["create context batch={*}", "context batch={*}", "batch={*}"];
        if let Some([span]) = context.iter().find_map(|pattern| holes(what, pattern)) {
            return Some(Action::Context(span_ms(span)?));
        }
        match what {
            "new context" | "context with output op" => return Some(Action::Context(1_000)),
            "context + input" => return Some(Action::Context(1_000)),
            "no output op" => {
                self.output = false;
                return Some(Action::Nothing);
            }
            "create input stream" | "no ssc.checkpoint(dir)" => return Some(Action::Nothing),
            "sc still usable" => return Some(Action::Job(10)),
            "sc.makeRDD" => return Some(Action::Job(10)),
            "add input" | "add transformation" | "add output operation" => {
                let method = match what {
                    "add input" => "input",
                    "add transformation" => "map",
                    _ => "register",
                };
                let on = (method != "input").then(|| "s".to_owned());
                let methods = vec![(method.to_owned(), Vec::new())];
                return Some(Action::Calls { into: None, calls: Calls { on, methods } });
            }
            _ => {}
        }
        if let Some(rest) = what.strip_prefix("sc.makeRDD(") {
            let (numbers, rest) = rest.split_once(')')?;
            let known = ["", ".collect().size"].contains(&rest);
            return known.then_some(Action::Job(*range(numbers)?.end()));
        }
        let (into, call) = match what.split_once('=') {
            Some((name, call)) if name.trim().chars().all(char::is_alphanumeric) => {
                (Some(name.trim().to_owned()), call.trim())
            }
            _ => (None, what),
        };
        let calls = calls(call)?;
        let known = calls.methods.iter().all(|(method, _)| METHODS.contains(&method.as_str()));
        (known && (into.is_some() || !calls.methods.is_empty()))
            .then_some(Action::Calls { into, calls })
    }
}

/// What can be called.
const METHODS: &[&str] = &[
    "start",
    "stop",
    "remember",
    "ssc.checkpoint",
    "awaitTermination",
    "awaitTerminationOrTimeout",
    "getActive",
    "map",
    "filter",
    "window",
    "union",
    "reduceByKeyAndWindow",
    "updateStateByKey",
    "checkpoint",
    "persist",
    "register",
    "foreachRDD",
    "slice",
];

/// Reads `s.map(..).checkpoint(500ms)`, `ssc.start()`, `start()` or `input`.
fn calls(text: &str) -> Option<Calls> {
    let mut calls = Calls { on: None, methods: Vec::new() };
    for (n, part) in clauses(text, '.').into_iter().enumerate() {
        match holes(part, "{w}({*})") {
            // Functions of the case's own are beyond this.
            Some([_, arguments]) if arguments.contains("=>") => return None,
            Some([method, arguments]) => {
                let arguments = clauses(arguments, ',').into_iter().map(str::to_owned);
                let of_context = n == 0 || calls.on.as_deref() == Some("ssc");
                let method = match method {
                    "checkpoint" if of_context => "ssc.checkpoint",
                    method => method,
                };
                calls.methods.push((method.to_owned(), arguments.collect()));
            }
            None if n == 0 && part.chars().all(char::is_alphanumeric) => {
                calls.on = Some(part.to_owned());
            }
            None => return None,
        }
    }
    Some(calls)
}

/// A context that a story is about, and its streams.
struct Stage {
    sc: SparkContext,
    scope: ActiveScope,
    ssc: StreamingContext,
    streams: BTreeMap<String, DStream<Value>>,
    checkpoints: tempfile::TempDir,
}

fn context(
    sc: &SparkContext,
    scope: &ActiveScope,
    batch_ms: u64,
) -> Result<StreamingContext, String> {
    let builder = StreamingContext::builder(sc, Duration::from_millis(batch_ms));
    let builder = builder.clock(Arc::new(ManualClock::new())).scope(scope.clone());
    builder.build().map_err(text)
}

impl Stage {
    fn new() -> Result<Self, String> {
        let (sc, scope) = (SparkContext::local(1).map_err(text)?, ActiveScope::private());
        let ssc = context(&sc, &scope, 1_000)?;
        let checkpoints = tempfile::tempdir().map_err(text)?;
        Ok(Self { sc, scope, ssc, streams: BTreeMap::new(), checkpoints })
    }

    /// Gives the context its input, which all names mean that nothing else was given.
    fn ready(&mut self, output: bool) -> Outcome {
        let input = self.ssc.queue_stream::<Value>(Arc::default()).map_err(text)?;
        if output {
            input.foreach_rdd(|_, _| Ok(())).map_err(text)?;
        }
        for name in ["s", "input", "stream"] {
            self.streams.insert(name.to_owned(), input.clone());
        }
        Ok(())
    }

    fn stream(&self, name: &str) -> Result<DStream<Value>, String> {
        self.streams.get(name).cloned().ok_or_else(|| format!("there is no stream {name}"))
    }

    /// What calls come to, as text; an error of the engine's is inside.
    fn call(
        &mut self,
        into: Option<&str>,
        calls: &Calls,
    ) -> Result<Result<String, String>, String> {
        let of_context = calls.on.as_deref().is_none_or(|on| on == "ssc");
        let mut stream = match calls.on.as_deref() {
            None | Some("ssc") => None,
            Some(on) => Some(self.stream(on)?),
        };
        let mut shown = String::new();
        for (method, arguments) in &calls.methods {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let made = match stream.take() {
                None if of_context => self.call_context(method, &arguments)?,
                None => return Err(format!("{method}: of which stream?")),
                Some(stream) => self.call_stream(&stream, method, &arguments)?,
            };
            match made {
                Ok((next, text)) => (stream, shown) = (next, text),
                Err(error) => return Ok(Err(error)),
            }
        }
        if let (Some(name), Some(stream)) = (into, stream) {
            self.streams.insert(name.to_owned(), stream);
        }
        Ok(Ok(shown))
    }

    fn call_context(&mut self, method: &str, arguments: &[&str]) -> Result<Made, String> {
        let ssc = &self.ssc;
        let unit = |done: Result<(), weir_microbatch::StreamingError>| {
            done.map(|()| (None, "()".to_owned())).map_err(text)
        };
        Ok(match (method, arguments) {
            ("start", []) => unit(ssc.start()),
            ("stop", []) => unit(ssc.stop_as_configured()),
            ("stop", [what]) => {
                let what = what.trim_start_matches("stopSparkContext=").to_lowercase();
                let stop_spark_context = what.parse().map_err(|_| format!("stop({what})?"))?;
                unit(ssc.stop(StopOptions { stop_spark_context, graceful: false }))
            }
            ("remember", [span]) => unit(ssc.remember(duration(span)?)),
            ("ssc.checkpoint", ["dir"]) => unit(ssc.checkpoint(self.checkpoints.path())),
            ("awaitTermination", []) => unit(ssc.await_termination()),
            ("awaitTerminationOrTimeout", [timeout]) => {
                let timeout: f64 = timeout.parse().map_err(|_| format!("{timeout} is no time"))?;
                // Real time, of which as little as will do.
                let timeout = Duration::from_secs_f64(timeout.min(1.0) / 1_000.0);
                let over = ssc.await_termination_or_timeout(timeout);
                over.map(|over| (None, over.to_string())).map_err(text)
            }
            ("getActive", []) => Ok((
                None,
                match self.scope.active() {
                    None => "None".to_owned(),
                    Some(active) if active == *ssc => "ssc".to_owned(),
                    Some(_) => "another".to_owned(),
                },
            )),
            ("input", []) => match ssc.queue_stream::<Value>(Arc::default()) {
                Ok(stream) => Ok((Some(stream), String::new())),
                Err(error) => Err(text(error)),
            },
            ("union", ["[]"]) => match ssc.union::<Value>(&[]) {
                Ok(stream) => Ok((Some(stream), String::new())),
                Err(error) => Err(text(error)),
            },
            _ => return Err(format!("{method}({}) is not known", arguments.join(","))),
        })
    }

    fn call_stream(
        &self,
        stream: &DStream<Value>,
        method: &str,
        arguments: &[&str],
    ) -> Result<Made, String> {
        let pairs = || stream.map(|x| (x, 1_i64)).map_err(text);
        let unpaired = |pairs: DStream<(Value, i64)>| {
            pairs.map(|(key, value)| Value::pair(key, Value::Int(value))).map_err(text)
        };
        let made = match (method, arguments) {
            ("map", _) => stream.map(|x| x).map_err(text),
            ("filter", _) => stream.filter(|_| true).map_err(text),
            ("window", [length]) => {
                stream.window(duration(length)?, stream.info().slide).map_err(text)
            }
            ("window", [length, slide]) => {
                stream.window(duration(length)?, duration(slide)?).map_err(text)
            }
            ("union", [other]) => stream.union(&self.stream(other)?).map_err(text),
            ("reduceByKeyAndWindow", ["add", "sub", length, slide]) => {
                let (length, slide) = (duration(length)?, duration(slide)?);
                let (add, sub) = (|a, b| a + b, |a, b| a - b);
                pairs()?
                    .reduce_by_key_and_window_inverse(add, sub, length, slide, 0)
                    .map_err(text)
                    .and_then(unpaired)
            }
            ("reduceByKeyAndWindow", ["add", length, slide]) => {
                let (length, slide) = (duration(length)?, duration(slide)?);
                pairs()?
                    .reduce_by_key_and_window(|a, b| a + b, length, slide, 0)
                    .map_err(text)
                    .and_then(unpaired)
            }
            ("updateStateByKey", _) => pairs()?
                .update_state_by_key(|ones, sum| Some(ones.sum::<i64>() + sum.unwrap_or(0)), 0)
                .map_err(text)
                .and_then(unpaired),
            ("checkpoint", ["interval"]) => {
                stream.checkpoint(Duration::from_secs(5)).cloned().map_err(text)
            }
            ("checkpoint", [span]) => stream.checkpoint(duration(span)?).cloned().map_err(text),
            ("persist", _) => stream.persist().cloned().map_err(text),
            ("register" | "foreachRDD", _) => {
                stream.foreach_rdd(|_, _| Ok(())).map(|()| stream.clone()).map_err(text)
            }
            ("slice", [from, to]) => {
                let at = |text: &str| {
                    span_ms(text).map(Time::from_ms).ok_or_else(|| format!("{text} is no time"))
                };
                stream.slice(at(from)?, at(to)?).map(|_| stream.clone()).map_err(text)
            }
            _ => return Err(format!("{method}({}) is not known", arguments.join(","))),
        };
        Ok(made.map(|stream| (Some(stream), String::new())))
    }
}

/// What a call came to: a stream, or something that can be shown.
type Made = Result<(Option<DStream<Value>>, String), String>;

fn duration(text: &str) -> Result<Duration, String> {
    span_ms(text).map(Duration::from_millis).ok_or_else(|| format!("{text} is no time"))
}

impl Story {
    fn run(&self, case: &Case<'_>) -> Outcome {
        ["phase", "params", "batch_ms"].iter().for_each(|comment| case.comment(comment));
        let mut stage = Stage::new()?;
        let first = self.steps.first().map(|(_, action, _)| action);
        if !matches!(first, Some(Action::Context(_))) {
            stage.ready(self.output)?;
        }
        let (mut errors, last) = (Vec::new(), self.steps.len() - 1);
        for (n, (clause, action, claims)) in self.steps.iter().enumerate() {
            let done = match action {
                Action::Nothing => Ok(String::new()),
                Action::Context(batch_ms) => {
                    stage.ssc = context(&stage.sc, &stage.scope, *batch_ms)?;
                    stage.ready(self.output)?;
                    Ok(String::new())
                }
                Action::Job(count) => {
                    let numbers = stage.sc.parallelize((1..=*count).collect::<Vec<_>>(), 2);
                    let counted = numbers.map_err(text)?.collect().map(|all| all.len().to_string());
                    counted.map_err(text)
                }
                Action::Calls { into, calls } => stage.call(into.as_deref(), calls)?,
            };
            let may_fail = claims.error || (n == last && case["expect"] == "error");
            match done {
                Ok(_) if claims.error => return Err(format!("{clause}: no error")),
                Ok(value) => {
                    if let Some(want) = &claims.value {
                        equal(clause, &value.to_lowercase(), &want.to_lowercase())?;
                    }
                }
                Err(error) if may_fail => errors.push(error),
                Err(error) => return Err(format!("{clause}: {error}")),
            }
            if let Some(want) = claims.state {
                equal(clause, &state_name(&stage.ssc), &want)?;
            }
        }
        for want in &self.after {
            equal("state after", &state_name(&stage.ssc), want)?;
        }
        check_errors(case, &errors)
    }
}

/// The errors are what the case says, of which there may be several.
fn check_errors(case: &Case<'_>, errors: &[String]) -> Outcome {
    let gist = case.get("message_gist").map(|_| case.text("message_gist")).transpose()?;
    if case["expect"] == "ok" {
        return Ok(());
    }
    if errors.is_empty() {
        return Err(format!("no error; want {gist:?}"));
    }
    let gists: Vec<&str> = gist.unwrap_or_default().split(" / ").collect();
    let said = |error: &&String| gists.iter().any(|gist| error.contains(gist));
    match errors.iter().find(|error| !said(error)) {
        None => Ok(()),
        Some(error) => Err(format!("{error}; want {gists:?}")),
    }
}

#[test]
fn steps_are_read() {
    let read = |steps: &[&str]| {
        let json =
            serde_json::json!({"name": "x", "kind": "steps", "steps": steps, "expect": "ok"});
        Story::of(&Case::new(&json)).map(|story| story.steps.len())
    };
    assert_eq!(read(&["context batch=2s; s2=s.window(4s,2s)", "start() -> ACTIVE"]), Some(3));
    assert_eq!(read(&["start()", "the moon rises"]), None);
}
