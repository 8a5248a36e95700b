//! How far event time has come.

/// Tells how far event time has come, from the timestamps of what arrives on some input streams.
/// Storm's `WaterMarkEventGenerator`.
///
/// A watermark is the smallest of the streams' latest timestamps, less the lag. There is none before
/// every stream has had an event, and each is after the one before; the first is after 0.
///
/// ```
/// use weir_topology::windowing::WatermarkGenerator;
/// let mut generator = WatermarkGenerator::new(["clicks", "views"], 5);
/// assert!(generator.track(&"clicks", 110));
/// assert_eq!(generator.run(), None, "nothing from views yet");
/// assert!(generator.track(&"views", 98));
/// assert_eq!(generator.run(), Some(93));
/// assert!(generator.track(&"views", 93));
/// assert!(!generator.track(&"views", 92), "late");
/// ```
#[derive(Clone, Debug)]
pub struct WatermarkGenerator<S> {
    /// The latest timestamp of each stream, in milliseconds. Streams are few: they are looked through.
    streams: Vec<(S, Option<i64>)>,
    lag_ms: i64,
    last_ms: i64,
}

impl<S> WatermarkGenerator<S> {
    /// For these streams, whose events may be `lag_ms` milliseconds out of order.
    #[must_use]
    pub fn new(streams: impl IntoIterator<Item = S>, lag_ms: i64) -> Self {
        let streams = streams.into_iter().map(|stream| (stream, None)).collect();
        Self { streams, lag_ms, last_ms: 0 }
    }

    /// An event has come, with its timestamp in milliseconds. Whether it is on time: not before the
    /// last watermark. A stream that was not named before is not waited for.
    pub fn track<Q>(&mut self, stream: &Q, ts_ms: i64) -> bool
    where
        Q: ?Sized,
        S: PartialEq<Q>,
    {
        if let Some((_, latest)) = self.streams.iter_mut().find(|(known, _)| known == stream) {
            *latest = (*latest).max(Some(ts_ms));
        }
        ts_ms >= self.last_ms
    }

    /// Forgets everything: what has come before will come again.
    pub fn reset(&mut self) {
        self.streams.iter_mut().for_each(|(_, latest)| *latest = None);
        self.last_ms = 0;
    }

    /// The watermark has been at `ms` before: it does not come again, and what is before it is late.
    pub(super) fn resume(&mut self, ms: i64) {
        self.last_ms = self.last_ms.max(ms);
    }

    /// The watermark, in milliseconds, if it has moved since it was asked for last.
    pub fn run(&mut self) -> Option<i64> {
        // None, of a stream without events, is smaller than any time.
        let slowest = self.streams.iter().map(|(_, latest)| *latest).min()??;
        let watermark = slowest.saturating_sub(self.lag_ms);
        (watermark > self.last_ms).then(|| {
            self.last_ms = watermark;
            watermark
        })
    }
}
