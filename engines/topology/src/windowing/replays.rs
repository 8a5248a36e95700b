//! Which tuples have been in windows, and which are still to come again after a failure.

use super::window_state::{KeptWindows, Ranges, TaskStream, WindowProgress};
use crate::nanos::nanos;
use crate::{ComponentError, TaskId, TopologyContext, Tuple};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Ranges of numbers, both ends included.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(BTreeMap<i64, i64>);

impl Numbers {
    pub(super) fn of(ranges: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self(ranges.into_iter().collect())
    }

    pub(super) fn ranges(&self) -> Ranges {
        self.0.iter().map(|(from, to)| (*from, *to)).collect()
    }

    fn last(&self) -> Option<i64> {
        self.0.last_key_value().map(|(_, to)| *to)
    }

    fn contains(&self, number: i64) -> bool {
        self.0.range(..=number).next_back().is_some_and(|(_, to)| number <= *to)
    }

    fn insert(&mut self, (mut from, mut to): (i64, i64)) {
        if from > to {
            return;
        }
        let touching = self.0.range(..=to.saturating_add(1)).rev();
        let touching = touching.take_while(|(_, end)| end.saturating_add(1) >= from);
        for begin in touching.map(|(begin, _)| *begin).collect::<Vec<_>>() {
            from = from.min(begin);
            to = to.max(self.0.remove(&begin).unwrap_or(to));
        }
        self.0.insert(from, to);
    }

    /// Forgets the smallest if there are more ranges than so many.
    fn limit(&mut self, most: usize) {
        while self.0.len() > most {
            self.0.pop_first();
        }
    }

    fn remove(&mut self, number: i64) -> bool {
        let Some((&from, &to)) = self.0.range(..=number).next_back() else { return false };
        if number > to {
            return false;
        }
        self.0.remove(&from);
        if from < number {
            self.0.insert(from, number - 1);
        }
        if number < to {
            self.0.insert(number + 1, to);
        }
        true
    }
}

/// Gaps of a stream that are remembered: where a task has a few of the tuples of a stream, all others
/// are gaps.
const MOST_GAPS: usize = 1000;

/// What is known of the tuples of a stream of a task, by their numbers.
#[derive(Debug)]
struct Stream {
    of: TaskStream,
    /// The task that emits it, once a tuple has come.
    task: Option<TaskId>,
    progress: WindowProgress,
    /// How far it was when the windows started.
    start: WindowProgress,
    /// The greatest number that has come, or was handled then.
    greatest: i64,
    /// Whether it is not known one by one which were handled and have not expired.
    unlisted: bool,
    /// In the queue, and in a window before.
    held: BTreeSet<i64>,
    /// Not come, although greater ones have: they are on their way, or are of no concern. Only so many
    /// are remembered.
    absent: Numbers,
    /// In no window that was handled, although they have come: they have failed and come again, or are
    /// in the queue. All of these are remembered, but for those that came as the greatest and have not
    /// failed, which are known without that.
    owed: Numbers,
    changed: bool,
}

impl Stream {
    /// The greatest number that is told apart from those to come.
    fn told_apart_to(&self) -> i64 {
        let windows = self.progress.last_evaluated.max(self.progress.last_expired);
        let missing = self.absent.last().max(self.owed.last());
        windows.max(missing.unwrap_or(i64::MIN))
    }

    /// A number is in no window any more.
    fn expire(&mut self, number: i64) {
        self.held.remove(&number);
        self.owed.remove(number);
        self.progress.last_expired = self.progress.last_expired.max(number);
        self.changed = true;
    }
}

/// What is to be done with a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It was in no window.
    New,
    /// It was in windows, and is to be in others.
    Evaluated,
    /// It was in all windows that it belongs to.
    Expired,
}

/// Where a tuple that was in the last window is in the queue.
#[derive(Debug)]
struct Place {
    stream: usize,
    number: i64,
    ts_ms: i64,
    tuple: Option<Tuple>,
}

