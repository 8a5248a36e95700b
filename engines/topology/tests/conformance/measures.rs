//! Cases of what is measured while a topology runs, and of what becomes of components that fail.

use crate::case::{Case, Outcome, equal};
use crate::stage::{FnBolt, Stage, ids, lock, subscribe, text};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_topology::metrics::{CountMetric, DataPoint, TaskInfo, TopologyMetrics};
use weir_topology::{
    BasicBolt, BasicOutputCollector, ComponentError, ComponentResult, Config, FeederSpout,
    LocalCluster, OutputCollector, OutputFieldsDeclarer, RichBolt, TopologyBuilder,
    TopologyContext, Tuple, Value, values,
};

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if !matches!(area, "metrics_errors" | "topologies") {
        return None;
    }
    Some(match case.name() {
        "custom_metric" | "custom_metric_multitasks" => own_metric(case),
        "derived_complete_latency" => complete_latency(case),
        "derived_process_latency" => process_latency(case),
        "derived_execute_latency" => execute_latency(case),
        "derived_timeout_fail_stat" => failures_counted(case),
        "derived_basic_bolt_failed_exception" => basic_bolt_fails(case),
        "derived_basic_bolt_other_exception" => basic_bolt_dies(case),
        "derived_rich_bolt_failed_exception" => rich_bolt_dies(case),
        _ => return None,
    })
}

fn rule(case: &Case<'_>, rule: &str) -> Outcome {
    case.part("params").says("rule", rule)?;
    case.says("expected", "rule")
}

fn conf(sample_rate: f64) -> Config {
    Config::new()
        .set(Config::TOPOLOGY_STATS_SAMPLE_RATE, sample_rate)
        .set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, 100)
}

/// A latency of 20 tuples, acked after 1, 2, 3, and so on seconds, of which a share is measured: it is
/// that of all, or of the one sample there is.
fn latency_of_some(latency: impl Fn(&TopologyMetrics) -> f64) -> Outcome {
    for rate in [1.0, 0.05] {
        let stage = Stage::new(conf(rate), &[("a", 1, "source")])?;
        (0..20).for_each(|id| stage.feed(id));
        for tuple in 0..20 {
            stage.advance(1);
            stage.tell("a", 0, "ack", tuple);
        }
        let seconds = latency(&stage.metrics()) / 1000.0;
        if rate == 1.0 {
            equal("average of all, in seconds", &seconds, &10.5)?;
        } else if seconds.fract() != 0.0 || !(1.0..=20.0).contains(&seconds) {
            return Err(format!("{seconds} s is not the latency of one tuple"));
        }
    }
    Ok(())
}

fn complete_latency(case: &Case<'_>) -> Outcome {
    let told = "time from ack_init arrival AT THE ACKER to completion (time-delta-ms in the __ack_ack \
                tuple), only for sampled spout tuples";
    rule(case, told)?;
    latency_of_some(|all| all.components["source"].stream("default").complete_latency_ms.all_time)
}

fn process_latency(case: &Case<'_>) -> Outcome {
    rule(case, "execute start -> ack() of that tuple, sampled")?;
    latency_of_some(|all| all.components["a"].input("source").process_latency_ms.all_time)
}

fn execute_latency(case: &Case<'_>) -> Outcome {
    rule(case, "duration of execute(), sampled independently of process latency")?;
    const TAKES_NS: u64 = 3_000_000;
    let cluster = LocalCluster::new();
    let clock = cluster.clock();
    // It acks first: what comes after that is part of the one latency only.
    let bolt = FnBolt::new(&[], move |_, tuple, out| {
        out.ack(tuple);
        clock.sleep_until(clock.now_ns() + TAKES_NS);
        Ok(())
    });
    let feeder = FeederSpout::new(["x"]).map_err(text)?;
    let mut builder = TopologyBuilder::new();
    builder.set_spout("1", move || feeder.clone(), 1);
    let _ = builder.set_bolt("2", move || bolt.clone(), 1).shuffle_grouping("1");
    let topology = builder.create_topology().map_err(text)?;
    let tuples = (0..20).map(|n| values![n]);
    let sources = weir_topology::MockedSources::new().add("1", tuples);
    let done = cluster.complete_topology(topology, conf(1.0), sources).map_err(text)?;
    let of = done.summary.metrics.components["2"].input("1");
    let (execute, process) = (of.execute_latency_ms.all_time, of.process_latency_ms.all_time);
    let least = TAKES_NS as f64 / 1e6;
    equal(
        "execute takes that long, and an ack does not",
        &(execute >= least, process < execute),
        &(true, true),
    )
}

