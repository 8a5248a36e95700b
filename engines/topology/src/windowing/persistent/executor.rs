//! Makes a bolt with state of a bolt with persistent windows.

use super::bolt::{PersistentOutputCollector, PersistentTupleWindow, PersistentWindowedBolt};
use super::cache::WindowPartitionCache;
use super::state::{Counted, PersistentState};
use super::store::{PARTITIONS_IN_MEMORY, PartitionedEvents};
use crate::state::StatefulBolt;
use crate::windowing::executor::{declare_late, unprepared};
use crate::windowing::settings::check_checkpoints;
use crate::windowing::task::WindowTask;
use crate::windowing::{
    Handled, StoredEvents, Window, WindowLifecycleListener, WindowManager, WindowSpec,
};
use crate::{
    ComponentError, ComponentResult, Config, OutputCollector, OutputFieldsDeclarer,
    TopologyContext, Tuple,
};

/// Makes a [`StatefulBolt`] of a [`PersistentWindowedBolt`]. Storm's `PersistentWindowedBoltExecutor`.
#[derive(Debug)]
pub struct PersistentWindowedBoltExecutor<B> {
    bolt: B,
    windows: WindowSpec,
    task: Option<WindowTask>,
    open: Option<Open>,
}

/// What is there once the state is.
#[derive(Debug)]
struct Open {
    /// Knows events by number.
    manager: WindowManager<u64>,
    events: PartitionedEvents,
}

impl<B: PersistentWindowedBolt> PersistentWindowedBoltExecutor<B> {
    /// A bolt and the windows that it wants.
    #[must_use]
    pub const fn new(bolt: B, windows: WindowSpec) -> Self {
        Self { bolt, windows, task: None, open: None }
    }

    /// The bolt itself.
    #[must_use]
    pub const fn bolt(&self) -> &B {
        &self.bolt
    }

    /// Goes on from what is in the state.
    fn open(&mut self, state: &mut PersistentState<B::State>) -> ComponentResult {
        let task = self.task.as_mut().ok_or_else(unprepared)?;
        let (mut eviction, trigger) = task.policies();
        let Counted { eviction: evicted, trigger: triggered } = state.windows.counted()?;
        if let Some(evicted) = evicted {
            eviction.restore(&evicted);
        }
        let mut manager = WindowManager::new(eviction, trigger).without_compaction();
        if let Some(triggered) = triggered {
            manager.restore_trigger(triggered);
            if let Some(event_time) = &mut task.event_time {
                event_time.resume(manager.trigger_policy().passed_ms());
            }
        }
        let cache = WindowPartitionCache::new(PARTITIONS_IN_MEMORY)?;
        let requeue = |number, ts_ms| manager.requeue(number, ts_ms);
        let events = PartitionedEvents::open(&mut state.windows, cache, requeue)?;
        self.open = Some(Open { manager, events });
        Ok(())
    }
}

/// Tells the bolt of windows, and the store of what has expired.
struct Listener<'a, B: PersistentWindowedBolt> {
    bolt: &'a mut B,
    out: &'a mut OutputCollector,
    events: &'a mut PartitionedEvents,
    state: &'a mut PersistentState<B::State>,
    length_ms: Option<i64>,
}

impl<B: PersistentWindowedBolt> WindowLifecycleListener<u64> for Listener<'_, B> {
    type Error = ComponentError;

    fn on_expiry(&mut self, numbers: &[u64]) -> ComponentResult {
        let mut events = self.events.with(&mut self.state.windows);
        Ok(numbers.iter().try_for_each(|number| events.remove(*number))?)
    }

    fn on_activation(&mut self, window: &Window<'_, u64>) -> Result<Handled, ComponentError> {
        let events = self.events.with(&mut self.state.windows);
        let start_ms = self.length_ms.map(|length| window.reference_ms().saturating_sub(length));
        let mut tuples = PersistentTupleWindow { events, window, start_ms };
        let mut collector = PersistentOutputCollector { out: self.out };
        self.bolt.execute(&mut tuples, &mut self.state.user, &mut collector)?;
        Ok(Handled::Done)
    }
}

