//! One file of records: a 4-byte big-endian length, then that many bytes.

use super::WalError;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const HEAD: u64 = 4;

/// Where a record is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WalHandle {
    /// The file.
    pub path: PathBuf,
    /// Where its length stands.
    pub offset: u64,
    /// How long it is, without the length field.
    pub length: u32,
}

/// Appends records to a file.
#[derive(Debug)]
pub struct FrameWriter {
    path: PathBuf,
    file: File,
    end: u64,
}

impl FrameWriter {
    /// Opens `path`, or makes it and its folder. A torn record at the end of it, from a crash, is cut
    /// off with a warning: what is appended would not be found behind it.
    ///
    /// # Errors
    ///
    /// The system refuses it.
    pub fn open(path: &Path) -> Result<Self, WalError> {
        let refuse = |error| WalError::io(path, error);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(refuse)?;
        }
        let mut reader = FrameReader::open(path)?;
        while reader.next_frame()?.is_some() {}
        let end = reader.offset;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(refuse)?;
        file.set_len(end).map_err(refuse)?;
        file.seek(SeekFrom::Start(end)).map_err(refuse)?;
        Ok(Self { path: path.to_owned(), file, end })
    }

    /// Appends a record. It has reached the system when this returns.
    ///
    /// # Errors
    ///
    /// The system refuses it; nothing of the record stays in the file.
    pub fn write(&mut self, record: &[u8]) -> Result<WalHandle, WalError> {
        let too_long = |_| WalError::TooLong { bytes: record.len() };
        let length = i32::try_from(record.len()).map_err(too_long)?.unsigned_abs();
        let mut frame = Vec::with_capacity(record.len() + HEAD as usize);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(record);
        if let Err(error) = self.file.write_all(&frame) {
            let cut = self.file.set_len(self.end);
            if cut.and_then(|()| self.file.seek(SeekFrom::Start(self.end))).is_err() {
                log::warn!("write-ahead log {}: a torn record stays", self.path.display());
            }
            return Err(WalError::io(&self.path, error));
        }
        let handle = WalHandle { path: self.path.clone(), offset: self.end, length };
        self.end += HEAD + u64::from(length);
        Ok(handle)
    }
}

/// Reads a file's records from its beginning. A torn end is left out, with a warning; a missing file
/// is empty.
#[derive(Debug)]
pub struct FrameReader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    offset: u64,
    size: u64,
}

impl FrameReader {
    /// Opens a file if it is there.
    ///
    /// # Errors
    ///
    /// It is there and cannot be opened.
    pub fn open(path: &Path) -> Result<Self, WalError> {
        let refuse = |error| WalError::io(path, error);
        let file = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(refuse(error)),
        };
        let size = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|about| about.len()));
        let size = size.map_err(refuse)?;
        Ok(Self { path: path.to_owned(), file: file.map(BufReader::new), offset: 0, size })
    }

    /// The next record, with where it begins. None at the end, and from then on.
    ///
    /// # Errors
    ///
    /// The system cannot read the file.
    pub fn next_frame(&mut self) -> Result<Option<(u64, Vec<u8>)>, WalError> {
        let Some(file) = self.file.as_mut() else { return Ok(None) };
        let left = self.size - self.offset;
        if left < HEAD {
            return Ok(self.end(left));
        }
        let mut head = [0; HEAD as usize];
        file.read_exact(&mut head).map_err(|error| WalError::io(&self.path, error))?;
        // Checked before memory is asked for: a damaged length may be anything.
        let length = u64::try_from(i32::from_be_bytes(head)).ok().filter(|l| *l <= left - HEAD);
        let Some(length) = length else { return Ok(self.end(left)) };
        let mut record = vec![0; length as usize];
        file.read_exact(&mut record).map_err(|error| WalError::io(&self.path, error))?;
        let at = self.offset;
        self.offset += HEAD + length;
        Ok(Some((at, record)))
    }

    fn end<T>(&mut self, torn: u64) -> Option<T> {
        self.file = None;
        if torn > 0 {
            log::warn!(
                "write-ahead log {}: the last {torn} bytes, from byte {}, are no whole record and \
                 are left out",
                self.path.display(),
                self.offset
            );
        }
        None
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads the record at a handle.
///
/// # Errors
///
/// The file is not there or too short, or another length stands there than in the handle.
pub fn read_at(handle: &WalHandle) -> Result<Vec<u8>, WalError> {
    let refuse = |error| WalError::io(&handle.path, error);
    let mut file = File::open(&handle.path).map_err(refuse)?;
    file.seek(SeekFrom::Start(handle.offset)).map_err(refuse)?;
    let mut head = [0; HEAD as usize];
    file.read_exact(&mut head).map_err(refuse)?;
    let length = u32::from_be_bytes(head);
    if length != handle.length {
        return Err(WalError::Damaged {
            path: handle.path.clone(),
            offset: handle.offset,
            reason: format!("its length is {length} and should be {}", handle.length),
        });
    }
    let size = file.metadata().map_err(refuse)?.len();
    if size.saturating_sub(handle.offset + HEAD) < u64::from(length) {
        return Err(WalError::Damaged {
            path: handle.path.clone(),
            offset: handle.offset,
            reason: "the file ends within it".into(),
        });
    }
    let mut record = vec![0; length as usize];
    file.read_exact(&mut record).map_err(refuse)?;
    Ok(record)
}
