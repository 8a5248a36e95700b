//! Whether what ran is what was asked for, by the engine's own account.
//!
//! A row of a table says "two tasks, acking on"; an engine that was handed other settings, or was another
//! engine, would be measured under that name, and its output would be right. So each run's
//! [`RunSummary`] is held against what its row asks for. A fact that the engine does not report is a
//! mismatch too. What a workload was told (windows, input, seed) is the oracle's matter: other settings have
//! another output.
//!
//! | engine | settings that must agree | and what must have run |
//! |---|---|---|
//! | topology | `parallelism`, `acking`, `batch_size`, `flush_interval`, `max_spout_pending`, `message_timeout` | a component with so many tasks, none with more; a thread for each task; ackers and as many acks as records with acking on, neither without; bolts that executed as many tuples as there were records |
//! | microbatch | `parallelism`, `workers`, `batch_interval_ms` | an executor pool of so many threads; tasks; batches with all records |
//! | trident | `parallelism`, `batch_interval_ms`, `message_timeout_ms` | a component with so many tasks, none with more; a thread for each task; tuples; batches with all records |

use std::collections::BTreeMap;
use std::time::Duration;
use weir_dataflow::{ComponentInfo, RunSummary};
use weir_topology::{Acking, TopologyConfig};

/// What a row asks an engine for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The engine's name.
    pub engine: String,
    /// Settings by the names under which the engine reports them.
    pub settings: BTreeMap<String, String>,
    /// What must have run.
    pub ran: Ran,
}

/// What must have run for it to be that engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ran {
    /// Nothing in particular: references, which are in no row.
    #[default]
    Anything,
    /// Components of a topology, with or without ackers.
    Topology {
        /// Tasks of an operator.
        parallelism: usize,
        /// Whether every tuple tree was tracked.
        acking: bool,
    },
    /// Batches of a pool of so many threads.
    Pool {
        /// Its threads.
        workers: usize,
    },
    /// Batches of a topology.
    Batches {
        /// Tasks of an operator.
        parallelism: usize,
    },
}

fn named<const N: usize>(settings: [(&str, String); N]) -> BTreeMap<String, String> {
    settings.map(|(key, value)| (key.to_owned(), value)).into()
}

fn millis(time: Duration) -> String {
    (time.as_secs_f64() * 1e3).to_string()
}

impl Asked {
    /// A reference, of which only the name is known.
    #[must_use]
    pub fn reference(engine: &str) -> Self {
        Self { engine: engine.to_owned(), ..Self::default() }
    }

    /// A topology of this configuration.
    #[must_use]
    pub fn topology(config: &TopologyConfig) -> Self {
        let acking = config.acking != Acking::Off;
        let pending = config.max_spout_pending.map(|most| most.to_string());
        Self {
            engine: "topology".to_owned(),
            settings: named([
                ("parallelism", config.parallelism.to_string()),
                ("acking", if acking { "on" } else { "off" }.to_owned()),
                ("batch_size", config.batch_size.to_string()),
                ("flush_interval", format!("{:?}", config.flush_interval)),
                ("max_spout_pending", pending.unwrap_or_else(|| "unlimited".to_owned())),
                ("message_timeout", format!("{:?}", config.message_timeout)),
            ]),
            ran: Ran::Topology { parallelism: config.parallelism, acking },
        }
    }

    /// Micro-batches by so many workers.
    #[must_use]
    pub fn micro_batch(workers: usize, interval: Duration) -> Self {
        Self {
            engine: "microbatch".to_owned(),
            settings: named([
                ("parallelism", workers.to_string()),
                ("workers", workers.to_string()),
                ("batch_interval_ms", millis(interval)),
            ]),
            ran: Ran::Pool { workers },
        }
    }

    /// Micro-batches on a topology. Its timeout is in whole seconds.
    #[must_use]
    pub fn trident(parallelism: usize, interval: Duration, timeout: Duration) -> Self {
        let timeout_s = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
        Self {
            engine: "trident".to_owned(),
            settings: named([
                ("parallelism", parallelism.to_string()),
                ("batch_interval_ms", millis(interval)),
                ("message_timeout_ms", (timeout_s * 1_000).to_string()),
            ]),
            ran: Ran::Batches { parallelism },
        }
    }

