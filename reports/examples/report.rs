//! Writes the report of a made-up result: `cargo run -p weir-reports --example report -- FOLDER`, or
//! of a result file: `... -- FOLDER RESULT.json`.

use std::io::Write;
use std::path::PathBuf;
use weir_reports::terminal::{Colour, render};
use weir_reports::{Summary, load, testing, write_all};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().unwrap_or_else(|| PathBuf::from("weir-report"));
    let result = match arguments.next() {
        Some(path) if path.as_os_str() == "--hostile" => testing::hostile(),
        Some(path) => load(&path)?,
        None => testing::example(),
    };
    let written = write_all(&result, &folder)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", render(&Summary::of(&result), 100, Colour::Plain))?;
    writeln!(out, "{}", written.report.display())?;
    Ok(())
}
