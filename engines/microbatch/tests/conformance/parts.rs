//! Cases about the parts under the streaming layer.

#[path = "parts/batched.rs"]
mod batched;
#[path = "parts/blocks.rs"]
mod blocks;
#[path = "parts/config.rs"]
mod config;
#[path = "parts/files.rs"]
mod files;
#[path = "parts/formula.rs"]
mod formula;
#[path = "parts/logs.rs"]
mod logs;
#[path = "parts/rates.rs"]
mod rates;
#[path = "parts/state.rs"]
mod state;
#[path = "parts/tracker.rs"]
mod tracker;
#[path = "parts/tracker_words.rs"]
mod tracker_words;

pub(crate) use crate::case::{Case, Outcome};
use serde_json::Value;
use std::fmt::{Debug, Display};

/// Executes a case; None if it is of a kind that belongs elsewhere.
pub(crate) fn run(kind: &str, case: &Case<'_>) -> Option<Outcome> {
    Some(match kind {
        "formula" => formula::formula(case),
        "timer_sequence" => formula::timer_sequence(case),
        "pid_construct" => rates::pid_construct(case),
        "pid_sequence" => rates::pid_sequence(case),
        "rate_limiter" | "rate_limiter_initial" => rates::rate_limiter(case),
        "rule" => rates::rule(case),
        "allocation" => rates::allocation(case),
        "throttle" => rates::throttle(case),
        "config" => config::config(case),
        "wal" => logs::wal(case),
        "wal_files" => logs::wal_files(case),
        "wal_format" => logs::wal_format(case),
        "wal_batched" => batched::wal_batched(case),
        "wal_rdd" => blocks::wal_rdd(case),
        "block_store" => blocks::block_store(case),
        "block_generator" => blocks::block_generator(case),
        "block_tracker" => tracker::block_tracker(case),
        "state_map" => state::state_map(case),
        "state_map_serde" => state::state_map_serde(case),
        "state_map_exhaustive" => state::state_map_exhaustive(case),
        "file_stream" => files::file_stream(case),
        "file_stream_binary" => files::file_stream_binary(case),
        _ => return None,
    })
}

/// Compares what came out with what was recorded.
fn same<T: PartialEq + Debug>(what: impl Display, got: T, expected: T) -> Outcome {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?} instead of {expected:?}")) }
}

/// An error as text.
fn text(error: impl Display) -> String {
    error.to_string()
}

fn int(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| format!("{value} is no whole number"))
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{value} is no list"))
}
