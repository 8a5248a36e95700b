//! What an active context shows about itself: its progress, as gauges of the Spark context.

use super::lifecycle::Shared;
use super::{ProgressListener, StreamingContext, StreamingError, StreamingListener};
use crate::settings::Settings;
use crate::{MetricsSource, SparkContext};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The listener that counts, and the gauges that it fills.
pub(super) struct Monitor {
    progress: Arc<ProgressListener>,
    listener: Arc<dyn StreamingListener>,
    source: Arc<dyn MetricsSource>,
}

impl Monitor {
    /// Begins to count, and shows the counts. To be called before anything is told to listeners.
    pub(super) fn start(shared: &Shared) -> Result<(), StreamingError> {
        let settings = Settings::from(shared.sc.conf());
        let retained = settings.number("spark.streaming.ui.retainedBatches", 1_000)?;
        let progress = Arc::new(ProgressListener::new(retained));
        let name = source_name(&shared.sc);
        let source = Arc::new(StreamingSource { name, progress: Arc::clone(&progress) });
        let listener = Arc::clone(&progress) as Arc<dyn StreamingListener>;
        let monitor = Self { progress, listener, source };
        shared.bus.add(Arc::clone(&monitor.listener));
        shared.sc.register_metrics_source(Arc::clone(&monitor.source));
        let _ = shared.monitor.set(monitor);
        Ok(())
    }

    /// Ends to count and to show.
    pub(super) fn stop(shared: &Shared) {
        if let Some(monitor) = shared.monitor.get() {
            shared.bus.remove(&monitor.listener);
            shared.sc.remove_metrics_source(&monitor.source);
        }
    }
}

fn source_name(sc: &SparkContext) -> String {
    let app = sc.app_name().map(|app| format!("{app}.")).unwrap_or_default();
    format!("{app}StreamingMetrics")
}

/// The gauges of a streaming context: those of [`ProgressListener::gauges`], with `streaming.` in front.
struct StreamingSource {
    name: String,
    progress: Arc<ProgressListener>,
}

impl MetricsSource for StreamingSource {
    fn name(&self) -> &str {
        &self.name
    }
    fn gauges(&self) -> BTreeMap<String, i64> {
        let gauges = self.progress.gauges().into_iter();
        gauges.map(|(name, value)| (format!("streaming.{name}"), value)).collect()
    }
}

impl StreamingContext {
    /// How far the context has come, once it was started. It keeps the last
    /// `spark.streaming.ui.retainedBatches` batches, and counts until the context stops.
    #[must_use]
    pub fn progress(&self) -> Option<Arc<ProgressListener>> {
        self.shared().monitor.get().map(|monitor| Arc::clone(&monitor.progress))
    }
}
