//! The spout that begins and commits the batches of a batch group.

use super::ManagedSpout;
use crate::batch::{BatchId, Order, Throttle, TransactionAttempt, Transactions};
use crate::spout::{BatchCoordinator, Turn};
use crate::store::TransactionalState;
use std::collections::BTreeMap;
use weir_topology::{
    ComponentError, ComponentResult, Config, OutputFieldsDeclarer, RichSpout, SpoutOutputCollector,
    TopologyContext, Value, values,
};

/// The stream on which batches begin.
pub const BATCH_STREAM: &str = "$batch";
/// The stream on which batches are committed.
pub const COMMIT_STREAM: &str = "$commit";
/// The stream on which it is told that batches have been committed.
pub const SUCCESS_STREAM: &str = "$success";

/// Where the master keeps which batch is next to be committed.
pub(crate) const CURRENT_TX: &str = "currtx";
/// The batch that is next to be committed when nothing is known.
pub(crate) const FIRST_TX: i64 = 1;
const CURRENT_ATTEMPTS: &str = "currattempts";

/// Begins and commits the batches of some spouts, which then have their tuples in common batches.
/// Storm's `MasterBatchCoordinator`, which is a spout of attempts.
///
/// At most `topology.max.spout.pending` batches are under way, 1 if it is not set, and at most one
/// begins per `topology.trident.batch.emit.interval.millis`. A batch begins if any of the spouts is
/// ready. Unlike in Storm, a batch never begins before one with a smaller id, and one that has failed because
/// it can only run when all before it have been committed begins again when they are.
///
/// Without an acker nothing is known of what became of a batch: [`open`](RichSpout::open) refuses
/// `topology.acker.executors` of 0.
pub struct MasterBatchCoordinator {
    spouts: Vec<ManagedSpout>,
    life: Option<Life>,
}

/// What it has from [`RichSpout::open`] on.
struct Life {
    transactions: Transactions,
    throttle: Throttle,
    states: Vec<TransactionalState>,
    turns: Vec<Turn>,
    coordinators: Vec<Box<dyn BatchCoordinator>>,
    context: TopologyContext,
    successes: Vec<TransactionAttempt>,
    /// Whether nothing is under way and nothing will ever begin.
    over: bool,
}

impl std::fmt::Debug for MasterBatchCoordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterBatchCoordinator").field("spouts", &self.spouts).finish()
    }
}

impl MasterBatchCoordinator {
    /// For these spouts.
    #[must_use]
    pub const fn new(spouts: Vec<ManagedSpout>) -> Self {
        Self { spouts, life: None }
    }
}

/// Batches are known to be done, or to have failed, because their trees are acked or failed.
pub(crate) fn refuse_without_ackers(context: &TopologyContext) -> ComponentResult {
    let key = Config::TOPOLOGY_ACKER_EXECUTORS;
    match context.topology_config().count(key)? {
        Some(0) => Err(ComponentError::fatal(format!(
            "{key} is 0, but batches cannot be committed, nor come again, without an acker: set it to \
             at least 1"
        ))),
        _ => Ok(()),
    }
}

/// Storm keeps the current batch and the attempts with every spout, and believes the greatest.
fn stored(
    states: &[TransactionalState],
    turns: &[Turn],
) -> Result<(i64, BTreeMap<i64, i64>), ComponentError> {
    let (mut current, mut attempts) = (FIRST_TX, BTreeMap::new());
    for (state, turn) in states.iter().zip(turns) {
        current = current.max(turn.current()?);
        let stored = state.get(CURRENT_ATTEMPTS)?;
        for pair in stored.as_ref().and_then(Value::as_list).unwrap_or_default() {
            if let Some([Value::Int(txid), Value::Int(attempt)]) = pair.as_list() {
                let known = attempts.entry(*txid).or_insert(*attempt);
                *known = (*known).max(*attempt);
            }
        }
    }
    Ok((current, attempts))
}

fn attempt(message_id: &Value) -> Option<TransactionAttempt> {
    match BatchId::from_value(message_id) {
        Some(BatchId::Transaction(attempt)) => Some(attempt),
        _ => None,
    }
}

impl Life {
    fn is_ready(&mut self, txid: i64) -> bool {
        !self.throttle.is_throttled(self.context.now_ns())
            && self.coordinators.iter_mut().any(|coordinator| coordinator.is_ready(txid))
    }

    fn is_held_back(&self, txid: i64) -> bool {
        let current = self.transactions.current();
        self.turns.iter().any(|turn| turn.is_held_back(txid, current))
    }