impl<B: PersistentWindowedBolt> StatefulBolt for PersistentWindowedBoltExecutor<B> {
    type State = PersistentState<B::State>;

    fn prepare(&mut self, conf: &Config, context: &TopologyContext) -> ComponentResult {
        check_checkpoints(conf)?;
        self.task = Some(WindowTask::new(&self.windows, conf, context)?);
        self.bolt.prepare(conf, context)
    }

    fn init_state(&mut self, state: &mut Self::State) -> ComponentResult {
        self.open(state)?;
        self.bolt.init_state(&mut state.user)
    }

    fn execute(
        &mut self,
        tuple: Tuple,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let task = self.task.as_mut().ok_or_else(unprepared)?;
        let Open { manager, events } = self.open.as_mut().ok_or_else(unprepared)?;
        if tuple.is_tick() {
            out.ack(&tuple);
            return Ok(());
        }
        let (length_ms, now_ms) = (task.length_ms(), task.now_ms());
        let ts_ms = match &mut task.event_time {
            None => now_ms,
            Some(event_time) => match event_time.on_time(&tuple)? {
                Some(ts_ms) => ts_ms,
                None => return event_time.late(&tuple, out),
            },
        };
        let mut listener = Listener { bolt: &mut self.bolt, out, events, state, length_ms };
        manager.advance(now_ms, &mut listener)?;
        let number =
            listener.events.with(&mut listener.state.windows).push(tuple.clone(), ts_ms)?;
        manager.add(number, ts_ms, &mut listener)?;
        out.ack(&tuple);
        Ok(())
    }

    fn wake_at(&self) -> Option<u64> {
        let manager = &self.open.as_ref()?.manager;
        self.task.as_ref()?.wake_at(manager.due_ms())
    }

    fn wake(
        &mut self,
        now_ns: u64,
        state: &mut Self::State,
        out: &mut OutputCollector,
    ) -> ComponentResult {
        let task = self.task.as_mut().ok_or_else(unprepared)?;
        let Open { manager, events } = self.open.as_mut().ok_or_else(unprepared)?;
        let (bolt, length_ms) = (&mut self.bolt, task.length_ms());
        let mut listener = Listener { bolt, out, events, state, length_ms };
        manager.advance(task.millis(now_ns), &mut listener)?;
        match task.event_time.as_mut().and_then(|times| times.watermark(now_ns)) {
            None => Ok(()),
            Some(watermark_ms) => manager.watermark(watermark_ms, &mut listener),
        }
    }

    fn pre_prepare(&mut self, txid: i64, state: &mut Self::State) -> ComponentResult {
        let Open { manager, events } = self.open.as_mut().ok_or_else(unprepared)?;
        self.bolt.pre_prepare(txid, &mut state.user)?;
        events.with(&mut state.windows).flush()?;
        let eviction = Some(manager.eviction().state());
        let trigger = manager.trigger_policy().state();
        Ok(state.windows.put_counted(Counted { eviction, trigger })?)
    }

    fn pre_commit(&mut self, txid: i64, state: &mut Self::State) -> ComponentResult {
        self.bolt.pre_commit(txid, &mut state.user)
    }

    fn pre_rollback(&mut self, state: &mut Self::State) -> ComponentResult {
        self.bolt.pre_rollback(&mut state.user)
    }

    fn post_rollback(&mut self, state: &mut Self::State) -> ComponentResult {
        // Before the state is there, nothing has been read from it.
        if self.open.is_some() {
            self.open(state)?;
        }
        self.bolt.post_rollback(&mut state.user)
    }

    fn cleanup(&mut self) {
        self.bolt.cleanup();
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declare_late(&self.component_configuration(), declarer);
        self.bolt.declare_output_fields(declarer);
    }

    fn component_configuration(&self) -> Config {
        self.windows.over(&self.bolt.component_configuration())
    }
}
