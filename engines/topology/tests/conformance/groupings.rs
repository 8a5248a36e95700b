//! Cases of groupings: which tasks are chosen. Those of what an emission does with that are run
//! elsewhere.

use crate::case::{Case, Outcome, equal, refused};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use weir_topology::grouping::{
    AssignmentCreator, BalancedTargetSelector, ChildJitter, Chosen, FieldsGrouping, Global,
    GroupingContext, Jitter, JitterAware, LoadAwareShuffle, LocalOrShuffle, PartialKey,
    RandomTwoTaskAssignmentCreator, Scope, Shuffle, StreamGrouping, TargetSelector,
};
use weir_topology::testing::MockCollector;
use weir_topology::{Fields, TaskId, Value, Values, values};

const SEED: u64 = 17;
const SOURCE: TaskId = 1;

/// How many tuples each task got.
type Shares = BTreeMap<TaskId, usize>;

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "groupings" {
        return None;
    }
    let params = case.part("params");
    let grouping = params["grouping"].as_str();
    Some(match grouping {
        Some("shuffle") if case.part("expected").has("steps") => loads_over_time(case),
        Some("shuffle") => shuffle(case),
        Some("partial_key") => partial_key(case),
        Some("jitter_aware (3.0 only)") => jitter(case),
        Some("global") => global(case),
        Some("fields(word)") => bytes_as_key(case),
        _ if params.has("task_scope") => scopes(case),
        _ if params.has("worker_tasks") => local_or_shuffle(case),
        _ if case.part("input").has("key_bytes") => two_tasks(case),
        _ if case.part("expected").has("each") => balanced(case),
        _ if params.has("stream") && case.part("expected").has("error") => undeclared(case),
        _ => return None,
    })
}

fn tasks(case: &Case<'_>, field: &str) -> Result<Vec<TaskId>, String> {
    let number = |id: i64| TaskId::try_from(id).map_err(|error| format!("{field}: {error}"));
    case.ints(field)?.into_iter().map(number).collect()
}

fn prepare(grouping: &mut dyn StreamGrouping, fields: &[&str], targets: &[TaskId]) -> Outcome {
    let context = GroupingContext {
        source: "1".into(),
        stream: "default".into(),
        fields: Fields::new(fields).map_err(|error| error.to_string())?,
        subscriber: "2".into(),
        targets: targets.to_vec(),
    };
    grouping.prepare(&context);
    Ok(())
}

fn choose(grouping: &mut dyn StreamGrouping, values: &Values) -> Result<Chosen, String> {
    let mut chosen = Chosen::new();
    grouping.choose(SOURCE, values, &mut chosen).map_err(|error| error.to_string())?;
    Ok(chosen)
}

/// The shares of so many tuples, each of which must go to one task.
fn shares(grouping: &mut dyn StreamGrouping, tuples: usize) -> Result<Shares, String> {
    let mut shares = Shares::new();
    for _ in 0..tuples {
        let chosen = choose(grouping, &values![])?;
        equal("tasks that get a tuple", &chosen.len(), &1)?;
        *shares.entry(chosen[0]).or_default() += 1;
    }
    Ok(shares)
}

/// A shuffle that threads share.
fn shared_shares(
    pick: &(dyn Fn() -> Option<TaskId> + Sync),
    threads: usize,
    tuples: usize,
) -> Result<Shares, String> {
    let one = || {
        let mut shares = BTreeMap::new();
        for _ in 0..tuples {
            *shares.entry(pick()).or_insert(0) += 1;
        }
        shares
    };
    let counted: Result<Vec<_>, String> = std::thread::scope(|scope| {
        let named = || std::thread::Builder::new().name("emits".into());
        let started = (0..threads).map(|_| named().spawn_scoped(scope, one));
        let started: Vec<_> = started.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
        started.into_iter().map(|t| t.join().map_err(|_| "a thread panicked".into())).collect()
    });
    let mut all = Shares::new();
    for (task, count) in counted?.into_iter().flatten() {
        *all.entry(task.ok_or("no task is chosen")?).or_default() += count;
    }
    Ok(all)
}

