//! The `weir` command. Everything is in the library, where tests reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(weir_harness::cli::main(std::env::args_os()))
}
