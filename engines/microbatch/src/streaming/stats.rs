//! Distributions of delays over the last batches.

use super::{BatchInfo, StreamingListener};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Prints, after every batch, how the total and the processing delays of the last batches are
/// distributed.
pub struct StatsReportListener {
    batches: usize,
    state: Mutex<(VecDeque<BatchInfo>, Box<dyn Write + Send>)>,
}

impl Default for StatsReportListener {
    /// Over the last 10 batches, as in Spark, to the standard output.
    fn default() -> Self {
        Self::new(10, io::stdout())
    }
}

impl std::fmt::Debug for StatsReportListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatsReportListener")
            .field("batches", &self.batches)
            .finish_non_exhaustive()
    }
}

impl StatsReportListener {
    /// Over the last `batches` batches (0 is taken as 1), to any writer.
    pub fn new(batches: usize, to: impl Write + Send + 'static) -> Self {
        let state = Mutex::new((VecDeque::new(), Box::new(to) as Box<dyn Write + Send>));
        Self { batches: batches.max(1), state }
    }
}

impl StreamingListener for StatsReportListener {
    fn on_batch_completed(&self, batch: &BatchInfo) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (batches, to) = &mut *state;
        batches.push_back(batch.clone());
        while batches.len() > self.batches {
            batches.pop_front();
        }
        let line = |name: &str, delay: fn(&BatchInfo) -> Option<u64>| {
            let mut delays: Vec<u64> = batches.iter().filter_map(delay).collect();
            delays.sort_unstable();
            let at = |percent: usize| {
                let rank = (delays.len() * percent / 100).min(delays.len().saturating_sub(1));
                delays.get(rank).copied().unwrap_or_default() as f64 / 1e6
            };
            let percents = [0, 5, 10, 25, 50, 75, 90, 95, 100];
            let columns = percents.map(|percent| format!("{percent}%: {:.3} ms", at(percent)));
            format!("{name}: {}\n", columns.join("  "))
        };
        let text = line("Total delay", BatchInfo::total_delay_ns)
            + &line("Processing time", BatchInfo::processing_delay_ns);
        // Statistics that cannot be written are no reason to stop.
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the page").extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_last_batches_count() {
        let page = Page::default();
        let listener = StatsReportListener::new(2, page.clone());
        for ms in [100u64, 1, 3] {
            listener.on_batch_completed(&BatchInfo {
                time: Time::from_ms(ms),
                inputs: Arc::default(),
                submitted_ns: 0,
                started_ns: Some(1_000_000),
                ended_ns: Some((1 + ms) * 1_000_000),
                outputs: Vec::new(),
            });
        }
        let text = String::from_utf8(page.0.lock().expect("the page").clone()).expect("text");
        let last: Vec<&str> = text.lines().skip(4).collect();
        assert!(last[0].starts_with("Total delay: 0%: 2.000 ms  5%: 2.000 ms"), "{}", last[0]);
        assert!(last[1].ends_with("95%: 3.000 ms  100%: 3.000 ms"), "{}", last[1]);
    }
}
