//! The tuples that are in a window, or may come to be.

use super::config::Cut;
use std::collections::VecDeque;
use weir_topology::Values;

/// Takes a window that has ended, tuple by tuple.
type Ended<'a> = dyn FnMut(&mut dyn Iterator<Item = &Values>) + 'a;

/// The tuples that are in the next window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Content {
    cut: Cut,
    /// The number of each tuple, when it came, and its values.
    pub(crate) tuples: VecDeque<(i64, i64, Values)>,
    pub(crate) next_number: i64,
    /// Tuples since the last window was cut.
    pub(crate) since_cut: usize,
    /// When the next window is cut.
    pub(crate) next_cut_ns: i64,
}

impl Content {
    pub(crate) fn new(cut: Cut, now_ns: i64) -> Self {
        let next_cut_ns = match cut {
            Cut::Count { .. } => i64::MAX,
            Cut::Duration { slide_ns, .. } => now_ns.saturating_add(slide_ns),
        };
        let tuples = VecDeque::new();
        Self { cut, tuples, next_number: 0, since_cut: 0, next_cut_ns }
    }

    /// The number of the first tuple.
    pub(crate) fn first_number(&self) -> i64 {
        self.tuples.front().map_or(self.next_number, |(number, ..)| *number)
    }

    /// Time has come this far, and then these tuples: the windows that have ended.
    pub(crate) fn step(&mut self, now_ns: i64, tuples: &[Values]) -> Vec<Vec<Values>> {
        let mut windows = Vec::new();
        self.go_on(now_ns, tuples, &mut |window| windows.push(window.cloned().collect()));
        windows
    }

    /// The same, but nobody wants to have the windows: they were made when the tuples came first.
    pub(crate) fn pass(&mut self, now_ns: i64, tuples: &[Values]) {
        self.go_on(now_ns, tuples, &mut |_| ());
    }

    fn go_on(&mut self, now_ns: i64, tuples: &[Values], out: &mut Ended<'_>) {
        self.advance(now_ns, out);
        for values in tuples {
            self.add(now_ns, values.clone(), out);
        }
    }

    /// Time has come this far: the windows that end by now. Those without a tuple are no windows.
    fn advance(&mut self, now_ns: i64, out: &mut Ended<'_>) {
        let Cut::Duration { length_ns, slide_ns } = self.cut else { return };
        while self.next_cut_ns <= now_ns {
            let end_ns = self.next_cut_ns;
            let start_ns = end_ns.saturating_sub(length_ns);
            while self.tuples.front().is_some_and(|(_, at_ns, _)| *at_ns <= start_ns) {
                self.tuples.pop_front();
            }
            if self.tuples.is_empty() {
                // Nothing was there for a while: the cuts of that time are all alike.
                let behind = (now_ns - end_ns) / slide_ns;
                self.next_cut_ns = end_ns.saturating_add(slide_ns.saturating_mul(behind + 1));
                continue;
            }
            let inside = self.tuples.iter().take_while(|(_, at_ns, _)| *at_ns <= end_ns);
            let mut window = inside.map(|(_, _, values)| values).peekable();
            if window.peek().is_some() {
                out(&mut window);
            }
            self.next_cut_ns = end_ns.saturating_add(slide_ns);
        }
    }

    /// A tuple has come, and perhaps completes a window.
    fn add(&mut self, now_ns: i64, values: Values, out: &mut Ended<'_>) {
        // What comes at the time of a cut, but after it, is in the next window.
        let at_ns = match self.cut {
            Cut::Duration { slide_ns, .. } => now_ns.max(self.next_cut_ns - slide_ns + 1),
            Cut::Count { .. } => now_ns,
        };
        self.tuples.push_back((self.next_number, at_ns, values));
        self.next_number += 1;
        let Cut::Count { length, slide } = self.cut else { return };
        while self.tuples.len() > length {
            self.tuples.pop_front();
        }
        self.since_cut += 1;
        if self.since_cut < slide {
            return;
        }
        self.since_cut = 0;
        out(&mut self.tuples.iter().map(|(_, _, values)| values));
        if slide == length {
            self.tuples.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_topology::values;

    fn sizes(content: &mut Content, at_ns: i64, numbers: std::ops::Range<i64>) -> Vec<Values> {
        let firsts = |windows: Vec<Vec<Values>>| {
            let ends = |window: Vec<Values>| {
                values![window[0][0].clone(), window[window.len() - 1][0].clone()]
            };
            windows.into_iter().map(ends).collect::<Vec<_>>()
        };
        let tuples: Vec<Values> = numbers.map(|number| values![number]).collect();
        let mut passed = content.clone();
        passed.pass(at_ns, &tuples);
        let windows = content.step(at_ns, &tuples);
        assert_eq!(*content, passed, "it is the same without the windows");
        firsts(windows)
    }

    #[test]
    fn windows_of_counts() {
        let mut tumbling = Content::new(Cut::Count { length: 3, slide: 3 }, 0);
        assert_eq!(sizes(&mut tumbling, 0, 0..7), [values![0, 2], values![3, 5]]);
        assert_eq!(sizes(&mut tumbling, 0, 7..9), [values![6, 8]]);
        let mut sliding = Content::new(Cut::Count { length: 4, slide: 2 }, 0);
        let want = [values![0, 1], values![0, 3], values![2, 5], values![4, 7]];
        assert_eq!(sizes(&mut sliding, 0, 0..8), want);
    }

    #[test]
    fn windows_of_time() {
        let mut tumbling = Content::new(Cut::Duration { length_ns: 10, slide_ns: 10 }, 0);
        assert_eq!(sizes(&mut tumbling, 5, 0..2), []);
        assert_eq!(sizes(&mut tumbling, 10, 2..4), [values![0, 1]], "what comes later is not in");
        assert_eq!(sizes(&mut tumbling, 35, 4..5), [values![2, 3]]);
        assert_eq!(sizes(&mut tumbling, 40, 5..5), [values![4, 4]]);
        let mut sliding = Content::new(Cut::Duration { length_ns: 20, slide_ns: 10 }, 0);
        assert_eq!(sizes(&mut sliding, 5, 0..1), []);
        assert_eq!(sizes(&mut sliding, 15, 1..2), [values![0, 0]]);
        assert_eq!(sizes(&mut sliding, 1000, 2..2), [values![0, 1], values![1, 1]]);
    }
}
