//! Whatever weir wrote: results of runs, a search, or a sweep.

use crate::file::{FileError, kind_of, parse, read};
use crate::schema::ResultFile;
use crate::search::schema::SearchFile;
use crate::sweep::schema::SweepFile;
use crate::{search, sweep};
use std::path::Path;

/// A document that weir wrote.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// Of `weir run`.
    Runs(Box<ResultFile>),
    /// Of `weir search`.
    Search(Box<SearchFile>),
    /// Of `weir sweep`.
    Sweep(Box<SweepFile>),
}

/// Reads a document of any kind.
///
/// # Errors
/// [`FileError::Read`], [`FileError::TooLong`], [`FileError::Format`], [`FileError::OtherKind`] or [`FileError::Newer`].
pub fn load_document(path: &Path) -> Result<Document, FileError> {
    parse_document(&read(path)?, path)
}

/// Reads a document of any kind from bytes; `path` is for messages.
///
/// # Errors
/// [`FileError::Format`], [`FileError::OtherKind`] or [`FileError::Newer`].
pub fn parse_document(bytes: &[u8], path: &Path) -> Result<Document, FileError> {
    match kind_of(bytes).as_deref() {
        Some(search::schema::KIND) => {
            search::parse(bytes, path).map(|found| Document::Search(Box::new(found)))
        }
        Some(sweep::schema::KIND) => {
            sweep::parse(bytes, path).map(|found| Document::Sweep(Box::new(found)))
        }
        _ => parse(bytes, path).map(|found| Document::Runs(Box::new(found))),
    }
}
