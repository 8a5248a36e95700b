//! Laws of windows, against models that look at every event.

use super::*;
use proptest::prelude::*;
use std::convert::Infallible;

/// What a manager said, in order.
#[derive(Clone, Debug, PartialEq)]
enum Call {
    Expired(Vec<u32>),
    Window { events: Vec<u32>, new: Vec<u32>, expired: Vec<u32>, end_ms: i64 },
}

#[derive(Default)]
struct Recorder(Vec<Call>);

impl WindowLifecycleListener<u32> for Recorder {
    type Error = Infallible;
    fn on_expiry(&mut self, events: &[u32]) -> Result<(), Infallible> {
        self.0.push(Call::Expired(events.to_vec()));
        Ok(())
    }
    fn on_activation(&mut self, window: &Window<'_, u32>) -> Result<Handled, Infallible> {
        let (events, new) = (window.events().copied(), window.new_events().copied());
        let (events, new): (Vec<_>, _) = (events.collect(), new.collect());
        assert_eq!(events.len(), window.len());
        let (expired, end_ms) = (window.expired().to_vec(), window.reference_ms());
        self.0.push(Call::Window { events, new, expired, end_ms });
        Ok(Handled::Done)
    }
}

/// What happens to a manager.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// An event so far before or after the time that has been reached.
    Add(i64),
    /// Event time moves on, and its watermark with it.
    Watermark(i64),
}

fn steps(disorder: i64) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (-disorder..=0i64).prop_map(Step::Add),
        2 => (0i64..40).prop_map(Step::Watermark),
        1 => (200i64..900).prop_map(Step::Watermark),
    ];
    proptest::collection::vec(step, 0..400)
}

/// The events with their times, and the watermarks after which number of events.
fn timed(steps: &[Step]) -> (Vec<i64>, Vec<(usize, i64)>) {
    let (mut now, mut times, mut watermarks) = (1_000, Vec::new(), Vec::new());
    for step in steps {
        match step {
            Step::Add(offset) => {
                now += 3;
                times.push(now + offset);
            }
            Step::Watermark(by) => {
                now += by;
                watermarks.push((times.len(), now));
            }
        }
    }
    (times, watermarks)
}

/// Storm's manager as it is written there: one pass over the queue for each window, with sets.
struct Naive {
    queue: Vec<(u32, i64)>,
    eviction: EvictionPolicy,
    expired: Vec<u32>,
    previous: Vec<u32>,
    since_scan: u32,
    calls: Vec<Call>,
}

impl Naive {
    fn new(eviction: EvictionPolicy) -> Self {
        let (queue, expired, previous, calls) = Default::default();
        Self { queue, eviction, expired, previous, since_scan: 0, calls }
    }