fn failures_counted(case: &Case<'_>) -> Outcome {
    rule(case, "a timed-out sampled tuple counts failed; unsampled failures do not")?;
    let stage = Stage::new(conf(0.05), &[("a", 1, "source")])?;
    (0..7).for_each(|id| stage.feed(id));
    stage.advance(250);
    let failed = stage.metrics().components["source"].stream("default").failed.all_time;
    // A sample stands for 20.
    equal("failures beside the samples", &(failed % 20), &0)
}

/// A bolt that fails as a tuple says.
struct Fails;

fn fail(tuple: &Tuple) -> ComponentResult {
    match tuple.text(0)? {
        "failed" => Err(ComponentError::failed("a failure")),
        "reported" => Err(ComponentError::reported("a report")),
        "fatal" => Err(ComponentError::fatal("the end")),
        _ => Ok(()),
    }
}

impl BasicBolt for Fails {
    fn execute(&mut self, tuple: &Tuple, _: &mut BasicOutputCollector<'_>) -> ComponentResult {
        fail(tuple)
    }
    fn declare_output_fields(&self, _: &mut OutputFieldsDeclarer) {}
}

struct RichFails;

impl RichBolt for RichFails {
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        fail(&tuple)?;
        out.ack(&tuple);
        Ok(())
    }
}

/// What became of a topology that was fed some words: what was acked and failed, what was reported,
/// and whether it survived.
fn failed(
    rich: bool,
    words: &[&str],
) -> Result<(Vec<Value>, Vec<Value>, Vec<String>, bool), String> {
    let cluster = LocalCluster::with_simulated_time();
    let feeder = FeederSpout::new(["x"]).map_err(text)?;
    let (spout, mut builder) = (feeder.clone(), TopologyBuilder::new());
    builder.set_spout("1", move || spout.clone(), 1);
    let _ = if rich {
        builder.set_bolt("2", || RichFails, 1).shuffle_grouping("1")
    } else {
        builder.set_basic_bolt("2", || Fails, 1).shuffle_grouping("1")
    };
    let topology = builder.create_topology().map_err(text)?;
    let running = cluster.submit_topology("t", conf(1.0), topology).map_err(text)?;
    for (id, word) in (1..).zip(words) {
        feeder.feed(values![*word], id);
        cluster.await_quiet();
    }
    let errors = running.errors().into_iter().map(|error| error.message).collect();
    let survived = running.kill(weir_topology::KillOptions::NOW).is_ok();
    let status = feeder.status();
    Ok((status.acked, status.failed, errors, survived))
}

fn basic_bolt_fails(case: &Case<'_>) -> Outcome {
    case.part("params").says("rule", "execute throws FailedException")?;
    let told = "input failed, worker survives; ReportedFailedException also reports the error";
    case.says("expected", told)?;
    let want = (ids(&[3]), ids(&[1, 2]), vec!["a report".to_owned()], true);
    equal("acked, failed, reported, alive", &failed(false, &["failed", "reported", "good"])?, &want)
}

fn basic_bolt_dies(case: &Case<'_>) -> Outcome {
    case.part("params").says("rule", "execute throws RuntimeException")?;
    let told = "executor thread dies -> error reported -> worker process exits (supervisor restarts \
                it); no fail sent, tree times out";
    case.says("expected", told)?;
    let want = (ids(&[1]), ids(&[]), vec!["the end".to_owned()], false);
    equal("acked, failed, reported, alive", &failed(false, &["good", "fatal", "good"])?, &want)
}

fn rich_bolt_dies(case: &Case<'_>) -> Outcome {
    case.part("params").says("rule", "IRichBolt.execute throws FailedException")?;
    case.says("expected", "NOT caught: kills the worker")?;
    let want = (ids(&[1]), ids(&[]), vec!["a failure".to_owned()], false);
    equal("acked, failed, reported, alive", &failed(true, &["good", "failed", "good"])?, &want)
}

