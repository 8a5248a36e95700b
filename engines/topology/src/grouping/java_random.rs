//! The generator of `java.util.Random`, as its documentation defines it.

/// A linear congruential generator of 48 bits.
#[derive(Clone, Debug)]
pub(super) struct JavaRandom {
    state: u64,
}

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;

impl JavaRandom {
    pub(super) const fn new(seed: i64) -> Self {
        Self { state: (seed as u64 ^ MULTIPLIER) & MASK }
    }

    /// The upper `bits` of the next state, of at most 31.
    const fn next(&mut self, bits: u32) -> u32 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        (self.state >> (48 - bits)) as u32
    }

    /// A number below `bound`, which is not 0 and has at most 31 bits.
    pub(super) const fn next_int(&mut self, bound: u32) -> u32 {
        if bound.is_power_of_two() {
            return ((bound as u64 * self.next(31) as u64) >> 31) as u32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            // The last numbers of the range are not as many as the bound, and would make small
            // values likelier.
            if bits - value + (bound - 1) < 1 << 31 {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `nextInt()` begins with is widely published; the other form has the upper 31 bits of it,
    /// modulo the bound, or their upper bits if the bound is a power of two.
    #[test]
    fn numbers_are_those_of_java() {
        for (seed, published) in [
            (0, [-1_155_484_576, -723_955_400, 1_033_096_058, -1_690_734_402]),
            (42, [-1_170_105_035, 234_785_527, -1_360_544_799, 205_897_768i32]),
        ] {
            for bound in [10, 100, 12_345, 1 << 4, 1 << 30] {
                let mut random = JavaRandom::new(seed);
                for number in published {
                    let bits = number as u32 >> 1;
                    let of_two = u32::is_power_of_two(bound);
                    let want = if of_two { bits >> (31 - bound.ilog2()) } else { bits % bound };
                    assert_eq!(random.next_int(bound), want, "{seed} {bound} {number}");
                }
            }
        }
    }

    #[test]
    fn numbers_are_below_the_bound_and_all_of_them_occur() {
        for bound in [1, 2, 3, 6, 7, 8, 100, 1 << 30, (1 << 30) + 1, (1 << 31) - 1] {
            let mut random = JavaRandom::new(-5);
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..2_000 {
                let number = random.next_int(bound);
                assert!(number < bound, "{number} of {bound}");
                seen.insert(number);
            }
            assert!(bound > 100 || seen.len() == bound as usize, "{bound}: {}", seen.len());
        }
    }
}
