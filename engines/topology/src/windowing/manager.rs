//! Makes windows of events.

use super::eviction::{Action, EvictionContext, EvictionPolicy};
use super::queue::{EventQueue, Members};
use super::trigger::{Trigger, TriggerPolicy, aligned};
use super::view::{Handled, Window, WindowLifecycleListener};

/// Events and watermarks after which the queue is looked through for what has expired, if no window
/// was made meanwhile.
pub const EXPIRE_EVENTS_THRESHOLD: u32 = 100;

/// Queues events and makes windows of them, as its two policies say. Storm's `WindowManager`.
///
/// It has no thread and no clock: whoever owns it tells it the time with [`advance`](Self::advance).
/// Windows are views of the queue. As long as timestamps ascend, making one costs what expires plus
/// the logarithm of what is queued; otherwise each costs a pass over the queue.
///
/// ```
/// use weir_topology::windowing::{EvictionPolicy, Handled, TriggerPolicy, Window};
/// use weir_topology::windowing::{WindowLifecycleListener, WindowManager};
///
/// struct Sums(Vec<i64>);
/// impl WindowLifecycleListener<i64> for Sums {
///     type Error = std::convert::Infallible;
///     fn on_expiry(&mut self, _: &[i64]) -> Result<(), Self::Error> {
///         Ok(())
///     }
///     fn on_activation(&mut self, window: &Window<'_, i64>) -> Result<Handled, Self::Error> {
///         self.0.push(window.events().sum());
///         Ok(Handled::Done)
///     }
/// }
///
/// let mut last_three = WindowManager::new(EvictionPolicy::count(3), TriggerPolicy::count(2));
/// let mut sums = Sums(Vec::new());
/// for n in 1..=6 {
///     last_three.add(n, 0, &mut sums)?;
/// }
/// assert_eq!(sums.0, [1 + 2, 2 + 3 + 4, 4 + 5 + 6]);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug)]
pub struct WindowManager<T> {
    queue: EventQueue<T>,
    eviction: EvictionPolicy,
    trigger: TriggerPolicy,
    /// Since the trigger went off last.
    expired: Vec<T>,
    previous: Members,
    /// Windows whose events were marked.
    marked: u64,
    since_scan: u32,
    compacts: bool,
    /// It goes on where another has ended: windows that were due meanwhile are left out if nothing is
    /// queued.
    resumes: bool,
    now_ms: i64,
}

impl<T> WindowManager<T> {
    /// Its queue is empty, and its clock stands at 0.
    #[must_use]
    pub const fn new(eviction: EvictionPolicy, trigger: TriggerPolicy) -> Self {
        Self {
            queue: EventQueue::new(),
            eviction,
            trigger,
            expired: Vec::new(),
            previous: Members::NONE,
            marked: 0,
            since_scan: 0,
            compacts: true,
            resumes: false,
            now_ms: 0,
        }
    }

    /// The same, but events expire only when a window is made.
    pub(super) const fn without_compaction(mut self) -> Self {
        self.compacts = false;
        self
    }

    pub(super) const fn eviction(&self) -> &EvictionPolicy {
        &self.eviction
    }

    pub(super) const fn trigger_policy(&self) -> &TriggerPolicy {
        &self.trigger
    }

    /// Puts an event into the queue that the policies have counted before.
    pub(super) fn requeue(&mut self, event: T, ts_ms: i64) {
        self.queue.push(event, ts_ms);
    }

    /// Puts an event into the queue that was in a window before, in another life.
    pub(super) fn refill(&mut self, event: T, ts_ms: i64) {
        self.queue.push(event, ts_ms);
        self.eviction.refill();
        self.previous = Members::Before(self.queue.seq_at(self.queue.entries.len()));
    }

    /// Goes on from the state of a trigger like its own.
    pub(super) fn restore_trigger(&mut self, state: i64) {
        self.trigger.restore(state);
        self.resumes = true;
        if let Trigger::Time { every_ms, due_ms } = self.trigger.0 {
            // The next window is not the first, which would take what is too old for it.
            self.eviction.set_context(EvictionContext::at(due_ms.saturating_sub(every_ms) - 1));
        }
    }

