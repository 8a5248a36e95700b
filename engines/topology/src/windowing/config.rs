//! How a bolt wants its windows.

use super::error::WindowError;
use crate::{ComponentError, Config, Tuple, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A number of tuples, as the length of a window or the interval by which it slides. Storm's `Count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub i64);

/// A length of a window, or an interval by which it slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowExtent {
    /// In tuples.
    Count(i64),
    /// In milliseconds.
    Millis(i64),
}

impl From<Count> for WindowExtent {
    fn from(count: Count) -> Self {
        Self::Count(count.0)
    }
}

impl From<Duration> for WindowExtent {
    fn from(duration: Duration) -> Self {
        Self::Millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for WindowExtent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count} tuples"),
            Self::Millis(millis) => write!(f, "{millis} ms"),
        }
    }
}

impl WindowExtent {
    pub(super) fn positive(self, what: &'static str) -> Result<Self, WindowError> {
        let (Self::Count(value) | Self::Millis(value)) = self;
        match self {
            Self::Millis(millis) if millis < 0 => Err(WindowError::NegativeDuration { millis }),
            Self::Millis(millis) if millis > i64::from(i32::MAX) => {
                Err(WindowError::DurationTooLong { millis })
            }
            extent if value <= 0 => Err(WindowError::NotPositive { what, extent }),
            extent => Ok(extent),
        }
    }
}

/// How the time at which something happened is told by its tuple, in milliseconds.
#[derive(Clone)]
pub(super) enum Timestamps {
    Field(Arc<str>),
    Function(Arc<dyn Fn(&Tuple) -> Result<i64, ComponentError> + Send + Sync>),
}

impl Timestamps {
    pub(super) fn of(&self, tuple: &Tuple) -> Result<i64, ComponentError> {
        match self {
            Self::Field(field) => Ok(tuple.int(&**field)?),
            Self::Function(function) => function(tuple),
        }
    }
}

impl PartialEq for Timestamps {
    /// Functions are equal if they are the same one.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Field(one), Self::Field(other)) => one == other,
            (Self::Function(one), Self::Function(other)) => Arc::ptr_eq(one, other),
            (Self::Field(_) | Self::Function(_), _) => false,
        }
    }
}

impl fmt::Debug for Timestamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => write!(f, "the field {field}"),
            Self::Function(_) => f.write_str("a function"),
        }
    }
}

/// Says how a bolt wants its windows: Storm's `BaseWindowedBolt`, the part that configures. The first
/// mistake is told by [`build`](Self::build).
///
/// ```
/// use std::time::Duration;
/// use weir_topology::windowing::{Count, WindowConfig};
/// let last_ten_every_two = WindowConfig::sliding(Count(10), Count(2)).build()?;
/// let of_five_seconds = WindowConfig::tumbling(Duration::from_secs(5))
///     .timestamp_field("happened_at")
///     .lag(Duration::from_millis(200))
///     .late_tuple_stream("late")
///     .build()?;
/// let error = WindowConfig::tumbling(Count(0)).build().expect_err("nothing");
/// assert_eq!(error.to_string(), "Window length must be positive [0 tuples]");
/// # Ok::<(), weir_topology::windowing::WindowError>(())
/// ```
#[derive(Debug, Default)]
pub struct WindowConfig {
    spec: WindowSpec,
    mistake: Option<WindowError>,
}

/// How a bolt wants its windows, checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowSpec {
    /// Storm's keys.
    pub(super) conf: Config,
    pub(super) timestamps: Option<Timestamps>,
}

impl WindowSpec {
    /// A configuration with what is said here on top.
    pub(super) fn over(&self, conf: &Config) -> Config {
        conf.merged(&self.conf)
    }

    /// The field in which tuples tell their time, if it is one.
    pub(crate) fn timestamp_field(&self) -> Option<&str> {
        match &self.timestamps {
            Some(Timestamps::Field(field)) => Some(field),
            _ => None,
        }
    }
}

