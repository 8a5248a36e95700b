//! Where a task's emissions begin: which tasks get a tuple, and what edges that makes.

use super::Meter;
use crate::component::EmitError;
use crate::grouping::{Chosen, StreamGrouping};
use crate::runtime::acker::{Account, News};
use crate::runtime::packet::mix64;
use crate::testing::{Capture, Emission, Recording};
use crate::tuple::{Ids, Source};
use crate::{TaskId, Tuple, Values};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// A tuple for one task of an executor.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The task's place within its executor.
    pub(crate) local: u32,
    pub(crate) tuple: Tuple,
}

/// A delivery on its way to one of the executors that a component sends to.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) queue: u32,
    pub(crate) delivery: Delivery,
}

/// Where a task is, as an emitting component sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) queue: u32,
    pub(crate) local: u32,
}

/// How a subscriber wants its tuples. The groupings of an executor are shared by its tasks.
#[derive(Clone)]
pub(crate) enum Route {
    Direct,
    Grouped(Rc<RefCell<Box<dyn StreamGrouping>>>),
}

/// A subscription to a stream, as one emitting executor sees it.
#[derive(Clone)]
pub(crate) struct OutSubscriber {
    pub(crate) component: Arc<str>,
    pub(crate) route: Route,
    pub(crate) tasks: Arc<HashMap<TaskId, Address>>,
}

/// A declared stream, with those who subscribe to it.
#[derive(Clone)]
pub(crate) struct OutStream {
    pub(crate) source: Arc<Source>,
    pub(crate) subscribers: Vec<OutSubscriber>,
}

/// A task's way out: emissions and news of trees are gathered here until the executor takes them.
pub(crate) struct Outlet {
    task: TaskId,
    streams: Vec<OutStream>,
    tracks: bool,
    /// Whether every tuple of a bolt must be anchored: in a topology that checkpoints its state.
    anchored_only: bool,
    next_edge: u64,
    chosen: Chosen,
    targets: Vec<TaskId>,
    /// Tuples emitted, however few subscribe.
    pub(crate) emitted: u64,
    pub(crate) meter: Meter,
    pub(crate) parcels: Vec<Parcel>,
    pub(crate) accounts: Vec<Account>,
    /// Takes down what a component does, where it is tested by itself.
    pub(crate) recording: Option<Box<Recording>>,
    /// Takes down what all components of a topology emit.
    capture: Option<Capture>,
    /// Acks that are kept back, while that is wanted.
    held: Option<Vec<Tuple>>,
}

impl Outlet {
    /// The outlet of a task. `number` tells the tasks of all topologies' executors apart; edges are
    /// mixed counters that start 2^40 apart.
    pub(crate) fn new(
        task: TaskId,
        number: u64,
        streams: Vec<OutStream>,
        tracks: bool,
        meter: Meter,
    ) -> Self {
        Self {
            emitted: 0,
            meter,
            task,
            streams,
            tracks,
            anchored_only: false,
            next_edge: (number + 1) << 40,
            chosen: Chosen::new(),
            targets: Vec::new(),
            parcels: Vec::new(),
            accounts: Vec::new(),
            recording: None,
            capture: None,
            held: None,
        }
    }

    /// Takes down a successful emission, if that is wanted.
    pub(crate) fn note(&mut self, emission: impl FnOnce() -> Emission) {
        if let Some(recording) = &mut self.recording {
            recording.emissions.push(emission());
        }
    }

    /// Takes down emissions for all tasks of a topology.
    pub(crate) fn captured(mut self, capture: Option<Capture>) -> Self {
        self.capture = capture;
        self
    }

    pub(crate) fn anchored_only(mut self, only: bool) -> Self {
        self.anchored_only = only;
        self
    }

    pub(crate) const fn tracks(&self) -> bool {
        self.tracks
    }

    pub(crate) const fn requires_anchors(&self) -> bool {
        self.anchored_only
    }

    pub(crate) fn streams(&self) -> &[OutStream] {
        &self.streams
    }

    fn edge(&mut self) -> u64 {
        self.next_edge += 1;
        mix64(self.next_edge)
    }

    fn stream(&self, stream: &str) -> Result<usize, EmitError> {
        let found = self.streams.iter().position(|out| &*out.source.stream == stream);
        found.ok_or_else(|| EmitError::UnknownStream { stream: stream.to_owned() })
    }

