//! Runs a flow: submits its topology, waits for the end, and says what happened.

use super::batches::Batches;
use super::engine::TridentEngine;
use super::source::CHUNK;
use super::stage::{at_hand, contents};
use crate::operation::TridentCollector;
use crate::state::{PartitionId, State, StateUpdater};
use crate::tuple::TridentTuple;
use crate::{Stream, TridentError, TridentTopology};
use std::sync::Arc;
use weir_dataflow::{
    ComponentInfo, Engine, Event, RunContext, RunError, RunSummary, Sink, Transform, Writer,
};
use weir_topology::typed::Report;
use weir_topology::{
    ComponentError, ComponentResult, Config, Fields, LocalCluster, TopologySummary,
};

/// What the native streams of a run are defined in.
pub(super) struct Definition {
    pub(super) topology: TridentTopology,
    pub(super) batches: Arc<Batches>,
    pub(super) parallelism: usize,
}

/// Runs to the end of the load. `define` defines the streams.
pub(super) fn execute(
    engine: &TridentEngine,
    context: &RunContext,
    define: impl FnOnce(&Definition),
) -> Result<RunSummary, RunError> {
    context.cancel.check()?;
    let interval_ns = u64::try_from(engine.batch_interval.as_nanos()).unwrap_or(u64::MAX);
    let parallelism = engine.parallelism;
    let batches = Arc::new(Batches::new(context.clone(), parallelism, interval_ns));
    let run =
        Definition { topology: TridentTopology::new(), batches: Arc::clone(&batches), parallelism };
    define(&run);
    let topology = run.topology.build().map_err(of_trident)?;
    let cluster = LocalCluster::on_clock(Arc::clone(&context.clock));
    let running = cluster.submit_topology(engine.name(), configuration(engine), topology)?;
    // The first batch is cut once all are ready for it.
    context.begin();
    let ended = running.join();
    let (records, timings) = batches.finish();
    context.cancel.check()?;
    let mut summary = summary(engine, &ended?, &batches);
    summary.counters.insert("batches".to_owned(), timings.len() as u64);
    (summary.records, summary.batches) = (records, timings);
    Ok(summary)
}

fn configuration(engine: &TridentEngine) -> Config {
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Config::new()
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, count(engine.max_batches_in_flight.get()))
        .set(
            Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS,
            i64::try_from(timeout_secs(engine)).unwrap_or(i64::MAX),
        )
        // The spouts see to the interval, so that batches lie on the time axis of the load.
        .set(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS, 0)
}

/// Topologies have whole seconds.
fn timeout_secs(engine: &TridentEngine) -> u64 {
    let timeout = engine.message_timeout;
    timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0)
}

fn of_trident(error: TridentError) -> RunError {
    RunError::Unsupported { what: "this flow".into(), remedy: error.to_string() }
}

/// What a component counted, under the names that the topology engine has for it.
fn counts(report: &Report) -> Vec<(String, u64)> {
    let total = report.total();
    let mut counts = vec![("executed", total.executed), ("emitted", total.emitted)];
    if report.id != "__acker" {
        counts.push(("busy_permille", (total.busy() * 1e3).round() as u64));
    }
    if total.queue_peak > 0 {
        counts.push(("queue_peak", total.queue_peak));
    }
    counts.into_iter().map(|(what, count)| (format!("{what}.{}", report.id), count)).collect()
}

fn summary(engine: &TridentEngine, ended: &TopologySummary, batches: &Batches) -> RunSummary {
    let component = |report: &Report| {
        let tasks = report.tasks.len();
        ComponentInfo { name: report.id.clone(), tasks, threads: tasks }
    };
    let settings = [
        ("batch_interval_ms", (engine.batch_interval.as_secs_f64() * 1e3).to_string()),
        ("max_batches_in_flight", engine.max_batches_in_flight.to_string()),
        ("message_timeout_ms", timeout_secs(engine).saturating_mul(1000).to_string()),
        ("parallelism", engine.parallelism.to_string()),
    ];
    let tuples = ended.components.iter().map(|report| report.total().executed).sum();
    let counters = [("replays", batches.replays()), ("tuples", tuples)];
    let counters = counters.map(|(key, count)| (key.to_owned(), count)).into_iter();
    RunSummary {
        engine: engine.name().to_owned(),
        late: batches.late(),
        components: ended.components.iter().map(component).collect(),
        settings: settings.map(|(key, value)| (key.to_owned(), value)).into(),
        counters: counters.chain(ended.components.iter().flat_map(counts)).collect(),
        ..RunSummary::default()
    }
}

/// Writes what comes out of a chain to a sink, as batches are committed.
pub(super) fn write<C, K>(run: &Definition, stream: &Stream, chain: C, sink: K)
where
    C: Transform,
    K: Sink<C::Out>,
{
    let make_state = move |_: &Config, _: PartitionId| -> Result<_, ComponentError> {
        Ok(Written { writer: sink.writer(), txid: None, applied: None })
    };
    let write = Write { chain, batches: Arc::clone(&run.batches) };
    let written = stream.partition_persist(make_state, [CHUNK], write, Fields::none());
    written.parallelism_hint(run.parallelism);
}

/// A partition of a sink.
struct Written<W> {
    writer: W,
    txid: Option<i64>,
    applied: Option<i64>,
}

impl<W: 'static> State for Written<W> {
    fn begin_commit(&mut self, txid: Option<i64>) -> ComponentResult {
        self.txid = txid;
        Ok(())
    }

    fn commit(&mut self, _: Option<i64>) -> ComponentResult {
        self.txid = None;
        Ok(())
    }
}

#[derive(Clone)]
struct Write<C> {
    chain: C,
    batches: Arc<Batches>,
}

impl<C: Transform, W: Writer<C::Out>> StateUpdater<Written<W>> for Write<C> {
    fn update_state(
        &mut self,
        written: &mut Written<W>,
        tuples: &[TridentTuple],
        _: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let txid = at_hand(written.txid)?;
        if written.applied != Some(txid) {
            let (chain, writer) = (&mut self.chain, &mut written.writer);
            for event in contents::<Vec<Event<C::In>>>(tuples)?.flatten() {
                chain.apply(event.value, &mut |row| writer.write(row));
            }
            written.applied = Some(txid);
        }
        self.batches.visible(txid);
        Ok(())
    }
}
