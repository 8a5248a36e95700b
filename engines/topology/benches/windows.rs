//! What the window manager moves, beside loops written by hand for the same windows:
//!
//! ```text
//! cargo bench -p weir-topology --bench windows -- [events, in thousands]
//! ```
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![allow(missing_docs, reason = "a bench has no API")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::hint::black_box;
use weir_dataflow::{Clock, SystemClock};
use weir_topology::windowing::{
    EvictionPolicy, Handled, TriggerPolicy, WatermarkGenerator, Window, WindowLifecycleListener,
    WindowManager,
};

/// The windows: of 1000 events or milliseconds, every 100.
const LENGTH: i64 = 1000;
const SLIDE: i64 = 100;
/// Events between two watermarks, and how far they are out of order.
const ROUND: i64 = 1000;
const LAG_MS: i64 = 50;

/// Looks at the length and the first event of every window; with `all`, at all of it.
struct Sums {
    all: bool,
    total: i64,
}

impl WindowLifecycleListener<i64> for Sums {
    type Error = Infallible;

    fn on_expiry(&mut self, _: &[i64]) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_activation(&mut self, window: &Window<'_, i64>) -> Result<Handled, Infallible> {
        self.total += if self.all {
            window.events().sum()
        } else {
            window.len() as i64 + window.events().next().copied().unwrap_or(0)
        };
        Ok(Handled::Done)
    }
}

fn counts(events: i64, all: bool) -> i64 {
    let (length, slide) = (LENGTH.unsigned_abs(), SLIDE.unsigned_abs());
    let mut manager =
        WindowManager::new(EvictionPolicy::count(length), TriggerPolicy::count(slide));
    let mut sums = Sums { all, total: 0 };
    for n in 0..events {
        let Ok(()) = manager.add(black_box(n), n, &mut sums);
    }
    sums.total
}

/// The time of an event: ascending, or out of order by less than the lag.
const fn time(n: i64, ordered: bool) -> i64 {
    if ordered { n } else { n - (n * 7919) % LAG_MS }
}

fn times(events: i64, all: bool, ordered: bool) -> i64 {
    let eviction = EvictionPolicy::watermark_time(LENGTH, LAG_MS);
    let mut manager = WindowManager::new(eviction, TriggerPolicy::watermark_time(SLIDE));
    let mut generator = WatermarkGenerator::new([()], LAG_MS);
    let mut sums = Sums { all, total: 0 };
    for n in 0..events {
        let ts_ms = time(n, ordered);
        if generator.track(&(), ts_ms) {
            let Ok(()) = manager.add(black_box(n), ts_ms, &mut sums);
        }
        if n % ROUND == ROUND - 1
            && let Some(watermark_ms) = generator.run()
        {
            let Ok(()) = manager.watermark(watermark_ms, &mut sums);
        }
    }
    sums.total
}

/// The count windows by hand.
fn counts_by_hand(events: i64, all: bool) -> i64 {
    let (mut queue, mut total) = (VecDeque::new(), 0);
    for n in 0..events {
        queue.push_back(black_box(n));
        if n % SLIDE == SLIDE - 1 {
            while queue.len() as i64 > LENGTH {
                queue.pop_front();
            }
            total += if all {
                queue.iter().sum::<i64>()
            } else {
                queue.len() as i64 + queue.front().copied().unwrap_or(0)
            };
        }
    }
    total
}

/// The windows of event time by hand: every window goes through what is queued.
fn times_by_hand(events: i64, all: bool, ordered: bool) -> i64 {
    let (mut queue, mut total) = (VecDeque::new(), 0);
    let (mut latest, mut end, mut mark) = (0, 0, 0);
    for n in 0..events {
        let ts_ms = time(n, ordered);
        latest = latest.max(ts_ms);
        if ts_ms >= mark {
            queue.push_back((ts_ms, black_box(n)));
        }
        if n % ROUND == ROUND - 1 {
            mark = latest - LAG_MS;
            while end <= mark {
                queue.retain(|(ts_ms, _)| *ts_ms > end - LENGTH);
                let mut members = queue.iter().filter(|(ts_ms, _)| *ts_ms <= end).map(|(_, n)| *n);
                total += if all {
                    members.sum::<i64>()
                } else {
                    members.next().map_or(0, |first| first + 1 + members.count() as i64)
                };
                end += SLIDE;
            }
        }
    }
    total
}

fn report(what: &str, events: i64, run: impl Fn(i64) -> i64) {
    let clock = SystemClock::new();
    black_box(run(events / 10));
    let begin = clock.now_ns();
    let total = black_box(run(events));
    let elapsed_ns = clock.now_ns() - begin;
    let rate = events as f64 * 1e3 / elapsed_ns as f64;
    println!("{what:<44} {rate:8.2} M events/s   ({total})");
}

fn main() {
    let thousands = std::env::args().skip(1).find_map(|arg| arg.parse::<i64>().ok());
    let events = thousands.unwrap_or(2_000) * 1_000;
    println!("windows of {LENGTH} every {SLIDE}, {events} events");
    for all in [false, true] {
        let seen = if all { "summed" } else { "looked at" };
        report(&format!("count, {seen}"), events, |n| counts(n, all));
        report(&format!("count, {seen}, by hand"), events, |n| counts_by_hand(n, all));
        for ordered in [true, false] {
            let order = if ordered { "in order" } else { "out of order" };
            let what = format!("event time {order}, {seen}");
            report(&what, events, |n| times(n, all, ordered));
            report(&format!("{what}, by hand"), events, |n| times_by_hand(n, all, ordered));
        }
    }
}
