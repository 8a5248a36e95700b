//! How a task finds out that a batch is complete: by counting.

use super::bolt::Sent;
use super::{BatchBolt, BatchCollector, BatchId, BatchInfo};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use weir_dataflow::FastState;
use weir_topology::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt,
    StreamId, TaskId, TopologyContext, Tuple, Value, values,
};

/// What the streams are called on which tasks tell each other how many tuples they have sent.
pub const COORD_STREAM_PREFIX: &str = "$coord-";

/// The stream on which tasks tell how many tuples of a batch group's batch they have sent.
#[must_use]
pub fn coord_stream(batch_group: &str) -> String {
    format!("{COORD_STREAM_PREFIX}{batch_group}")
}

/// How often executors of batches are told that time has passed, in seconds.
const TICK_SECS: i64 = 5;

/// How many tasks of a component report to a bolt. Storm's `CoordType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordType {
    /// All of them.
    All,
    /// The one that the batch came through.
    Single,
}

/// When a batch is complete in a bolt. Storm's `CoordSpec`.
#[derive(Clone, Debug, Default)]
pub struct CoordSpec {
    /// The components that report, and how many of their tasks.
    pub coords: BTreeMap<String, CoordType>,
    /// The stream that says that a batch may be committed, if the bolt waits for that.
    pub commit_stream: Option<StreamId>,
    /// The components that are reported to.
    pub targets: Vec<String>,
}

/// Where a bolt stands in a topology: which streams belong to which batch group, and when a batch of a
/// group is complete.
#[derive(Clone, Debug, Default)]
pub struct BatchWiring {
    /// The batch groups of the streams that have one.
    pub streams: BTreeMap<StreamId, String>,
    /// What is to be known of each batch group.
    pub specs: BTreeMap<String, CoordSpec>,
}

/// A [`CoordSpec`] with the tasks of the running topology.
#[derive(Debug, Default)]
struct Condition {
    batch_group: String,
    coord_stream: String,
    commit_stream: Option<StreamId>,
    expected_reports: usize,
    targets: Vec<TaskId>,
}

/// A batch under way.
struct Tracked<S> {
    info: BatchInfo<S>,
    value: Value,
    sent: Sent,
    reports: usize,
    expected_tuples: i64,
    received_tuples: i64,
    received_commit: bool,
    failed: bool,
    /// The tuple that is acked when the batch is complete: so the master finds out.
    delayed_ack: Option<Tuple>,
}

/// A batch group, by its place among the conditions, and what all attempts at a batch have in common.
type BatchKey = (usize, i64);

type Batches<S> = HashMap<BatchKey, Tracked<S>, FastState>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Regular,
    Commit,
    Coord,
}

/// Runs a [`BatchBolt`]: keeps the batches apart, and finds out when one is complete. Storm's
/// `TridentBoltExecutor`.
///
/// Each task tells each task behind it how many tuples of a batch it has sent to it. A batch is complete
/// when all have reported, the counts add up, and, if the bolt commits, its turn to be committed has
/// come. If they do not add up, it fails.
///
/// Unlike Storm's, it tells batches of different masters with one id apart, and an error of
/// [`BatchBolt::init_batch_state`] or of a tuple outside of batches fails like one of
/// [`BatchBolt::execute`].
pub struct TridentBoltExecutor<B: BatchBolt> {
    bolt: B,
    wiring: BatchWiring,
    conditions: Vec<Condition>,
    /// The streams of batches, and the places of their conditions.
    streams: Vec<(StreamId, usize)>,
    batches: Batches<B::State>,
    /// Those that nothing has been heard of since the last rotation.
    older: Batches<B::State>,
    timeout_ns: u64,
    rotated_at_ns: u64,
    context: Option<TopologyContext>,
}

impl<B: BatchBolt> std::fmt::Debug for TridentBoltExecutor<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TridentBoltExecutor").field("wiring", &self.wiring).finish_non_exhaustive()
    }
}

impl<B: BatchBolt> TridentBoltExecutor<B> {
    /// Runs `bolt` where `wiring` says.
    #[must_use]
    pub fn new(bolt: B, wiring: BatchWiring) -> Self {
        Self {
            bolt,
            wiring,
            conditions: Vec::new(),
            streams: Vec::new(),
            batches: Batches::default(),
            older: Batches::default(),
            timeout_ns: u64::MAX,
            rotated_at_ns: 0,
            context: None,
        }
    }

    /// The bolt.
    pub const fn bolt(&self) -> &B {
        &self.bolt
    }

    /// Batches that are being kept.
    #[must_use]
    pub fn batches_under_way(&self) -> usize {
        self.batches.len() + self.older.len()
    }