    /// In what the account of a run over `records` records differs from this, in words; nothing if it does
    /// not.
    #[must_use]
    pub fn mismatches(&self, ran: &RunSummary, records: u64) -> Vec<String> {
        let mut found = Vec::new();
        if ran.engine != self.engine {
            let said = if ran.engine.is_empty() { "no engine" } else { &ran.engine };
            found.push(format!("engine {} was asked for, and {said} reports", self.engine));
        }
        for (key, asked) in &self.settings {
            match ran.settings.get(key) {
                Some(value) if value == asked => {}
                Some(value) => found.push(format!("{key} is {value} and not {asked}")),
                None => found.push(format!("it does not report {key}, which was to be {asked}")),
            }
        }
        match self.ran {
            Ran::Anything => {}
            Ran::Topology { parallelism, acking } => {
                tasks(&ran.components, parallelism, &mut found);
                ackers(ran, acking, records, &mut found);
                let bolts = ran.counters.iter().filter(|(key, _)| {
                    key.starts_with("executed.") && key.as_str() != "executed.__acker"
                });
                let executed: u64 = bolts.map(|(_, count)| count).sum();
                if executed < records {
                    found.push(format!("bolts executed {executed} tuples of {records} records"));
                }
            }
            Ran::Pool { workers } => {
                let pool = ran.components.iter().find(|c| c.name == "executor pool");
                match pool.map(|pool| pool.threads) {
                    Some(threads) if threads == workers => {}
                    threads => found.push(format!(
                        "the executor pool has {} threads and not {workers}",
                        threads.unwrap_or(0)
                    )),
                }
                executed(ran, "tasks", records, &mut found);
                batches(ran, records, &mut found);
            }
            Ran::Batches { parallelism } => {
                tasks(&ran.components, parallelism, &mut found);
                executed(ran, "tuples", records, &mut found);
                batches(ran, records, &mut found);
            }
        }
        found
    }
}

/// Whether a component is the engine's own: an acker, a coordinator.
fn system(component: &ComponentInfo) -> bool {
    component.name.starts_with("__") || component.name.starts_with('$')
}

fn tasks(components: &[ComponentInfo], parallelism: usize, found: &mut Vec<String>) {
    let most = components.iter().filter(|c| !system(c)).map(|c| c.tasks).max().unwrap_or(0);
    if most != parallelism {
        found.push(format!("its operators have up to {most} tasks and not {parallelism}"));
    }
    for component in components.iter().filter(|c| c.threads != c.tasks) {
        found.push(format!(
            "component {} has {} threads for {} tasks",
            component.name, component.threads, component.tasks
        ));
    }
}

fn ackers(ran: &RunSummary, acking: bool, records: u64, found: &mut Vec<String>) {
    let there = ran.components.iter().any(|c| c.name == "__acker" && c.tasks > 0);
    let acked = ran.counters.get("acked").copied();
    match (acking, there) {
        (true, false) => found.push("acking was to be on, and no acker ran".to_owned()),
        (false, true) => found.push("acking was to be off, and an acker ran".to_owned()),
        _ => {}
    }
    match acked {
        None => found.push("it does not report how many trees were acked".to_owned()),
        Some(acked) if acking && acked < records => {
            found.push(format!("{acked} trees were acked, of {records} records"));
        }
        Some(acked) if !acking && acked > 0 => {
            found.push(format!("acking was to be off, and {acked} trees were acked"));
        }
        Some(_) => {}
    }
}

fn executed(ran: &RunSummary, what: &str, records: u64, found: &mut Vec<String>) {
    if records > 0 && ran.counters.get(what).copied().unwrap_or(0) == 0 {
        found.push(format!("it executed no {what}"));
    }
}

fn batches(ran: &RunSummary, records: u64, found: &mut Vec<String>) {
    let held: u64 = ran.batches.iter().map(|batch| batch.records).sum();
    if ran.batches.is_empty() && records > 0 {
        found.push("it executed no batches".to_owned());
    } else if held < records {
        found.push(format!("its batches held {held} records of {records}"));
    }
}