fn shuffle(case: &Case<'_>) -> Outcome {
    let (params, input) = (case.part("params"), case.part("input"));
    let targets = if params.has("num_tasks") {
        (0..params.int("num_tasks")? as TaskId).collect()
    } else {
        tasks(&params, "tasks")?
    };
    let threads = input.count_or("threads", 1)?;
    let emits = input.count(if input.has("emits") { "emits" } else { "emits_per_thread" })?;
    if input.has("shared_grouper") {
        equal("shared_grouper", &input.flag("shared_grouper")?, &true)?;
    }
    let mut got = if params.flag("loadaware")? {
        let mut grouping = LoadAwareShuffle::new(SEED);
        prepare(&mut grouping, &[], &targets)?;
        let loads = equal_loads(&params, &input)?;
        grouping.refresh(&|_| loads);
        match threads {
            1 => shares(&mut grouping, emits)?,
            _ => shared_shares(&|| grouping.pick(), threads, emits)?,
        }
    } else {
        let mut grouping = Shuffle::new(SEED);
        prepare(&mut grouping, &[], &targets)?;
        match threads {
            1 => shares(&mut grouping, emits)?,
            _ => shared_shares(&|| grouping.pick(), threads, emits)?,
        }
    };
    for task in targets {
        got.entry(task).or_default();
    }
    expect_shares(&case.part("expected"), &got)
}

/// The load of all targets, which is the same.
fn equal_loads(params: &Case<'_>, input: &Case<'_>) -> Result<f64, String> {
    if !input.has("loads") {
        params.says("load", "equal")?;
        return Ok(0.5);
    }
    let loads: Option<Vec<f64>> = input.list("loads")?.iter().map(Json::as_f64).collect();
    let loads = loads.ok_or("loads are numbers")?;
    match loads.split_first() {
        Some((load, rest)) if rest.iter().all(|other| other == load) => Ok(*load),
        _ => Err(format!("loads are not equal: {loads:?}")),
    }
}

fn expect_shares(expected: &Case<'_>, got: &Shares) -> Outcome {
    let all: usize = got.values().sum();
    if expected.has("tasks_per_emit") {
        equal("tasks_per_emit", &expected.count("tasks_per_emit")?, &1)?;
    }
    for (task, share) in got {
        if expected.has("per_task_exact") {
            equal(&format!("the share of {task}"), share, &expected.count("per_task_exact")?)?;
        } else if expected.has("per_task_fraction") {
            let fraction = *share as f64 / all as f64;
            near(
                task,
                fraction,
                expected.number("per_task_fraction")?,
                expected.number("margin")?,
            )?;
        } else {
            let limits = expected.count("per_task_min")?..=expected.count("per_task_max")?;
            equal(&format!("{task} has {share}, of {limits:?}"), &limits.contains(share), &true)?;
        }
    }
    Ok(())
}

fn near(task: &TaskId, got: f64, want: f64, margin: f64) -> Outcome {
    if (got - want).abs() <= margin { Ok(()) } else { Err(format!("{task}: {got}, not {want}")) }
}

fn loads_over_time(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let targets = tasks(&params, "tasks")?;
    equal("loadaware", &params.flag("loadaware")?, &true)?;
    equal("start_weight", &params.int("start_weight")?, &100)?;
    case.says("input", "one refreshLoad per step")?;
    let mut grouping = LoadAwareShuffle::new(SEED);
    prepare(&mut grouping, &[], &targets)?;
    for (n, step) in case.part("expected").parts("steps")?.iter().enumerate() {
        let (load, fraction) = (step.part("load"), step.part("expected_fraction"));
        let of = |part: &Case<'_>, task: TaskId| part.number(&task.to_string());
        let loads: Result<BTreeMap<_, _>, _> =
            targets.iter().map(|task| of(&load, *task).map(|load| (*task, load))).collect();
        let loads = loads?;
        grouping.refresh(&|task| loads[&task]);
        let tuples = 10_000;
        let got = shares(&mut grouping, tuples)?;
        for task in &targets {
            let got = got.get(task).copied().unwrap_or(0) as f64 / tuples as f64;
            near(task, got, of(&fraction, *task)?, params.number("tolerance")?)
                .map_err(|error| format!("step {n}: {error}"))?;
        }
    }
    Ok(())
}

