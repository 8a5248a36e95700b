//! Windows over events that are not all in memory.

use super::eviction::{EvictionContext, EvictionPolicy};
use super::manager::WindowManager;
use super::trigger::TriggerPolicy;
use super::view::{Handled, Window, WindowLifecycleListener};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::marker::PhantomData;

/// Where a [`StatefulWindowManager`] keeps its events, in order of arrival. Each has a number; numbers
/// ascend.
pub trait StoredEvents<T> {
    /// What can go wrong.
    type Error;

    /// Puts an event behind all others. Returns its number.
    fn push(&mut self, event: T, ts_ms: i64) -> Result<u64, Self::Error>;

    /// The event with a number; none if it is not there any more.
    fn get(&mut self, number: u64) -> Result<Option<T>, Self::Error>;

    /// Takes an event out.
    fn remove(&mut self, number: u64) -> Result<(), Self::Error>;
}

/// Keeps all in memory.
#[derive(Debug)]
pub struct InMemoryEvents<T> {
    events: VecDeque<(u64, T)>,
    next: u64,
}

impl<T> InMemoryEvents<T> {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: VecDeque::new(), next: 0 }
    }

    fn position(&self, number: u64) -> Option<usize> {
        self.events.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}

impl<T> Default for InMemoryEvents<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> StoredEvents<T> for InMemoryEvents<T> {
    type Error = Infallible;

    fn push(&mut self, event: T, _: i64) -> Result<u64, Infallible> {
        self.events.push_back((self.next, event));
        self.next += 1;
        Ok(self.next - 1)
    }

    fn get(&mut self, number: u64) -> Result<Option<T>, Infallible> {
        Ok(self.position(number).map(|position| self.events[position].1.clone()))
    }

    fn remove(&mut self, number: u64) -> Result<(), Infallible> {
        if let Some(position) = self.position(number) {
            self.events.remove(position);
        }
        Ok(())
    }
}

/// A window over stored events. It can be gone through again and again, but only once at a time.
#[derive(Debug)]
pub struct StoredWindow<'s, T, S> {
    store: &'s mut S,
    numbers: &'s Window<'s, u64>,
    event: PhantomData<fn() -> T>,
}

impl<'s, T, S: StoredEvents<T>> StoredWindow<'s, T, S> {
    /// Its events, in order of arrival. Each is looked up when it is asked for.
    pub fn events(&mut self) -> impl Iterator<Item = Result<T, S::Error>> + use<'_, 's, T, S> {
        self.numbers.events().filter_map(|number| self.store.get(*number).transpose())
    }

    /// How many events are in it; one at least.
    #[expect(clippy::len_without_is_empty, reason = "there are no empty windows")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The end of the window, in milliseconds.
    #[must_use]
    pub const fn reference_ms(&self) -> i64 {
        self.numbers.reference_ms()
    }
}

/// Whom a [`StatefulWindowManager`] tells of windows.
pub trait StatefulWindowListener<T, S: StoredEvents<T>> {
    /// What can go wrong in it, or in the store.
    type Error: From<S::Error>;

    /// A window is due. Never called with an empty one.
    fn on_activation(&mut self, window: &mut StoredWindow<'_, T, S>) -> Result<(), Self::Error>;
}

/// Makes windows of stored events, as its two policies say. Storm's `StatefulWindowManager`.
///
/// In memory it has the number and the timestamp of each event. Other than a [`WindowManager`] it says
/// nothing of what expires or is new, and takes out what has expired only when it makes a window.
#[derive(Debug)]
pub struct StatefulWindowManager<T, S> {
    numbers: WindowManager<u64>,
    store: S,
    event: PhantomData<fn() -> T>,
}

impl<T, S: StoredEvents<T>> StatefulWindowManager<T, S> {
    /// Its clock stands at 0. The store is empty, or what is in it is told by
    /// [`restore`](Self::restore).
    #[must_use]
    pub const fn new(eviction: EvictionPolicy, trigger: TriggerPolicy, store: S) -> Self {
        let numbers = WindowManager::new(eviction, trigger).without_compaction();
        Self { numbers, store, event: PhantomData }
    }

    /// Tells of events that are in the store already, by number and timestamp. The policies have
    /// counted them.
    pub fn restore(&mut self, events: impl IntoIterator<Item = (u64, i64)>) {
        for (number, ts_ms) in events {
            self.numbers.requeue(number, ts_ms);
        }
    }

    /// Where the events are.
    pub const fn store(&mut self) -> &mut S {
        &mut self.store
    }

    /// Which events are in a window, and what was counted for that.
    #[must_use]
    pub const fn eviction(&self) -> &EvictionPolicy {
        self.numbers.eviction()
    }

    /// When windows are due, and what was counted for that.
    #[must_use]
    pub const fn trigger_policy(&self) -> &TriggerPolicy {
        self.numbers.trigger_policy()
    }

    /// When the next window is due by the clock, in milliseconds.
    #[must_use]
    pub const fn due_ms(&self) -> Option<i64> {
        self.numbers.due_ms()
    }

    /// The clock has come to `now_ms`: makes the windows that are due.
    pub fn advance<L>(&mut self, now_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: StatefulWindowListener<T, S>,
    {
        self.numbers.advance(now_ms, &mut Bridge::new(&mut self.store, listener))
    }

    /// An event arrives, with its timestamp in milliseconds.
    pub fn add<L>(&mut self, event: T, ts_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: StatefulWindowListener<T, S>,
    {
        let number = self.store.push(event, ts_ms)?;
        self.numbers.add(number, ts_ms, &mut Bridge::new(&mut self.store, listener))
    }

    /// A watermark arrives: no event before `watermark_ms` is expected any more.
    pub fn watermark<L>(&mut self, watermark_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: StatefulWindowListener<T, S>,
    {
        self.numbers.watermark(watermark_ms, &mut Bridge::new(&mut self.store, listener))
    }

    /// Makes a window now. Whether anything was in it.
    pub fn trigger<L>(
        &mut self,
        context: EvictionContext,
        listener: &mut L,
    ) -> Result<bool, L::Error>
    where
        L: StatefulWindowListener<T, S>,
    {
        self.numbers.trigger(context, &mut Bridge::new(&mut self.store, listener))
    }
}

/// Turns windows of numbers into windows of events.
struct Bridge<'a, T, S, L> {
    store: &'a mut S,
    listener: &'a mut L,
    event: PhantomData<fn() -> T>,
}

impl<'a, T, S, L> Bridge<'a, T, S, L> {
    const fn new(store: &'a mut S, listener: &'a mut L) -> Self {
        Self { store, listener, event: PhantomData }
    }
}

impl<T, S, L> WindowLifecycleListener<u64> for Bridge<'_, T, S, L>
where
    S: StoredEvents<T>,
    L: StatefulWindowListener<T, S>,
{
    type Error = L::Error;

    fn on_expiry(&mut self, numbers: &[u64]) -> Result<(), L::Error> {
        for number in numbers {
            self.store.remove(*number)?;
        }
        Ok(())
    }

    fn on_activation(&mut self, window: &Window<'_, u64>) -> Result<Handled, L::Error> {
        let mut window = StoredWindow { store: self.store, numbers: window, event: PhantomData };
        self.listener.on_activation(&mut window).map(|()| Handled::Done)
    }
}
