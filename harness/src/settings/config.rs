//! What the settings mean.

use super::resolve::{Origin, Resolved};
use crate::schedule::{Rate, Shape, parse_duration};
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;
use weir_workloads::{
    Corpus, Disorder, Generated, InputError, KeySpec, NAMES, Settings, describe, read_file,
    sherlock,
};

/// A value that makes no sense. The message names the setting, the value, where it came from, and
/// what would do.
#[derive(Debug, Error)]
#[error("{name} = {value:?} (from {origin}): {problem}")]
pub struct ConfigError {
    name: &'static str,
    value: String,
    origin: String,
    problem: String,
}

/// An engine by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EngineKind {
    /// Record at a time.
    Topology,
    /// Micro-batch.
    Microbatch,
    /// Micro-batch on the topology.
    Trident,
    /// The reference.
    Oracle,
    /// Nothing at all.
    Null,
    /// The hand-written loop.
    Loop,
}

impl EngineKind {
    /// All of them, with their names and what they are.
    pub const ALL: &[(&'static str, Self, &'static str)] = &[
        ("topology", Self::Topology, "record at a time: spouts, bolts, queues, acking, as Storm"),
        (
            "microbatch",
            Self::Microbatch,
            "micro-batch: an RDD per interval, stages, as Spark Streaming",
        ),
        ("trident", Self::Trident, "micro-batch on the topology: transactions, as Storm's Trident"),
        ("oracle", Self::Oracle, "the sequential reference that every run is checked against"),
        ("loop", Self::Loop, "the COST line: one thread, written by hand per workload"),
        ("null", Self::Null, "reads and does nothing: the harness's own ceiling; has no verdict"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind, _)| *kind == self).map_or("", |(name, ..)| name)
    }
}

/// Whether and how records are paced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RateChoice {
    /// So many per second.
    Paced(Rate),
    /// Everything at once.
    Max,
}

/// How many tasks, workers and partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parallelism {
    /// What serves each engine well on a small machine.
    Auto,
    /// The same number for all engines.
    Of(usize),
}

impl Parallelism {
    /// Tasks of each operator of the topology, and of Trident on it. Every operator has a thread of its own already, so
    /// one task each keeps two cores busy; more tasks make more threads than cores, and a tuple
    /// that waits for one of them is late.
    #[must_use]
    pub const fn topology(self) -> usize {
        match self {
            Self::Auto => 1,
            Self::Of(tasks) => tasks,
        }
    }

    /// Workers of the micro-batch engine, and partitions of its RDDs.
    #[must_use]
    pub const fn microbatch(self) -> usize {
        match self {
            Self::Auto => 2,
            Self::Of(workers) => workers,
        }
    }
}

/// All settings, understood.
#[derive(Clone, Debug)]
pub struct Config {
    /// Workloads, by name.
    pub workloads: Vec<&'static str>,
    /// Engines.
    pub engines: Vec<EngineKind>,
    /// Rates to run at.
    pub rates: Vec<RateChoice>,
    /// When records are due at a rate.
    pub shape: Shape,
    /// Measured phase at a rate.
    pub duration: Duration,
    /// Measured phase at saturation.
    pub saturation: Duration,
    /// Warm-up.
    pub warm_up: Duration,
    /// Repetitions.
    pub rounds: u32,
    /// Of the micro-batch engine and of Trident.
    pub batch_intervals: Vec<Duration>,
    /// Tasks, workers and partitions.
    pub parallelism: Parallelism,
    /// Of the topology.
    pub acking: Vec<bool>,
    /// Tuples handed over at a time.
    pub queue_batches: Vec<usize>,
    /// Longest wait for a batch to fill.
    pub flush_interval: Duration,
    /// Trees in flight per spout.
    pub max_spout_pending: Option<NonZeroUsize>,
    /// When a tree is replayed.
    pub message_timeout: Duration,
    /// What is replayed.
    pub input: Input,
    /// Keys that are drawn by number.
    pub keys: KeySpec,
    /// State kept for each key, in bytes.
    pub state_bytes: u64,
    /// Seed.
    pub seed: u64,
    /// Windows.
    pub window: Duration,
    /// From end to end.
    pub slide: Duration,
    /// Kept after closing.
    pub lateness: Duration,
    /// Of event times.
    pub disorder: Disorder,
    /// Whether charts overlay rows whose semantics differ.
    pub allow_mixed: bool,
    /// Where the report goes.
    pub out: PathBuf,
}