fn scopes(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    equal("the bounds", &(params.number("higher")?, params.number("lower")?), &(0.8, 0.2))?;
    let mut scopes = BTreeMap::new();
    for (task, name) in params["task_scope"].as_object().into_iter().flatten() {
        let all = [Scope::WorkerLocal, Scope::HostLocal, Scope::RackLocal, Scope::Everything];
        let scope = all.into_iter().find(|scope| name == &scope.to_string());
        let task: TaskId = task.parse().map_err(|error| format!("{task}: {error}"))?;
        scopes.insert(task, scope.ok_or_else(|| format!("no scope: {name}"))?);
    }
    let targets: Vec<TaskId> = scopes.keys().copied().collect();
    let mut grouping = LoadAwareShuffle::new(SEED).with_scopes(move |task| scopes[&task]);
    prepare(&mut grouping, &[], &targets)?;
    let mut got = Vec::new();
    for step in case.parts("input")? {
        if !step.whole()["loads"].is_null() {
            let loads: Option<Vec<_>> = step.list("loads")?.iter().map(Json::as_f64).collect();
            let loads = loads.ok_or("loads are numbers")?;
            equal("how many loads", &loads.len(), &targets.len())?;
            let loads: BTreeMap<_, _> = targets.iter().copied().zip(loads).collect();
            grouping.refresh(&|task| loads[&task]);
        }
        got.push(Json::from(grouping.scope().to_string()));
    }
    equal("scopes", &got, case.list("expected")?)
}

fn partial_key(case: &Case<'_>) -> Outcome {
    let (params, input, expected) =
        (case.part("params"), case.part("input"), case.part("expected"));
    let (key, calls) = (input.text("key")?, input.count("calls")?);
    let fields = params["fields"].as_array();
    let fields: Option<Vec<&str>> = fields.map(|f| f.iter().filter_map(Json::as_str).collect());
    let mut grouping = match &fields {
        Some(fields) => PartialKey::by(Fields::new(fields).map_err(|error| error.to_string())?),
        None => PartialKey::new(),
    };
    let names = fields.unwrap_or_default();
    prepare(&mut grouping, &names, &tasks(&params, "tasks")?)?;
    let values: Values = (0..names.len().max(1)).map(|_| Value::from(key)).collect();
    let chosen: Result<Vec<_>, _> = (0..calls).map(|_| choose(&mut grouping, &values)).collect();
    let chosen = chosen?;
    equal("choice1_size", &chosen[0].len(), &expected.count("choice1_size")?)?;
    for (n, choice) in chosen.iter().enumerate().skip(1) {
        let relation = expected.text(&format!("choice{}", n + 1))?;
        let same = match relation {
            "== choice1" => true,
            "!= choice1" => false,
            _ => return Err(format!("not understood: {relation}")),
        };
        equal(relation, &(*choice == chosen[0]), &same)?;
    }
    Ok(())
}

fn two_tasks(case: &Case<'_>) -> Outcome {
    let expected = case.part("expected");
    let targets = tasks(&case.part("params"), "tasks")?;
    let key = case.part("input").text("key_bytes")?;
    let assigned = RandomTwoTaskAssignmentCreator.assign(&targets, key.as_bytes());
    equal("all are tasks", &assigned.iter().all(|task| targets.contains(task)), &true)?;
    equal("len", &assigned.len(), &expected.count("len")?)?;
    equal("distinct", &(assigned[0] != assigned[1]), &expected.flag("distinct")?)
}

fn balanced(case: &Case<'_>) -> Outcome {
    let targets = tasks(&case.part("params"), "tasks")?;
    case.part("expected").says("each", "member of tasks")?;
    let mut selector = BalancedTargetSelector::default();
    for _ in 0..case.part("input").count("calls")? {
        let task = selector.select(&targets).ok_or("nothing is selected")?;
        equal(&format!("{task} is a member"), &targets.contains(&task), &true)?;
    }
    Ok(())
}

