//! The grid: which settings take which values.

use super::value::{AxisPoint, Kind, SWEPT};
use crate::settings::{Config, ConfigError, Origin, Resolved, without_effect};
use thiserror::Error;
use weir_reports::sweep::schema::{self, AxisValue};

/// Why there is no grid. Each message names the thing and the remedy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GridError {
    /// Nothing to vary, or too much.
    #[error("a sweep varies one or two settings: give --over NAME=VALUES once or twice")]
    Axes,
    /// Not of the form that is asked for.
    #[error("--over {text:?}: write it as NAME=VALUES, for example --over rate=1k,10k,100k")]
    NotAnAxis {
        /// What was given.
        text: String,
    },
    /// Not a setting that can be varied.
    #[error("--over {name}: there is no such setting to vary; there are {}", names().join(", "))]
    Unknown {
        /// What was given.
        name: String,
    },
    /// The same setting again.
    #[error("--over {name} is given twice: put its values in one list")]
    Twice {
        /// Which.
        name: &'static str,
    },
    /// A fixed value besides the varied ones.
    #[error("--over {name} and --{name} contradict each other: leave one of them out")]
    AlsoFixed {
        /// Which.
        name: &'static str,
    },
    /// The values make no sense.
    #[error("--over {name}: {problem}")]
    Values {
        /// Of which setting.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// More cells than anyone would wait for.
    #[error("a grid of {cells} cells is too large: {} at most", Grid::MOST)]
    TooLarge {
        /// How many there would be.
        cells: usize,
    },
    /// It would change nothing, and what it was charted with would be noise.
    #[error("--over {name}: {problem}")]
    NoEffect {
        /// Which setting.
        name: &'static str,
        /// Why, and what would.
        problem: String,
    },
    /// A cell's settings make no sense.
    #[error("cell {cell}: {source}")]
    Cell {
        /// Its name.
        cell: String,
        /// Why.
        source: ConfigError,
    },
    /// Not one workload.
    #[error(
        "a sweep is of one workload, and there are {found}: name one, for example `weir sweep word-count`"
    )]
    Workloads {
        /// How many there are.
        found: usize,
    },
}

fn names() -> Vec<&'static str> {
    SWEPT.iter().map(|(name, _)| *name).collect()
}

/// A setting and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its name.
    pub setting: &'static str,
    kind: Kind,
    /// Its values, each once, in ascending order.
    pub points: Vec<AxisPoint>,
}

impl Axis {
    /// Reads `NAME=VALUES`.
    ///
    /// # Errors
    /// An unknown setting, or values that make no sense.
    pub fn parse(text: &str) -> Result<Self, GridError> {
        let (name, values) =
            text.split_once('=').ok_or_else(|| GridError::NotAnAxis { text: text.to_owned() })?;
        let name = name.trim();
        let (setting, kind) = *SWEPT
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| GridError::Unknown { name: name.to_owned() })?;
        let points =
            kind.points(values).map_err(|problem| GridError::Values { name: setting, problem })?;
        Ok(Self { setting, kind, points })
    }

    /// As it would be typed: `rate=1k,10k`.
    #[must_use]
    pub fn text(&self) -> String {
        let values: Vec<&str> = self.points.iter().map(|point| point.text.as_str()).collect();
        format!("{}={}", self.setting, values.join(","))
    }

    /// As a document has it.
    #[must_use]
    pub fn to_schema(&self) -> schema::Axis {
        let value =
            |point: &AxisPoint| AxisValue { text: point.text.clone(), number: point.number };
        schema::Axis {
            setting: self.setting.to_owned(),
            unit: self.kind.unit(),
            values: self.points.iter().map(value).collect(),
        }
    }
}

/// A point of the grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Unique in the grid; made of letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The value on each axis.
    pub at: Vec<String>,
}

/// One or two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The axes; the first varies slowest.
    pub axes: Vec<Axis>,
}

impl Grid {
    /// Most cells.
    pub const MOST: usize = 1_000;

