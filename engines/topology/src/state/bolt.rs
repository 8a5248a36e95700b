//! Bolts with state.

use super::barrier::{Barrier, Trouble};
use super::{Action, CHECKPOINT_STREAM, Namespace, ProvidedState, State, StateProvider, spout};
use crate::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer, RichBolt,
    TopologyContext, Tuple,
};

/// A bolt that keeps state, which survives failures of its executor and, on disk, of the process.
/// Storm's `IStatefulBolt`.
///
/// Protocol: `prepare init_state execute* cleanup`; tuples wait until the state is there. Every tuple
/// must be acked or failed, and every emission anchored. A tuple that was acked is done when the next
/// checkpoint is committed; if it is rolled back instead, the tuple fails and comes again.
///
/// ```
/// use weir_topology::state::{KeyValue, StatefulBolt};
/// use weir_topology::{ComponentResult, OutputCollector, OutputFieldsDeclarer, Tuple, values};
///
/// struct Count;
/// impl StatefulBolt for Count {
///     type State = KeyValue<String, i64>;
///
///     fn execute(
///         &mut self,
///         tuple: Tuple,
///         state: &mut Self::State,
///         collector: &mut OutputCollector,
///     ) -> ComponentResult {
///         let word = tuple.text("word")?.to_owned();
///         let count = state.get_or(&word, 0)? + 1;
///         state.put(word.clone(), count)?;
///         collector.emit([&tuple], values![word, count])?;
///         collector.ack(&tuple);
///         Ok(())
///     }
///
///     fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
///         declarer.declare(["word", "count"]);
///     }
/// }
/// ```
pub trait StatefulBolt: 'static {
    /// What it keeps: most a [`KeyValue`](super::KeyValue).
    type State: ProvidedState;

    /// Called once, first of all.
    fn prepare(&mut self, _conf: &Config, _context: &TopologyContext) -> ComponentResult {
        Ok(())
    }

    /// Called once, before the first tuple, with the state that was committed last. An error fails
    /// the checkpoint, and it is tried again.
    fn init_state(&mut self, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Takes one tuple. Every tuple must be acked or failed some time through the collector.
    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        collector: &mut OutputCollector,
    ) -> ComponentResult;

    /// When it wants [`wake`](Self::wake) to be called, as of
    /// [`RichBolt::wake_at`](crate::RichBolt::wake_at).
    fn wake_at(&self) -> Option<u64> {
        None
    }

    /// The time that it asked for has come. Not called before the state is there.
    fn wake(
        &mut self,
        _now_ns: u64,
        _state: &mut Self::State,
        _collector: &mut OutputCollector,
    ) -> ComponentResult {
        Ok(())
    }

    /// Called before the state is prepared: what the bolt holds elsewhere can be put into it here. An
    /// error fails the checkpoint.
    fn pre_prepare(&mut self, _txid: i64, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called before the state is committed. An error fails the checkpoint.
    fn pre_commit(&mut self, _txid: i64, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called before the state is rolled back, also before it has been initialised. An error fails
    /// the rollback, and it is tried again.
    fn pre_rollback(&mut self, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called after the state was rolled back: what the bolt has read from it is void. weir's own; in
    /// Storm a bolt cannot know when.
    fn post_rollback(&mut self, _state: &mut Self::State) -> ComponentResult {
        Ok(())
    }

    /// Called last, when a topology ends in order.
    fn cleanup(&mut self) {}

    /// Says which streams it emits. Called once before the topology runs.
    fn declare_output_fields(&self, _declarer: &mut OutputFieldsDeclarer) {}

    /// Settings of this component alone. What is set on the declarer wins over them.
    fn component_configuration(&self) -> Config {
        Config::empty()
    }
}

/// Makes a [`RichBolt`] of a [`StatefulBolt`]. Storm's `StatefulBoltExecutor`.
#[derive(Debug)]
pub struct StatefulBoltExecutor<B: StatefulBolt> {
    bolt: B,
    /// None is that of the topology.
    provider: Option<StateProvider>,
    state: Option<B::State>,
    initialised: bool,
    barrier: Barrier,
    /// Tuples that came before the state was there.
    early: Vec<Tuple>,
    /// Tuples that the bolt acked: since the latest preparation, and before it.
    acked: Vec<Tuple>,
    prepared: Vec<Tuple>,
}

impl<B: StatefulBolt> StatefulBoltExecutor<B> {
    /// The bolt, with its state where `provider` says.
    #[must_use]
    pub const fn new(bolt: B, provider: StateProvider) -> Self {
        Self::of(bolt, Some(provider))
    }

    /// The bolt, with its state where the configuration of its topology says.
    #[must_use]
    pub const fn configured(bolt: B) -> Self {
        Self::of(bolt, None)
    }

    const fn of(bolt: B, provider: Option<StateProvider>) -> Self {
        Self {
            bolt,
            provider,
            state: None,
            initialised: false,
            barrier: Barrier::new(),
            early: Vec::new(),
            acked: Vec::new(),
            prepared: Vec::new(),
        }
    }
}

/// What a checkpoint is about, of a [`StatefulBoltExecutor`] without its barrier.
struct Checkpointed<'a, B: StatefulBolt> {
    bolt: &'a mut B,
    state: &'a mut B::State,
    initialised: &'a mut bool,
    early: &'a mut Vec<Tuple>,
    acked: &'a mut Vec<Tuple>,
    prepared: &'a mut Vec<Tuple>,
}

impl<B: StatefulBolt> Checkpointed<'_, B> {
    /// Has the bolt take a tuple, and keeps its acks back.
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        collector.outlet.hold_acks();
        let result = self.bolt.execute(tuple, self.state, collector);
        self.acked.append(&mut collector.outlet.held_acks());
        result
    }

    fn handle(
        &mut self,
        action: Action,
        txid: i64,
        collector: &mut OutputCollector,
    ) -> Result<bool, Trouble> {
        match action {
            // The task may have been started again in the midst of a checkpoint: what it has is not
            // what the transaction is about.
            Action::Prepare if !*self.initialised => return Ok(false),
            Action::Prepare => {
                self.bolt.pre_prepare(txid, self.state).map_err(Trouble::Checkpoint)?;
                self.state.prepare_commit(txid)?;
                self.prepared.append(self.acked);
            }
            Action::Commit => {
                if !self.state.is_committed(txid) {
                    self.bolt.pre_commit(txid, self.state).map_err(Trouble::Checkpoint)?;
                    self.state.commit(txid)?;
                }
                self.prepared.drain(..).for_each(|tuple| collector.ack(&tuple));
            }
            Action::Rollback => {
                self.bolt.pre_rollback(self.state).map_err(Trouble::Checkpoint)?;
                self.state.rollback()?;
                let undone = self.prepared.drain(..).chain(self.acked.drain(..));
                undone.for_each(|tuple| collector.fail(&tuple));
                self.bolt.post_rollback(self.state).map_err(Trouble::Checkpoint)?;
            }
            Action::InitState if *self.initialised => {}
            Action::InitState => {
                self.bolt.init_state(self.state).map_err(Trouble::Checkpoint)?;
                *self.initialised = true;
                for tuple in std::mem::take(self.early) {
                    self.execute(tuple, collector).map_err(Trouble::Bolt)?;
                }
            }
        }
        Ok(true)
    }
}

