//! Where records come from.

use crate::{Data, Event, EventTime};

/// One partition of a stream that is dealt out in turn: it owns every record `i` with
/// `i % count == index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which one, from 0.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

impl Part {
    /// The only partition of a stream that is not divided.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// The first record at or after `from` that belongs to this partition: it can be opened at any
    /// index. Later ones follow every `count` records.
    #[must_use]
    pub const fn first(self, from: u64) -> u64 {
        let ahead = (self.index + self.count - from % self.count) % self.count;
        from + ahead
    }
}

/// An input stream as a pure function: the value of record *i* depends on *i*, and its event time on
/// its scheduled time, and on nothing else.
///
/// Random access makes partitions free: a record-at-a-time engine deals records to its spouts in
/// turn ([`Part`]), a micro-batch engine cuts each batch's range of offsets into pieces.
pub trait Source: Clone + Send + Sync + 'static {
    /// What a record holds.
    type Item: Data;

    /// Record `index`, scheduled at `scheduled`. Pure, and cheap: engines call it per record.
    fn record(&self, index: u64, scheduled: EventTime) -> Event<Self::Item>;

    /// Whether the flow depends on the order of records with one key.
    ///
    /// An ordered stream reaches every keyed operator in stream order, key by key; an engine may
    /// have to read it with a single reader for that. An unordered one may be dealt out freely.
    fn ordered(&self) -> bool {
        false
    }

    /// Whether every record happens when it is scheduled: `at == watermark == scheduled`. An engine
    /// may then cut windows by scheduled time.
    fn in_order(&self) -> bool {
        true
    }

    /// The source's name in plans.
    fn label(&self) -> String {
        crate::transform::short_type_name::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_deal_every_record_once_and_open_anywhere() {
        for count in [1u64, 2, 3, 5, 8, 64] {
            for from in 0..70 {
                let mut firsts: Vec<u64> =
                    (0..count).map(|index| Part { index, count }.first(from)).collect();
                firsts.sort_unstable();
                assert_eq!(firsts, (from..from + count).collect::<Vec<_>>(), "{count} from {from}");
            }
        }
    }
}
