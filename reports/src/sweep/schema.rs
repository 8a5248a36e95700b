//! The document of a sweep: one JSON file per `weir sweep` that holds everything, the whole result of
//! every cell included, so that it can be sent and shown again on its own.

use crate::schema::{Environment, ResultFile, Setting};
use serde::{Deserialize, Serialize};

/// The version that this build writes, and the newest that it reads.
pub const SWEEP_VERSION: u32 = 1;

/// What [`SweepFile::kind`] says.
pub const KIND: &str = "sweep";

/// One sweep: the same comparison at every point of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SweepFile {
    /// [`KIND`]: tells the file from a result file.
    pub kind: String,
    /// [`SWEEP_VERSION`] of the writer.
    pub schema_version: u32,
    /// Version of weir that wrote it.
    pub weir_version: String,
    /// When the runs of the first cell began, RFC 3339 with offset.
    pub created: String,
    /// The exact command that repeats it.
    pub command: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The workload.
    pub workload: String,
    /// The machine and the build, as of the first cell.
    pub environment: Environment,
    /// The settings that all cells share.
    pub settings: Vec<Setting>,
    /// What was varied: one or two settings.
    pub axes: Vec<Axis>,
    /// Every combination of the values, the first axis varying slowest.
    pub cells: Vec<Cell>,
}

/// A setting that was varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Axis {
    /// Its name.
    pub setting: String,
    /// What [`AxisValue::number`] counts.
    pub unit: Unit,
    /// The values, numbers in ascending order before words.
    pub values: Vec<AxisValue>,
}

/// What the numbers of an axis count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Records per second.
    PerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Things.
    Count,
    /// Nothing: the values are words.
    Word,
}

/// A value of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AxisValue {
    /// As a setting has it: `10k`, `100ms`, `auto`.
    pub text: String,
    /// Its number; `None` for a word.
    pub number: Option<f64>,
}

/// One point of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Cell {
    /// Unique in the sweep, and the name of its file in the folder `cells`.
    pub name: String,
    /// The value on each axis.
    pub at: Vec<String>,
    /// The result, as `weir run` would have written it; `None` if there is none.
    pub result: Option<ResultFile>,
    /// Why there is none.
    pub error: Option<String>,
}
