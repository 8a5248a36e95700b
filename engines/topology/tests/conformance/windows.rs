//! Cases about windows: the manager and its policies, watermarks, and bolts that take windows.

use crate::case::{Case, Outcome, equal};
use serde_json::Value as Json;
use std::convert::Infallible;
use weir_topology::windowing::{
    EvictionContext, EvictionPolicy, Handled, InMemoryEvents, StatefulWindowListener,
    StatefulWindowManager, StoredWindow, TriggerPolicy, WatermarkGenerator, Window,
    WindowLifecycleListener, WindowManager,
};

/// Executes a case; `None` if it is of an area that belongs elsewhere.
pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    Some(match area {
        "windows_manager" => manager(case, false),
        "windows_differential" => manager(case, true),
        "watermark_generator" => watermarks(case),
        _ => return None,
    })
}

/// A call of the listener. The end of a window by the clock is not recorded.
#[derive(Clone, Debug, PartialEq)]
enum Call {
    Expiry(Vec<i64>),
    Activation { events: Vec<i64>, new: Vec<i64>, expired: Vec<i64>, end_ms: i64 },
}

#[derive(Default)]
struct Recorder(Vec<Call>);

impl WindowLifecycleListener<i64> for Recorder {
    type Error = Infallible;

    fn on_expiry(&mut self, events: &[i64]) -> Result<(), Infallible> {
        self.0.push(Call::Expiry(events.to_vec()));
        Ok(())
    }

    fn on_activation(&mut self, window: &Window<'_, i64>) -> Result<Handled, Infallible> {
        self.0.push(Call::Activation {
            events: window.events().copied().collect(),
            new: window.new_events().copied().collect(),
            expired: window.expired().to_vec(),
            end_ms: window.reference_ms(),
        });
        Ok(Handled::Done)
    }
}

impl StatefulWindowListener<i64, InMemoryEvents<i64>> for Recorder {
    type Error = Infallible;

    fn on_activation(
        &mut self,
        window: &mut StoredWindow<'_, i64, InMemoryEvents<i64>>,
    ) -> Result<(), Infallible> {
        let events = window.events().collect::<Result<_, _>>()?;
        let end_ms = window.reference_ms();
        let (new, expired) = (Vec::new(), Vec::new());
        self.0.push(Call::Activation { events, new, expired, end_ms });
        Ok(())
    }
}

fn policies(params: &Case<'_>) -> Result<(EvictionPolicy, TriggerPolicy), String> {
    let (length, slide) = (params.int("length")?, params.int("slide")?);
    let lag = if params.has("lag") { params.int("lag")? } else { 0 };
    let eviction = match params.text("eviction")? {
        "count" => EvictionPolicy::count(length.unsigned_abs()),
        "time" => EvictionPolicy::time(length),
        "watermark_count" => EvictionPolicy::watermark_count(length.unsigned_abs()),
        "watermark_time" => EvictionPolicy::watermark_time(length, lag),
        other => return Err(format!("unknown eviction {other}")),
    };
    let trigger = match params.text("trigger")? {
        "count" => TriggerPolicy::count(slide.unsigned_abs()),
        "manual_time" => TriggerPolicy::time(slide, clock(params)?),
        "watermark_count" => TriggerPolicy::watermark_count(slide.unsigned_abs()),
        "watermark_time" => TriggerPolicy::watermark_time(slide),
        other => return Err(format!("unknown trigger {other}")),
    };
    Ok((eviction, trigger))
}

/// Where the clock stands.
fn clock(params: &Case<'_>) -> Result<i64, String> {
    if params.has("wall_clock") { params.int("wall_clock") } else { Ok(0) }
}

/// Runs a manager. Of differential runs each step says what is called because of it; of the others
/// some steps say what was called so far.
fn manager(case: &Case<'_>, differential: bool) -> Outcome {
    let params = case.part("params");
    let (eviction, trigger) = policies(&params)?;
    let now_ms = clock(&params)?;
    let mut recorder = Recorder::default();
    let mut manager = if params.has("manager") {
        equal("manager", &params.text("manager")?, &"stateful")?;
        Manager::Stateful(StatefulWindowManager::new(eviction, trigger, InMemoryEvents::new()))
    } else {
        Manager::Plain(WindowManager::new(eviction, trigger))
    };
    manager.advance(now_ms, &mut recorder)?;
    for (n, step) in case.parts("steps")?.iter().enumerate() {
        let before = recorder.0.len();
        let stepped =
            if step.has("clear") {
                recorder.0.clear();
                equal("clear", &step.flag("clear")?, &true)
            } else if step.has("expect") {
                expected(&step.part("expect"), &recorder.0)
            } else {
                let called = manager.step(step, now_ms, &mut recorder);
                called.and_then(|()| {
                    if differential { told(step, &recorder.0[before..]) } else { Ok(()) }
                })
            };
        stepped.map_err(|error| format!("step {n}: {error}"))?;
    }
    Ok(())
}

enum Manager {
    Plain(WindowManager<i64>),
    Stateful(StatefulWindowManager<i64, InMemoryEvents<i64>>),
}

