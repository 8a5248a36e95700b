//! A token bucket that holds one second of permits.

/// Hands out permits at a rate; what was not used is kept, up to one second's worth (Guava's
/// `SmoothBursty`, which is what Spark limits receivers with).
///
/// A permit that is not there yet is lent: the one who takes it goes on at once, the next one waits.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    permits_per_s: f64,
    stored: f64,
    /// Until when permits are lent out.
    next_free_ns: u64,
}

impl TokenBucket {
    /// An empty bucket. A rate that is not positive gives no permits.
    #[must_use]
    pub const fn new(permits_per_s: f64, now_ns: u64) -> Self {
        Self { permits_per_s, stored: 0.0, next_free_ns: now_ns }
    }

    fn fill(&mut self, now_ns: u64) {
        let idle_ns = now_ns.saturating_sub(self.next_free_ns);
        let gained = idle_ns as f64 * self.permits_per_s / 1e9;
        self.stored = (self.stored + gained).min(self.permits_per_s);
        self.next_free_ns = self.next_free_ns.max(now_ns);
    }

    /// Changes the rate. Stored permits are kept in proportion: half a second's stay half a second's.
    pub fn set_rate(&mut self, permits_per_s: f64, now_ns: u64) {
        self.fill(now_ns);
        let before = std::mem::replace(&mut self.permits_per_s, permits_per_s);
        self.stored = if before > 0.0 { self.stored * permits_per_s / before } else { 0.0 };
    }

    /// Takes `permits`, and returns when they may be used, in ns on the caller's clock.
    pub fn reserve(&mut self, permits: u64, now_ns: u64) -> u64 {
        self.fill(now_ns);
        let usable_ns = self.next_free_ns;
        let wanted = permits as f64;
        let stored = wanted.min(self.stored);
        let lent_ns = (wanted - stored) * 1e9 / self.permits_per_s;
        self.stored -= stored;
        // The cast saturates: a rate of nothing lends for ever.
        self.next_free_ns = self.next_free_ns.saturating_add(lent_ns as u64);
        usable_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn permits_come_at_the_rate_and_a_second_of_them_is_kept() {
        let mut bucket = TokenBucket::new(4.0, 0);
        let table = [
            // now, permits, usable at
            (0, 1, 0),
            (0, 1, S / 4),
            (0, 2, S / 2),
            (0, 1, S),
            // Ten seconds of rest are worth one.
            (11 * S, 4, 11 * S),
            (11 * S, 1, 11 * S),
            (11 * S, 1, 11 * S + S / 4),
        ];
        for (now, permits, usable) in table {
            assert_eq!(bucket.reserve(permits, now), usable, "{permits} at {now}");
        }
    }

    #[test]
    fn a_new_rate_keeps_the_share_that_is_stored() {
        let mut bucket = TokenBucket::new(10.0, 0);
        bucket.set_rate(100.0, S / 2);
        assert_eq!(bucket.reserve(50, S / 2), S / 2);
        assert_eq!(bucket.reserve(1, S / 2), S / 2);
        assert_eq!(bucket.reserve(1, S / 2), S / 2 + S / 100);
    }
}
