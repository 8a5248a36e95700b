//! Reading and writing result files, and writing any file whole or not at all.

use crate::schema::{Environment, ResultFile, SCHEMA_VERSION};
use crate::text::{clean, is_hostile};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a file of ours could not be read or written. Each message is one line that names the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system did not let us read it.
    #[error("cannot read {}: {source}", shown(path))]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is not a result file.
    #[error(
        "{} is not a complete result file: {message}; run weir again or fetch the file again",
        shown(path)
    )]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and at which line and column.
        message: String,
    },
    /// A newer weir wrote it.
    #[error(
        "{} has schema version {found}, and this weir reads up to {SCHEMA_VERSION}: read it with the weir that wrote it, or a newer one",
        shown(path)
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The system did not let us write it. What was there before is still there.
    #[error("cannot write {}: {source}", shown(path))]
    Write {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The result holds a number that JSON has no notation for.
    #[error(
        "cannot write {}: the result does not read back ({message}); this is a defect of weir",
        shown(path)
    )]
    NotJson {
        /// Which file.
        path: PathBuf,
        /// What the reader said.
        message: String,
    },
}

fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

/// Reads a result file.
///
/// # Errors
/// [`FileError::Read`], [`FileError::Format`] or [`FileError::Newer`].
pub fn load(path: &Path) -> Result<ResultFile, FileError> {
    let bytes =
        std::fs::read(path).map_err(|source| FileError::Read { path: path.into(), source })?;
    parse(&bytes, path)
}

/// Reads a result from bytes; `path` is for messages.
///
/// # Errors
/// [`FileError::Format`] or [`FileError::Newer`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<ResultFile, FileError> {
    /// The one field whose place and meaning no version changes.
    #[derive(Deserialize)]
    struct Versioned {
        schema_version: u32,
        #[serde(default)]
        kind: Option<String>,
    }
    let format = |error: serde_json::Error| FileError::Format {
        path: path.into(),
        message: clean(&error.to_string()),
    };
    // The version first: a newer file may well lack a field that this version asks for.
    let Versioned { schema_version: found, kind } =
        serde_json::from_slice(bytes).map_err(format)?;
    if kind.as_deref() == Some(crate::search::schema::KIND) {
        let message = "it is a document of `weir search` and holds no runs".to_owned();
        return Err(FileError::Format { path: path.into(), message });
    }
    if found > SCHEMA_VERSION {
        return Err(FileError::Newer { path: path.into(), found });
    }
    if found == 0 {
        let message = "schema version 0 was never written".to_owned();
        return Err(FileError::Format { path: path.into(), message });
    }
    if let Some(kind) = kind {
        let kind = clean(&kind);
        let message = format!("it is a {kind} document, which `weir report` shows");
        return Err(FileError::Format { path: path.into(), message });
    }
    serde_json::from_slice(bytes).map_err(format)
}

/// What a document of ours says that it is: `sweep`, for example. `None` for a result file, which says
/// nothing of the kind, and for what is no document of ours at all.
#[must_use]
pub fn kind_of(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Kind {
        kind: Option<String>,
    }
    serde_json::from_slice::<Kind>(bytes).ok()?.kind
}

/// Writes a result file, whole or not at all.
///
/// # Errors
/// [`FileError::Write`], or [`FileError::NotJson`] if a number is not finite.
pub fn save(result: &ResultFile, path: &Path) -> Result<(), FileError> {
    write_whole(path, to_json(result, path)?.as_bytes())
}

/// The text of a document of ours.
pub(crate) fn to_json<T: Serialize + DeserializeOwned>(
    document: &T,
    path: &Path,
) -> Result<String, FileError> {
    let refuse = |error: serde_json::Error| FileError::NotJson {
        path: path.into(),
        message: clean(&error.to_string()),
    };
    let json = tame_json(document).map_err(refuse)?;
    // Serde writes NaN as null, which does not read back: better no file than that.
    serde_json::from_str::<T>(&json).map_err(refuse)?;
    Ok(json)
}

/// What the result file has of a machine, as a JSON document of its own.
#[must_use]
pub fn environment_json(environment: &Environment) -> String {
    // A structure of texts and numbers: there is nothing in it that could fail.
    tame_json(environment).unwrap_or_default()
}

/// JSON in which characters that could command a terminal are written as escapes, so that it can be
/// looked at with anything.
pub(crate) fn tame_json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let plain = serde_json::to_string_pretty(value)?;
    let mut json = String::with_capacity(plain.len() + 1);
    for c in plain.chars() {
        // Outside strings JSON is ASCII, and the only control character left is the line feed.
        if is_hostile(c) && c != '\n' {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(json, "\\u{unit:04x}");
            }
        } else {
            json.push(c);
        }
    }
    json.push('\n');
    Ok(json)
}

/// Writes a file so that its name never stands for a part of it: a temporary file in the same folder
/// is filled, flushed to the disk and renamed. Missing folders are made.
///
/// # Errors
/// [`FileError::Write`]; what was there before is still there.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<(), FileError> {
    try_write_whole(path, content).map_err(|source| FileError::Write { path: path.into(), source })
}

fn try_write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    try_write_with(path, |file| file.write_all(content))
}

/// Writes whatever `fill` writes, if it does so to its end.
fn try_write_with(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if let Ok(there) = std::fs::metadata(path)
        && !there.is_file()
    {
        // A device, such as /dev/stdout, is written to and not replaced; a folder says no.
        return fill(&mut std::fs::OpenOptions::new().write(true).open(path)?);
    }
    // A link stays a link: what it points to is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weir-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any file that a program makes; the umask takes its share.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // The temporary name in the library's messages would only puzzle people: the kind is enough.
    let mut file = builder.tempfile_in(folder).map_err(|e| io::Error::from(e.kind()))?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests;
