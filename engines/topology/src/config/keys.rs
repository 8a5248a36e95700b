//! Storm's configuration: a map from keys to values.

use crate::{TopologyError, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// A topology's or a component's configuration: values by Storm's key names. What is not set has
/// Storm's default.
///
/// ```
/// use weir_topology::Config;
/// let conf = Config::new().set(Config::TOPOLOGY_ACKER_EXECUTORS, 2).set("my.own.key", "x");
/// assert_eq!(conf.int(Config::TOPOLOGY_ACKER_EXECUTORS)?, Some(2));
/// assert_eq!(conf.int(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS)?, Some(30));
/// # Ok::<(), weir_topology::TopologyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    set: BTreeMap<String, Value>,
}

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $key:literal $(, $default:expr)?;)*) => {
        impl Config {
            $($(#[$doc])* pub const $name: &str = $key;)*

            /// What a key has when nobody has set it.
            #[must_use]
            pub fn default_of(key: &str) -> Option<Value> {
                match key {
                    $($(Self::$name => Some(Value::from($default)),)?)*
                    _ => None,
                }
            }

            /// Whether the key is one of Storm's, or of weir's own.
            #[must_use]
            pub fn is_known(key: &str) -> bool {
                matches!(key, $($key)|*)
            }
        }
    };
}

keys! {
    /// Processes that run the topology. Here there is one, whatever is set; it is what the number of
    /// ackers defaults to.
    TOPOLOGY_WORKERS = "topology.workers", 1;
    /// Acker executors; unset is one per worker, 0 turns acking off.
    TOPOLOGY_ACKER_EXECUTORS = "topology.acker.executors";
    /// Tasks of a component, or of each that says nothing itself; unset is its parallelism.
    TOPOLOGY_TASKS = "topology.tasks";
    /// The most tasks that a component may have.
    TOPOLOGY_MAX_TASK_PARALLELISM = "topology.max.task.parallelism";
    /// How long a tree may take, in seconds.
    TOPOLOGY_MESSAGE_TIMEOUT_SECS = "topology.message.timeout.secs", 30;
    /// Whether trees time out.
    TOPOLOGY_ENABLE_MESSAGE_TIMEOUTS = "topology.enable.message.timeouts", true;
    /// Trees that one spout task may have open; unset or 0 is no limit.
    TOPOLOGY_MAX_SPOUT_PENDING = "topology.max.spout.pending";
    /// How often bolts are told that time has passed, in seconds: a whole number; unset or 0 is not at all.
    TOPOLOGY_TICK_TUPLE_FREQ_SECS = "topology.tick.tuple.freq.secs";
    /// Tuples that an executor's queue holds.
    TOPOLOGY_EXECUTOR_RECEIVE_BUFFER_SIZE = "topology.executor.receive.buffer.size", 32_768;
    /// Tuples that are gathered for a queue before they are handed over.
    TOPOLOGY_PRODUCER_BATCH_SIZE = "topology.producer.batch.size", 1;
    /// Whether the batch size follows the load, up to the one that is set.
    TOPOLOGY_PRODUCER_BATCH_DYNAMIC = "topology.producer.batch.dynamic", false;
    /// The longest that gathered tuples wait, in milliseconds.
    TOPOLOGY_BATCH_FLUSH_INTERVAL_MILLIS = "topology.batch.flush.interval.millis", 1;
    /// How a spout waits that has emitted nothing: `progressive`, `park`, `busy`, or `sleep` as in
    /// older topologies; Storm's class names are taken, too.
    TOPOLOGY_SPOUT_WAIT_STRATEGY = "topology.spout.wait.strategy", "progressive";
    /// Idle rounds of a spout without a pause.
    TOPOLOGY_SPOUT_WAIT_PROGRESSIVE_LEVEL1_COUNT = "topology.spout.wait.progressive.level1.count", 0;
    /// Idle rounds of a spout with the shortest pause, after those.
    TOPOLOGY_SPOUT_WAIT_PROGRESSIVE_LEVEL2_COUNT = "topology.spout.wait.progressive.level2.count", 0;
    /// The pause of a spout after that, in milliseconds.
    TOPOLOGY_SPOUT_WAIT_PROGRESSIVE_LEVEL3_SLEEP_MILLIS =
        "topology.spout.wait.progressive.level3.sleep.millis", 1;
    /// The pause of a spout with the strategy `park`, in microseconds.
    TOPOLOGY_SPOUT_WAIT_PARK_MICROSEC = "topology.spout.wait.park.microsec", 100;
    /// How a bolt waits that has no input: `block` (the default: on the queue itself, at no cost),
    /// `progressive`, `park` or `busy`; Storm's class names are taken, too.
    TOPOLOGY_BOLT_WAIT_STRATEGY = "topology.bolt.wait.strategy", "block";
    /// Idle rounds of a bolt without a pause.
    TOPOLOGY_BOLT_WAIT_PROGRESSIVE_LEVEL1_COUNT = "topology.bolt.wait.progressive.level1.count", 1;
    /// Idle rounds of a bolt with the shortest pause, after those.
    TOPOLOGY_BOLT_WAIT_PROGRESSIVE_LEVEL2_COUNT = "topology.bolt.wait.progressive.level2.count", 1000;
    /// The pause of a bolt after that, in milliseconds.
    TOPOLOGY_BOLT_WAIT_PROGRESSIVE_LEVEL3_SLEEP_MILLIS =
        "topology.bolt.wait.progressive.level3.sleep.millis", 1;
    /// The pause of a bolt with the strategy `park`, in microseconds.
    TOPOLOGY_BOLT_WAIT_PARK_MICROSEC = "topology.bolt.wait.park.microsec", 100;
    /// How a producer waits for room in a receive queue: `progressive`, `park`, `busy` or `block`;
    /// Storm's class names are taken, too. It is checked and has no effect, nor has what belongs to it:
    /// a producer waits on the queue itself. It is woken when half of its room is free, so that it and
    /// the consumer go on in long stretches, and looks by itself each millisecond, as a slow consumer
    /// may take long for half of a queue.
    TOPOLOGY_BACKPRESSURE_WAIT_STRATEGY = "topology.backpressure.wait.strategy", "progressive";
    /// Rounds of such a producer without a pause. No effect.
    TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL1_COUNT =
        "topology.backpressure.wait.progressive.level1.count", 1;
    /// Rounds of such a producer with the shortest pause, after those. No effect.
    TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL2_COUNT =
        "topology.backpressure.wait.progressive.level2.count", 1000;
    /// The pause of such a producer after that, in milliseconds. No effect.
    TOPOLOGY_BACKPRESSURE_WAIT_PROGRESSIVE_LEVEL3_SLEEP_MILLIS =
        "topology.backpressure.wait.progressive.level3.sleep.millis", 1;
    /// The pause of such a producer with the strategy `park`, in microseconds. No effect.
    TOPOLOGY_BACKPRESSURE_WAIT_PARK_MICROSEC = "topology.backpressure.wait.park.microsec", 100;
    /// Whether shuffles take no notice of how full their targets are.
    TOPOLOGY_DISABLE_LOADAWARE_MESSAGING = "topology.disable.loadaware.messaging", false;
    /// The share of tuples whose latency is measured.
    TOPOLOGY_STATS_SAMPLE_RATE = "topology.stats.sample.rate", 0.05;
    /// Errors that a component reports within one interval, at most.
    TOPOLOGY_MAX_ERROR_REPORT_PER_INTERVAL = "topology.max.error.report.per.interval", 5;
    /// That interval, in seconds.
    TOPOLOGY_ERROR_THROTTLE_INTERVAL_SECS = "topology.error.throttle.interval.secs", 10;
    /// Whether every emission is logged. It is checked and has no effect, as there is no log to write
    /// to: a [`TaskHook`](crate::TaskHook) is told of every emission.
    TOPOLOGY_DEBUG = "topology.debug", false;
    /// Where stateful bolts keep their state: `memory`, or `disk`.
    TOPOLOGY_STATE_PROVIDER = "topology.state.provider", "memory";
    /// Settings of that: for `disk`, the folder.
    TOPOLOGY_STATE_PROVIDER_CONFIG = "topology.state.provider.config";
    /// How often state is checkpointed, in milliseconds.
    TOPOLOGY_STATE_CHECKPOINT_INTERVAL = "topology.state.checkpoint.interval.ms", 1000;
    /// Length of a bolt's windows, in tuples.
    TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT = "topology.bolts.window.length.count";
    /// Length of a bolt's windows, in milliseconds.
    TOPOLOGY_BOLTS_WINDOW_LENGTH_DURATION_MS = "topology.bolts.window.length.duration.ms";
    /// How far a bolt's windows slide, in tuples.
    TOPOLOGY_BOLTS_SLIDING_INTERVAL_COUNT = "topology.bolts.window.sliding.interval.count";
    /// How far a bolt's windows slide, in milliseconds.
    TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS = "topology.bolts.window.sliding.interval.duration.ms";
    /// The stream that late tuples are emitted on.
    TOPOLOGY_BOLTS_LATE_TUPLE_STREAM = "topology.bolts.late.tuple.stream";
    /// The field that tells tuples of a stateful windowed bolt apart.
    TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME = "topology.bolts.message.id.field.name";
    /// How far tuples may be out of order, in milliseconds.
    TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS = "topology.bolts.tuple.timestamp.max.lag.ms", 0;
    /// How often watermarks are made, in milliseconds.
    TOPOLOGY_BOLTS_WATERMARK_EVENT_INTERVAL_MS = "topology.bolts.watermark.event.interval.ms", 1000;
    /// The least time between two new Trident batches, in milliseconds.
    TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS = "topology.trident.batch.emit.interval.millis", 500;
    /// The id under which a transactional topology keeps its progress.
    TOPOLOGY_TRANSACTIONAL_ID = "topology.transactional.id";
    /// The pause of a spout with the strategy `sleep`, in milliseconds.
    TOPOLOGY_SLEEP_SPOUT_WAIT_STRATEGY_TIME_MS = "topology.sleep.spout.wait.strategy.time.ms", 1;
    /// Serialisers of Storm. Nothing is serialised here; it can be set for the topology only.
    TOPOLOGY_KRYO_REGISTER = "topology.kryo.register";
    /// Decorators of Storm's serialisation; those of all components are put together.
    TOPOLOGY_KRYO_DECORATORS = "topology.kryo.decorators";
    /// How often an executor that died is started again: a number, or -1 for always. weir's own; in
    /// Storm the whole worker dies, and is always started again. A start that fails uses one up, too, and
    /// is tried again after 10 ms, then after twice as long each time, at most a second.
    WEIR_EXECUTOR_RESTARTS = "weir.topology.executor.restarts", 0;
}

impl Config {
    /// The length of windows, in tuples and in milliseconds: one is instead of the other.
    pub(crate) const WINDOW_LENGTH: [&str; 2] =
        [Self::TOPOLOGY_BOLTS_WINDOW_LENGTH_COUNT, Self::TOPOLOGY_BOLTS_WINDOW_LENGTH_DURATION_MS];
    /// The same of how far they slide.
    pub(crate) const WINDOW_SLIDE: [&str; 2] = [
        Self::TOPOLOGY_BOLTS_SLIDING_INTERVAL_COUNT,
        Self::TOPOLOGY_BOLTS_SLIDING_INTERVAL_DURATION_MS,
    ];

    /// Everything at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing: what a component says that has no settings of its own.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The same with a key set. [`Value::Null`] unsets it.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.put(key, value);
        self
    }

    /// Sets a key. [`Value::Null`] unsets it.
    pub fn put(&mut self, key: &str, value: impl Into<Value>) {
        match value.into() {
            Value::Null => drop(self.set.remove(key)),
            value => drop(self.set.insert(key.to_owned(), value)),
        }
    }

    /// What a key is set to, or its default.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.set.get(key).cloned().or_else(|| Self::default_of(key))
    }

    /// Whether somebody has set a key.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains_key(key)
    }

    /// What has been set, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.set.iter().map(|(key, value)| (&**key, value))
    }

    /// The same with what `over` sets on top. A length or an interval of windows there, in tuples or in
    /// time, is instead of one in either unit here.
    #[must_use]
    pub fn merged(&self, over: &Self) -> Self {
        let mut merged = self.clone();
        for units in [Self::WINDOW_LENGTH, Self::WINDOW_SLIDE] {
            if units.iter().any(|key| over.is_set(key)) {
                units.iter().for_each(|key| drop(merged.set.remove(*key)));
            }
        }
        merged.set.extend(over.set.iter().map(|(key, value)| (key.clone(), value.clone())));
        merged
    }

    /// Only what `keep` wants.
    #[must_use]
    pub(crate) fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.set.retain(|key, _| keep(key));
        self
    }

    fn read<T>(
        &self,
        key: &str,
        wanted: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, TopologyError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match read(&value) {
            Some(value) => Ok(Some(value)),
            None => Err(TopologyError::BadSetting {
                key: key.to_owned(),
                value: value.to_string(),
                wanted: wanted.to_owned(),
            }),
        }
    }

    /// A whole number.
    pub fn int(&self, key: &str) -> Result<Option<i64>, TopologyError> {
        self.read(key, "a whole number", Value::as_int)
    }

    /// A whole number that is not negative.
    pub fn count(&self, key: &str) -> Result<Option<usize>, TopologyError> {
        self.read(key, "a whole number from 0", |value| {
            value.as_int().and_then(|value| usize::try_from(value).ok())
        })
    }

    /// A number.
    pub fn float(&self, key: &str) -> Result<Option<f64>, TopologyError> {
        self.read(key, "a number", Value::as_float)
    }

    /// A truth value.
    pub fn flag(&self, key: &str) -> Result<bool, TopologyError> {
        Ok(self.read(key, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    /// A text.
    pub fn text(&self, key: &str) -> Result<Option<String>, TopologyError> {
        self.read(key, "a text", |value| value.as_text().map(str::to_owned))
    }

    /// A time in seconds.
    pub fn seconds(&self, key: &str) -> Result<Option<Duration>, TopologyError> {
        self.duration(key, "a number of seconds from 0", 1.0)
    }

    /// A time in milliseconds.
    pub fn millis(&self, key: &str) -> Result<Option<Duration>, TopologyError> {
        self.duration(key, "a number of milliseconds from 0", 1e-3)
    }

    /// Whether the times can be that components read only when they start. So a mistake is told when the
    /// topology is submitted, and not by a component that dies of it.
    pub(crate) fn check_times(&self) -> Result<(), TopologyError> {
        self.tick_seconds()?;
        self.millis(Self::TOPOLOGY_STATE_CHECKPOINT_INTERVAL)?;
        self.millis(Self::TOPOLOGY_TRIDENT_BATCH_EMIT_INTERVAL_MILLIS)?;
        self.count(Self::TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS)?;
        self.count(Self::TOPOLOGY_BOLTS_WATERMARK_EVENT_INTERVAL_MS)?;
        Ok(())
    }

    /// How often bolts are told that time has passed, in seconds; not at all if it is 0. It is an `int`
    /// in Storm, and more nanoseconds would not be counted.
    fn tick_seconds(&self) -> Result<Option<i32>, TopologyError> {
        let key = Self::TOPOLOGY_TICK_TUPLE_FREQ_SECS;
        self.read(key, "a whole number of seconds, 2147483647 at most; 0 is no ticks", |value| {
            value.as_int().and_then(|value| i32::try_from(value).ok())
        })
    }

    fn duration(
        &self,
        key: &str,
        wanted: &'static str,
        unit: f64,
    ) -> Result<Option<Duration>, TopologyError> {
        self.read(key, wanted, |value| Duration::try_from_secs_f64(value.as_float()? * unit).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_wins_over_the_default_and_null_unsets() {
        let conf = Config::new().set(Config::TOPOLOGY_WORKERS, 3);
        assert_eq!(conf.int(Config::TOPOLOGY_WORKERS), Ok(Some(3)));
        assert_eq!(
            conf.set(Config::TOPOLOGY_WORKERS, ()).int(Config::TOPOLOGY_WORKERS),
            Ok(Some(1))
        );
        assert_eq!(Config::new().int(Config::TOPOLOGY_ACKER_EXECUTORS), Ok(None));
    }

    #[test]
    fn a_value_of_another_kind_is_an_error_that_names_the_key() {
        let conf = Config::new().set(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS, "soon");
        let error = conf.seconds(Config::TOPOLOGY_MESSAGE_TIMEOUT_SECS).expect_err("a text");
        assert_eq!(
            error.to_string(),
            "topology.message.timeout.secs is soon: it must be a number of seconds from 0"
        );
    }

    #[test]
    fn the_later_configuration_wins() {
        let below = Config::new().set("a", 1).set("b", 1);
        let merged = below.merged(&Config::new().set("b", 2));
        assert_eq!(merged, Config::new().set("a", 1).set("b", 2));
    }

    /// Where both were left, the number of tuples would hold, whoever said it.
    #[test]
    fn the_later_configuration_wins_whatever_its_windows_are_measured_in() {
        for [count, millis] in [Config::WINDOW_LENGTH, Config::WINDOW_SLIDE] {
            let both = Config::new().set(count, 1).set(millis, 1);
            for key in [count, millis] {
                let over = Config::new().set(key, 2);
                assert_eq!(both.merged(&over), over);
            }
            assert_eq!(Config::new().merged(&both), both);
            assert_eq!(both.merged(&Config::new()), both);
        }
    }
}