/// What is replayed.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Made up.
    Generated(Generated),
    /// The text that ships with weir.
    Sherlock,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// The text; read or made once per process.
    ///
    /// # Errors
    /// The file cannot be read or is not UTF-8.
    pub fn corpus(&self) -> Result<&'static Corpus, InputError> {
        match self {
            Self::Generated(spec) => Ok(spec.corpus()),
            Self::Sherlock => Ok(sherlock()),
            Self::File(path) => read_file(path),
        }
    }

    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Generated(spec) => spec.describe(),
            Self::Sherlock => "The Adventures of Sherlock Holmes, replayed".to_owned(),
            Self::File(path) => format!("{}, replayed", path.display()),
        }
    }
}

/// Longest length of time that any setting takes.
const MAX_TIME: Duration = Duration::from_secs(24 * 3600);
/// Shortest batch interval.
const MIN_BATCH_INTERVAL: Duration = Duration::from_millis(1);
/// Most tasks per operator.
const MAX_PARALLELISM: usize = 256;

/// Reads one setting.
struct Reader<'a>(&'a Resolved);

impl Reader<'_> {
    fn text(&self, name: &'static str) -> String {
        self.0.get(name).map(|value| value.text.clone()).unwrap_or_default()
    }

    fn is_default(&self, name: &str) -> bool {
        self.0.get(name).is_none_or(|value| value.origin == Origin::Default)
    }

    fn error(&self, name: &'static str, problem: impl Display) -> ConfigError {
        let (value, origin) = self
            .0
            .get(name)
            .map_or_else(Default::default, |value| (value.text.clone(), value.origin.to_string()));
        ConfigError { name, value, origin, problem: problem.to_string() }
    }

    /// Values by commas: one at least, and none twice, since each is a row or a chart of its own.
    fn list<T: PartialEq>(
        &self,
        name: &'static str,
        one: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, ConfigError> {
        let text = self.text(name);
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let values: Vec<T> = items
            .map(one)
            .collect::<Result<_, _>>()
            .map_err(|problem| self.error(name, problem))?;
        if values.is_empty() {
            return Err(self.error(name, "give at least one value"));
        }
        let again = values.iter().enumerate().any(|(at, value)| values[..at].contains(value));
        if again { Err(self.error(name, "give each value once")) } else { Ok(values) }
    }

    fn number<T: FromStr + PartialOrd + Display + Copy>(
        &self,
        name: &'static str,
        least: T,
        most: T,
    ) -> Result<T, ConfigError> {
        let range = || self.error(name, format!("give a number from {least} to {most}"));
        let value: T = self.text(name).trim().parse().map_err(|_| range())?;
        if least <= value && value <= most { Ok(value) } else { Err(range()) }
    }

    fn parallelism(&self) -> Result<Parallelism, ConfigError> {
        let name = "parallelism";
        if self.text(name).trim() == "auto" {
            return Ok(Parallelism::Auto);
        }
        let tasks = match self.text(name).trim().parse() {
            Ok(tasks @ 1..=MAX_PARALLELISM) => tasks,
            _ => {
                return Err(
                    self.error(name, format!("give auto, or a number from 1 to {MAX_PARALLELISM}"))
                );
            }
        };
        Ok(Parallelism::Of(tasks))
    }

    fn time(&self, name: &'static str, least: Duration) -> Result<Duration, ConfigError> {
        let time = time(&self.text(name), least).map_err(|problem| self.error(name, problem))?;
        Ok(time)
    }
}

fn time(text: &str, least: Duration) -> Result<Duration, String> {
    let time = parse_duration(text.trim()).map_err(|error| error.to_string())?;
    if time < least {
        return Err(format!("give at least {least:?}"));
    }
    if time > MAX_TIME { Err("give at most 24h".to_owned()) } else { Ok(time) }
}

fn on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" | "yes" => Ok(true),
        "off" | "false" | "no" => Ok(false),
        _ => Err("give on or off".to_owned()),
    }
}

fn workload(text: &str) -> Result<&'static str, String> {
    NAMES
        .iter()
        .find(|name| **name == text)
        .copied()
        .ok_or_else(|| format!("there is no workload {text:?}; there are {}", NAMES.join(", ")))
}

