//! Time as a value that tests can hold still.
//!
//! Engines read time, wait for a time, and wait for a message *or* a time. All three go through
//! [`Clock`]; the third through [`receive`].

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, never};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

/// A monotonic clock in nanoseconds.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Nanoseconds since the clock was made.
    fn now_ns(&self) -> u64;
    /// When that was: nanoseconds from the Unix epoch to the clock's zero. Times that outlive the
    /// process are kept with this added. A clock that is told what time it is starts at the epoch.
    fn origin_ns(&self) -> u64 {
        0
    }
    /// Something that can be waited for: it goes off once `deadline_ns` has been reached.
    fn alarm(&self, deadline_ns: u64) -> Alarm;
    /// Waits until `deadline_ns` has been reached. Returns at once if it has.
    fn sleep_until(&self, deadline_ns: u64) {
        self.alarm(deadline_ns).wait();
    }
}

/// A time to wait for, made by [`Clock::alarm`].
#[derive(Debug)]
pub enum Alarm {
    /// A time of the operating system's clock.
    At(Instant),
    /// Disconnects, or holds a message, once the time has come.
    Signal(Signal),
    /// The time has come already.
    Now,
    /// The time never comes.
    Never,
}

/// A time of a [`ManualClock`] to wait for.
#[derive(Debug)]
pub struct Signal {
    from: Receiver<()>,
    /// While it is there somebody may wait.
    _kept: Arc<()>,
}

impl Alarm {
    /// Waits for it. [`Alarm::Never`] waits for ever.
    pub fn wait(self) {
        match self {
            Self::At(at) => {
                let _ = never::<()>().recv_deadline(at);
            }
            Self::Signal(signal) => {
                let _ = signal.from.recv();
            }
            Self::Now => {}
            Self::Never => {
                let _ = never::<()>().recv();
            }
        }
    }
}

/// What [`receive`] came back with.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// A message.
    Message(T),
    /// The alarm went off first.
    TimedOut,
    /// No message is left and no sender either.
    Closed,
}

/// Waits for a message or an alarm, whichever comes first; a waiting message wins.
pub fn receive<T>(from: &Receiver<T>, alarm: Alarm) -> Received<T> {
    match alarm {
        Alarm::Never => from.recv().map_or(Received::Closed, Received::Message),
        Alarm::Now => match from.try_recv() {
            Ok(message) => Received::Message(message),
            Err(TryRecvError::Empty) => Received::TimedOut,
            Err(TryRecvError::Disconnected) => Received::Closed,
        },
        Alarm::At(at) => match from.recv_deadline(at) {
            Ok(message) => Received::Message(message),
            Err(RecvTimeoutError::Timeout) => Received::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Received::Closed,
        },
        Alarm::Signal(signal) => crossbeam_channel::select_biased! {
            recv(from) -> message => message.map_or(Received::Closed, Received::Message),
            recv(signal.from) -> _ => Received::TimedOut,
        },
    }
}

/// The operating system's monotonic clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
    since_epoch: Duration,
}