    fn store_attempts(&self) -> ComponentResult {
        let attempts = self.transactions.attempts();
        let pairs = attempts.iter().map(|(txid, attempt)| values![*txid, *attempt].into());
        let value = Value::from(pairs.collect::<Vec<Value>>());
        self.states.iter().try_for_each(|state| state.put(CURRENT_ATTEMPTS, &value))?;
        Ok(())
    }

    fn sync(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        for attempt in self.successes.drain(..) {
            out.emit_to(SUCCESS_STREAM, values![BatchId::from(attempt).to_value()], ())?;
        }
        if let Some(Order::Commit(attempt)) = self.transactions.commit() {
            let id = BatchId::from(attempt).to_value();
            out.emit_to(COMMIT_STREAM, values![id.clone()], id)?;
        }
        for txid in self.transactions.candidates() {
            // Batches begin in order: each goes on behind the one before it. (Storm asks for the next
            // one, which may have become ready in between.)
            if self.is_held_back(txid) || !self.is_ready(txid) || self.is_over(txid) {
                break;
            }
            let Order::Begin(attempt) = self.transactions.begin(txid) else { continue };
            self.store_attempts()?;
            let id = BatchId::from(attempt).to_value();
            out.emit_to(BATCH_STREAM, values![id.clone()], id)?;
            self.throttle.mark(self.context.now_ns());
        }
        let idle = self.transactions.active().next().is_none();
        self.over = idle && self.is_over(self.transactions.current());
        Ok(())
    }

    fn is_over(&mut self, txid: i64) -> bool {
        self.coordinators.iter_mut().all(|coordinator| coordinator.is_exhausted(txid))
    }
}

impl RichSpout for MasterBatchCoordinator {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        refuse_without_ackers(context)?;
        let states: Vec<_> = self
            .spouts
            .iter()
            .map(|spout| TransactionalState::coordinator(&spout.store, &spout.txid))
            .collect();
        let turns: Vec<Turn> = self.spouts.iter().map(ManagedSpout::turn).collect();
        let (current, attempts) = stored(&states, &turns)?;
        for (state, turn) in states.iter().zip(&turns) {
            // A master that died between two of them left them apart, and each spout asks its own.
            if turn.current()? != current {
                state.put(CURRENT_TX, &current.into())?;
            }
        }
        // What is set for this component alone only keeps the engine from counting batches itself.
        let topology = context.topology_config();
        let most = topology.count(Config::TOPOLOGY_MAX_SPOUT_PENDING)?.unwrap_or(1);
        let interval = topology.millis(Config::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS)?;
        let interval_ns =
            u64::try_from(interval.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX);
        let coordinators = self
            .spouts
            .iter()
            .map(|managed| managed.spout.coordinator(&managed.place(conf, context)));
        self.life = Some(Life {
            transactions: Transactions::new(current, most, attempts),
            throttle: Throttle::new(interval_ns, 1, context.now_ns()),
            coordinators: coordinators.collect::<Result<_, _>>()?,
            states,
            turns,
            context: context.clone(),
            successes: Vec::new(),
            over: false,
        });
        Ok(())
    }

    fn next_tuple(&mut self, out: &mut SpoutOutputCollector) -> ComponentResult {
        self.life.as_mut().map_or(Ok(()), |life| life.sync(out))
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        let (Some(life), Some(attempt)) = (&mut self.life, attempt(&message_id)) else {
            return Ok(());
        };
        if let Some(Order::Success(attempt)) = life.transactions.ack(attempt) {
            let current = life.transactions.current().into();
            life.states.iter().try_for_each(|state| state.put(CURRENT_TX, &current))?;
            life.successes.push(attempt);
        }
        Ok(())
    }

    fn fail(&mut self, message_id: Value) -> ComponentResult {
        if let (Some(life), Some(attempt)) = (&mut self.life, attempt(&message_id)) {
            life.transactions.fail(attempt);
        }
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.over)
    }

    fn close(&mut self) {
        if let Some(life) = &mut self.life {
            life.coordinators.iter_mut().for_each(|coordinator| coordinator.close());
        }
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        // Topologies that have no use for one of them do not subscribe to it.
        for stream in [BATCH_STREAM, COMMIT_STREAM, SUCCESS_STREAM] {
            declarer.declare_stream(stream, ["tx"]);
        }
    }

    fn component_configuration(&self) -> Config {
        Config::empty()
            .set(Config::TOPOLOGY_MAX_TASK_PARALLELISM, 1)
            .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 0)
    }
}