fn engine(text: &str) -> Result<EngineKind, String> {
    let found = EngineKind::ALL.iter().find(|(name, ..)| *name == text);
    found.map(|(_, kind, _)| *kind).ok_or_else(|| {
        let names: Vec<&str> = EngineKind::ALL.iter().map(|(name, ..)| *name).collect();
        format!("there is no engine {text:?}; there are {}", names.join(", "))
    })
}

fn rate(text: &str) -> Result<RateChoice, String> {
    if text == "max" {
        return Ok(RateChoice::Max);
    }
    text.parse().map(RateChoice::Paced).map_err(|error: <Rate as FromStr>::Err| error.to_string())
}

impl Config {
    /// Understands resolved settings.
    ///
    /// # Errors
    /// A value that makes no sense.
    pub fn new(resolved: &Resolved) -> Result<Self, ConfigError> {
        let read = Reader(resolved);
        let tick = Duration::from_nanos(1);
        let pending: usize = read.number("max-spout-pending", 0, usize::MAX)?;
        let shape = read.text("schedule").parse::<Shape>();
        let config = Self {
            workloads: read.list("workload", workload)?,
            engines: read.list("engine", engine)?,
            rates: read.list("rate", rate)?,
            shape: shape.map_err(|error| read.error("schedule", error))?,
            duration: read.time("duration", Duration::from_millis(1))?,
            saturation: read.time("saturation", Duration::from_millis(1))?,
            warm_up: read.time("warmup", Duration::ZERO)?,
            rounds: read.number("rounds", 1, 10_000)?,
            batch_intervals: read.list("batch-interval", |text| time(text, MIN_BATCH_INTERVAL))?,
            parallelism: read.parallelism()?,
            acking: read.list("acking", on_off)?,
            queue_batches: read.list("queue-batch", |text| match text.parse() {
                Ok(size @ 1..=65_536) => Ok(size),
                _ => Err("give a number from 1 to 65536".to_owned()),
            })?,
            flush_interval: read.time("flush-interval", tick)?,
            max_spout_pending: NonZeroUsize::new(pending),
            message_timeout: read.time("message-timeout", Duration::from_millis(1))?,
            input: Self::input(&read)?,
            keys: KeySpec {
                cardinality: read.number("cardinality", 1, 100_000_000)?,
                skew: read.number("skew", 0.0, 10.0)?,
            },
            state_bytes: read.number("state-size", 8, 1 << 30)?,
            seed: read.number("seed", 0, u64::MAX)?,
            window: read.time("window", tick)?,
            slide: read.time("slide", tick)?,
            lateness: read.time("lateness", Duration::ZERO)?,
            disorder: Disorder {
                bound_ns: read.time("disorder", Duration::ZERO)?.as_nanos() as u64,
                straggler_ppm: read.number("stragglers", 0, 1_000_000)?,
                straggle_ns: read.time("straggle", Duration::ZERO)?.as_nanos() as u64,
            },
            allow_mixed: on_off(&read.text("allow-mixed"))
                .map_err(|problem| read.error("allow-mixed", problem))?,
            out: PathBuf::from(read.text("out")),
        };
        if config.shape == Shape::Max {
            return Err(read.error("schedule", "for everything at once, give rate = max"));
        }
        config.has_use(&read)?;
        let is_ramp = matches!(config.shape, Shape::Ramp { .. });
        let paced = config.rates.iter().any(|rate| *rate != RateChoice::Max);
        if is_ramp && paced && !read.is_default("rate") {
            let remedy = "a ramp brings its own rates: leave rate out, or give max alone";
            return Err(read.error("rate", remedy));
        }
        Ok(config)
    }

    /// Refuses an input that would be given in vain.
    fn has_use(&self, read: &Reader<'_>) -> Result<(), ConfigError> {
        if read.0.is_asked("input") && !self.reads_text() {
            let own = self.workloads.join(" and ");
            let verb = if self.workloads.len() == 1 { "makes its" } else { "make their" };
            let problem = format!("{own} {verb} own records and would not read it: leave it out");
            return Err(read.error("input", problem));
        }
        Ok(())
    }

    /// Refuses runs whose measured phase has no record, for those that make some.
    ///
    /// # Errors
    /// A rate that is too low for the duration.
    pub fn has_records(&self, resolved: &Resolved) -> Result<(), ConfigError> {
        let records = |rate: &Rate| rate.as_f64() * self.duration.as_secs_f64();
        let none =
            |rate: &RateChoice| matches!(rate, RateChoice::Paced(rate) if records(rate) < 1.0);
        let even = matches!(self.shape, Shape::Constant | Shape::Poisson);
        if even && self.rates.iter().any(none) {
            let problem = format!(
                "no record falls into a duration of {:?}: give a higher rate, or a longer duration",
                self.duration
            );
            return Err(Reader(resolved).error("rate", problem));
        }
        Ok(())
    }