    fn scan(&mut self, full: bool) -> Vec<u32> {
        let (mut gone, mut inside, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let mut stopped = false;
        for (event, ts_ms) in std::mem::take(&mut self.queue) {
            let action = if stopped { Action::Stop } else { self.eviction.evict(ts_ms, 0) };
            match action {
                Action::Expire => gone.push(event),
                Action::Process if full => inside.push(event),
                Action::Stop => stopped = true,
                Action::Process | Action::Keep => stopped = !full,
            }
            if action != Action::Expire {
                kept.push((event, ts_ms));
            }
        }
        self.queue = kept;
        self.since_scan = 0;
        self.expired.extend(&gone);
        if !gone.is_empty() {
            self.calls.push(Call::Expired(gone));
        }
        inside
    }

    fn fire(&mut self, context: EvictionContext) -> bool {
        self.eviction.set_context(context);
        let events = self.scan(true);
        let expired = std::mem::take(&mut self.expired);
        let new = events.iter().copied().filter(|event| !self.previous.contains(event)).collect();
        self.previous.clone_from(&events);
        if events.is_empty() {
            return false;
        }
        self.calls.push(Call::Window { events, new, expired, end_ms: context.reference_ms });
        true
    }

    fn seen(&mut self) {
        self.since_scan += 1;
        if self.since_scan >= EXPIRE_EVENTS_THRESHOLD {
            self.scan(false);
        }
    }

    fn watermark_by_count(&mut self, every: u64, last_ms: &mut i64, watermark_ms: i64) {
        let (mut latest, mut count, mut ends) = (i64::MIN, 0, Vec::new());
        for (_, ts_ms) in &self.queue {
            if *ts_ms > *last_ms && *ts_ms <= watermark_ms {
                (latest, count) = (latest.max(*ts_ms), count + 1);
                ends.extend((count % every == 0).then_some(latest));
            }
        }
        for end_ms in ends {
            let context = EvictionContext::at(end_ms);
            self.fire(EvictionContext { sliding_count: Some(every), ..context });
            *last_ms = end_ms;
        }
        self.seen();
    }

    fn watermark(&mut self, slide: i64, end_ms: &mut i64, watermark_ms: i64) {
        while *end_ms <= watermark_ms {
            let count = self.queue.iter().filter(|(_, ts_ms)| ts_ms <= end_ms).count() as u64;
            let context = EvictionContext::at(*end_ms);
            if self.fire(EvictionContext { current_count: Some(count), ..context }) {
                *end_ms += slide;
                continue;
            }
            let next = self.queue.iter().map(|(_, ts_ms)| *ts_ms);
            let Some(next) = next.filter(|ts| ts > end_ms && *ts <= watermark_ms).min() else {
                break;
            };
            *end_ms = (next + slide - 1) / slide * slide;
        }
        self.seen();
    }
}

proptest! {
    /// Fast paths and marks come to what a pass over the queue for each window comes to.
    #[test]
    fn windows_are_those_of_one_pass_each(
        steps in prop_oneof![steps(0), steps(60)],
        (length, slide, lag) in (1i64..120, 1i64..60, 0i64..20),
        count in proptest::option::of(1u64..30),
        every in proptest::option::of(1u64..30),
    ) {
        let (times, watermarks) = timed(&steps);
        let eviction = || match count {
            Some(most) => EvictionPolicy::watermark_count(most),
            None => EvictionPolicy::watermark_time(length, lag),
        };
        let by_time = || TriggerPolicy::watermark_time(slide);
        let trigger = every.map_or_else(by_time, TriggerPolicy::watermark_count);
        let mut manager = WindowManager::new(eviction(), trigger);
        let (mut recorder, mut naive, mut end_ms) = (Recorder::default(), Naive::new(eviction()), 0);
        let mut watermarks = watermarks.into_iter().peekable();
        for n in 0..=times.len() {
            while let Some((_, watermark_ms)) = watermarks.next_if(|(at, _)| *at == n) {
                let Ok(()) = manager.watermark(watermark_ms, &mut recorder);
                match every {
                    None => naive.watermark(slide, &mut end_ms, watermark_ms),
                    Some(every) => naive.watermark_by_count(every, &mut end_ms, watermark_ms),
                }
            }
            if let Some(ts_ms) = times.get(n) {
                let Ok(()) = manager.add(n as u32, *ts_ms, &mut recorder);
                naive.queue.push((n as u32, *ts_ms));
                naive.seen();
            }
            prop_assert_eq!(&recorder.0, &naive.calls);
            prop_assert_eq!(manager.queued(), naive.queue.len());
        }
    }

    /// A window in event time holds exactly what happened in `(end - length, end]` and was on time,
    /// there is one at every multiple of the slide at which something is in it, and every event
    /// expires once at most.
    #[test]
    fn windows_of_event_time_hold_what_happened_in_them(
        steps in steps(50),
        (length, slide) in (1i64..120, 1i64..60),
    ) {
        let lag = 50;
        let (times, watermarks) = timed(&steps);
        let mut generator = WatermarkGenerator::new(["s"], lag);
        let mut manager = WindowManager::new(
            EvictionPolicy::watermark_time(length, lag),
            TriggerPolicy::watermark_time(slide),
        );
        let (mut recorder, mut on_time, mut reached) = (Recorder::default(), Vec::new(), 0);
        let mut watermarks = watermarks.into_iter().peekable();
        for n in 0..=times.len() {
            while watermarks.next_if(|(at, _)| *at == n).is_some() {
                if let Some(watermark_ms) = generator.run() {
                    reached = watermark_ms;
                    let Ok(()) = manager.watermark(watermark_ms, &mut recorder);
                }
            }
            if let Some(ts_ms) = times.get(n)
                && generator.track(&"s", *ts_ms)
            {
                on_time.push((n as u32, *ts_ms));
                let Ok(()) = manager.add(n as u32, *ts_ms, &mut recorder);
            }
        }
        let ends = (0..=reached / slide).map(|k| k * slide);
        let holds = |end: i64| -> Vec<u32> {
            let inside = on_time.iter().filter(|(_, ts)| *ts > end - length && *ts <= end);
            inside.map(|(event, _)| *event).collect()
        };
        let want: Vec<_> =
            ends.map(|end| (end, holds(end))).filter(|(_, events)| !events.is_empty()).collect();
        let (mut windows, mut expired) = (Vec::new(), Vec::new());
        for call in recorder.0 {
            match call {
                Call::Window { events, end_ms, .. } => windows.push((end_ms, events)),
                Call::Expired(events) => expired.extend(events),
            }
        }
        prop_assert_eq!(windows, want);
        let count = expired.len();
        expired.sort_unstable();
        expired.dedup();
        prop_assert_eq!(expired.len(), count);
    }

    /// Counted windows are the last `length` events at every `slide`th.
    #[test]
    fn windows_by_count_hold_the_last_events(
        (events, length, slide) in (0u32..500, 1u64..40, 1u64..40),
    ) {
        let policies = (EvictionPolicy::count(length), TriggerPolicy::count(slide));
        let mut manager = WindowManager::new(policies.0, policies.1);
        let mut recorder = Recorder::default();
        for n in 0..events {
            let Ok(()) = manager.add(n, 0, &mut recorder);
        }
        let windows = recorder.0.into_iter().filter_map(|call| match call {
            Call::Window { events, .. } => Some(events),
            Call::Expired(_) => None,
        });
        let (length, slide) = (length as u32, slide as u32);
        let ends = (1..).map(|k| k * slide).take_while(|end| *end <= events);
        let want: Vec<Vec<u32>> =
            ends.map(|end| (end.saturating_sub(length)..end).collect()).collect();
        prop_assert_eq!(windows.collect::<Vec<_>>(), want);
    }
}