    /// Reads the texts of `--over`, against the settings that hold otherwise.
    ///
    /// # Errors
    /// [`GridError`], also about any cell whose settings make no sense: none is run before all are sound.
    pub fn new(texts: &[String], resolved: &Resolved) -> Result<Self, GridError> {
        if texts.is_empty() || texts.len() > 2 {
            return Err(GridError::Axes);
        }
        let axes = texts.iter().map(|text| Axis::parse(text)).collect::<Result<Vec<_>, _>>()?;
        for (at, axis) in axes.iter().enumerate() {
            let name = axis.setting;
            if axes[..at].iter().any(|other| other.setting == name) {
                return Err(GridError::Twice { name });
            }
            if resolved.is_asked(name) {
                return Err(GridError::AlsoFixed { name });
            }
        }
        let grid = Self { axes };
        let cells = grid.axes.iter().map(|axis| axis.points.len()).product();
        if cells > Self::MOST {
            return Err(GridError::TooLarge { cells });
        }
        // Which of them no cell has used so far, and why not.
        let mut idle: Vec<Option<String>> = vec![None; grid.axes.len()];
        for (at, cell) in grid.cells().into_iter().enumerate() {
            let settings = grid.settings(&cell, resolved);
            let sound = |config: Config| config.has_records(&settings).map(|()| config);
            let config = Config::new(&settings)
                .and_then(sound)
                .map_err(|source| GridError::Cell { cell: cell.name.clone(), source })?;
            if config.workloads.len() != 1 {
                return Err(GridError::Workloads { found: config.workloads.len() });
            }
            for (axis, idle) in grid.axes.iter().zip(&mut idle) {
                if at == 0 || idle.is_some() {
                    *idle = without_effect(axis.setting, &config);
                }
            }
        }
        for (axis, idle) in grid.axes.iter().zip(idle) {
            if let Some(problem) = idle {
                return Err(GridError::NoEffect { name: axis.setting, problem });
            }
        }
        Ok(grid)
    }

    /// All points, the first axis varying slowest.
    #[must_use]
    pub fn cells(&self) -> Vec<Cell> {
        let mut places: Vec<Vec<String>> = vec![Vec::new()];
        for axis in &self.axes {
            let with = |place: &Vec<String>| {
                let place = place.clone();
                axis.points
                    .iter()
                    .map(move |point| [&place[..], std::slice::from_ref(&point.text)].concat())
            };
            places = places.iter().flat_map(with).collect();
        }
        places.into_iter().map(|at| Cell { name: self.name(&at), at }).collect()
    }

    fn name(&self, at: &[String]) -> String {
        let part = |(axis, text): (&Axis, &String)| format!("{}-{}", axis.setting, harmless(text));
        self.axes.iter().zip(at).map(part).collect::<Vec<_>>().join("_")
    }

    /// The settings of a cell. Where its result goes is the sweep's business, not a setting of it.
    #[must_use]
    pub fn settings(&self, cell: &Cell, resolved: &Resolved) -> Resolved {
        let mut settings = resolved.reset("out");
        for (axis, text) in self.axes.iter().zip(&cell.at) {
            settings = settings.with(axis.setting, text, Origin::Sweep);
        }
        settings
    }
}

