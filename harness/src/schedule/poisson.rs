//! Memoryless arrivals with random access.
//!
//! Given how many arrivals a Poisson process has in an interval, they are independent and uniform
//! over it, and the number in its first half is binomial with probability 1/2. So the process is a
//! binary tree over time: each node's count is split between its halves by a draw that is seeded
//! with the node, and a node of few records draws their places and sorts them. Any record is found by
//! one walk down, without those before it. A binomial of probability 1/2 is the number of ones among
//! as many random bits, which is exact and the same on every machine.
//!
//! The counts of the upper levels are kept (8 bytes per 32 to 64 records, 8 MiB at most).

/// Places are fractions of the horizon in units of 2⁻⁶⁴.
#[derive(Clone, Debug)]
pub(super) struct PoissonArrivals {
    seed: u64,
    horizon: u64,
    total: u64,
    /// Levels whose counts are kept.
    depth: u32,
    /// Records before each node of level `depth`, and the total at the end.
    before: Vec<u64>,
}

/// An interval of time whose length is the horizon's divided by 2 to the power of `level`.
#[derive(Clone, Copy, Debug)]
struct Node {
    level: u32,
    /// Which interval of its level.
    place: u64,
    /// Index of its first record.
    first: u64,
    count: u64,
}

impl PoissonArrivals {
    /// Drawing the upper levels takes a bit per record and level: about a second for so many.
    pub(super) const MAX_RECORDS: u64 = 1 << 32;
    const MAX_DEPTH: u32 = 20;
    const RECORDS_PER_KEPT: u64 = 64;
    const LEAF: u64 = 64;
    /// No interval is divided further, whatever it holds.
    const LAST_LEVEL: u32 = 60;

    pub(super) fn new(total: u64, horizon: u64, seed: u64) -> Self {
        let nodes = (total / Self::RECORDS_PER_KEPT).max(1).next_power_of_two();
        let depth = nodes.ilog2().min(Self::MAX_DEPTH);
        let mut counts = vec![total];
        for level in 0..depth {
            let halves = (0..).zip(&counts).flat_map(|(place, &count)| {
                let left = ones(seed, level, place, count);
                [left, count - left]
            });
            counts = halves.collect();
        }
        let mut before = Vec::with_capacity(counts.len() + 1);
        let mut sum = 0;
        before.push(0);
        before.extend(counts.into_iter().map(|count| {
            sum += count;
            sum
        }));
        Self { seed, horizon, total, depth, before }
    }

    pub(super) fn count_before(&self, t_ns: u64) -> u64 {
        // A place is before `t` when place * horizon < t * 2^64.
        let limit = (u128::from(t_ns) << 64).div_ceil(u128::from(self.horizon));
        let Ok(limit) = u64::try_from(limit) else { return self.total };
        let mut node = self.kept(limit.checked_shr(64 - self.depth).unwrap_or(0));
        while let Some([left, right]) = self.halves(node) {
            node = if limit >> (63 - node.level) & 1 == 0 { left } else { right };
        }
        node.first + self.draws(node).filter(|place| *place < limit).count() as u64
    }

    pub(super) fn fill(&self, first: u64, step: u64, out: &mut [u64]) {
        let mut leaf = Node { level: 0, place: 0, first: 0, count: 0 };
        let mut places = Vec::with_capacity(Self::LEAF as usize);
        let mut index = first;
        for at in out {
            if index.wrapping_sub(leaf.first) >= leaf.count {
                leaf = self.leaf_of(index);
                places.clear();
                places.extend(self.draws(leaf));
                places.sort_unstable();
            }
            let place = places[(index - leaf.first) as usize];
            *at = ((u128::from(place) * u128::from(self.horizon)) >> 64) as u64;
            index = index.wrapping_add(step);
        }
    }

    /// The leaf that holds record `index`, which exists.
    fn leaf_of(&self, index: u64) -> Node {
        let place = self.before.partition_point(|before| *before <= index) - 1;
        let mut node = self.kept(place as u64);
        while let Some([left, right]) = self.halves(node) {
            node = if index < right.first { left } else { right };
        }
        node
    }

    fn kept(&self, place: u64) -> Node {
        let first = self.before[place as usize];
        let count = self.before[place as usize + 1] - first;
        Node { level: self.depth, place, first, count }
    }

    /// The two halves of a node; `None` for a leaf.
    fn halves(&self, node: Node) -> Option<[Node; 2]> {
        if node.count <= Self::LEAF || node.level >= Self::LAST_LEVEL {
            return None;
        }
        let Node { level, place, first, count } = node;
        let left = ones(self.seed, level, place, count);
        let half =
            |side, first, count| Node { level: level + 1, place: 2 * place + side, first, count };
        Some([half(0, first, left), half(1, first + left, count - left)])
    }

    /// The places of a leaf's records, in no order.
    fn draws(&self, leaf: Node) -> impl Iterator<Item = u64> {
        let start = leaf.place.checked_shl(64 - leaf.level).unwrap_or(0);
        let mut random = SplitMix::of_node(self.seed ^ DRAW, leaf.level, leaf.place);
        (0..leaf.count).map(move |_| start | (random.next() >> leaf.level))
    }
}

/// Keeps the bits that place records apart from those that divide nodes.
const DRAW: u64 = 0x5EED_0F91_ACE5_0000;

/// A binomial draw of `count` and 1/2 that belongs to a node.
fn ones(seed: u64, level: u32, place: u64, count: u64) -> u64 {
    let mut random = SplitMix::of_node(seed, level, place);
    let whole: u64 = (0..count / 64).map(|_| u64::from(random.next().count_ones())).sum();
    let rest = random.next() & ((1 << (count % 64)) - 1);
    whole + u64::from(rest.count_ones())
}

/// The SplitMix64 generator (Steele, Lea, Flood 2014), here rather than from a crate so that a seed
/// means the same input for ever.
struct SplitMix(u64);

impl SplitMix {
    const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

    /// One generator per node of the tree, numbered from 1 at the root.
    fn of_node(seed: u64, level: u32, place: u64) -> Self {
        let node = (1 << level) | place;
        Self(mix(mix(seed.wrapping_add(Self::GAMMA)) ^ node.wrapping_mul(Self::GAMMA)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::GAMMA);
        mix(self.0)
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
