//! Runs what is left of a sweep, and puts all cells together.

use super::folder::{Folder, Kept, Refusal};
use super::grid::{Cell, Grid, GridError};
use super::identity::Identity;
use super::plan::{Mismatch, Step, plan};
use crate::environment;
use crate::session::{Session, SessionError, SessionEvent};
use crate::settings::{Config, Resolved};
use crate::trial::command_line;
use std::path::{Path, PathBuf};
use thiserror::Error;
use weir_dataflow::Cancel;
use weir_reports::FileError;
use weir_reports::schema::{ResultFile, Setting};
use weir_reports::sweep::schema::{self, KIND, SWEEP_VERSION, SweepFile};

/// What happens during a sweep, for whoever shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SweepEvent {
    /// The sweep begins.
    Begin {
        /// How many cells there are.
        cells: usize,
        /// How many of them are there already.
        kept: usize,
    },
    /// There is a file of a cell that is no whole result: the cell is run again.
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A cell begins.
    Cell {
        /// Its name.
        name: String,
    },
    /// Something happens within it.
    Session(SessionEvent),
    /// The cell is over: its result is on the disk, or there is a reason why there is none.
    CellEnded {
        /// Its name.
        name: String,
        /// How many cells are over now, kept ones included.
        done: usize,
        /// Why there is no result.
        failed: Option<String>,
    },
}

/// Why a sweep ended without a document. What it had finished is kept in every case.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The grid makes no sense.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// What is there is of something else.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A result cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No cell could be run at all.
    #[error(transparent)]
    Session(SessionError),
    /// The folder cannot be used.
    #[error("cannot keep a sweep in {}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another process is at it.
    #[error(
        "another weir is writing a sweep to {}: wait for it, or name another folder with --out",
        path.display()
    )]
    Busy {
        /// Which.
        path: PathBuf,
    },
    /// The cancel token was pulled.
    #[error(
        "interrupted: {done} of {cells} cells are done and kept; the same command (without --fresh) goes on from there"
    )]
    Interrupted {
        /// Cells that are done.
        done: usize,
        /// Cells that there are.
        cells: usize,
    },
}

/// A sweep to make.
pub struct Sweep<'a> {
    /// The settings that all cells share; `out` is where they are kept.
    pub resolved: &'a Resolved,
    /// What varies.
    pub grid: Grid,
    /// Where cells are kept.
    pub out: &'a Path,
    /// Throws away what is there.
    pub fresh: bool,
    /// Hears what happens.
    pub listener: &'a mut dyn FnMut(SweepEvent),
    /// Stops it early.
    pub cancel: Cancel,
}

impl Sweep<'_> {
    /// Runs the cells that are not there yet, and puts all of them together.
    ///
    /// # Errors
    /// [`SweepError`]. A cell whose runs could not be made is part of the document.
    pub fn run(&mut self) -> Result<SweepFile, SweepError> {
        let folder = self.open()?;
        let cells = self.grid.cells();
        let (kept, broken) = kept(&folder, &cells)?;
        let steps = self.plan(&cells, &kept)?;
        for event in broken {
            (self.listener)(event);
        }
        let mut done = steps.iter().filter(|step| **step == Step::Keep).count();
        (self.listener)(SweepEvent::Begin { cells: cells.len(), kept: done });
        let mut all = Vec::new();
        for ((cell, kept), step) in cells.iter().zip(kept).zip(steps) {
            let (result, error) = match (step, kept) {
                (Step::Keep, Some(result)) => (Some(result), None),
                _ => {
                    (self.listener)(SweepEvent::Cell { name: cell.name.clone() });
                    let ran = self.cell(cell);
                    let (result, failed) = outcome(ran, done, cells.len())?;
                    if let Some(result) = &result {
                        folder.save(&cell.name, result)?;
                    }
                    done += 1;
                    (self.listener)(SweepEvent::CellEnded {
                        name: cell.name.clone(),
                        done,
                        failed: failed.clone(),
                    });
                    (result, failed)
                }
            };
            let Cell { name, at } = cell.clone();
            all.push(schema::Cell { name, at, result, error });
        }
        Ok(self.document(all))
    }

    fn open(&self) -> Result<Folder, SweepError> {
        let path = self.out.to_owned();
        let folder = Folder::open(self.out).map_err(|refusal| match refusal {
            Refusal::Busy => SweepError::Busy { path: path.clone() },
            Refusal::Io(source) => SweepError::Folder { path: path.clone(), source },
        })?;
        if self.fresh {
            folder.clear().map_err(|source| SweepError::Folder { path, source })?;
        }
        Ok(folder)
    }

    fn plan(&self, cells: &[Cell], kept: &[Option<ResultFile>]) -> Result<Vec<Step>, Mismatch> {
        let environment = environment::capture("system");
        let now: Vec<Identity> = cells
            .iter()
            .map(|cell| Identity::expected(&self.grid.settings(cell, self.resolved), &environment))
            .collect();
        let kept: Vec<Option<Identity>> =
            kept.iter().map(|kept| kept.as_ref().map(Identity::of_result)).collect();
        plan(cells, &kept, &now, &self.out.display().to_string())
    }

    fn cell(&mut self, cell: &Cell) -> Result<ResultFile, SessionError> {
        if self.cancel.is_cancelled() {
            return Err(SessionError::Cancelled);
        }
        let resolved = self.grid.settings(cell, self.resolved);
        let config = match Config::new(&resolved) {
            Ok(config) => config,
            // The grid has been through this with every cell.
            Err(_) => return Err(SessionError::NothingSelected),
        };
        let listener = &mut *self.listener;
        let mut session = Session {
            config: &config,
            resolved: &resolved,
            listener: &mut |event| listener(SweepEvent::Session(event)),
            cancel: self.cancel.clone(),
        };
        session.run()
    }

    fn document(&self, cells: Vec<schema::Cell>) -> SweepFile {
        let results = || cells.iter().filter_map(|cell| cell.result.as_ref());
        let first = results().min_by(|a, b| a.created.cmp(&b.created));
        let now = || jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        let swept =
            |name: &str| name == "out" || self.grid.axes.iter().any(|axis| axis.setting == name);
        let settings = self.resolved.iter().filter(|(def, _)| !swept(def.name));
        let text = |name: &str| self.resolved.get(name).map(|value| value.text.trim().to_owned());
        SweepFile {
            kind: KIND.to_owned(),
            schema_version: SWEEP_VERSION,
            weir_version: env!("CARGO_PKG_VERSION").to_owned(),
            created: first.map_or_else(now, |result| result.created.clone()),
            command: command(self.resolved, &self.grid),
            seed: text("seed").and_then(|seed| seed.parse().ok()).unwrap_or_default(),
            workload: text("workload").unwrap_or_default(),
            environment: first
                .map_or_else(|| environment::capture("system"), |r| r.environment.clone()),
            settings: settings
                .map(|(def, value)| Setting {
                    name: def.name.to_owned(),
                    value: value.text.clone(),
                    origin: value.origin.to_string(),
                })
                .collect(),
            axes: self.grid.axes.iter().map(super::Axis::to_schema).collect(),
            cells,
        }
    }
}

