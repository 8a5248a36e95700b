//! The keys that Spark knows, as far as they mean something to one process.

/// A key that has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// Its name.
    pub key: &'static str,
    /// What its values are.
    pub kind: ValueKind,
    /// What it is unless it is set; nothing where the default is found out at run time.
    pub default: Option<&'static str>,
}

/// What the values of a key are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Number,
    /// A whole number of at least 1.
    Positive,
    /// A number.
    Real,
    /// A time; without a unit, milliseconds.
    Millis,
    /// A time; without a unit, seconds.
    Seconds,
    /// A size; without a unit, bytes.
    Bytes,
}

use ValueKind::{Bool, Bytes, Millis, Number, Positive, Real, Seconds, Text};

const fn key(key: &'static str, kind: ValueKind, default: &'static str) -> KnownKey {
    KnownKey { key, kind, default: Some(default) }
}

const fn open(key: &'static str, kind: ValueKind) -> KnownKey {
    KnownKey { key, kind, default: None }
}

const LONG_MAX: &str = "9223372036854775807";
const INT_MAX: &str = "2147483647";

/// Keys with a meaning, with Spark 4's defaults; those that Spark does not have begin with `weir`.
pub const KNOWN_KEYS: &[KnownKey] = &[
    open("spark.app.name", Text),
    open("spark.default.parallelism", Positive),
    open("spark.local.dir", Text),
    open("spark.master", Text),
    key("spark.task.maxFailures", Positive, "4"),
    key("spark.streaming.backpressure.enabled", Bool, "false"),
    open("spark.streaming.backpressure.initialRate", Number),
    key("spark.streaming.backpressure.rateEstimator", Text, "pid"),
    key("spark.streaming.backpressure.pid.proportional", Real, "1.0"),
    key("spark.streaming.backpressure.pid.integral", Real, "0.2"),
    key("spark.streaming.backpressure.pid.derived", Real, "0.0"),
    key("spark.streaming.backpressure.pid.minRate", Real, "100"),
    key("spark.streaming.receiver.maxRate", Number, LONG_MAX),
    key("spark.streaming.blockInterval", Millis, "200ms"),
    key("spark.streaming.blockQueueSize", Positive, "10"),
    key("spark.streaming.receiverRestartDelay", Millis, "2000"),
    key("spark.streaming.receiver.blockStoreTimeout", Seconds, "30"),
    key("spark.streaming.receiver.writeAheadLog.enable", Bool, "false"),
    open("spark.streaming.receiver.writeAheadLog.class", Text),
    key("spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", Number, "60"),
    key("spark.streaming.receiver.writeAheadLog.maxFailures", Number, "3"),
    key("spark.streaming.receiver.writeAheadLog.closeFileAfterWrite", Bool, "false"),
    open("spark.streaming.driver.writeAheadLog.class", Text),
    key("spark.streaming.driver.writeAheadLog.rollingIntervalSecs", Number, "60"),
    key("spark.streaming.driver.writeAheadLog.maxFailures", Number, "3"),
    key("spark.streaming.driver.writeAheadLog.closeFileAfterWrite", Bool, "false"),
    key("spark.streaming.driver.writeAheadLog.allowBatching", Bool, "true"),
    key("spark.streaming.driver.writeAheadLog.batchingTimeout", Millis, "5000"),
    key("spark.streaming.unpersist", Bool, "true"),
    open("spark.streaming.gracefulStopTimeout", Millis),
    key("spark.streaming.stopSparkContextByDefault", Bool, "true"),
    key("spark.streaming.concurrentJobs", Positive, "1"),
    key("spark.streaming.ui.retainedBatches", Number, "1000"),
    open("spark.streaming.checkpoint.directory", Text),
    key("spark.streaming.fileStream.minRememberDuration", Seconds, "60s"),
    key("spark.streaming.manualClock.jump", Number, "0"),
    key("spark.streaming.dynamicAllocation.scalingInterval", Seconds, "60"),
    key("spark.streaming.dynamicAllocation.scalingUpRatio", Real, "0.9"),
    key("spark.streaming.dynamicAllocation.scalingDownRatio", Real, "0.3"),
    open("spark.streaming.dynamicAllocation.minExecutors", Number),
    key("spark.streaming.dynamicAllocation.maxExecutors", Number, INT_MAX),
    key("spark.streaming.raw.maxBlockSizeBytes", Bytes, "1g"),
    open("spark.streaming.extraListeners", Text),
    // Whether files outlive a loss of power, not only of the process.
    key("weir.streaming.checkpoint.sync", Bool, "true"),
    key("weir.streaming.driver.writeAheadLog.sync", Bool, "false"),
    key("weir.streaming.receiver.writeAheadLog.sync", Bool, "false"),
    key("weir.streaming.socket.maxLineBytes", Bytes, "1m"),
];

/// A key of Spark's that means nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedKey {
    /// Its name.
    pub key: &'static str,
    /// Spark's default: the only value that may be set, as it asks for nothing.
    pub default: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
}

/// Keys that are refused, as what they ask for would not happen.
pub const UNSUPPORTED_KEYS: &[UnsupportedKey] = &[
    UnsupportedKey {
        key: "spark.streaming.stopGracefullyOnShutdown",
        default: "false",
        remedy: "a process that is told to end runs no code of ours: wait for its signal and call \
                 stop with graceful set",
    },
    UnsupportedKey {
        key: "spark.streaming.dynamicAllocation.enabled",
        default: "false",
        remedy: "the workers are the N threads of spark.master local[N]; a program with workers of \
                 its own can ask rate::ScalingPolicy",
    },
    UnsupportedKey {
        key: "spark.streaming.clock",
        default: "org.apache.spark.util.SystemClock",
        remedy: "give StreamingContextBuilder::clock the clock",
    },
    UnsupportedKey {
        key: "spark.streaming.sessionByKey.deltaChainThreshold",
        default: "20",
        remedy: "states are kept in tables without such chains; remove it",
    },
];

/// Names that Spark has replaced.
const REPLACED: &[(&str, &str)] =
    &[("spark.streaming.minRememberDuration", "spark.streaming.fileStream.minRememberDuration")];

/// The name that a key has now.
pub(super) fn current(key: &str) -> &str {
    REPLACED.iter().find(|(old, _)| *old == key).map_or(key, |(_, new)| new)
}

pub(super) fn find(key: &str) -> Option<&'static KnownKey> {
    let key = current(key);
    KNOWN_KEYS.iter().find(|known| known.key == key)
}
