//! Which tuples have been in windows, and which are still to come again after a failure.

use super::window_state::{KeptWindows, TaskStream, WindowProgress};
use crate::{ComponentError, TaskId, TopologyContext, Tuple};
use std::collections::{BTreeMap, BTreeSet};

/// Ranges of numbers, both ends included.
///
/// Only so many are remembered: the smallest numbers are forgotten first.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(BTreeMap<i64, i64>);

impl Numbers {
    /// Where a task has a few of the tuples of a stream, all others are gaps.
    const MOST_RANGES: usize = 1000;

    pub(super) fn of(ranges: impl IntoIterator<Item = (i64, i64)>) -> Self {
        Self(ranges.into_iter().collect())
    }

    pub(super) fn ranges(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().map(|(from, to)| (*from, *to))
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
        if self.0.len() > Self::MOST_RANGES {
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
    /// Not come, although greater ones have: they are on their way, come again, or are of no concern.
    absent: Numbers,
    changed: bool,
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
    /// Which place is whose, as long as it is free.
    free: BTreeMap<(usize, i64), usize>,
}

impl Replays {
    pub(super) fn new(context: TopologyContext, id_field: String) -> Self {
        let (streams, places, free) = Default::default();
        Self { context, id_field, streams, places, free }
    }

    /// Windows start from what is kept. Streams that the task does not have any more are forgotten:
    /// nothing of them can come again.
    pub(super) fn start(
        &mut self,
        mut progress: BTreeMap<TaskStream, WindowProgress>,
        kept: Option<KeptWindows>,
    ) {
        self.streams.clear();
        self.places.clear();
        self.free.clear();
        let unlisted = kept.is_none();
        let kept = kept.unwrap_or_default();
        let mut positions = Vec::new();
        for (of, absent) in kept.streams {
            let progress = progress.remove(&of).unwrap_or_default();
            positions.push(self.exists(&of).then_some(self.streams.len()));
            if self.exists(&of) {
                self.add(of, progress, Numbers::of(absent), false);
            }
        }
        for (of, progress) in progress {
            if self.exists(&of) {
                self.add(of, progress, Numbers::default(), unlisted);
            }
        }
        for (stream, from, to, ts_ms) in kept.held {
            let Some(stream) = positions.get(stream).copied().flatten() else { continue };
            for number in from..=to {
                if self.streams[stream].held.insert(number) {
                    self.free.insert((stream, number), self.places.len());
                    self.places.push(Place { stream, number, ts_ms, tuple: None });
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

    fn add(&mut self, of: TaskStream, progress: WindowProgress, absent: Numbers, unlisted: bool) {
        let (task, start, held) = (None, progress, BTreeSet::new());
        let unlisted = unlisted && progress.last_evaluated > progress.last_expired;
        let greatest = progress.last_evaluated.max(progress.last_expired);
        let changed = false;
        let stream =
            Stream { of, task, progress, start, greatest, unlisted, held, absent, changed };
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
            self.add(of, WindowProgress::default(), Numbers::default(), false);
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
        !self.free.is_empty() || self.streams.iter().any(|stream| stream.unlisted)
    }

    /// What a tuple that comes is.
    pub(super) fn known(&mut self, tuple: &Tuple) -> Result<Known, ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        if self.free.contains_key(&(position, number)) {
            return Ok(Known::Evaluated);
        }
        let stream = &mut self.streams[position];
        let start = stream.start;
        if stream.absent.remove(number) {
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
            (stream.greatest, stream.unlisted) = (number, false);
        }
        Ok(Known::New)
    }

    /// A tuple that was in the last window is here again.
    pub(super) fn fill(
        &mut self,
        tuple: Tuple,
        own_ms: Option<i64>,
        now_ms: i64,
    ) -> Result<(), ComponentError> {
        let (position, number) = (self.of(&tuple), self.number(&tuple)?);
        let (stream, tuple) = (position, Some(tuple));
        match self.free.remove(&(position, number)) {
            Some(place) => {
                let place = &mut self.places[place];
                (place.tuple, place.ts_ms) = (tuple, own_ms.unwrap_or(place.ts_ms));
            }
            None => {
                self.streams[position].held.insert(number);
                let ts_ms = own_ms.unwrap_or(now_ms);
                self.places.push(Place { stream, number, ts_ms, tuple });
            }
        }
        Ok(())
    }

    /// The tuples that have been filled in, in the order that they were in.
    pub(super) fn filled(&mut self) -> impl Iterator<Item = (Tuple, i64)> + use<> {
        self.free.clear();
        std::mem::take(&mut self.places)
            .into_iter()
            .filter_map(|place| Some((place.tuple?, place.ts_ms)))
    }

    /// A tuple has been in a window that was handled.
    pub(super) fn evaluated(&mut self, tuple: &Tuple) -> Result<(), ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        let stream = &mut self.streams[position];
        stream.held.insert(number);
        stream.progress.last_evaluated = stream.progress.last_evaluated.max(number);
        stream.changed = true;
        Ok(())
    }

    /// A tuple is in no window any more.
    pub(super) fn expired(&mut self, tuple: &Tuple) -> Result<(), ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        let stream = &mut self.streams[position];
        stream.held.remove(&number);
        stream.progress.last_expired = stream.progress.last_expired.max(number);
        stream.changed = true;
        Ok(())
    }

    /// A tuple that was in no window fails: it will come again.
    pub(super) fn failed(&mut self, tuple: &Tuple) -> Result<(), ComponentError> {
        let (position, number) = (self.of(tuple), self.number(tuple)?);
        self.streams[position].absent.insert((number, number));
        Ok(())
    }

    /// How far streams have come, of those that have since this was asked for last.
    pub(super) fn changed(&mut self) -> impl Iterator<Item = (&TaskStream, WindowProgress)> {
        self.streams.iter_mut().filter_map(|stream| {
            std::mem::take(&mut stream.changed).then_some((&stream.of, stream.progress))
        })
    }

    /// What has to be kept, if these tuples are in the queue, and those are yet to be.
    pub(super) fn kept<'t>(
        &mut self,
        queued: impl Iterator<Item = (&'t Tuple, i64)>,
        waiting: impl Iterator<Item = &'t Tuple>,
        trigger: Option<i64>,
    ) -> Result<KeptWindows, ComponentError> {
        let mut streams: Vec<_> = self.streams.iter().map(|stream| stream.absent.clone()).collect();
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
        let mut rest = Vec::new();
        for (tuple, ts_ms) in queued {
            let (stream, number) = (self.of(tuple), self.number(tuple)?);
            if self.streams[stream].held.contains(&number) {
                hold(stream, number, ts_ms);
            } else {
                rest.push((stream, number));
            }
        }
        for tuple in waiting {
            rest.push((self.of(tuple), self.number(tuple)?));
        }
        for (stream, number) in rest {
            // Those behind all that was in windows or may come before them are new anyway.
            let progress = self.streams[stream].progress;
            let absent = streams[stream].0.last_key_value().map_or(i64::MIN, |(_, to)| *to);
            if number <= progress.last_evaluated.max(progress.last_expired).max(absent) {
                streams[stream].insert((number, number));
            }
        }
        let streams = self.streams.iter().zip(streams);
        let streams =
            streams.map(|(stream, absent)| (stream.of.clone(), absent.ranges().collect()));
        Ok(KeptWindows { streams: streams.collect(), held, trigger })
    }
}
