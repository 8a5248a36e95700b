//! Reading and writing result files, and writing any file whole or not at all.

use crate::schema::{ResultFile, SCHEMA_VERSION};
use crate::text::{clean, is_hostile};
use crate::{search, sweep};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
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
        "{} has schema version {found}, and this weir reads up to {newest}: read it with the weir that wrote it, or a newer one",
        shown(path)
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest of its kind that is known.
        newest: u32,
    },
    /// It is a document of ours, but not of the kind that was asked for.
    #[error(
        "{} is a document {found}, where one of `weir {wanted}` is wanted; `weir report` shows each of ours",
        shown(path)
    )]
    OtherKind {
        /// Which file.
        path: PathBuf,
        /// What it is of.
        found: String,
        /// The command whose document was wanted.
        wanted: String,
    },
    /// It is longer than [`MOST_BYTES`].
    #[error(
        "{} is longer than {} MiB, and no document of weir's is: name a result.json, search.json or sweep.json",
        shown(path), MOST_BYTES >> 20
    )]
    TooLong {
        /// Which file.
        path: PathBuf,
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

/// The most that is read as a document of ours: a gibibyte. A result of weir's own defaults is of some
/// megabytes.
pub const MOST_BYTES: u64 = 1 << 30;

/// Reads a result file.
///
/// # Errors
/// [`FileError::Read`], [`FileError::TooLong`], [`FileError::Format`], [`FileError::OtherKind`] or [`FileError::Newer`].
pub fn load(path: &Path) -> Result<ResultFile, FileError> {
    parse(&read(path)?, path)
}

/// The bytes of a file, if it is not too long for a document of ours.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let refuse = |source| FileError::Read { path: path.into(), source };
    let file = File::open(path).map_err(refuse)?;
    let there = file.metadata().map_err(refuse)?.len();
    let mut bytes = Vec::new();
    if there <= MOST_BYTES {
        // What is not a plain file does not say how long it is.
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(refuse)?;
    }
    if there.max(bytes.len() as u64) > MOST_BYTES {
        return Err(FileError::TooLong { path: path.into() });
    }
    Ok(bytes)
}

/// Reads a result from bytes; `path` is for messages.
///
/// # Errors
/// [`FileError::Format`], [`FileError::OtherKind`] or [`FileError::Newer`].
pub fn parse(bytes: &[u8], path: &Path) -> Result<ResultFile, FileError> {
    let result: ResultFile = parse_as(bytes, path, None, SCHEMA_VERSION)?;
    check(&result).map_err(|message| FileError::Format { path: path.into(), message })?;
    Ok(result)
}

/// What every document of ours says of itself; no version changes the place or the meaning of these.
#[derive(Deserialize)]
struct Head {
    schema_version: u32,
    #[serde(default)]
    kind: Option<String>,
}

/// Reads a document of a kind (`None`: a result file), written by a version up to `newest`.
pub(crate) fn parse_as<T: DeserializeOwned>(
    bytes: &[u8],
    path: &Path,
    kind: Option<&str>,
    newest: u32,
) -> Result<T, FileError> {
    let refuse = |message: &str| FileError::Format { path: path.into(), message: clean(message) };
    let format = |error: serde_json::Error| refuse(&error.to_string());
    // The version first: a newer file may well lack a field that this version asks for.
    let head: Head = serde_json::from_slice(bytes).map_err(format)?;
    let found = match head.kind.as_deref() {
        own if own == kind => None,
        Some(other @ (search::schema::KIND | sweep::schema::KIND)) => {
            Some(format!("of `weir {other}`"))
        }
        Some(other) => Some(format!("of an unknown kind, {}", clean(other))),
        None => Some("of `weir run`".to_owned()),
    };
    if let Some(found) = found {
        let wanted = kind.unwrap_or("run").to_owned();
        return Err(FileError::OtherKind { path: path.into(), found, wanted });
    }
    match head.schema_version {
        0 => Err(refuse("schema version 0 was never written")),
        found if found > newest => Err(FileError::Newer { path: path.into(), found, newest }),
        _ => serde_json::from_slice(bytes).map_err(format),
    }
}

/// Whatever a result says twice cannot be shown: rows are told apart by their names.
pub(crate) fn check(result: &ResultFile) -> Result<(), String> {
    let names = result.workloads.iter().map(|workload| &workload.name);
    if let Some(name) = twice(names) {
        return Err(format!("it has two workloads called {}", clean(name)));
    }
    for workload in &result.workloads {
        if let Some(id) = twice(workload.rows.iter().map(|row| &row.id)) {
            return Err(format!("workload {} has two rows {}", clean(&workload.name), clean(id)));
        }
    }
    Ok(())
}

/// The first name that came before.
pub(crate) fn twice<'a>(names: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
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