    /// What is in the queue, in order, with its timestamps in milliseconds.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&T, i64)> {
        self.queue.entries.iter().map(|entry| (&entry.event, entry.ts_ms))
    }

    /// Takes everything out of the queue.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.previous = Members::NONE;
        self.expired.clear();
        self.queue.entries.drain(..).map(|entry| entry.event)
    }

    /// Events in the queue.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.entries.len()
    }

    /// When the next window is due by the clock, in milliseconds.
    #[must_use]
    pub const fn due_ms(&self) -> Option<i64> {
        self.trigger.due_ms()
    }

    /// The clock has come to `now_ms`: makes the windows that are due.
    pub fn advance<L>(&mut self, now_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        self.now_ms = self.now_ms.max(now_ms);
        self.on_time(now_ms, listener)
    }

    /// An event arrives, with its timestamp in milliseconds.
    pub fn add<L>(&mut self, event: T, ts_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        self.queue.push(event, ts_ms);
        self.eviction.track();
        if self.trigger.counts() {
            self.trigger(EvictionContext::at(self.now_ms), listener)?;
        }
        self.compact(listener)
    }

    /// A watermark arrives: no event before `watermark_ms` is expected any more.
    pub fn watermark<L>(&mut self, watermark_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        self.on_watermark(watermark_ms, listener)?;
        self.compact(listener)
    }

    /// Makes a window now. Whether anything was in it.
    pub fn trigger<L>(
        &mut self,
        context: EvictionContext,
        listener: &mut L,
    ) -> Result<bool, L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        self.eviction.set_context(context);
        let before = self.expired.len();
        let (members, end, len) = if self.queue.is_ordered() { self.cut() } else { self.mark() };
        self.since_scan = 0;
        self.tell_expired(before, listener)?;
        let handled = if len == 0 {
            Ok(Handled::Done)
        } else {
            let (queue, previous) = (&self.queue, self.previous);
            let (expired, reference_ms) = (&*self.expired, context.reference_ms);
            let window = Window { queue, members, previous, end, len, expired, reference_ms };
            listener.on_activation(&window)
        };
        let previous = self.previous;
        self.previous = if len == 0 { Members::NONE } else { members };
        self.expired.clear();
        self.trigger.reset();
        match handled? {
            Handled::Done => {}
            Handled::Failed => self.withdraw(members, len),
            Handled::FailedNew => self.withdraw_new(members, previous),
        }
        Ok(len > 0)
    }

    fn on_time<L>(&mut self, now_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        while let Trigger::Time { every_ms, due_ms } = self.trigger.0 {
            if due_ms > now_ms {
                break;
            }
            let missed = now_ms.saturating_sub(due_ms) / every_ms;
            if missed > 0 && self.resumes && self.queue.entries.is_empty() {
                // All these windows are empty.
                let due_ms = due_ms.saturating_add(missed.saturating_mul(every_ms));
                self.trigger.0 = Trigger::Time { every_ms, due_ms };
                self.eviction.set_context(EvictionContext::at(due_ms.saturating_sub(every_ms) - 1));
                continue;
            }
            self.trigger.0 = Trigger::Time { every_ms, due_ms: due_ms.saturating_add(every_ms) };
            // Events of the very millisecond may still come: it is not in the window yet.
            let context = EvictionContext::at(due_ms - 1);
            let sliding_interval_ms = Some(every_ms);
            if !self.trigger(EvictionContext { sliding_interval_ms, ..context }, listener)? {
                listener.on_empty(due_ms - 1)?;
            }
        }
        Ok(())
    }

    fn on_watermark<L>(&mut self, watermark_ms: i64, listener: &mut L) -> Result<(), L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        match self.trigger.0 {
            Trigger::WatermarkCount { every, last_ms } => {
                for end_ms in self.queue.every_nth(last_ms, watermark_ms, every) {
                    self.trigger.0 = Trigger::WatermarkCount { every, last_ms: end_ms };
                    let context = EvictionContext::at(end_ms);
                    let sliding_count = Some(every);
                    self.trigger(EvictionContext { sliding_count, ..context }, listener)?;
                }
            }
            Trigger::WatermarkTime { every_ms, mut end_ms } => {
                while end_ms <= watermark_ms {
                    let counts = self.eviction.wants_count();
                    let current_count = counts.then(|| self.queue.count_until(end_ms));
                    let context = EvictionContext { current_count, ..EvictionContext::at(end_ms) };
                    if self.trigger(context, listener)? {
                        end_ms = end_ms.saturating_add(every_ms);
                    } else {
                        // Windows without events are left out.
                        let Some(next) = self.queue.earliest(end_ms, watermark_ms) else { break };
                        end_ms = aligned(next, every_ms);
                    }
                    self.trigger.0 = Trigger::WatermarkTime { every_ms, end_ms };
                }
            }
            Trigger::Count { .. } | Trigger::Time { .. } => {}
        }
        Ok(())
    }

    /// Divides a queue whose timestamps ascend: the members, and how many there are.
    fn cut(&mut self) -> (Members, usize, usize) {
        let Self { queue, eviction, expired, .. } = self;
        let cut = eviction.cut(queue.entries.len(), |ts_ms| queue.until(ts_ms));
        expired.extend(queue.entries.drain(..cut.expire).map(|entry| entry.event));
        (Members::Before(queue.seq_at(cut.process)), cut.process, cut.process)
    }

    /// Goes through a queue in any order, and marks the members.
    fn mark(&mut self) -> (Members, usize, usize) {
        self.marked += 1;
        let (mut end, mut len, mut gone) = (0, 0, Vec::new());
        for (position, entry) in self.queue.entries.iter_mut().enumerate() {
            match self.eviction.evict(entry.ts_ms, self.now_ms) {
                Action::Process => {
                    entry.fresh = !self.previous.has(entry);
                    entry.window = self.marked;
                    (end, len) = (position + 1, len + 1);
                }
                Action::Expire => gone.push(entry.seq),
                Action::Keep => {}
                Action::Stop => break,
            }
        }
        let front = self.remove(&gone);
        let end = end.saturating_sub(front).min(self.queue.entries.len());
        (Members::Marked(self.marked), end, len)
    }

    /// Takes expired events out of the queue, given their numbers in ascending order. Returns how many
    /// were at its front.
    fn remove(&mut self, gone: &[u64]) -> usize {
        let Self { queue: EventQueue { entries, .. }, expired, .. } = self;
        let front = entries.iter().zip(gone).take_while(|(entry, seq)| entry.seq == **seq).count();
        expired.extend(entries.drain(..front).map(|entry| entry.event));
        let mut gone = gone[front..].iter().peekable();
        if gone.peek().is_some() {
            for entry in std::mem::take(entries) {
                match gone.next_if_eq(&&entry.seq) {
                    Some(_) => expired.push(entry.event),
                    None => entries.push_back(entry),
                }
            }
        }
        front
    }

    fn compact<L>(&mut self, listener: &mut L) -> Result<(), L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        self.since_scan = self.since_scan.saturating_add(1);
        if !self.compacts || self.since_scan < EXPIRE_EVENTS_THRESHOLD {
            return Ok(());
        }
        self.since_scan = 0;
        let before = self.expired.len();
        while let Some(front) = self.queue.entries.front() {
            if self.eviction.evict(front.ts_ms, self.now_ms) != Action::Expire {
                break;
            }
            self.expired.extend(self.queue.entries.pop_front().map(|entry| entry.event));
        }
        self.tell_expired(before, listener)
    }

    fn tell_expired<L>(&self, before: usize, listener: &mut L) -> Result<(), L::Error>
    where
        L: WindowLifecycleListener<T>,
    {
        match &self.expired[before..] {
            [] => Ok(()),
            expired => listener.on_expiry(expired),
        }
    }

    /// Takes the events of a window out of the queue.
    fn withdraw(&mut self, members: Members, len: usize) {
        self.queue.entries.retain(|entry| !members.has(entry));
        self.eviction.withdrawn(len as u64);
        self.previous = Members::NONE;
    }

    /// Takes those events of a window out of the queue that were not in the one before.
    fn withdraw_new(&mut self, members: Members, previous: Members) {
        let before = self.queue.entries.len();
        self.queue.entries.retain(|entry| match members {
            Members::Before(_) => !members.has(entry) || previous.has(entry),
            Members::Marked(_) => !members.has(entry) || !entry.fresh,
        });
        self.eviction.withdrawn((before - self.queue.entries.len()) as u64);
    }
}
