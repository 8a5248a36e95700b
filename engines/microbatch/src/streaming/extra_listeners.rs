//! Listeners that settings name.

use super::{StreamingError, StreamingListener};
use crate::SparkConf;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names, set off by commas.
const KEY: &str = "spark.streaming.extraListeners";

type Make = dyn Fn(&SparkConf) -> Result<Arc<dyn StreamingListener>, String> + Send + Sync;

/// Makes the listeners that `spark.streaming.extraListeners` names: they stand for Spark's classes, and
/// are registered under the names that the setting has. A context has them from when it is made.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use weir_microbatch::{
///     ListenerRegistry, ProgressListener, SparkConf, SparkContext, StreamingContext,
/// };
///
/// let mut listeners = ListenerRegistry::new();
/// listeners.register("progress", |conf| match ProgressListener::from_conf(conf) {
///     Ok(listener) => Ok(Arc::new(listener)),
///     Err(error) => Err(error.to_string()),
/// });
/// let conf =
///     SparkConf::new().set_master("local[1]").set("spark.streaming.extraListeners", "progress");
/// let sc = SparkContext::from_conf(&conf)?;
/// let builder = StreamingContext::builder(&sc, Duration::from_secs(1));
/// let ssc = builder.listener_registry(Arc::new(listeners)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct ListenerRegistry {
    kinds: BTreeMap<String, Box<Make>>,
}

impl ListenerRegistry {
    /// Knows no listener.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a kind of listener, made from the settings. An error says why it could not be made.
    pub fn register(
        &mut self,
        name: &str,
        make: impl Fn(&SparkConf) -> Result<Arc<dyn StreamingListener>, String> + Send + Sync + 'static,
    ) {
        self.kinds.insert(name.to_owned(), Box::new(make));
    }

    /// The listeners that the settings name, in their order.
    pub(super) fn named_in(
        &self,
        conf: &SparkConf,
    ) -> Result<Vec<Arc<dyn StreamingListener>>, StreamingError> {
        let names = conf.get_or(KEY, "").split(',').map(str::trim).filter(|name| !name.is_empty());
        let make = |name: &str| {
            let refused = |reason| StreamingError::ExtraListener { name: name.to_owned(), reason };
            let make = self.kinds.get(name).ok_or_else(|| refused("it is not known".into()))?;
            make(conf).map_err(refused)
        };
        names.map(make).collect()
    }
}

impl std::fmt::Debug for ListenerRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.kinds.keys()).finish()
    }
}
