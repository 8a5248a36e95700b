//! The folder of a sweep: document, table, page and charts.

use super::charts::{CHART_PREFIX, SweepChart, charts};
use super::curves::Curves;
use super::schema::SweepFile;
use super::{csv, file, page};
use crate::file::{FileError, write_whole};
use std::io;
use std::path::{Path, PathBuf};

/// Where [`write_all`] left what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `sweep.json`.
    pub sweep: PathBuf,
    /// `sweep.csv`.
    pub csv: PathBuf,
    /// `sweep.html`.
    pub report: PathBuf,
    /// `charts/*.svg`.
    pub charts: Vec<PathBuf>,
}

/// Writes everything that is made from a sweep into a folder, the document first; each file is written
/// whole or not at all. Charts of an earlier sweep that this one does not have are removed; a report of runs
/// stays.
///
/// # Errors
/// [`FileError`] about the first file that could not be written. Those before it are complete.
pub fn write_all(sweep: &SweepFile, folder: &Path) -> Result<Written, FileError> {
    let mut written = Written {
        sweep: folder.join("sweep.json"),
        csv: folder.join("sweep.csv"),
        report: folder.join("sweep.html"),
        charts: Vec::new(),
    };
    file::save(sweep, &written.sweep)?;
    let curves = Curves::of(sweep);
    let drawn = charts(&curves).map_err(|error| FileError::Write {
        path: written.report.clone(),
        source: io::Error::other(error.to_string()),
    })?;
    write_whole(&written.csv, csv::csv(&curves).as_bytes())?;
    write_whole(&written.report, page::html(&curves, &drawn).as_bytes())?;
    let own = folder.join("charts");
    remove_others(&own, &drawn);
    for chart in &drawn {
        let path = own.join(&chart.file_name);
        write_whole(&path, chart.svg.as_bytes())?;
        written.charts.push(path);
    }
    Ok(written)
}

/// What cannot be removed stays, and what is not named like a chart of a sweep.
fn remove_others(folder: &Path, drawn: &[SweepChart]) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let ours = name.starts_with(CHART_PREFIX) && name.ends_with(".svg");
        if ours && !drawn.iter().any(|chart| chart.file_name == name) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