    /// Lets go of batches that nothing was heard of for one or two message timeouts.
    fn rotate(&mut self) {
        let Some(context) = &self.context else { return };
        let now_ns = context.now_ns();
        if now_ns.saturating_sub(self.rotated_at_ns) > self.timeout_ns {
            self.older = std::mem::take(&mut self.batches);
            self.rotated_at_ns = now_ns;
        }
    }

    /// Takes what is known of a batch out of the tables. `Err` if the tuple is of an attempt that has
    /// been given up.
    fn take(&mut self, key: BatchKey, id: BatchId) -> Result<Option<Tracked<B::State>>, ()> {
        let tracked = self.batches.remove(&key).or_else(|| self.older.remove(&key));
        match tracked {
            Some(tracked) if tracked.info.id.attempt() > id.attempt() => {
                self.batches.insert(key, tracked);
                Err(())
            }
            // Only one attempt is kept, so that failures do not pile up.
            Some(tracked) if tracked.info.id.attempt() < id.attempt() => Ok(None),
            other => Ok(other),
        }
    }

    fn begin(
        &mut self,
        at: usize,
        id: BatchId,
        out: &mut OutputCollector,
    ) -> Result<Tracked<B::State>, ComponentError> {
        let Condition { batch_group, commit_stream, .. } = &self.conditions[at];
        let (value, mut sent) = (id.to_value(), Sent::default());
        let mut collector = BatchCollector { out, sent: &mut sent, batch: &value };
        let state = self.bolt.init_batch_state(batch_group, id, &mut collector)?;
        Ok(Tracked {
            info: BatchInfo { batch_group: batch_group.clone(), id, state },
            value,
            sent,
            reports: 0,
            expected_tuples: 0,
            received_tuples: 0,
            received_commit: commit_stream.is_none(),
            failed: false,
            delayed_ack: None,
        })
    }

    fn kind(condition: &Condition, tuple: &Tuple) -> Kind {
        let is = |stream: &StreamId| {
            stream.stream == tuple.source_stream() && stream.component == tuple.source_component()
        };
        if condition.commit_stream.as_ref().is_some_and(is) {
            Kind::Commit
        } else if condition.expected_reports > 0 && tuple.source_stream() == condition.coord_stream
        {
            Kind::Coord
        } else {
            Kind::Regular
        }
    }

    /// Ends the batch in the bolt and reports to the tasks behind. Returns whether the batch lives.
    fn finish(
        bolt: &mut B,
        condition: &Condition,
        tracked: &mut Tracked<B::State>,
        by: &Tuple,
        out: &mut OutputCollector,
    ) -> Result<bool, ComponentError> {
        let Tracked { info, value, sent, .. } = tracked;
        let finished = bolt.finish_batch(info, &mut BatchCollector { out, sent, batch: value });
        if !fail_batch(tracked, finished, out)? {
            return Ok(false);
        }
        for task in &condition.targets {
            let report = values![tracked.value.clone(), tracked.sent.to(*task)];
            out.emit_direct(*task, &condition.coord_stream, [by], report)?;
        }
        if let Some(delayed) = tracked.delayed_ack.take() {
            out.ack(&delayed);
        }
        Ok(true)
    }

    /// A tuple of the batch itself. Returns whether the batch is over.
    fn regular(
        bolt: &mut B,
        condition: &Condition,
        tracked: &mut Tracked<B::State>,
        tuple: &Tuple,
        out: &mut OutputCollector,
    ) -> Result<bool, ComponentError> {
        tracked.received_tuples += 1;
        let Tracked { info, value, sent, .. } = tracked;
        let mut collector = BatchCollector { out, sent, batch: value };
        let executed = bolt.execute(info, tuple, &mut collector);
        let mut lives = fail_batch(tracked, executed, out)?;
        let over = condition.expected_reports == 0;
        if over && lives {
            lives = Self::finish(bolt, condition, tracked, tuple, out)?;
        }
        // Tuples of batches are outside of trees unless they begin one: only then it matters.
        if lives {
            out.ack(tuple)
        } else {
            out.fail(tuple)
        }
        Ok(over)
    }

    /// A report, or word that the batch may be committed. Returns whether the batch is over.
    fn control(
        bolt: &mut B,
        condition: &Condition,
        tracked: &mut Tracked<B::State>,
        (kind, tuple): (Kind, &Tuple),
        out: &mut OutputCollector,
    ) -> Result<bool, ComponentError> {
        if kind == Kind::Commit {
            tracked.received_commit = true;
        } else {
            tracked.reports += 1;
            tracked.expected_tuples += tuple.int(1)?;
        }
        if tracked.failed {
            fail_batch(tracked, Ok(()), out)?;
            out.fail(tuple);
            return Ok(false);
        }
        let ends_tree = condition.commit_stream.is_none() || kind == Kind::Commit;
        let delayed = tracked.delayed_ack.is_none() && ends_tree;
        if delayed {
            tracked.delayed_ack = Some(tuple.clone());
        }
        if !tracked.received_commit || tracked.reports != condition.expected_reports {
            if !delayed {
                out.ack(tuple);
            }
            return Ok(false);
        }
        if tracked.received_tuples != tracked.expected_tuples {
            tracked.failed = true;
            fail_batch(tracked, Ok(()), out)?;
            out.fail(tuple);
            return Ok(false);
        }
        Self::finish(bolt, condition, tracked, tuple, out)?;
        if !delayed {
            out.ack(tuple);
        }
        Ok(true)
    }

