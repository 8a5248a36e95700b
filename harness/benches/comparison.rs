//! The short comparison: `cargo bench` ends with a report.
//!
//! Not a criterion bench: it is `weir run` with shorter phases, so that its figures come with verdicts
//! and its charts with latencies. With `--test` it runs for an instant.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let tested = std::env::args().any(|arg| arg == "--test");
    let out = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/weir-bench");
    let mut words = vec!["weir", "run", "--out", out];
    words.extend(if tested {
        ["--duration=20ms", "--saturation=20ms", "--warmup=5ms", "--rounds=1"]
    } else {
        ["--duration=500ms", "--saturation=300ms", "--warmup=100ms", "--rounds=1"]
    });
    ExitCode::from(weir_harness::cli::main(words.into_iter().map(OsString::from)))
}