fn jitter(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let targets = tasks(&params, "targets")?;
    let known = ChildJitter::default();
    if params.has("stats") {
        equal("stats", &params["stats"], &Json::Null)?;
    }
    let reported = params["execute_jitter"].as_object();
    for (task, ms) in reported.into_iter().flatten() {
        let task = task.parse().map_err(|error| format!("{task}: {error}"))?;
        let jitter = Jitter { execute_ms: ms.as_f64(), ..Jitter::default() };
        known.report(SOURCE, task, jitter);
    }
    let mut grouping = JitterAware::new(SEED, known);
    prepare(&mut grouping, &[], &targets)?;
    let calls = case.part("input").count("calls")?;
    let mut chosen = Vec::new();
    for _ in 0..calls {
        chosen.extend(choose(&mut grouping, &values![])?.into_iter().map(Json::from));
    }
    if case["expected"].is_array() {
        return equal("tasks", &chosen, case.list("expected")?);
    }
    case.says("expected", "falls back to load-aware shuffle; all targets used")?;
    let mut shuffle = LoadAwareShuffle::new(SEED);
    prepare(&mut shuffle, &[], &targets)?;
    let mut want = Vec::new();
    for _ in 0..calls {
        want.extend(choose(&mut shuffle, &values![])?.into_iter().map(Json::from));
    }
    equal("tasks", &chosen, &want)?;
    equal("all are used", &targets.iter().all(|task| chosen.contains(&(*task).into())), &true)
}

fn global(case: &Case<'_>) -> Outcome {
    case.says("input", "emit")?;
    let mut grouping = Global::default();
    prepare(&mut grouping, &["a"], &tasks(&case.part("params"), "target_tasks")?)?;
    let chosen = choose(&mut grouping, &values![1])?;
    let nobody = case["expected"].is_null();
    let want = if nobody { "[]" } else { case.text("expected")? };
    equal("tasks", &&*format!("{:?}", chosen.as_slice()), &want)
}

fn local_or_shuffle(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    case.says("input", "emit")?;
    let (targets, local) = (tasks(&params, "target_tasks")?, tasks(&params, "worker_tasks")?);
    let mut grouping = LocalOrShuffle::new(local, Shuffle::new(SEED));
    prepare(&mut grouping, &[], &targets)?;
    let got = shares(&mut grouping, 1000)?;
    let tasks: Vec<String> = got.keys().map(TaskId::to_string).collect();
    let only = if got.len() < targets.len() { " only" } else { "" };
    case.says("expected", &format!("shuffle over [{}]{only}", tasks.join(",")))?;
    let even = 1000 / got.len();
    equal("all have as many", &got.values().all(|share| *share == even), &true)
}

/// An emission on a stream that the component has not declared.
fn undeclared(case: &Case<'_>) -> Outcome {
    case.says("input", "emit")?;
    let stream = case.part("params").text("stream")?;
    let mock = MockCollector::new("1", 1, [("default", ["a"])]);
    let mut mock = mock.map_err(|error| error.to_string())?;
    let emitted = mock.collector().emit_to(stream, [], values![1]).map(<[TaskId]>::to_vec);
    refused(emitted, &case.part("expected"))
}

/// Spout executors, each with its grouping, emit words as bytes; a bolt's tasks count them.
fn bytes_as_key(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    params.says("value_type", "byte[] (hashed by content)")?;
    let tuples = case.part("input").text("spout_tuples")?;
    let (times, words) = tuples.split_once(" x ").ok_or("how many tuples?")?;
    let times: usize = times.parse().map_err(|error| format!("{times}: {error}"))?;
    let word = |text: &str| Some(text.strip_prefix("[bytes ")?.strip_suffix(']')?.to_owned());
    let words: Option<Vec<String>> = words.split(',').map(word).collect();
    let words = words.ok_or("not understood: the words")?;
    let targets: Vec<TaskId> = (1..=params.int("bolt_parallelism")? as TaskId).collect();
    let key = Fields::new(["word"]).map_err(|error| error.to_string())?;
    let mut spouts = Vec::new();
    for _ in 0..params.count("spout_parallelism")? {
        let mut grouping = FieldsGrouping::new(key.clone());
        prepare(&mut grouping, &["word"], &targets)?;
        spouts.push(grouping);
    }
    let mut counts = BTreeMap::new();
    let mut emitted = BTreeMap::new();
    for n in 0..times {
        for word in &words {
            let emitter = (n + word.len()) % spouts.len();
            for task in choose(&mut spouts[emitter], &values![word.as_bytes()])? {
                let count = counts.entry((task, word)).or_insert(0usize);
                *count += 1;
                *emitted.entry((word, *count)).or_insert(0usize) += 1;
            }
        }
    }
    expected.says("bolt", "counter emitting (word,count)")?;
    let told = format!("for each of {}: counts 1..{times} exactly once", words.join(","));
    expected.says("multiset", &told)?;
    let want = words.iter().flat_map(|word| (1..=times).map(move |count| ((word, count), 1)));
    equal("counts", &emitted, &want.collect())
}