/// All streams of a task of windows, and the places in the queue that are to be filled again.
#[derive(Debug)]
pub(super) struct Replays {
    context: TopologyContext,
    id_field: String,
    streams: Vec<Stream>,
    places: Vec<Place>,
    /// Which place is whose, and how many of them are free.
    whose: BTreeMap<(usize, i64), usize>,
    free: usize,
    /// New tuples, which wait until the last window is full again, and where each of them is.
    waiting: Vec<Tuple>,
    waits: BTreeMap<(usize, i64), usize>,
    /// How long the others may keep them waiting, and until when they do.
    patience: Duration,
    until_ns: Option<u64>,
}

impl Replays {
    /// How many message timeouts what was in the last window is waited for. A tree fails after two of
    /// them at the latest, and its tuples come again after that.
    const TIMEOUTS: u32 = 3;

    pub(super) fn new(context: TopologyContext, id_field: String, timeout: Duration) -> Self {
        let patience = timeout.saturating_mul(Self::TIMEOUTS);
        let (streams, places, whose, waiting, waits) = Default::default();
        let (free, until_ns) = (0, None);
        Self { context, id_field, streams, places, whose, free, waiting, waits, patience, until_ns }
    }

    /// Windows start from what is kept. Streams that the task does not have any more are forgotten:
    /// nothing of them can come again.
    pub(super) fn start(
        &mut self,
        mut progress: BTreeMap<TaskStream, WindowProgress>,
        kept: Option<KeptWindows>,
        owed: Vec<(TaskStream, Ranges)>,
    ) {
        self.streams.clear();
        drop((self.filled(), self.waited()));
        let unlisted = kept.is_none();
        let kept = kept.unwrap_or_default();
        let mut owed: BTreeMap<_, _> = owed.into_iter().collect();
        let mut positions = Vec::new();
        for (of, absent) in kept.streams {
            let progress = progress.remove(&of).unwrap_or_default();
            positions.push(self.exists(&of).then_some(self.streams.len()));
            if self.exists(&of) {
                let owed = Numbers::of(owed.remove(&of).unwrap_or_default());
                self.add(of, progress, (Numbers::of(absent), owed), false);
            }
        }
        for (of, progress) in progress {
            if self.exists(&of) {
                self.add(of, progress, Default::default(), unlisted);
            }
        }
        for (stream, from, to, ts_ms) in kept.held {
            let Some(stream) = positions.get(stream).copied().flatten() else { continue };
            for number in from..=to {
                if self.streams[stream].held.insert(number) {
                    self.whose.insert((stream, number), self.places.len());
                    self.places.push(Place { stream, number, ts_ms, tuple: None });
                    self.free += 1;
                }
            }
        }
    }

    fn exists(&self, of: &TaskStream) -> bool {
        let mut sources = self.context.sources().iter();
        let tasks = self.context.component_tasks(&of.component).len();
        let index = usize::try_from(of.task).unwrap_or(usize::MAX);
        (tasks == 0 || index < tasks)
            && sources.any(|source| (&source.0, &source.1) == (&of.component, &of.stream))
    }

    fn add(
        &mut self,
        of: TaskStream,
        progress: WindowProgress,
        (absent, owed): (Numbers, Numbers),
        unlisted: bool,
    ) {
        let (task, start, held) = (None, progress, BTreeSet::new());
        let unlisted = unlisted && progress.last_evaluated > progress.last_expired;
        let (greatest, changed) = (i64::MIN, false);
        let mut stream =
            Stream { of, task, progress, start, greatest, unlisted, held, absent, owed, changed };
        stream.greatest = stream.told_apart_to();
        self.streams.push(stream);
    }

    /// The position of the stream that a tuple is of.
    fn of(&mut self, tuple: &Tuple) -> usize {
        let task = Some(tuple.source_task());
        let known =
            |stream: &Stream| stream.task == task && stream.of.stream == tuple.source_stream();
        if let Some(position) = self.streams.iter().position(known) {
            return position;
        }
        let of = TaskStream::of(tuple, &self.context);
        let position = self.streams.iter().position(|stream| stream.of == of);
        let position = position.unwrap_or_else(|| {
            self.add(of, WindowProgress::default(), Default::default(), false);
            self.streams.len() - 1
        });
        self.streams[position].task = task;
        position
    }

    fn number(&self, tuple: &Tuple) -> Result<i64, ComponentError> {
        Ok(tuple.int(&*self.id_field)?)
    }