impl Manager {
    fn advance(&mut self, now_ms: i64, recorder: &mut Recorder) -> Outcome {
        let Ok(()) = match self {
            Self::Plain(manager) => manager.advance(now_ms, recorder),
            Self::Stateful(manager) => manager.advance(now_ms, recorder),
        };
        Ok(())
    }

    fn step(&mut self, step: &Case<'_>, now_ms: i64, recorder: &mut Recorder) -> Outcome {
        let Ok(()) = if step.has("add") {
            let ts_ms = if step.has("ts") { step.int("ts")? } else { now_ms };
            match self {
                Self::Plain(manager) => manager.add(step.int("add")?, ts_ms, recorder),
                Self::Stateful(manager) => manager.add(step.int("add")?, ts_ms, recorder),
            }
        } else if step.has("watermark") {
            match self {
                Self::Plain(manager) => manager.watermark(step.int("watermark")?, recorder),
                Self::Stateful(manager) => manager.watermark(step.int("watermark")?, recorder),
            }
        } else {
            let context = EvictionContext::at(step.int("trigger_with_ref_time")?);
            match self {
                Self::Plain(manager) => manager.trigger(context, recorder).map(drop),
                Self::Stateful(manager) => manager.trigger(context, recorder).map(drop),
            }
        };
        Ok(())
    }
}

/// What a step says of the calls since the last clear.
fn expected(expect: &Case<'_>, calls: &[Call]) -> Outcome {
    let of = |read: fn(&Call) -> Option<&Vec<i64>>| -> Vec<_> {
        calls.iter().filter_map(read).cloned().collect()
    };
    let parts = [
        ("expiry", of(|call| if let Call::Expiry(events) = call { Some(events) } else { None })),
        ("events", of(|call| activation(call).map(|parts| parts.0))),
        ("new", of(|call| activation(call).map(|parts| parts.1))),
        ("expired", of(|call| activation(call).map(|parts| parts.2))),
    ];
    for (name, all) in parts {
        let last = all.last().cloned().unwrap_or_default();
        if expect.has(name) {
            equal(name, &last, &expect.ints(name)?)?;
        }
        let count = format!("{name}_count");
        if expect.has(&count) {
            equal(&count, &last.len(), &expect.count(&count)?)?;
        }
        let whole = format!("all_{name}");
        if expect.has(&whole) {
            equal(&whole, &all, &lists(expect, &whole)?)?;
        }
        let prefix = format!("all_{name}_prefix");
        if expect.has(&prefix) {
            let want = lists(expect, &prefix)?;
            equal(&prefix, &all[..want.len().min(all.len())].to_vec(), &want)?;
        }
    }
    Ok(())
}

fn lists(case: &Case<'_>, field: &str) -> Result<Vec<Vec<i64>>, String> {
    case.list(field)?.iter().map(numbers).collect()
}

fn activation(call: &Call) -> Option<(&Vec<i64>, &Vec<i64>, &Vec<i64>)> {
    match call {
        Call::Expiry(_) => None,
        Call::Activation { events, new, expired, .. } => Some((events, new, expired)),
    }
}

/// What a step of a differential run says of its calls: all of them, in order.
fn told(step: &Case<'_>, calls: &[Call]) -> Outcome {
    let out = if step.has("out") { step.parts("out")? } else { Vec::new() };
    equal("calls", &calls.len(), &out.len())?;
    for (call, want) in calls.iter().zip(out) {
        match call {
            Call::Expiry(events) => equal("expiry", events, &want.ints("expiry")?)?,
            Call::Activation { events, new, expired, end_ms } => {
                equal("events", events, &want.ints("events")?)?;
                for (name, got) in [("new", new), ("expired", expired)] {
                    if want.has(name) {
                        equal(name, got, &want.ints(name)?)?;
                    }
                }
                if want.has("end_ts") {
                    equal("end_ts", end_ms, &want.int("end_ts")?)?;
                }
            }
        }
    }
    Ok(())
}

pub(crate) fn numbers(list: &Json) -> Result<Vec<i64>, String> {
    let list = list.as_array().ok_or_else(|| format!("{list} is no list"))?;
    let number = |value: &Json| value.as_i64().ok_or_else(|| format!("{value} is no number"));
    list.iter().map(number).collect()
}

fn watermarks(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let streams = (1..=params.count("streams")?).map(|n| format!("s{n}"));
    let mut generator = WatermarkGenerator::new(streams, params.int("lag")?);
    for (n, step) in case.parts("steps")?.iter().enumerate() {
        let stepped = if step.has("run") {
            equal("run", &step.flag("run")?, &true)?;
            let want = step.get("watermark").ok_or("watermark is missing")?.as_i64();
            equal("watermark", &generator.run(), &want)
        } else {
            let on_time = generator.track(step.text("track")?, step.int("ts")?);
            let want = if step.has("on_time") { step.flag("on_time")? } else { on_time };
            equal("on time", &on_time, &want)
        };
        stepped.map_err(|error| format!("step {n}: {error}"))?;
    }
    Ok(())
}