impl SystemClock {
    /// A clock that starts at 0 now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where Instant::now is wrapped")]
    pub fn new() -> Self {
        // A system whose time is not set is taken to have started with the epoch.
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self { origin: Instant::now(), since_epoch: since_epoch.unwrap_or_default() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now_ns(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    fn origin_ns(&self) -> u64 {
        self.since_epoch.as_nanos() as u64
    }

    fn alarm(&self, deadline_ns: u64) -> Alarm {
        self.origin.checked_add(Duration::from_nanos(deadline_ns)).map_or(Alarm::Never, Alarm::At)
    }
}

/// A clock that stands still until it is told to move.
///
/// [`advance`](Self::advance) moves it and sets off every alarm that has become due, in the order of
/// their deadlines. With [`auto`](Self::auto) a thread that waits moves the clock itself: right for
/// code with a single thread, where nobody else could.
#[derive(Debug)]
pub struct ManualClock {
    auto: bool,
    state: Mutex<ManualState>,
}

#[derive(Debug, Default)]
struct ManualState {
    now_ns: u64,
    alarms: Vec<Pending>,
    /// So many alarms that it is time to look which of them are still waited for.
    crowded: usize,
}

/// An alarm that has not gone off.
#[derive(Debug)]
struct Pending {
    at_ns: u64,
    set_off: Sender<()>,
    kept: Weak<()>,
}

impl ManualState {
    /// Forgets alarms that nobody waits for any more. Whoever waits for a message or a time leaves one behind with
    /// each message.
    fn prune(&mut self) {
        self.alarms.retain(|alarm| alarm.kept.strong_count() > 0);
        self.crowded = 2 * self.alarms.len() + 32;
    }
}

impl ManualClock {
    /// Stands at 0.
    #[must_use]
    pub fn new() -> Self {
        Self { auto: false, state: Mutex::default() }
    }

    /// Stands at 0; every wait moves it to what was waited for.
    #[must_use]
    pub fn auto() -> Self {
        Self { auto: true, state: Mutex::default() }
    }

    /// Moves the clock forward and sets off the alarms that are due.
    pub fn advance(&self, by: Duration) {
        let now = self.now_ns();
        self.set(now + by.as_nanos() as u64);
    }

    /// Moves the clock to `now_ns`, never back.
    pub fn set(&self, now_ns: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now_ns = state.now_ns.max(now_ns);
        let now = state.now_ns;
        let (mut due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.alarms).into_iter().partition(|alarm| alarm.at_ns <= now);
        state.alarms = waiting;
        due.sort_by_key(|alarm| alarm.at_ns);
        for alarm in due {
            // A full or closed channel means that nobody waits any more.
            let _ = alarm.set_off.try_send(());
        }
    }

    /// The earliest time that somebody waits for.
    #[must_use]
    pub fn next_alarm_ns(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.prune();
        state.alarms.iter().map(|alarm| alarm.at_ns).min()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).now_ns
    }

    fn alarm(&self, deadline_ns: u64) -> Alarm {
        if self.auto {
            self.set(deadline_ns);
            return Alarm::Now;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.now_ns >= deadline_ns {
            return Alarm::Now;
        }
        if state.alarms.len() >= state.crowded {
            state.prune();
        }
        let (set_off, from) = bounded(1);
        let kept = Arc::new(());
        state.alarms.push(Pending { at_ns: deadline_ns, set_off, kept: Arc::downgrade(&kept) });
        Alarm::Signal(Signal { from, _kept: kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn manual_alarms_go_off_when_the_clock_reaches_them() {
        let clock = ManualClock::new();
        let early = clock.alarm(10);
        let late = clock.alarm(20);
        assert_eq!(clock.next_alarm_ns(), Some(10));
        clock.set(10);
        early.wait();
        assert_eq!(clock.next_alarm_ns(), Some(20));
        let (keep, silent) = bounded::<u8>(1);
        clock.advance(Duration::from_nanos(10));
        assert_eq!(receive(&silent, late), Received::TimedOut);
        assert_eq!(clock.now_ns(), 20);
        drop(keep);
        assert_eq!(receive(&silent, clock.alarm(30)), Received::Closed);
    }

    #[test]
    fn an_alarm_that_nobody_waits_for_any_more_is_forgotten() {
        let clock = ManualClock::new();
        drop(clock.alarm(10));
        let kept = clock.alarm(20);
        assert_eq!(clock.next_alarm_ns(), Some(20));
        for at in 30..10_000 {
            drop(clock.alarm(at));
        }
        let alarms = clock.state.lock().expect("no panic").alarms.len();
        assert!(alarms < 100, "{alarms} alarms");
        clock.set(20);
        kept.wait();
        assert_eq!(clock.next_alarm_ns(), None);
    }

    /// What is kept by one process is older for the next.
    #[test]
    fn system_clocks_agree_on_what_time_it_is() {
        let time = |clock: &SystemClock| clock.origin_ns() + clock.now_ns();
        let (before, after) = (SystemClock::new(), SystemClock::new());
        let apart = time(&before).abs_diff(time(&after));
        assert!(apart < 3_600_000_000_000, "{apart} ns apart");
        assert!(before.origin_ns() > 1_600_000_000_000_000_000, "{}", before.origin_ns());
        assert_eq!(ManualClock::new().origin_ns(), 0);
    }

    #[test]
    fn a_waiting_message_beats_an_alarm_that_is_due() {
        let clock = ManualClock::new();
        let (send, from) = bounded(1);
        send.send(7).expect("room");
        let alarm = clock.alarm(5);
        clock.set(5);
        assert_eq!(receive(&from, alarm), Received::Message(7));
        assert_eq!(receive(&from, clock.alarm(5)), Received::TimedOut);
    }

    #[test]
    fn an_auto_clock_moves_when_waited_for() {
        let clock = ManualClock::auto();
        clock.sleep_until(1_000);
        assert_eq!(clock.now_ns(), 1_000);
        clock.sleep_until(10);
        assert_eq!(clock.now_ns(), 1_000);
    }

    #[test]
    fn another_thread_can_wait_on_a_manual_clock() {
        let clock = Arc::new(ManualClock::new());
        let alarm = clock.alarm(50);
        let waiter = std::thread::Builder::new()
            .name("waiter".into())
            .spawn(move || alarm.wait())
            .expect("a thread");
        clock.set(50);
        waiter.join().expect("the waiter ends");
    }
}
