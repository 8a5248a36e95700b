//! `weir sweep`: the same comparison at every point of a grid.

use super::deserved::deserved;
use super::failure::{Failure, both};
use super::interrupt;
use super::place::ready;
use super::terminal::{Bar, colour, columns};
use super::{exit, layers, texts};
use crate::settings::{Config, resolve};
use crate::sweep::{Grid, Sweep, SweepError, SweepEvent};
use clap::ArgMatches;
use std::io::{Write, stderr, stdout};
use std::path::Path;
use weir_reports::sweep::schema::SweepFile;
use weir_reports::sweep::{Curves, render, write_all};
use weir_reports::text::clean;

/// Runs what is left of the sweep, shows it, and says the exit code.
pub(super) fn run(matches: &ArgMatches) -> Result<u8, Failure> {
    let resolved = resolve(&layers(matches))?;
    // What is wrong with the settings as such is said before anything about the grid.
    let out = Config::new(&resolved)?.out;
    let grid = Grid::new(&texts(matches, "over"), &resolved)?;
    ready(&out)?;
    ready(&out.join("cells"))?;
    let bar = Bar::new(matches.get_flag("quiet"));
    let mut listener = |event: SweepEvent| show(&bar, &event, matches.get_flag("quiet"));
    let mut sweep = Sweep {
        resolved: &resolved,
        grid,
        out: &out,
        fresh: matches.get_flag("fresh"),
        listener: &mut listener,
        cancel: interrupt::cancel(),
    };
    let result = sweep.run();
    bar.clear();
    let result = result?;
    let written = both(write_all(&result, &out), print(&result))?;
    let mut out = stdout().lock();
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    writeln!(out, "Report: {}", absolute(&written.report).display())?;
    writeln!(out, "Data:   {}", absolute(&written.sweep).display())?;
    writeln!(out, "Table:  {}", absolute(&written.csv).display())?;
    out.flush()?;
    Ok(verdict(&result))
}

fn show(bar: &Bar, event: &SweepEvent, quiet: bool) {
    let line = match event {
        SweepEvent::Begin { cells, kept } => {
            let kept = if *kept == 0 { String::new() } else { format!(", {kept} of them kept") };
            Some(format!("{cells} cells{kept}; every run is checked"))
        }
        SweepEvent::Broken { path, why } => Some(format!(
            "{} is not a complete result file ({why}): the cell is run again",
            path.display()
        )),
        SweepEvent::CellEnded { name, done, failed: None } => Some(format!("{done} {name} done")),
        SweepEvent::CellEnded { name, done, failed: Some(why) } => {
            Some(format!("{done} {name} FAILED: {why}"))
        }
        SweepEvent::Session(event) => {
            bar.show(event);
            None
        }
        SweepEvent::Cell { .. } => {
            bar.restart();
            None
        }
    };
    if let Some(line) = line.filter(|_| !quiet) {
        bar.line(&format!("weir: {}", clean(&line)));
    }
}

/// The document's tables and sentences.
pub(super) fn print(sweep: &SweepFile) -> Result<(), Failure> {
    let text = render(&Curves::of(sweep), columns(), colour());
    stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// Shows a document again.
pub(super) fn report(sweep: &SweepFile, out: Option<&Path>) -> Result<u8, Failure> {
    print(sweep)?;
    if let Some(folder) = out {
        let written = write_all(sweep, folder)?;
        writeln!(stdout(), "Report: {}", written.report.display())?;
    }
    Ok(exit::OK)
}

/// The exit code that a sweep deserves: as `weir run` for the worst of its cells. The tables have said why.
fn verdict(sweep: &SweepFile) -> u8 {
    let codes = sweep.cells.iter().map(|cell| match &cell.result {
        Some(result) => deserved(result, false).0,
        None => exit::UNEXPECTED,
    });
    let codes: Vec<u8> = codes.collect();
    if codes.contains(&exit::WRONG_OUTPUT) {
        let _ = writeln!(stderr(), "weir: some runs are INVALID: see the tables");
        exit::WRONG_OUTPUT
    } else if codes.contains(&exit::UNEXPECTED) {
        let _ = writeln!(stderr(), "weir: some runs FAILED: see the tables");
        exit::UNEXPECTED
    } else {
        exit::OK
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        let code = match error {
            SweepError::File(error) => return error.into(),
            SweepError::Session(error) => return error.into(),
            SweepError::Interrupted { .. } => exit::INTERRUPTED,
            _ => exit::USAGE,
        };
        Self { code, message: error.to_string() }
    }
}

impl From<crate::sweep::GridError> for Failure {
    fn from(error: crate::sweep::GridError) -> Self {
        Self::usage(error)
    }
}
