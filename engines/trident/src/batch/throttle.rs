//! How often something may happen.

/// Lets something happen a number of times per period. Storm's `WindowedTimeThrottler`: a period begins
/// with the first look after the one before has passed.
#[derive(Clone, Debug)]
pub struct Throttle {
    period_ns: u64,
    most: usize,
    began_ns: u64,
    events: usize,
}

impl Throttle {
    /// `most` times per period.
    #[must_use]
    pub const fn new(period_ns: u64, most: usize, now_ns: u64) -> Self {
        Self { period_ns, most, began_ns: now_ns, events: 0 }
    }

    fn look(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.began_ns) > self.period_ns {
            self.began_ns = now_ns;
            self.events = 0;
        }
    }

    /// Whether it may not happen now. A period of no length holds nothing up.
    pub fn is_throttled(&mut self, now_ns: u64) -> bool {
        self.look(now_ns);
        self.period_ns > 0 && self.events >= self.most
    }

    /// It happens.
    pub fn mark(&mut self, now_ns: u64) {
        self.look(now_ns);
        self.events += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_often_per_period() {
        let mut throttle = Throttle::new(500, 1, 0);
        let mut happens = |now| {
            let may = !throttle.is_throttled(now);
            if may {
                throttle.mark(now);
            }
            may
        };
        let times = [0, 1, 500, 501, 600, 1001, 1002, 5000];
        let may = times.map(&mut happens);
        assert_eq!(may, [true, false, false, true, false, false, true, true]);
    }
}