/// A text as part of a file's name. Values of sound settings come through as they are.
fn harmless(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
    text.chars().map(|c| if plain(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Layers, resolve};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn resolved(sets: &[&str]) -> Resolved {
        let sets = sets.iter().map(|text| (*text).to_owned()).collect();
        resolve(&Layers { sets, ..Layers::default() }).expect("settings")
    }

    fn grid(over: &[&str], sets: &[&str]) -> Result<Grid, GridError> {
        let over: Vec<String> = over.iter().map(|text| (*text).to_owned()).collect();
        Grid::new(&over, &resolved(&[&["workload=word-count"], sets].concat()))
    }

    #[test]
    fn cells_are_all_combinations_in_order() {
        let grid = grid(&["rate=10k,1k", "batch-interval=1s,10ms"], &[]).expect("a grid");
        let names: Vec<String> = grid.cells().into_iter().map(|cell| cell.name).collect();
        assert_eq!(
            names,
            [
                "rate-1k_batch-interval-10ms",
                "rate-1k_batch-interval-1s",
                "rate-10k_batch-interval-10ms",
                "rate-10k_batch-interval-1s",
            ]
        );
    }

    #[test]
    fn a_cell_has_the_settings_of_its_place_and_repeats_as_a_run() {
        let base = resolved(&["workload=word-count", "rounds=3", "out=there"]);
        let grid = Grid::new(&["rate=10k,max".to_owned()], &base).expect("a grid");
        let cells = grid.cells();
        let settings = grid.settings(&cells[1], &base);
        assert_eq!(settings.get("rate").map(|v| v.origin.to_string()).as_deref(), Some("sweep"));
        assert_eq!(settings.to_arguments(), ["word-count", "--rate=max", "--rounds=3"]);
    }

    #[test]
    fn what_is_no_grid_is_refused_with_a_remedy() {
        for (over, sets, part) in [
            (&[][..], &[][..], "once or twice"),
            (&["rate=1k", "skew=1", "acking=on"], &[], "once or twice"),
            (&["rate"], &[], "NAME=VALUES"),
            (&["seed=1,2"], &[], "there are rate, batch-interval"),
            (&["rate=1k", "rate=2k"], &[], "given twice"),
            (&["rate=1k"], &["rate=5k"], "leave one of them out"),
            (&["rate=1k,fast"], &[], "cell rate-fast: rate = \"fast\" (from sweep)"),
            (&["batch-interval=10us,1ms"], &[], "at least 1ms"),
            (&["parallelism=1..300+2"], &[], "from 1 to 256"),
            (&["rate=1k,2k"], &["schedule=ramp:1k..5k"], "a ramp brings its own rates"),
            (&["rate=1..100+1", "skew=0..9+0.1"], &[], "9100 cells is too large"),
            (&["rate=1k"], &["workload=word-count,stateful"], "one workload, and there are 2"),
            (
                &["rate=1k", "state-size=8,64"],
                &[],
                "--over state-size: word-count does not use it, keyed-state does",
            ),
            (
                &["acking=on,off"],
                &["engine=microbatch"],
                "topology does: choose such with --engine",
            ),
            (&["batch-interval=1ms,1s"], &["engine=topology"], "microbatch and trident do"),
            (&["max-spout-pending=1,9", "acking=off"], &[], "give --acking on"),
        ] {
            let message = grid(over, sets).expect_err(part).to_string();
            assert!(message.contains(part), "{over:?}: {message:?} lacks {part:?}");
            assert!(!message.contains('\n'), "{message:?} is one line");
        }
    }

    /// It is enough that there are cells with an effect: the others show that elsewhere there is none.
    #[test]
    fn a_setting_may_be_idle_in_some_cells() {
        for over in [["max-spout-pending=1,9", "acking=on,off"], ["acking=off,on", "rate=1k"]] {
            assert!(grid(&over, &[]).is_ok(), "{over:?}");
        }
    }

    proptest! {
        #[test]
        fn names_are_unique_and_harmless(
            rates in proptest::collection::btree_set(1u64..1_000_000_000, 1..8),
            skews in proptest::collection::btree_set(0u32..10_000, 1..8),
        ) {
            let list = |items: Vec<String>| items.join(",");
            let rates = list(rates.iter().map(u64::to_string).collect());
            let skews = list(skews.iter().map(|s| (f64::from(*s) / 1e3).to_string()).collect());
            let over = [format!("rate={rates}"), format!("skew={skews}")];
            let grid = grid(&[&over[0], &over[1]], &[]).expect("a grid");
            let cells = grid.cells();
            let names: BTreeSet<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
            prop_assert_eq!(names.len(), cells.len());
            for name in names {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                prop_assert!(name.len() < 200 && name.chars().all(plain), "{}", name);
            }
            // What is said of the grid makes the same grid.
            let again: Vec<String> = grid.axes.iter().map(Axis::text).collect();
            prop_assert_eq!(Grid::new(&again, &resolved(&["workload=word-count"])).expect("a grid"), grid);
        }
    }
}
