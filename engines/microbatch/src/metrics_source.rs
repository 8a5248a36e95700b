//! Numbers that the parts of a program show about themselves.

use crate::SparkContext;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// Something with numbers to show, known to a [`SparkContext`] for as long as it runs.
pub trait MetricsSource: Send + Sync {
    /// What its numbers are about, unique within the context.
    fn name(&self) -> &str;
    /// Its numbers now, by name.
    fn gauges(&self) -> BTreeMap<String, i64>;
}

impl SparkContext {
    /// Adds a source. An active streaming context has one of its own, named
    /// `<application>.StreamingMetrics`.
    pub fn register_metrics_source(&self, source: Arc<dyn MetricsSource>) {
        self.sources().lock().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Removes a source, if it is there.
    pub fn remove_metrics_source(&self, source: &Arc<dyn MetricsSource>) {
        let mut all = self.sources().lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(other, source));
    }

    /// The sources that are there, in the order in which they came.
    #[must_use]
    pub fn metrics_sources(&self) -> Vec<Arc<dyn MetricsSource>> {
        self.sources().lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
