//! An acker by itself.

use crate::runtime::acker::{Account, AckerTable, Begin, News};
use crate::runtime::inbox::Verdict;

/// What an acker is told of a tuple tree. A tree is known by its root; edges are told by their XOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckerMessage {
    /// A spout has begun a tree.
    Init {
        /// The tree.
        root: u64,
        /// The XOR of its first edges; 0 if nobody gets the tuple.
        edges: u64,
        /// The spout to tell how the tree ends.
        spout: u32,
    },
    /// A tuple of the tree has been handled.
    Ack {
        /// The tree.
        root: u64,
        /// The tuple's edges, XOR those of the tuples that were anchored to it.
        edges: u64,
    },
    /// A tuple of the tree cannot be handled.
    Fail {
        /// The tree.
        root: u64,
    },
    /// The timeout of the tree starts anew.
    ResetTimeout {
        /// The tree.
        root: u64,
    },
    /// A message timeout has passed.
    Tick,
}

/// What an acker tells a spout of a tuple tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckerNews {
    /// It has been handled to its last leaf.
    Ack {
        /// The tree.
        root: u64,
        /// The spout that began it.
        spout: u32,
    },
    /// It failed.
    Fail {
        /// The tree.
        root: u64,
        /// The spout that began it.
        spout: u32,
    },
    /// Its timeout starts anew.
    ResetTimeout {
        /// The tree.
        root: u64,
        /// The spout that began it.
        spout: u32,
    },
}

/// The acker that topologies run with, to be given messages by hand. Storm's `Acker`.
///
/// ```
/// use weir_topology::testing::{Acker, AckerMessage, AckerNews};
/// let mut acker = Acker::new();
/// assert_eq!(acker.take(AckerMessage::Init { root: 1, edges: 5, spout: 9 }), None);
/// let news = acker.take(AckerMessage::Ack { root: 1, edges: 5 });
/// assert_eq!(news, Some(AckerNews::Ack { root: 1, spout: 9 }));
/// ```
#[derive(Debug)]
pub struct Acker(AckerTable);

impl Acker {
    /// The buckets that trees grow old in: one that is not reset is forgotten after as many ticks.
    pub const BUCKETS: usize = AckerTable::BUCKETS;

    /// An acker that knows of no tree.
    #[must_use]
    pub fn new() -> Self {
        Self(AckerTable::new(1, Begin::Told))
    }

    /// Takes a message. Returns what the spout of the tree is to be told because of it.
    pub fn take(&mut self, message: AckerMessage) -> Option<AckerNews> {
        let (root, xor, news) = match message {
            AckerMessage::Init { root, edges, spout } => (root, edges, News::Init(spout)),
            AckerMessage::Ack { root, edges } => (root, edges, News::Ack),
            AckerMessage::Fail { root } => (root, 0, News::Fail),
            AckerMessage::ResetTimeout { root } => (root, 0, News::Reset),
            AckerMessage::Tick => {
                self.0.rotate();
                return None;
            }
        };
        let (spout, verdict) = self.0.take(Account { root, xor, news })?;
        Some(match verdict {
            Verdict::Acked => AckerNews::Ack { root, spout },
            Verdict::Failed => AckerNews::Fail { root, spout },
            Verdict::Reset => AckerNews::ResetTimeout { root, spout },
        })
    }
}

impl Default for Acker {
    fn default() -> Self {
        Self::new()
    }
}
