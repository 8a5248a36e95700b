//! What results must have in common to be compared.

use super::settings::{Common, same};
use crate::schema::{Environment, ResultFile, Row};
use crate::text::clean;
use std::fmt;

/// In what results can differ so that their numbers are about different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Processor, cores, memory, quota, kernel, frequency governor.
    Machine,
    /// Compiler, profile, allocator.
    Build,
    /// What is computed: windows, input, keys.
    Workload,
    /// Of random choices.
    Seed,
    /// When records are due, and for how long.
    Schedule,
    /// Tasks and workers.
    Parallelism,
    /// Delivery guarantee, acking, and the engine's own settings.
    Semantics,
    /// Nothing to compare: it cannot be allowed.
    Nothing,
}

impl Aspect {
    /// Those that can be allowed to differ, by the names that a command line has for them.
    pub const NAMED: [(&'static str, Self); 7] = [
        ("machine", Self::Machine),
        ("build", Self::Build),
        ("workload", Self::Workload),
        ("seed", Self::Seed),
        ("schedule", Self::Schedule),
        ("parallelism", Self::Parallelism),
        ("semantics", Self::Semantics),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let named = Self::NAMED.iter().find(|(_, aspect)| *aspect == self);
        named.map_or("nothing", |(name, _)| name)
    }
}

/// One such difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// In what.
    pub aspect: Aspect,
    /// Which one, such as `seed` or `processor`.
    pub what: String,
    /// As the first result has it.
    pub old: String,
    /// As another has it.
    pub new: String,
}

impl Difference {
    pub(super) fn nothing(what: &str) -> Self {
        let what = what.to_owned();
        Self { aspect: Aspect::Nothing, what, old: String::new(), new: String::new() }
    }

    fn new(aspect: Aspect, what: &str, old: &str, new: &str) -> Self {
        Self { aspect, what: clean(what), old: clean(old), new: clean(new) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { aspect, what, old, new } = self;
        match aspect {
            Aspect::Nothing => f.write_str(what),
            _ => write!(f, "{}: {what} was {old} and is {new}", aspect.name()),
        }
    }
}

/// Why results cannot be compared: all reasons in one line, with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomparable {
    /// Each of them.
    pub differences: Vec<Difference>,
}

impl fmt::Display for Incomparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        write!(f, "the results are not comparable: {}", reasons.join("; "))?;
        let mut aspects: Vec<Aspect> = self.differences.iter().map(|d| d.aspect).collect();
        aspects.dedup();
        aspects.retain(|aspect| *aspect != Aspect::Nothing);
        if aspects.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = aspects.into_iter().map(Aspect::name).collect();
        write!(f, "; measure both alike, or say --allow {}", names.join(","))
    }
}

impl std::error::Error for Incomparable {}

/// All differences between two results.
pub(super) fn differences(old: &ResultFile, new: &ResultFile) -> Vec<Difference> {
    let mut found = of_machines(&old.environment, &new.environment);
    if old.seed != new.seed {
        let (old, new) = (old.seed.to_string(), new.seed.to_string());
        found.push(Difference::new(Aspect::Seed, "seed", &old, &new));
    }
    let common = Common::of(old, new);
    for setting in old.settings.iter().filter(|setting| setting.name != "seed") {
        // One that an older version did not have was what it is by default today.
        let other = new.settings.iter().find(|other| other.name == setting.name);
        if let (Some(other), Some(aspect)) = (other, common.aspect(&setting.name))
            && !same(setting, other)
        {
            found.push(Difference::new(aspect, &setting.name, &setting.value, &other.value));
        }
    }
    for (workload, other) in &common.workloads {
        if workload.input != other.input {
            let what = format!("input of {}", workload.name);
            found.push(Difference::new(Aspect::Workload, &what, &workload.input, &other.input));
        }
    }
    found.extend(common.rows.iter().flat_map(|(row, other)| of_rows(row, other)));
    found
}

fn of_machines(old: &Environment, new: &Environment) -> Vec<Difference> {
    let option = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let quota = |value: Option<f64>| value.map_or("none".to_owned(), |cpus| cpus.to_string());
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    let mut found = Vec::new();
    let mut compare = |aspect: Aspect, what: &str, old: String, new: String| {
        if old != new {
            found.push(Difference::new(aspect, what, &old, &new));
        }
    };
    let machine = Aspect::Machine;
    compare(machine, "operating system", old.os.clone(), new.os.clone());
    compare(machine, "processor", old.cpu_model.clone(), new.cpu_model.clone());
    compare(machine, "processors", old.cpus.to_string(), new.cpus.to_string());
    compare(machine, "memory", gib(old.memory_bytes), gib(new.memory_bytes));
    compare(machine, "governor", option(&old.governor), option(&new.governor));
    compare(machine, "processor quota", quota(old.cgroup_cpus), quota(new.cgroup_cpus));
    compare(Aspect::Build, "compiler", old.rustc.clone(), new.rustc.clone());
    compare(Aspect::Build, "build", old.build.clone(), new.build.clone());
    compare(Aspect::Build, "allocator", old.allocator.clone(), new.allocator.clone());
    found
}

fn of_rows(old: &Row, new: &Row) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |aspect: Aspect, what: &str, before: &str, now: &str| {
        if before != now {
            let what = format!("{what} of {}", old.id);
            found.push(Difference::new(aspect, &what, before, now));
        }
    };
    let number = |value: usize| value.to_string();
    compare(Aspect::Parallelism, "parallelism", &number(old.parallelism), &number(new.parallelism));
    compare(Aspect::Semantics, "guarantee", &old.guarantee, &new.guarantee);
    compare(Aspect::Semantics, "engine", &old.engine, &new.engine);
    let acking = |row: &Row| match row.acking {
        Some(true) => "on",
        Some(false) => "off",
        None => "none",
    };
    compare(Aspect::Semantics, "acking", acking(old), acking(new));
    for (what, before, now) in [
        ("model", &old.model, &new.model),
        ("checkpointing", &old.checkpointing, &new.checkpointing),
        ("time", &old.time, &new.time),
    ] {
        // Writers that did not say left it empty.
        if !before.is_empty() && !now.is_empty() {
            compare(Aspect::Semantics, what, before, now);
        }
    }
    for (name, value) in &old.settings {
        if let Some(other) = new.settings.get(name) {
            compare(Aspect::Semantics, name, value, other);
        }
    }
    found
}
