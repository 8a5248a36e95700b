//! Reading and writing search documents.

use super::page;
use super::schema::{KIND, SEARCH_VERSION, SearchFile};
use crate::chart::search as charts;
use crate::file::{FileError, parse_as, to_json, twice, write_whole};
use crate::text::clean;
use std::io;
use std::path::{Path, PathBuf};

/// Reads a search from bytes; `path` is for messages.
///
/// # Errors
/// [`FileError::Format`], [`FileError::OtherKind`] or [`FileError::Newer`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<SearchFile, FileError> {
    let search: SearchFile = parse_as(bytes, path, Some(KIND), SEARCH_VERSION)?;
    match twice(search.rows.iter().map(|row| &row.id)) {
        None => Ok(search),
        Some(id) => {
            let message = format!("it has two rows {}", clean(id));
            Err(FileError::Format { path: path.into(), message })
        }
    }
}

/// Writes a search document, whole or not at all.
///
/// # Errors
/// [`FileError::Write`], or [`FileError::NotJson`] if a number is not finite.
pub fn save_search(search: &SearchFile, path: &Path) -> Result<(), FileError> {
    write_whole(path, to_json(search, path)?.as_bytes())
}

/// Where [`write_search`] left what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// `search.json`.
    pub data: PathBuf,
    /// `search.html`.
    pub page: PathBuf,
    /// `charts/search-*.svg`.
    pub charts: Vec<PathBuf>,
}

/// Writes the document, its page and its charts into a folder, which is made if it is missing. Charts of an
/// earlier search in the folder that this one does not have are removed; a report of runs stays.
///
/// # Errors
/// [`FileError`] about the first file that could not be written. Those before it are complete.
pub fn write_search(search: &SearchFile, folder: &Path) -> Result<Left, FileError> {
    let left = Left {
        data: folder.join("search.json"),
        page: folder.join("search.html"),
        charts: Vec::new(),
    };
    save_search(search, &left.data)?;
    let drawn = charts::all(search).map_err(|error| FileError::Write {
        path: left.page.clone(),
        source: io::Error::other(error.to_string()),
    })?;
    write_whole(&left.page, page::html(search, &drawn).as_bytes())?;
    let folder = folder.join("charts");
    if let Ok(entries) = std::fs::read_dir(&folder) {
        let names = entries.flatten().map(|entry| entry.file_name());
        let ours = names.filter(|name| name.to_str().is_some_and(charts::is_chart_name));
        let gone = ours.filter(|name| !drawn.iter().any(|chart| *name == *chart.file_name));
        // What cannot be removed stays.
        gone.for_each(|name| drop(std::fs::remove_file(folder.join(name))));
    }
    let mut written = Vec::new();
    for chart in &drawn {
        let path = folder.join(&chart.file_name);
        write_whole(&path, chart.svg.as_bytes())?;
        written.push(path);
    }
    Ok(Left { charts: written, ..left })
}
