//! The table.

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Def {
    /// Its flag without the dashes, and its TOML key.
    pub name: &'static str,
    /// What its value is called in help texts.
    pub value: &'static str,
    /// The default, as it would be typed.
    pub default: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// Whether several values may be given, separated by commas.
    pub list: bool,
}

impl Def {
    /// The environment variable.
    #[must_use]
    pub fn env(&self) -> String {
        format!("WEIR_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

const fn one(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Def {
    Def { name, value, default, help, list: false }
}

const fn many(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Def {
    Def { name, value, default, help, list: true }
}

/// All settings, in the order of the help text.
pub const TABLE: &[Def] = &[
    many("workload", "NAME", "word-count,stateful,windowed", "Workloads to run, in order"),
    many("engine", "NAME", "topology,microbatch", "Engines to compare; see `weir list engines`"),
    many(
        "rate",
        "RATE|max",
        "10k,max",
        "Records per second to offer; `max` makes everything due at once and so measures throughput",
    ),
    one("schedule", "SHAPE", "constant", "When records are due; see `weir list schedules`"),
    one("duration", "TIME", "1s", "Length of the measured phase of each run at a rate"),
    one(
        "saturation",
        "TIME",
        "500ms",
        "Length of the measured phase of each run at max; where that is no twelve batches, as long as they \
         take, up to four times that",
    ),
    one("warmup", "TIME", "150ms", "Load before the measured phase; in no latency or throughput"),
    one("rounds", "N", "2", "Times that every run is repeated, in the order A B B A"),
    many("batch-interval", "TIME", "1ms,10ms,100ms", "Batch intervals of microbatch and trident"),
    one(
        "parallelism",
        "N|auto",
        "auto",
        "Tasks of each operator of topology and trident, and workers of the micro-batch engine; auto: \
         1 and 2, since a topology's operators have threads of their own",
    ),
    many("acking", "on|off", "on,off", "Whether topology tracks every tuple tree"),
    many("queue-batch", "N", "1,1000", "Tuples that topology hands over at a time, at most"),
    one("flush-interval", "TIME", "1ms", "Longest that a tuple waits for its batch to fill"),
    one(
        "max-spout-pending",
        "N",
        "4096",
        "Trees in flight per spout of topology with acking on; 0: no limit",
    ),
    one(
        "message-timeout",
        "TIME",
        "30s",
        "When a tree of topology, or a batch of trident (in whole seconds), is replayed",
    ),
    one("input", "FILE|NAME", "generated", "`generated`, `sherlock`, or a text file to replay"),
    one("cardinality", "N", "10000", "Distinct words of generated input, or keys of keyed-state"),
    one("skew", "S", "1", "Zipf exponent of generated input and of keyed-state; 0 is uniform"),
    one("words-per-line", "N", "10", "Words per line of generated input"),
    one("state-size", "BYTES", "64", "State that keyed-state keeps for each key"),
    one("seed", "N", "42", "Seed of every random choice"),
    one("window", "TIME", "2s", "Length of windows"),
    one("slide", "TIME", "1s", "From one window's end to the next one's"),
    one("lateness", "TIME", "0s", "How long a closed window waits for stragglers"),
    one("disorder", "TIME", "0s", "Event times stray this far from arrival order; on time"),
    one("stragglers", "PPM", "0", "Records in a million that stray further, and may be late"),
    one("straggle", "TIME", "1s", "How much further, at most"),
    one(
        "allow-mixed",
        "on|off",
        "off",
        "Draw rows that guarantee different things into one chart, instead of a panel for each",
    ),
    one("out", "DIR", "weir-report", "Where the report goes"),
];

/// The setting of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Def> {
    TABLE.iter().find(|def| def.name == name)
}
