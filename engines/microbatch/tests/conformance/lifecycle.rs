//! Cases about the life of a context: one thing is done at a point of it.

use crate::case::{Case, Outcome, equal};
use crate::kinds::text;
use crate::phrases::{holes, number, unknown};
use crate::pipeline::{KEEP, state_name};
use crate::value::Value;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::ManualClock;
use weir_microbatch::{
    ActiveScope, DStream, ProgressListener, SparkContext, StreamingContext, StreamingError,
};

pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    (kind == "lifecycle_observed").then(|| lifecycle(case))
}

/// Contexts of one SparkContext, of which one may be active.
struct Bench {
    sc: SparkContext,
    scope: ActiveScope,
    ssc: StreamingContext,
    input: DStream<Value>,
}

type Done = Result<String, StreamingError>;

impl Bench {
    fn new() -> Result<Self, String> {
        let (sc, scope) = (SparkContext::local(1).map_err(text)?, ActiveScope::private());
        let ssc = context(&sc, &scope, 1_000).map_err(text)?;
        let input = ready(&ssc).map_err(text)?;
        Ok(Self { sc, scope, ssc, input })
    }

    /// Does something, and says what came of it as Scala prints it.
    fn act(&self, action: &str) -> Result<Done, String> {
        let (ssc, input) = (&self.ssc, &self.input);
        let unit = |(): ()| "()".to_owned();
        let stream = |_: DStream<Value>| "a stream".to_owned();
        let same = |_: &DStream<Value>| "a stream".to_owned();
        let after = Duration::from_secs(5);
        if let Some([batch]) = holes(action, "new StreamingContext with {n} batch") {
            let made = context(&self.sc, &self.scope, number(batch)?);
            return Ok(made.map(|ssc| state_name(&ssc).to_owned()));
        }
        Ok(match action {
            "start" => ssc.start().map(|()| state_name(ssc).to_owned()),
            "stop" => ssc.stop(KEEP).map(|()| state_name(ssc).to_owned()),
            "awaitTermination" => ssc.await_termination().map(unit),
            "awaitTerminationOrTimeout" => ssc
                .await_termination_or_timeout(Duration::from_millis(1))
                .map(|over| over.to_string()),
            "getActive" => Ok(if self.scope.active().as_ref() == Some(ssc) {
                "Some(context)".to_owned()
            } else {
                "None".to_owned()
            }),
            "second context start" => self.second(),
            "input" => ssc.queue_stream::<Value>(Arc::default()).map(stream),
            "map" => input.map(|x| x).map(stream),
            "filter" => input.filter(|_| true).map(stream),
            "window" => input.window(after, after).map(stream),
            "union" => input.union(input).map(stream),
            "transform" | "transform closure" => input.transform(|rdd, _| rdd).map(stream),
            "foreachRDD" => input.foreach_rdd(|_, _| Ok(())).map(unit),
            "print" => input.print_to(10, std::io::sink()).map(unit),
            "persist" | "cache" => input.persist().map(same),
            "checkpoint interval" => input.checkpoint(after).map(same),
            "ssc.remember" => ssc.remember(after).map(unit),
            "ssc.checkpoint" => ssc.checkpoint(env!("CARGO_TARGET_TMPDIR")).map(unit),
            "addStreamingListener" => {
                ssc.add_streaming_listener(Arc::new(ProgressListener::default()));
                Ok("()".into())
            }
            other => return unknown(other),
        })
    }

    fn second(&self) -> Done {
        let second = context(&self.sc, &self.scope, 1_000)?;
        ready(&second)?;
        second.start()?;
        Ok(state_name(&second).to_owned())
    }
}

fn context(
    sc: &SparkContext,
    scope: &ActiveScope,
    batch_ms: u64,
) -> Result<StreamingContext, StreamingError> {
    StreamingContext::builder(sc, Duration::from_millis(batch_ms))
        .clock(Arc::new(ManualClock::new()))
        .scope(scope.clone())
        .build()
}

/// Gives a context an input with an output.
fn ready(ssc: &StreamingContext) -> Result<DStream<Value>, StreamingError> {
    let input = ssc.queue_stream::<Value>(Arc::default())?;
    input.foreach_rdd(|_, _| Ok(()))?;
    Ok(input)
}

/// How often something is done, and how far the context is by then.
struct When<'t> {
    action: &'t str,
    times: usize,
    started: bool,
    stopped: bool,
}

/// Reads "an action after start", "an action twice" and the like. Where nothing is said of the context,
/// it is active.
fn when(text: &str) -> When<'_> {
    let (action, times) = match text.strip_suffix(" twice") {
        Some(action) => (action, 2),
        None => (text, 1),
    };
    let points = [
        (" before start", false, false),
        (" after start", true, false),
        (" after stop", true, true),
        (" after first stopped", true, true),
        (" after the first stopped", true, true),
        ("", true, false),
    ];
    let found = points.into_iter().find_map(|(point, started, stopped)| {
        Some(When { action: action.strip_suffix(point)?, times, started, stopped })
    });
    found.unwrap_or(When { action, times, started: true, stopped: false })
}

fn lifecycle(case: &Case<'_>) -> Outcome {
    let [_, what] = holes(case.name(), "{*} - {*}").unwrap_or(["", case.name()]);
    let bench = Bench::new()?;
    let When { action, times, started, stopped } = when(what);
    let prepared = action == "start" || action.starts_with("new StreamingContext");
    if started && !prepared {
        bench.ssc.start().map_err(text)?;
    }
    if stopped {
        bench.ssc.stop(KEEP).map_err(text)?;
    }
    for _ in 1..times {
        bench.act(action)?.map_err(text)?;
    }
    check_observed(case, bench.act(action)?)
}

fn check_observed(case: &Case<'_>, result: Done) -> Outcome {
    let (observed, expect) = (case.text("observed")?, case.text("expect")?);
    match (result, expect) {
        (Ok(got), "ok") => equal("result", &got.as_str(), &observed),
        (Err(error), "error") => {
            // Spark says which exception first, and where another context was started last.
            let want = observed.split_once(": ").map_or(observed, |(_, message)| message);
            let want = want.trim_start_matches("requirement failed: ");
            let want = want.split(" JVM.").next().unwrap_or(want);
            let message = error.to_string();
            let good = !want.is_empty() && message.starts_with(want);
            if good { Ok(()) } else { Err(format!("{message}; want {want:?}")) }
        }
        (result, expect) => Err(format!("got {result:?}, want {expect:?}")),
    }
}