/// In tuples, and in milliseconds.
type Keys = [&'static str; 2];
const LENGTH: Keys = Config::WINDOW_LENGTH;
const SLIDE: Keys = Config::WINDOW_SLIDE;

impl WindowConfig {
    /// Nothing is said yet: what the configuration says holds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Windows of a length, each so far behind the one before.
    #[must_use]
    pub fn sliding(length: impl Into<WindowExtent>, slide: impl Into<WindowExtent>) -> Self {
        Self::new().length(length).slide(slide)
    }

    /// Windows of a length, each where the one before ended.
    #[must_use]
    pub fn tumbling(length: impl Into<WindowExtent>) -> Self {
        let length = length.into();
        Self::sliding(length, length)
    }

    /// How long windows are. If nothing else is said, there is one with every tuple.
    #[must_use]
    pub fn length(self, length: impl Into<WindowExtent>) -> Self {
        self.extent(LENGTH, "Window length", length.into())
    }

    /// How far windows are from each other.
    #[must_use]
    pub fn slide(self, slide: impl Into<WindowExtent>) -> Self {
        self.extent(SLIDE, "Sliding interval", slide.into())
    }

    /// The field with the time at which what a tuple tells happened, in milliseconds. Windows are then
    /// of that time, and not of when tuples arrive.
    #[must_use]
    pub fn timestamp_field(self, field: &str) -> Self {
        self.timestamps(Timestamps::Field(field.into()))
    }

    /// The same, by a function. Storm's `TimestampExtractor`.
    #[must_use]
    pub fn timestamp_extractor(
        self,
        extract: impl Fn(&Tuple) -> Result<i64, ComponentError> + Send + Sync + 'static,
    ) -> Self {
        self.timestamps(Timestamps::Function(Arc::new(extract)))
    }

    /// How far tuples may be out of order; without more, not at all.
    #[must_use]
    pub fn lag(self, lag: Duration) -> Self {
        let (key, lag) = (Config::TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS, lag.into());
        self.millis(key, lag)
    }

    /// How often it is looked whether windows are complete; without more, once a second.
    #[must_use]
    pub fn watermark_interval(self, interval: Duration) -> Self {
        let key = Config::TOPOLOGY_BOLTS_WATERMARK_EVENT_INTERVAL_MS;
        match WindowExtent::from(interval).positive("Watermark interval") {
            Ok(interval) => self.millis(key, interval),
            Err(error) => self.mistaken(error),
        }
    }

    /// A stream of its own for tuples that are late. Each is emitted as a value of the field
    /// [`LATE_TUPLE_FIELD`](super::LATE_TUPLE_FIELD). Without it they are dropped.
    #[must_use]
    pub fn late_tuple_stream(mut self, stream: &str) -> Self {
        self.spec.conf.put(Config::TOPOLOGY_BOLTS_LATE_TUPLE_STREAM, stream);
        self
    }

    /// Sets one of Storm's keys for windows, for topologies that are built from data.
    #[must_use]
    pub fn set(self, key: &str, value: &Value) -> Self {
        let what = match key {
            _ if key == LENGTH[0] => "Window length count cannot be set",
            _ if key == LENGTH[1] => "Window length duration cannot be set",
            _ if key == SLIDE[0] => "Sliding interval count cannot be set",
            _ if key == SLIDE[1] => "Sliding interval duration cannot be set",
            Config::TOPOLOGY_BOLTS_LATE_TUPLE_STREAM => "Cannot set late tuple stream id to",
            Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME => "Cannot set the message id field to",
            Config::TOPOLOGY_BOLTS_TUPLE_TIMESTAMP_MAX_LAG_MS => "Lag duration cannot be set",
            Config::TOPOLOGY_BOLTS_WATERMARK_EVENT_INTERVAL_MS => {
                "Watermark interval cannot be set"
            }
            _ => return self.unfit(key, value, "left out: it is no setting of windows"),
        };
        let number = || value.as_int();
        match (key, value, number()) {
            (_, Value::Null, _) => self.mistaken(WindowError::Null { what }),
            (
                Config::TOPOLOGY_BOLTS_LATE_TUPLE_STREAM
                | Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME,
                Value::Text(_),
                _,
            ) => self.put(key, value.clone()),
            (_, _, Some(count)) if key == LENGTH[0] => self.length(Count(count)),
            (_, _, Some(count)) if key == SLIDE[0] => self.slide(Count(count)),
            (_, _, Some(millis)) if key == LENGTH[1] => self.length(WindowExtent::Millis(millis)),
            (_, _, Some(millis)) if key == SLIDE[1] => self.slide(WindowExtent::Millis(millis)),
            (_, _, Some(millis)) => self.millis(key, WindowExtent::Millis(millis)),
            (_, _, None) => self.unfit(key, value, "of the kind that Storm has there"),
        }
    }

    /// What was said, if there is no mistake in it.
    pub fn build(self) -> Result<WindowSpec, WindowError> {
        match self.mistake {
            None => Ok(self.spec),
            Some(mistake) => Err(mistake),
        }
    }

    fn put(mut self, key: &str, value: Value) -> Self {
        self.spec.conf.put(key, value);
        self
    }

    fn mistaken(mut self, error: WindowError) -> Self {
        self.mistake.get_or_insert(error);
        self
    }

    fn unfit(self, key: &str, value: &Value, wanted: &'static str) -> Self {
        let (key, value) = (key.to_owned(), value.to_string());
        self.mistaken(WindowError::BadSetting { key, value, wanted })
    }

    fn extent(self, keys: Keys, what: &'static str, extent: WindowExtent) -> Self {
        match extent.positive(what) {
            // What was said before in the other unit is taken back.
            Ok(WindowExtent::Count(count)) => {
                self.put(keys[1], Value::Null).put(keys[0], count.into())
            }
            Ok(WindowExtent::Millis(millis)) => {
                self.put(keys[0], Value::Null).put(keys[1], millis.into())
            }
            Err(error) => self.mistaken(error),
        }
    }

    /// A duration that may be zero.
    fn millis(self, key: &str, extent: WindowExtent) -> Self {
        match extent {
            WindowExtent::Millis(0) => self.put(key, 0.into()),
            extent => match extent.positive("Duration") {
                Ok(WindowExtent::Millis(value) | WindowExtent::Count(value)) => {
                    self.put(key, value.into())
                }
                Err(error) => self.mistaken(error),
            },
        }
    }

    fn timestamps(mut self, timestamps: Timestamps) -> Self {
        match &self.spec.timestamps {
            None => {
                self.spec.timestamps = Some(timestamps);
                self
            }
            Some(first) => {
                let timestamps = format!("{first:?}");
                self.mistaken(WindowError::TwoTimestamps { timestamps })
            }
        }
    }
}
