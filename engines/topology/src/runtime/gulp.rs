//! How much an executor does between two looks at what else there is to do.

/// How long a gulp takes, about: what a task has done may wait for what it does next, if that is there
/// already, because sending has a price of its own, and so has looking at the clock.
const GULP_NS: u64 = 10_000;
/// Packets or rounds in a gulp at most, however fast they are.
const MOST: u32 = 32;

/// Packets, or a spout's rounds, after which what they brought about is sent on, acks are told if it
/// is time, and the clock is looked at. A task that takes long for one does that after each.
#[derive(Debug)]
pub(crate) struct Gulp {
    taken: u32,
    most: u32,
    looked_at_ns: u64,
}

impl Default for Gulp {
    /// Of an executor of which it is not known how long a packet takes.
    fn default() -> Self {
        Self { taken: 0, most: 1, looked_at_ns: 0 }
    }
}

impl Gulp {
    /// One more; says whether the gulp is full.
    #[inline(always)]
    pub(crate) const fn take(&mut self) -> bool {
        self.taken += 1;
        self.taken >= self.most
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// A gulp ends, and the next is as long as this one suggests. It grows step by step, so that a task
    /// that is slow now and then is not mistaken for a fast one.
    pub(crate) fn adapt(&mut self, now_ns: u64) {
        let took_ns = now_ns.saturating_sub(self.looked_at_ns).max(1);
        let fits = GULP_NS * u64::from(self.taken) / took_ns;
        let most = u64::from(MOST.min(self.most * 2));
        *self = Self { taken: 0, most: fits.clamp(1, most) as u32, looked_at_ns: now_ns };
    }

    /// A gulp has ended because there was nothing more, which says nothing of how long a full one takes;
    /// the time until now was not spent on packets of the next.
    pub(crate) const fn waited(&mut self, now_ns: u64) {
        self.taken = 0;
        self.looked_at_ns = now_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `costs_ns` there are in each gulp.
    fn gulps(costs_ns: impl IntoIterator<Item = u64>) -> Vec<u32> {
        let (mut gulp, mut now_ns, mut taken, mut gulps) = (Gulp::default(), 0, 0, Vec::new());
        for cost_ns in costs_ns {
            (now_ns, taken) = (now_ns + cost_ns, taken + 1);
            if gulp.take() {
                gulps.push(taken);
                gulp.adapt(now_ns);
                taken = 0;
            }
        }
        gulps
    }

    #[test]
    fn fast_packets_come_in_long_gulps_and_slow_ones_alone() {
        assert_eq!(gulps([20; 127]), [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(gulps([1_000; 35]), [1, 2, 4, 8, 10, 10]);
        assert_eq!(gulps([10_000; 4]), [1; 4]);
        assert_eq!(gulps([1_000_000_000; 4]), [1; 4]);
    }

    #[test]
    fn a_task_that_turns_slow_is_found_out_within_a_gulp() {
        let costs = std::iter::repeat_n(20, 63).chain([1_000_000; 40]);
        assert_eq!(gulps(costs), [1, 2, 4, 8, 16, 32, 32, 1, 1, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn waiting_does_not_count() {
        let mut gulp = Gulp::default();
        gulp.waited(5_000_000);
        assert!(gulp.take());
        gulp.adapt(5_000_100);
        assert!(!gulp.take() && gulp.take(), "two fit");
    }
}