    /// Whether tuples that were in the last window are still to come. Nothing is handled meanwhile.
    pub(super) fn refills(&self) -> bool {
        self.free > 0 || self.streams.iter().any(|stream| stream.unlisted)
    }

    /// When they are given up, in nanoseconds; never before something has come.
    pub(super) const fn until_ns(&self) -> Option<u64> {
        self.until_ns
    }

    /// What a tuple that comes is.
    pub(super) fn known(&mut self, tuple: &Tuple) -> Result<Known, ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        if self.refills() {
            let now_ns = self.context.now_ns();
            self.until_ns.get_or_insert(now_ns.saturating_add(nanos(self.patience)));
        }
        if self.whose.contains_key(&(position, number)) {
            return Ok(Known::Evaluated);
        }
        let stream = &mut self.streams[position];
        let start = stream.start;
        if stream.owed.contains(number) {
            return Ok(Known::New);
        }
        if stream.absent.remove(number) {
            stream.owed.insert((number, number));
            return Ok(Known::New);
        }
        if number <= start.last_expired {
            return Ok(Known::Expired);
        }
        if stream.unlisted && number <= start.last_evaluated {
            return Ok(Known::Evaluated);
        }
        if number > stream.greatest {
            // What was sent before may come after it, if it was lost or has failed.
            stream.absent.insert((stream.greatest.saturating_add(1), number - 1));
            stream.absent.limit(MOST_GAPS);
            (stream.greatest, stream.unlisted) = (number, false);
        } else {
            stream.owed.insert((number, number));
        }
        Ok(Known::New)
    }

    /// A tuple that was in the last window is here again. If it comes twice, its tree has failed
    /// meanwhile, and the later one counts.
    pub(super) fn fill(
        &mut self,
        tuple: Tuple,
        own_ms: Option<i64>,
        now_ms: i64,
    ) -> Result<(), ComponentError> {
        let (stream, number) = (self.of(&tuple), self.number(&tuple)?);
        match self.whose.entry((stream, number)) {
            Entry::Occupied(place) => {
                let place = &mut self.places[*place.get()];
                place.ts_ms = own_ms.unwrap_or(place.ts_ms);
                if place.tuple.replace(tuple).is_none() {
                    self.free -= 1;
                }
            }
            Entry::Vacant(place) => {
                place.insert(self.places.len());
                self.streams[stream].held.insert(number);
                let (ts_ms, tuple) = (own_ms.unwrap_or(now_ms), Some(tuple));
                self.places.push(Place { stream, number, ts_ms, tuple });
            }
        }
        Ok(())
    }

    /// A new tuple waits until the last window is full again. If it comes twice, its tree has failed
    /// meanwhile, and the later one counts.
    pub(super) fn wait(&mut self, tuple: Tuple) -> Result<(), ComponentError> {
        let (stream, number) = (self.of(&tuple), self.number(&tuple)?);
        match self.waits.entry((stream, number)) {
            Entry::Occupied(at) => self.waiting[*at.get()] = tuple,
            Entry::Vacant(at) => {
                at.insert(self.waiting.len());
                self.waiting.push(tuple);
            }
        }
        Ok(())
    }

    /// At its time, gives up what has not come again: it counts as expired. Returns what to say of it.
    pub(super) fn give_up(&mut self, now_ns: u64) -> Option<String> {
        if !self.refills() || self.until_ns.is_none_or(|until_ns| now_ns < until_ns) {
            return None;
        }
        let missing = match self.free {
            0 => "tuples".to_owned(),
            free => format!("{free} tuples"),
        };
        for place in self.places.iter().filter(|place| place.tuple.is_none()) {
            let stream = &mut self.streams[place.stream];
            stream.expire(place.number);
            stream.start.last_expired = stream.start.last_expired.max(place.number);
        }
        self.places.retain(|place| place.tuple.is_some());
        self.free = 0;
        for stream in self.streams.iter_mut().filter(|stream| stream.unlisted) {
            let last = stream.start.last_evaluated;
            (stream.start.last_expired, stream.unlisted) = (last, false);
            stream.progress.last_expired = stream.progress.last_expired.max(last);
            stream.changed = true;
        }
        Some(format!(
            "{missing} that were in the last window of {} have not come again in {:?}: windows go on \
             without them. If they come by another stream or task than before they are in windows \
             twice: have what fails come by the same way, with a grouping by fields in place of a shuffle",
            self.context.component_id(),
            self.patience
        ))
    }

    /// The tuples that have been filled in, in the order that they were in.
    pub(super) fn filled(&mut self) -> impl Iterator<Item = (Tuple, i64)> + use<> {
        self.whose.clear();
        (self.free, self.until_ns) = (0, None);
        std::mem::take(&mut self.places)
            .into_iter()
            .filter_map(|place| Some((place.tuple?, place.ts_ms)))
    }

    /// The tuples that have waited, in the order in which they came.
    pub(super) fn waited(&mut self) -> Vec<Tuple> {
        self.waits.clear();
        std::mem::take(&mut self.waiting)
    }

    /// A tuple has been in a window that was handled.
    pub(super) fn evaluated(&mut self, tuple: &Tuple) -> Result<(), ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        let stream = &mut self.streams[position];
        stream.held.insert(number);
        stream.owed.remove(number);
        stream.progress.last_evaluated = stream.progress.last_evaluated.max(number);
        stream.changed = true;
        Ok(())
    }

    /// A tuple is in no window any more.
    pub(super) fn expired(&mut self, tuple: &Tuple) -> Result<(), ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        self.streams[position].expire(number);
        Ok(())
    }

    /// A tuple is late: it is in no window, and done with.
    pub(super) fn late(&mut self, tuple: &Tuple) -> Result<(), ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        self.streams[position].owed.remove(number);
        Ok(())
    }

    /// A tuple that was in no window fails: it will come again.
    pub(super) fn failed(&mut self, tuple: &Tuple) -> Result<(), ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        self.streams[position].owed.insert((number, number));
        Ok(())
    }

    /// How far streams have come, of those that have since this was asked for last.
    pub(super) fn changed(&mut self) -> impl Iterator<Item = (&TaskStream, WindowProgress)> {
        self.streams.iter_mut().filter_map(|stream| {
            std::mem::take(&mut stream.changed).then_some((&stream.of, stream.progress))
        })
    }

    /// What has to be kept, if these tuples are in the queue, and the numbers of each stream that are
    /// owed.
    pub(super) fn kept<'t>(
        &mut self,
        queued: impl Iterator<Item = (&'t Tuple, i64)>,
        trigger: Option<i64>,
    ) -> Result<(KeptWindows, Vec<(TaskStream, Ranges)>), ComponentError> {
        let mut held: Vec<(usize, i64, i64, i64)> = Vec::new();
        let mut hold = |stream: usize, number: i64, ts_ms: i64| match held.last_mut() {
            Some((of, _, to, at_ms))
                if (*of, *at_ms) == (stream, ts_ms) && to.checked_add(1) == Some(number) =>
            {
                *to = number;
            }
            _ => held.push((stream, number, number, ts_ms)),
        };
        self.places.iter().for_each(|place| hold(place.stream, place.number, place.ts_ms));
        let mut rest: Vec<(usize, i64)> = self.waits.keys().copied().collect();
        for (tuple, ts_ms) in queued {
            let (stream, number) = (self.of(tuple), self.number(tuple)?);
            if self.streams[stream].held.contains(&number) {
                hold(stream, number, ts_ms);
            } else {
                rest.push((stream, number));
            }
        }
        let mut owed: Vec<_> = self.streams.iter().map(|stream| stream.owed.clone()).collect();
        for (stream, number) in rest {
            // Those that are greater are new anyway.
            if number <= self.streams[stream].told_apart_to() {
                owed[stream].insert((number, number));
            }
        }
        let of = |stream: &Stream| stream.of.clone();
        let streams = self.streams.iter().map(|stream| (of(stream), stream.absent.ranges()));
        let kept = KeptWindows { streams: streams.collect(), held, trigger };
        let owed = self.streams.iter().zip(owed);
        Ok((kept, owed.map(|(stream, owed)| (of(stream), owed.ranges())).collect()))
    }
}