/// The command that makes a sweep, or goes on with it.
#[must_use]
pub fn command(resolved: &Resolved, grid: &Grid) -> String {
    let mut words = vec!["weir".to_owned(), "sweep".to_owned()];
    words.extend(resolved.to_arguments());
    words.extend(grid.axes.iter().map(|axis| format!("--over={}", axis.text())));
    command_line(&words)
}

/// The results that are there, and an event for each file that is none.
fn kept(
    folder: &Folder,
    cells: &[Cell],
) -> Result<(Vec<Option<ResultFile>>, Vec<SweepEvent>), FileError> {
    let (mut results, mut broken) = (Vec::new(), Vec::new());
    for cell in cells {
        results.push(match folder.load(&cell.name)? {
            Kept::Result(result) => Some(*result),
            Kept::Nothing => None,
            Kept::Broken(why) => {
                broken.push(SweepEvent::Broken { path: folder.cell(&cell.name), why });
                None
            }
        });
    }
    Ok((results, broken))
}

/// What a cell's session came to: a result, or a reason that is the cell's own. What would befall every
/// cell alike ends the sweep.
fn outcome(
    ran: Result<ResultFile, SessionError>,
    done: usize,
    cells: usize,
) -> Result<(Option<ResultFile>, Option<String>), SweepError> {
    match ran {
        Ok(result) => Ok((Some(result), None)),
        Err(SessionError::Cancelled) => Err(SweepError::Interrupted { done, cells }),
        Err(error @ (SessionError::Execute(_) | SessionError::Target(_))) => {
            Ok((None, Some(error.to_string())))
        }
        Err(error) => Err(SweepError::Session(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Layers, resolve};
    use weir_dataflow::RunError;
    use weir_workloads::InputError;

    #[test]
    fn what_a_cell_came_to() {
        let io = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let refused = RunError::Spawn { name: "sampler".into(), message: "no more".into() };
        let execute = SessionError::Execute(crate::execute::ExecuteError::Sampler(refused));
        let (result, failed) = outcome(Err(execute), 1, 4).expect("a gap");
        assert!(result.is_none() && failed.is_some_and(|why| why.contains("no more")));
        let cancelled = outcome(Err(SessionError::Cancelled), 1, 4).expect_err("over");
        assert!(matches!(cancelled, SweepError::Interrupted { done: 1, cells: 4 }));
        let input = SessionError::Input(InputError::Read { path: "x".into(), source: io() });
        assert!(matches!(outcome(Err(input), 0, 4), Err(SweepError::Session(_))));
    }

    #[test]
    fn the_command_repeats_the_sweep() {
        let sets = ["workload=word-count", "out=a b", "duration=50ms"].map(str::to_owned).into();
        let resolved = resolve(&Layers { sets, ..Layers::default() }).expect("settings");
        let over = ["rate=10k,1k,max".to_owned(), "parallelism=1..2+1".to_owned()];
        let grid = Grid::new(&over, &resolved).expect("a grid");
        assert_eq!(
            command(&resolved, &grid),
            "weir sweep word-count --duration=50ms '--out=a b' --over=rate=1k,10k,max --over=parallelism=1,2"
        );
    }
}