/// Counts its tuples in a metric of its own.
struct Counts(Option<Arc<CountMetric>>);

impl RichBolt for Counts {
    fn prepare(&mut self, _: &Config, context: &TopologyContext) -> ComponentResult {
        let bucket = Duration::from_secs(5);
        self.0 = Some(context.register_metric(METRIC, CountMetric::default(), bucket)?);
        Ok(())
    }
    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        self.0.iter().for_each(|count| count.increment());
        out.ack(&tuple);
        Ok(())
    }
}

const METRIC: &str = "my-custom-metric";

/// By task, the values of all buckets.
type Buckets = Arc<Mutex<BTreeMap<i32, Vec<i64>>>>;

const STEPS: [&str; 6] =
    ["feed a (id 1)", "advance 6s", "advance 5s", "advance 20s", "feed b,c", "advance 5s"];

fn own_metric(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    expected.says("order", "multiset")?;
    let (bolt, outputs) = (params.part("bolts").part("2"), expected.part("outputs").part("2"));
    let (tasks, sums) = match bolt.text("impl")? {
        "CountMetric my-custom-metric bucket 5s, incr per tuple" => (1, "bucket_running_sum_after"),
        "same, 1 executor 2 tasks" => (2, "per_task_bucket_running_sum_after"),
        other => return Err(format!("no such bolt: {other}")),
    };
    equal("conf", &params.get("conf"), &Some(&serde_json::json!({})))?;
    let fields = params.part("spouts").part("1");
    let names: Vec<&str> = fields.list("fields")?.iter().filter_map(Json::as_str).collect();
    let feeder = FeederSpout::new(names).map_err(text)?;
    let (spout, mut builder) = (feeder.clone(), TopologyBuilder::new());
    builder.set_spout("1", move || spout.clone(), 1);
    let mut declarer = builder.set_bolt("2", || Counts(None), 1).set_num_tasks(tasks);
    for grouping in bolt.list("groupings")? {
        declarer = subscribe(declarer, grouping.as_str().ok_or("a grouping that is no text")?)?;
    }
    let _ = declarer;
    let cluster = LocalCluster::with_simulated_time();
    let buckets = Buckets::default();
    let takes = Arc::clone(&buckets);
    cluster.register_metrics_consumer(move |task: &TaskInfo, points: &[DataPoint]| {
        let counts = points.iter().filter(|point| point.name == METRIC);
        let counts = counts.filter_map(|point| point.value.as_int());
        lock(&takes).entry(task.task).or_default().extend(counts);
    });
    let topology = builder.create_topology().map_err(text)?;
    let _running = cluster.submit_topology("t", Config::new(), topology).map_err(text)?;
    let mut wanted = outputs.ints(sums)?.into_iter().zip(outputs.ints("min_buckets")?);
    for step in steps(case)? {
        let Some(seconds) = step.strip_prefix("advance ").and_then(|s| s.strip_suffix('s')) else {
            let fed = step.trim_start_matches("feed ").trim_end_matches(" (id 1)");
            fed.split(',').for_each(|word| feeder.feed(values![word], Value::from(word)));
            cluster.await_quiet();
            continue;
        };
        cluster.advance_time(Duration::from_secs(seconds.parse().map_err(text)?));
        let (sum, least) = wanted.next().ok_or("more steps than expectations")?;
        let buckets = lock(&buckets);
        equal("tasks", &buckets.len(), &tasks)?;
        for counts in buckets.values() {
            equal("sum", &counts.iter().sum(), &sum)?;
            equal("enough buckets", &(counts.len() as i64 >= least), &true)?;
        }
    }
    equal("expectations left", &wanted.count(), &0)
}

fn steps<'a>(case: &Case<'a>) -> Result<Vec<&'a str>, String> {
    let input = case.part("input").part("spout_tuples");
    let steps: Vec<&str> = input.list("1")?.iter().filter_map(Json::as_str).collect();
    Ok(if steps == ["same as custom_metric"] { STEPS.to_vec() } else { steps })
}