    fn of_batch(&mut self, at: usize, tuple: &Tuple, out: &mut OutputCollector) -> ComponentResult {
        let id = tuple.values().first().and_then(BatchId::from_value);
        let id = id.ok_or_else(|| {
            ComponentError::fatal(format!("{tuple:?} does not begin with the id of a batch"))
        })?;
        let key = (at, id.key());
        let Ok(tracked) = self.take(key, id) else { return Ok(()) };
        let mut tracked = match tracked {
            Some(tracked) => tracked,
            None => match self.begin(at, id, out) {
                Ok(tracked) => tracked,
                Err(error) => return fail_tuple(error, tuple, out),
            },
        };
        let condition = &self.conditions[at];
        let over = match Self::kind(condition, tuple) {
            Kind::Regular => Self::regular(&mut self.bolt, condition, &mut tracked, tuple, out)?,
            kind => Self::control(&mut self.bolt, condition, &mut tracked, (kind, tuple), out)?,
        };
        if !over {
            self.batches.insert(key, tracked);
        }
        Ok(())
    }
}

/// Fails what waits for the end of a batch, if something has failed it. Returns whether it lives;
/// errors that are no failure of the batch go through.
fn fail_batch<S>(
    tracked: &mut Tracked<S>,
    done: ComponentResult,
    out: &mut OutputCollector,
) -> Result<bool, ComponentError> {
    match done {
        Ok(()) if !tracked.failed => return Ok(true),
        Ok(()) | Err(ComponentError::Failed(_)) => {}
        Err(ComponentError::Reported(message)) => out.report_error(&message),
        Err(fatal) => return Err(fatal),
    }
    tracked.failed = true;
    if let Some(delayed) = tracked.delayed_ack.take() {
        out.fail(&delayed);
    }
    Ok(false)
}

fn fail_tuple(error: ComponentError, tuple: &Tuple, out: &mut OutputCollector) -> ComponentResult {
    match error {
        ComponentError::Failed(_) => {}
        ComponentError::Reported(message) => out.report_error(&message),
        fatal => return Err(fatal),
    }
    out.fail(tuple);
    Ok(())
}

impl<B: BatchBolt> RichBolt for TridentBoltExecutor<B> {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        let timeout = conf.seconds(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS)?.unwrap_or_default();
        self.timeout_ns = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.rotated_at_ns = context.now_ns();
        self.context = Some(context.clone());
        for (at, (batch_group, spec)) in self.wiring.specs.iter().enumerate() {
            let of_group = self.wiring.streams.iter().filter(|(_, group)| *group == batch_group);
            self.streams.extend(of_group.map(|(stream, _)| (stream.clone(), at)));
            let reports = |(component, coord): (&String, &CoordType)| match coord {
                CoordType::All => context.component_tasks(component).len(),
                CoordType::Single => 1,
            };
            let tasks = spec.targets.iter().flat_map(|id| context.component_tasks(id));
            self.conditions.push(Condition {
                batch_group: batch_group.clone(),
                coord_stream: coord_stream(batch_group),
                commit_stream: spec.commit_stream.clone(),
                expected_reports: spec.coords.iter().map(reports).sum(),
                targets: tasks.copied().collect(),
            });
        }
        self.bolt.prepare(conf, context)
    }

    fn execute(&mut self, tuple: Tuple, out: &mut OutputCollector) -> ComponentResult {
        if tuple.is_tick() {
            self.rotate();
            return Ok(());
        }
        let (component, stream) = (tuple.source_component(), tuple.source_stream());
        let of_batch =
            self.streams.iter().find(|(id, _)| id.stream == stream && id.component == component);
        if let Some((_, at)) = of_batch {
            return self.of_batch(*at, &tuple, out);
        }
        match self.bolt.execute_outside(&tuple, out) {
            Ok(()) => out.ack(&tuple),
            Err(error) => return fail_tuple(error, &tuple, out),
        }
        Ok(())
    }

    fn cleanup(&mut self) {
        self.bolt.cleanup();
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.bolt.declare_output_fields(declarer);
        for (batch_group, spec) in &self.wiring.specs {
            if !spec.targets.is_empty() {
                declarer.declare_stream_direct(&coord_stream(batch_group), ["id", "count"]);
            }
        }
    }

    fn component_configuration(&self) -> Config {
        self.bolt.component_configuration().set(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS, TICK_SECS)
    }
}