    fn input(read: &Reader<'_>) -> Result<Input, ConfigError> {
        Ok(match read.text("input").as_str() {
            "generated" => Input::Generated(Generated {
                seed: read.number("seed", 0, u64::MAX)?,
                cardinality: read.number("cardinality", 1, 100_000_000)?,
                skew: read.number("skew", 0.0, 10.0)?,
                words_per_line: read.number("words-per-line", 1, 100_000)?,
            }),
            "sherlock" => Input::Sherlock,
            "" => return Err(read.error("input", "name a file, or generated, or sherlock")),
            path => Input::File(Path::new(path).to_owned()),
        })
    }

    /// What the workloads are told.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn workload_settings(&self) -> Result<Settings, InputError> {
        Ok(Settings {
            corpus: if self.reads_text() { self.input.corpus()? } else { sherlock() },
            seed: self.seed,
            window_ns: self.window.as_nanos() as u64,
            slide_ns: self.slide.as_nanos() as u64,
            lateness_ns: self.lateness.as_nanos() as u64,
            disorder: self.disorder,
            keys: self.keys,
            state_bytes: self.state_bytes,
        })
    }

    /// Whether a workload is made of the input: a text of a hundred million words is not drawn for one
    /// that draws its own keys.
    fn reads_text(&self) -> bool {
        let settings = Settings::new(sherlock());
        let own_input =
            |name: &&'static str| describe(name, &settings).is_ok_and(|d| d.input.is_some());
        !self.workloads.iter().all(own_input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Layers, resolve};

    fn config(sets: &[&str]) -> Result<Config, ConfigError> {
        let sets = sets.iter().map(|text| (*text).to_owned()).collect();
        Config::new(&resolve(&Layers { sets, ..Layers::default() }).expect("known settings"))
    }

    /// Its label would be a rate that is never offered.
    #[test]
    fn a_ramp_takes_no_other_rate() {
        for (rate, fine) in [("rate=max", true), ("rate=10k", false), ("rate=10k,max", false)] {
            let found = config(&["schedule=ramp:1k..5k", rate]);
            assert_eq!(found.is_ok(), fine, "{rate}: {found:?}");
        }
        assert_eq!(config(&["schedule=ramp:1k..5k"]).expect("a ramp").rates.len(), 2);
    }

    #[test]
    fn the_defaults_make_sense() {
        let config = config(&[]).expect("defaults");
        assert_eq!(config.workloads, ["word-count", "stateful", "windowed"]);
        assert_eq!(config.engines, [EngineKind::Topology, EngineKind::Microbatch]);
        assert_eq!(config.acking, [true, false]);
    }

    #[test]
    fn bad_values_are_refused_with_a_remedy() {
        for (set, part) in [
            ("workload=word-cuont", "there are word-count"),
            ("engine=storm", "there are topology"),
            ("rate=fast", "fast"),
            ("rate=", "at least one"),
            ("rate=5k,max,5000", "each value once"),
            ("workload=stateful,windowed,stateful", "each value once"),
            ("batch-interval=10ms,10000us", "each value once"),
            ("schedule=sometimes", "constant"),
            ("schedule=max", "rate = max"),
            ("duration=50us", "at least"),
            ("duration=0s", "at least"),
            ("duration=1", "1"),
            ("batch-interval=10us", "at least 1ms"),
            ("parallelism=0", "auto, or a number from 1 to 256"),
            ("acking=maybe", "on or off"),
            ("queue-batch=0", "from 1 to 65536"),
            ("seed=-1", "from 0"),
            ("skew=-0.5", "from 0 to 10"),
            ("window=25h", "at most 24h"),
            ("input=", "name a file"),
            ("allow-mixed=perhaps", "on or off"),
        ] {
            let message = config(&[set]).expect_err(set).to_string();
            assert!(message.contains(part), "{set}: {message:?} lacks {part:?}");
            assert!(message.contains("(from set)"), "{message}");
            assert!(!message.contains('\n'), "{message:?} is one line");
        }
    }
}
