//! Reading and writing the document of a sweep.

use super::schema::{KIND, SWEEP_VERSION, SweepFile};
use crate::file::{FileError, check, parse_as, to_json, twice, write_whole};
use crate::text::clean;
use std::path::Path;

/// Reads a sweep from bytes; `path` is for messages.
///
/// # Errors
/// [`FileError::Format`], [`FileError::OtherKind`] or [`FileError::Newer`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<SweepFile, FileError> {
    let sweep: SweepFile = parse_as(bytes, path, Some(KIND), SWEEP_VERSION)?;
    let refuse = |message| FileError::Format { path: path.into(), message };
    if let Some(name) = twice(sweep.cells.iter().map(|cell| &cell.name)) {
        return Err(refuse(format!("it has two cells called {}", clean(name))));
    }
    for cell in &sweep.cells {
        let checked = cell.result.as_ref().map_or(Ok(()), check);
        checked.map_err(|message| refuse(format!("in cell {}: {message}", clean(&cell.name))))?;
    }
    Ok(sweep)
}

/// Writes a sweep, whole or not at all.
///
/// # Errors
/// [`FileError::Write`], or [`FileError::NotJson`] if a number is not finite.
pub fn save(sweep: &SweepFile, path: &Path) -> Result<(), FileError> {
    write_whole(path, to_json(sweep, path)?.as_bytes())
}