    /// Sends `values` to whatever tasks the subscribers of a stream choose; `ids` makes the places of
    /// each copy in its trees. Returns the place of the stream among the streams.
    pub(crate) fn emit(
        &mut self,
        stream: &str,
        values: &Values,
        mut ids: impl FnMut(&mut dyn FnMut() -> u64) -> Ids,
    ) -> Result<usize, EmitError> {
        let at = self.stream(stream)?;
        self.targets.clear();
        let mut addresses = Addresses::new();
        for subscriber in &self.streams[at].subscribers {
            let Route::Grouped(grouping) = &subscriber.route else {
                return Err(EmitError::RegularToDirect { stream: stream.to_owned() });
            };
            self.chosen.clear();
            grouping.borrow_mut().choose(self.task, values, &mut self.chosen).map_err(|error| {
                EmitError::Grouping {
                    stream: stream.to_owned(),
                    subscriber: subscriber.component.to_string(),
                    message: error.to_string(),
                }
            })?;
            for task in &self.chosen {
                let Some(address) = subscriber.tasks.get(task) else {
                    return Err(EmitError::UnknownTask {
                        stream: stream.to_owned(),
                        subscriber: subscriber.component.to_string(),
                        task: *task,
                    });
                };
                addresses.push(*address);
                self.targets.push(*task);
            }
        }
        for address in addresses {
            let ids = ids(&mut || self.edge());
            self.push(at, address, values, ids);
        }
        self.count(at, values);
        Ok(at)
    }

    /// Counts an emission that has gone to its targets.
    fn count(&mut self, stream: usize, values: &Values) {
        self.emitted += 1;
        self.meter.emitted(stream, values, &self.targets);
        if let Some(capture) = &self.capture {
            capture.note(&self.streams[stream].source, values);
        }
    }

    /// The tasks that the latest emission went to.
    pub(crate) fn targets(&self) -> &[TaskId] {
        &self.targets
    }

    /// Sends `values` to one task, if its component subscribes. Returns the place of the stream.
    pub(crate) fn emit_direct(
        &mut self,
        task: TaskId,
        stream: &str,
        values: &Values,
        mut ids: impl FnMut(&mut dyn FnMut() -> u64) -> Ids,
    ) -> Result<usize, EmitError> {
        let at = self.stream(stream)?;
        if self.recording.is_some() {
            return Ok(at);
        }
        if self.streams[at].subscribers.is_empty() {
            return Err(EmitError::NoSubscriber { stream: stream.to_owned() });
        }
        self.targets.clear();
        let addressed = self.streams[at].subscribers.iter().find_map(|subscriber| {
            let address = subscriber.tasks.get(&task)?;
            Some((*address, matches!(subscriber.route, Route::Direct)))
        });
        match addressed {
            None => {}
            Some((_, false)) => {
                return Err(EmitError::DirectToRegular { stream: stream.to_owned(), task });
            }
            Some((address, true)) => {
                let ids = ids(&mut || self.edge());
                self.push(at, address, values, ids);
                self.targets.push(task);
            }
        }
        self.count(at, values);
        Ok(at)
    }

    fn push(&mut self, stream: usize, address: Address, values: &Values, ids: Ids) {
        let source = Arc::clone(&self.streams[stream].source);
        let tuple = Tuple::new(values.clone(), source, self.task, ids);
        let delivery = Delivery { local: address.local, tuple };
        self.parcels.push(Parcel { queue: address.queue, delivery });
    }

    /// The places of a new tuple in the trees of its anchors: each anchor that is in a tree gets an
    /// edge of its own.
    pub(crate) fn anchored(anchors: &[&Tuple], edge: &mut dyn FnMut() -> u64) -> Ids {
        let mut ids = Ids::new();
        for anchor in anchors {
            if anchor.ids().is_empty() {
                continue;
            }
            let new = edge();
            anchor.add_child(new);
            ids.extend(anchor.ids().iter().map(|(root, _)| (*root, new)));
        }
        // Windows anchor to thousands of tuples: places of one root are brought together by sorting.
        if ids.len() > 1 {
            ids.sort_unstable();
            ids.dedup_by(|(root, edges), (kept, sum)| {
                let same = root == kept;
                if same {
                    *sum ^= *edges;
                }
                same
            });
        }
        ids
    }

    /// Keeps acks back until [`held_acks`](Self::held_acks): with state, a tuple is done only when a
    /// checkpoint covers it.
    pub(crate) fn hold_acks(&mut self) {
        self.held.get_or_insert_default();
    }

    /// The acks that were kept back. From here on they count at once.
    pub(crate) fn held_acks(&mut self) -> Vec<Tuple> {
        self.held.take().unwrap_or_default()
    }

    /// Tells the ackers what became of a tuple.
    pub(crate) fn settle(&mut self, tuple: &Tuple, news: News) {
        if let (Some(held), News::Ack) = (&mut self.held, news) {
            held.push(tuple.clone());
            return;
        }
        if let Some(recording) = &mut self.recording {
            recording.settled.push((tuple.clone(), news));
        }
        if !self.tracks {
            return;
        }
        let children = if news == News::Ack { tuple.children() } else { 0 };
        let first = self.accounts.len();
        for (root, edges) in tuple.ids() {
            let xor = if news == News::Ack { edges ^ children } else { 0 };
            self.accounts.push(Account { root: *root, xor, news });
        }
        // Hooks come last: should one die, the ackers are told all the same.
        self.meter.settled(tuple, news);
        self.accounts[first..].iter().for_each(|account| self.meter.told(*account));
    }
}

type Addresses = smallvec::SmallVec<[Address; 4]>;

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("task", &self.task).finish_non_exhaustive()
    }
}
