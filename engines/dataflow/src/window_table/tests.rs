use super::*;
use crate::{Window, hash_of};
use std::collections::BTreeMap;

#[derive(Clone)]
struct Count;
impl Aggregate for Count {
    type In = u8;
    type Key = u8;
    type Value = u64;
    type State = u64;
    type Out = (u8, u64);
    fn split(&self, input: u8) -> (u8, u64) {
        (input, 1)
    }
    fn update(&self, state: &mut u64, value: u64) {
        *state += value;
    }
    fn merge(&self, state: &mut u64, other: u64) {
        *state += other;
    }
    fn output(&self, key: &u8, state: &u64) -> (u8, u64) {
        (*key, *state)
    }
}

/// (event time, watermark, key); the result is what the sink would hold, and how many were late.
fn run(windows: Windows, input: &[(u64, u64, u8)]) -> (BTreeMap<(i64, i64, u8), u64>, u64) {
    let mut table = WindowTable::new(windows, Count);
    let mut rows = BTreeMap::new();
    let mut late = 0;
    let mut sink = |output: Output<Count>| match output {
        Windowed::Result { window, value: (key, n) } => {
            rows.insert((window.start_ns, window.end_ns, key), n);
        }
        Windowed::Late(_) => late += 1,
    };
    for &(at, watermark, key) in input {
        let (at, watermark) = (EventTime(at), EventTime(watermark));
        table.insert(hash_of(&key), Event { at, watermark, value: (key, 1) }, &mut sink);
        table.advance(watermark, &mut sink);
    }
    table.advance(EventTime::END, &mut sink);
    assert_eq!(table.late(), late);
    (rows, late)
}

/// The definition, record by record and window by window.
fn reference(windows: Windows, input: &[(u64, u64, u8)]) -> (BTreeMap<(i64, i64, u8), u64>, u64) {
    let mut rows: BTreeMap<(i64, i64, u8), u64> = BTreeMap::new();
    let mut late = 0;
    for &(at, watermark, key) in input {
        let all: Vec<Window> = windows.assign(EventTime(at)).collect();
        let open = all.iter().filter(|w| !windows.dropped(**w, EventTime(watermark)));
        late += u64::from(open.clone().count() == 0 && !all.is_empty());
        for w in open {
            *rows.entry((w.start_ns, w.end_ns, key)).or_default() += 1;
        }
    }
    (rows, late)
}

/// A stream with jitter from a small generator: (time, watermark, key).
fn stream(seed: u64, jitter: u64, bound: u64) -> Vec<(u64, u64, u8)> {
    let mut x = seed | 1;
    (0..400u64)
        .map(|i| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (
                (i + 20).saturating_sub(x % (jitter + 1)),
                (i + 20).saturating_sub(bound),
                (x >> 8) as u8 % 3,
            )
        })
        .collect()
}

#[test]
fn sliding_windows_match_the_definition() {
    for (length, slide) in [(10, 10), (10, 5), (10, 4), (7, 3), (3, 7), (1, 1), (40, 2)] {
        for lateness in [0, 3, 25] {
            for (jitter, bound) in [(0, 0), (8, 8), (15, 4), (30, 0)] {
                let windows = Windows::sliding(length, slide).allowed_lateness(lateness);
                for seed in 1..6 {
                    let input = stream(seed * 77, jitter, bound);
                    let context = (length, slide, lateness, jitter, bound, seed);
                    assert_eq!(run(windows, &input), reference(windows, &input), "{context:?}");
                }
            }
        }
    }
}

#[test]
fn map_side_tables_merge_to_the_same_windows() {
    for (length, slide, lateness) in [(10, 5, 0), (10, 4, 6), (3, 7, 2)] {
        let windows = Windows::sliding(length, slide).allowed_lateness(lateness);
        let input = stream(99, 15, 6);
        let mut reduce = PaneTable::new(windows, Count);
        let mut rows = BTreeMap::new();
        let mut late = 0;
        for batch in input.chunks(37) {
            let mut sink = |output: Output<Count>| match output {
                Windowed::Result { window, value: (key, n) } => {
                    rows.insert((window.start_ns, window.end_ns, key), n);
                }
                Windowed::Late(_) => late += 1,
            };
            for half in batch.chunks(20) {
                let mut map = PaneTable::new(windows, Count);
                for &(at, watermark, key) in half {
                    let (at, watermark) = (EventTime(at), EventTime(watermark));
                    map.insert(hash_of(&key), Event { at, watermark, value: (key, 1) }, &mut sink);
                }
                map.drain(|slot, hash, key, state| reduce.merge(slot, hash, key, state, &mut sink));
            }
            reduce.advance(EventTime(batch[batch.len() - 1].1), &mut sink);
        }
        reduce.advance(EventTime::END, &mut |output| {
            if let Windowed::Result { window, value: (key, n) } = output {
                rows.insert((window.start_ns, window.end_ns, key), n);
            }
        });
        assert_eq!((rows, late), reference(windows, &input), "{length} {slide} {lateness}");
    }
}

#[test]
fn sessions_merge_and_close() {
    let windows = Windows::session(5);
    let input =
        [(0, 0, 1), (3, 3, 1), (4, 4, 2), (20, 20, 1), (24, 24, 1), (40, 40, 2), (10, 40, 1)];
    let (rows, late) = run(windows, &input);
    let want = BTreeMap::from([((0, 8, 1), 2), ((4, 9, 2), 1), ((20, 29, 1), 2), ((40, 45, 2), 1)]);
    assert_eq!((rows, late), (want, 1));
}

#[test]
fn a_bridging_record_joins_two_sessions() {
    let windows = Windows::session(5);
    let (rows, late) = run(windows, &[(0, 0, 1), (8, 0, 1), (4, 0, 1)]);
    assert_eq!((rows, late), (BTreeMap::from([((0, 13, 1), 3)]), 0));
}
