//! The spout that sends checkpoints.

use super::{
    Action, CHECKPOINT_FIELD_ACTION, CHECKPOINT_FIELD_TXID, CHECKPOINT_STREAM, CheckpointState,
    KeyValue, Namespace, StateProvider,
};
use crate::component::OtherSpouts;
use crate::nanos::nanos;
use crate::{
    ComponentError, ComponentResult, Config, OutputFieldsDeclarer, RichSpout, SpoutOutputCollector,
    TopologyContext, Value, values,
};

/// Sends what the tasks of a topology are to do about their states, a step at a time. Storm's
/// `CheckpointSpout`.
///
/// The next step comes when the one before has been done everywhere: that is when its tuple is acked.
/// If it fails, all return to what was committed last. How far it is it keeps itself in a state.
///
/// Other than Storm's, it ends: once all other spouts have, it commits what there is, and is exhausted.
pub struct CheckpointSpout {
    /// None is that of the topology.
    provider: Option<StateProvider>,
    others: OtherSpouts,
    /// The transaction that was begun after all other spouts had ended.
    last_txid: Option<i64>,
    kept: Option<KeyValue<String, CheckpointState>>,
    current: CheckpointState,
    recovering: bool,
    /// A step has been sent, and how it ended is not known yet.
    under_way: bool,
    interval_ns: u64,
    last_ns: Option<u64>,
}

impl CheckpointSpout {
    /// The least time between two checkpoints, in milliseconds, whatever is set.
    const SHORTEST_MS: u64 = 100;
    /// The key under which it keeps how far it is. Storm's.
    pub const KEY: &str = "__state";

    /// A spout that keeps how far it is where `provider` says.
    #[must_use]
    pub fn new(provider: StateProvider) -> Self {
        Self::of(Some(provider))
    }

    /// A spout that keeps how far it is where the configuration of its topology says.
    #[must_use]
    pub fn configured() -> Self {
        Self::of(None)
    }

    fn of(provider: Option<StateProvider>) -> Self {
        Self {
            provider,
            others: OtherSpouts::default(),
            last_txid: None,
            kept: None,
            current: CheckpointState::START,
            recovering: true,
            under_way: false,
            interval_ns: 0,
            last_ns: None,
        }
    }

    /// How far it is.
    #[must_use]
    pub const fn state(&self) -> CheckpointState {
        self.current
    }

    fn advance(&mut self, to: CheckpointState) -> ComponentResult {
        if let Some(kept) = &mut self.kept {
            kept.put(Self::KEY.to_owned(), to)?;
            kept.persist()?;
        }
        self.current = to;
        Ok(())
    }

    fn is_due(&self, now_ns: u64) -> bool {
        self.current.status != super::Status::Committed
            || self.others.have_ended()
            || self.last_ns.is_none_or(|last| now_ns.saturating_sub(last) > self.interval_ns)
    }

    fn send(&mut self, action: Action, collector: &mut SpoutOutputCollector) -> ComponentResult {
        let txid = self.current.txid;
        collector.emit_to(CHECKPOINT_STREAM, values![txid, action.name()], txid)?;
        self.under_way = true;
        Ok(())
    }
}

impl RichSpout for CheckpointSpout {
    fn open(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        let interval = conf.millis(Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL)?.unwrap_or_default();
        let interval_ns = nanos(interval);
        self.interval_ns = interval_ns.max(Self::SHORTEST_MS * 1_000_000);
        let provider = self.provider.as_ref().unwrap_or_else(|| context.state_provider());
        let kept: KeyValue<String, CheckpointState> =
            provider.key_value(&Namespace::of(context))?;
        self.others = context.other_spouts.clone();
        self.others.wake_at_their_end(context.waker());
        self.current = kept.get_or(&Self::KEY.to_owned(), CheckpointState::START)?;
        self.kept = Some(kept);
        (self.recovering, self.under_way, self.last_ns) = (true, false, None);
        // That it is there at all must be known even if nothing is ever committed.
        self.advance(self.current)
    }

    fn next_tuple(&mut self, collector: &mut SpoutOutputCollector) -> ComponentResult {
        if self.under_way {
            return Ok(());
        }
        if self.recovering {
            return self.send(self.current.next_action(true), collector);
        }
        let now_ns = collector.reporter.clock.now_ns();
        if !self.is_due(now_ns) {
            return Ok(());
        }
        if self.current.status == super::Status::Committed {
            let last = self.others.have_ended();
            self.advance(self.current.next_state(false))?;
            self.last_ns = Some(now_ns);
            self.last_txid = last.then_some(self.current.txid);
        }
        self.send(self.current.next_action(false), collector)
    }

    fn ack(&mut self, message_id: Value) -> ComponentResult {
        // Of an earlier step, of which nobody knows any more: the present one is sent again.
        self.under_way = false;
        if message_id.as_int() != Some(self.current.txid) {
            return Ok(());
        }
        let next = self.current.next_state(self.recovering);
        if self.recovering && next == self.current {
            self.recovering = false;
            return Ok(());
        }
        self.advance(next)
    }

    fn fail(&mut self, _message_id: Value) -> ComponentResult {
        self.recovering = true;
        self.under_way = false;
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        let CheckpointState { txid, status } = self.current;
        let settled = status == super::Status::Committed && !self.recovering;
        settled && !self.under_way && self.last_txid == Some(txid)
    }

    fn close(&mut self) {
        self.kept = None;
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declare(declarer);
    }
}

impl std::fmt::Debug for CheckpointSpout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (state, recovering) = (&self.current, &self.recovering);
        f.debug_struct("CheckpointSpout")
            .field("state", state)
            .field("recovering", recovering)
            .finish_non_exhaustive()
    }
}

/// Declares the stream that checkpoints travel on.
pub(super) fn declare(declarer: &mut OutputFieldsDeclarer) {
    declarer.declare_stream(CHECKPOINT_STREAM, [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION]);
}

/// What a tuple of the checkpoint stream says.
pub(super) fn read(tuple: &crate::Tuple) -> Result<(Action, i64), ComponentError> {
    let name = tuple.text(CHECKPOINT_FIELD_ACTION)?;
    let unknown = || ComponentError::fatal(format!("{name:?} is no action of a checkpoint"));
    Ok((Action::named(name).ok_or_else(unknown)?, tuple.int(CHECKPOINT_FIELD_TXID)?))
}
