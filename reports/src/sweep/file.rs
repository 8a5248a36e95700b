//! Reading and writing the document of a sweep.

use super::schema::{SWEEP_VERSION, SweepFile};
use crate::file::{FileError, to_json, write_whole};
use crate::text::clean;
use serde::Deserialize;
use std::path::Path;

/// Reads a sweep from bytes; `path` is for messages.
///
/// # Errors
/// [`FileError::Format`] or [`FileError::Newer`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<SweepFile, FileError> {
    #[derive(Deserialize)]
    struct Versioned {
        schema_version: u32,
    }
    let format = |error: serde_json::Error| FileError::Format {
        path: path.into(),
        message: clean(&error.to_string()),
    };
    let Versioned { schema_version: found } = serde_json::from_slice(bytes).map_err(format)?;
    if found > SWEEP_VERSION {
        return Err(FileError::Newer { path: path.into(), found });
    }
    serde_json::from_slice(bytes).map_err(format)
}

/// Writes a sweep, whole or not at all.
///
/// # Errors
/// [`FileError::Write`], or [`FileError::NotJson`] if a number is not finite.
pub fn save(sweep: &SweepFile, path: &Path) -> Result<(), FileError> {
    write_whole(path, to_json(sweep, path)?.as_bytes())
}
