//! What a recording thread counts in: the counters of an HdrHistogram, and nothing else.
//!
//! A histogram keeps a total, a least and a greatest value besides, which takes 7 ns for each of three a record; all
//! of that follows from the counters once the thread is done.

/// How many bits tell values apart to so many significant decimal digits, as a histogram does: twice as many steps
/// as there are numbers of as many digits.
pub(super) const fn bits_of(digits: u8) -> u32 {
    (2 * 10_u64.pow(digits as u32)).next_power_of_two().ilog2()
}

/// Counters of values up to a highest one, in the layout of <http://hdrhistogram.github.io/HdrHistogram>: values
/// of up to `BITS` bits have one each, greater ones one for all that have the first `BITS` bits in common.
#[derive(Clone, Debug)]
pub(super) struct Counters<const BITS: u32>(Box<[u64]>);

impl<const BITS: u32> Counters<BITS> {
    pub(super) fn upto(highest: u64) -> Self {
        // As in a histogram, all of as many bits.
        Self(vec![0; Self::at(u64::MAX >> highest.leading_zeros()) + 1].into())
    }

    /// Where a value is counted.
    #[inline]
    const fn at(value: u64) -> usize {
        let half = 1 << (BITS - 1);
        // The bucket: how many of the low bits are not told apart.
        let shift = (u64::BITS - BITS).saturating_sub((value | half).leading_zeros());
        ((shift as usize) << (BITS - 1)) + (value >> shift) as usize
    }

    /// The least value that is counted there.
    const fn value_at(at: usize) -> u64 {
        let shift = (at >> (BITS - 1)).saturating_sub(1);
        ((at - (shift << (BITS - 1))) as u64) << shift
    }

    /// Counts a value; false if it is too large.
    #[inline]
    pub(super) fn count(&mut self, value: u64) -> bool {
        match self.0.get_mut(Self::at(value)) {
            Some(count) => {
                *count += 1;
                true
            }
            None => false,
        }
    }

    /// Values and how often each was counted, in ascending order; they are no longer counted here.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u64, u64)> {
        let counted = self.0.iter_mut().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(at, count)| (Self::value_at(at), std::mem::take(count)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HIGHEST_NS, histogram};
    use super::*;
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    /// Values of every magnitude.
    fn value() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift)
    }

    fn counts_like<const BITS: u32>(
        mut expected: Histogram<u64>,
        values: &[u64],
    ) -> Result<(), TestCaseError> {
        let mut counters = Counters::<BITS>::upto(HIGHEST_NS);
        prop_assert_eq!(counters.0.len(), expected.distinct_values());
        let mut found = expected.clone();
        for value in values {
            prop_assert_eq!(counters.count(*value), expected.record(*value).is_ok(), "{}", value);
        }
        for (value, count) in counters.drain() {
            found.record_n(value, count).expect("in range");
        }
        prop_assert!(found == expected, "{:?}", values);
        prop_assert_eq!((found.min(), found.max()), (expected.min(), expected.max()));
        prop_assert_eq!(counters.drain().next(), None);
        Ok(())
    }

    fn two_digits() -> Histogram<u64> {
        Histogram::new_with_bounds(1, HIGHEST_NS, 2).expect("bounds")
    }

    proptest! {
        #[test]
        fn a_value_is_counted_where_a_histogram_counts_it(
            values in prop::collection::vec(value(), 0..500),
        ) {
            counts_like::<{ bits_of(3) }>(histogram(), &values)?;
            counts_like::<{ bits_of(2) }>(two_digits(), &values)?;
        }
    }

    #[test]
    fn the_edges_of_buckets_are_where_those_of_histograms_are() {
        let edges = (0..64_u32).flat_map(|bit| {
            let edge = 1_u64 << bit;
            [edge - 1, edge, edge + 1, edge.saturating_mul(3) / 2]
        });
        let values: Vec<u64> = edges.chain([HIGHEST_NS, HIGHEST_NS + 1, u64::MAX]).collect();
        counts_like::<{ bits_of(3) }>(histogram(), &values).expect("three digits");
        counts_like::<{ bits_of(2) }>(two_digits(), &values).expect("two digits");
    }
}
