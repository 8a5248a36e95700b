//! The folder of a result: data, page, charts and log.

use crate::chart::Chart;
use crate::file::{FileError, to_json, write_whole};
use crate::schema::ResultFile;
use crate::summary::Summary;
use crate::{chart, hlog, page};
use std::io;
use std::path::{Path, PathBuf};

/// Where [`write_all`] left what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `result.json`.
    pub result: PathBuf,
    /// `report.html`.
    pub report: PathBuf,
    /// `latency.hlog`.
    pub hlog: PathBuf,
    /// `charts/*.svg`.
    pub charts: Vec<PathBuf>,
}

/// Writes everything that is made from a result into a folder, which is made if it is missing. The
/// result itself comes first; each file is written whole or not at all. Charts of an earlier result in
/// the folder that this one does not have are removed.
///
/// # Errors
/// [`FileError`] about the first file that could not be written. Those before it are complete.
pub fn write_all(result: &ResultFile, folder: &Path) -> Result<Written, FileError> {
    let written = Written {
        result: folder.join("result.json"),
        report: folder.join("report.html"),
        hlog: folder.join("latency.hlog"),
        charts: Vec::new(),
    };
    write_whole(&written.result, to_json(result, &written.result)?.as_bytes())?;
    // What follows can be made again from the file.
    let summary = Summary::of(result);
    let made = |path: &Path| {
        let path = path.to_path_buf();
        move |message: String| FileError::Write { path, source: io::Error::other(message) }
    };
    let drawn = chart::all(&summary).map_err(|e| made(&written.report)(e.to_string()))?;
    let log = hlog::hlog(result).map_err(|e| made(&written.hlog)(e.to_string()))?;
    write_whole(&written.report, page::html(&summary, &drawn).as_bytes())?;
    write_whole(&written.hlog, log.as_bytes())?;
    remove_other_charts(&folder.join("charts"), &drawn);
    let mut charts = Vec::with_capacity(drawn.len());
    for chart in &drawn {
        let path = folder.join("charts").join(&chart.file_name);
        write_whole(&path, chart.svg.as_bytes())?;
        charts.push(path);
    }
    Ok(Written { charts, ..written })
}

/// Takes away the charts of an earlier result, which would pass for this one's. What is not named
/// like a chart of ours stays; so does what cannot be removed.
fn remove_other_charts(folder: &Path, drawn: &[Chart]) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if chart::is_chart_name(name) && !drawn.iter().any(|chart| chart.file_name == name) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
