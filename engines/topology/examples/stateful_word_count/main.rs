//! A word count that goes on where it stopped: its state is on disk, and checkpointed.
//!
//! `stateful_word_count [FOLDER]` counts the next thousand lines of an endless text and prints how
//! often each word has come in all runs with that folder; without one it makes one and says where. It
//! may be killed at any moment: the next run finishes what this one began, and no word counts twice.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod components;

use components::{Count, Lines, Split, counts_in};
use std::error::Error;
use std::path::{Path, PathBuf};
use weir_topology::state::{KeyValue, Namespace, StateProvider};
use weir_topology::{Config, LocalCluster, TopologyBuilder};

const NAME: &str = "stateful-word-count";
const COUNTERS: usize = 2;
const LINES_A_RUN: i64 = 1_000;
const TEXT: [&str; 4] = [
    "to be or not to be that is the question",
    "whether tis nobler in the mind to suffer",
    "the slings and arrows of outrageous fortune",
    "or to take arms against a sea of troubles",
];

fn line(number: i64) -> String {
    TEXT[number.unsigned_abs() as usize % TEXT.len()].to_owned()
}

fn count(folder: &Path, provider: &StateProvider) -> Result<(), Box<dyn Error>> {
    let finished = Lines::finished(provider, NAME, "lines")?;
    let until = (finished / LINES_A_RUN + 1) * LINES_A_RUN;
    println!("lines {finished} to {}, with state in {}", until - 1, folder.display());

    let mut builder = TopologyBuilder::new();
    builder.set_spout("lines", move || Lines::new(line, until), 1);
    builder.set_basic_bolt("split", || Split, 2).shuffle_grouping("lines");
    builder.set_stateful_bolt("count", Count::default, COUNTERS).fields_grouping("split", ["word"]);
    let conf = Config::new()
        .set(Config::TOPOLOGY_STATE_PROVIDER, "disk")
        .set(Config::TOPOLOGY_STATE_PROVIDER_CONFIG, folder.display().to_string())
        .set(Config::TOPOLOGY_STATE_CHECKPOINT_INTERVAL, 200)
        .set(Config::TOPOLOGY_MAX_SPOUT_PENDING, 100);
    let cluster = LocalCluster::new();
    let running = cluster.submit_topology(NAME, conf, builder.create_topology()?)?;
    running.join()?;
    Ok(())
}

/// What is in the state, over all tasks.
fn print(provider: &StateProvider) -> Result<(), Box<dyn Error>> {
    let mut counts = Vec::new();
    for task in 0..COUNTERS {
        let (topology, component) = (NAME.to_owned(), "count".to_owned());
        let state: KeyValue<_, i64> =
            provider.key_value(&Namespace { topology, component, task })?;
        counts.extend(counts_in(&state)?);
    }
    counts.sort_by_key(|(word, count)| (-count, word.clone()));
    for (word, count) in counts.iter().take(5) {
        println!("{count:6} {word}");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join(format!("weir-{NAME}-{}", std::process::id())),
    };
    let provider = StateProvider::disk(&folder);
    count(&folder, &provider)?;
    print(&provider)
}