impl<B: StatefulBolt> RichBolt for StatefulBoltExecutor<B> {
    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        self.barrier.prepare(context);
        let provider = self.provider.as_ref().unwrap_or_else(|| context.state_provider());
        self.state = Some(B::State::open(provider, &Namespace::of(context))?);
        self.bolt.prepare(conf, context)
    }

    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        let Self { bolt, state, initialised, barrier, early, acked, prepared, .. } = self;
        let Some(state) = state else {
            return Err(ComponentError::fatal(
                "a stateful bolt must be prepared before its tuples",
            ));
        };
        let mut rest = Checkpointed { bolt, state, initialised, early, acked, prepared };
        if tuple.source_stream() == CHECKPOINT_STREAM {
            return barrier.take(&tuple, collector, |action, txid, collector| {
                rest.handle(action, txid, collector)
            });
        }
        if !*rest.initialised {
            rest.early.push(tuple);
            return Ok(());
        }
        rest.execute(tuple, collector)
    }

    fn wake_at(&self) -> Option<u64> {
        self.bolt.wake_at().filter(|_| self.initialised)
    }

    fn wake(&mut self, now_ns: u64, collector: &mut OutputCollector) -> ComponentResult {
        let Some(state) = self.state.as_mut().filter(|_| self.initialised) else { return Ok(()) };
        collector.outlet.hold_acks();
        let result = self.bolt.wake(now_ns, state, collector);
        self.acked.append(&mut collector.outlet.held_acks());
        result
    }

    fn cleanup(&mut self) {
        self.bolt.cleanup();
        self.state = None;
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        self.bolt.declare_output_fields(declarer);
        spout::declare(declarer);
    }

    fn component_configuration(&self) -> Config {
        self.bolt.component_configuration()
    }
}
