//! One file of frames: a 4-byte big-endian length, then that many bytes. It is Spark's format, in which
//! damage cannot be told from data; see `record.rs` for what is in the frames of a log.

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
    /// Where its length stands: it begins there.
    pub offset: u64,
    /// How many bytes stand behind its length.
    pub length: u32,
}

/// Appends frames to a file.
#[derive(Debug)]
pub struct FrameWriter {
    path: PathBuf,
    file: File,
    end: u64,
    sync: bool,
}

impl FrameWriter {
    /// Opens `path`, or makes it and its folder. A torn frame at the end of it, from a crash, is cut
    /// off with a warning: what is appended would not be found behind it.
    ///
    /// # Errors
    ///
    /// The system refuses it.
    pub fn open(path: &Path) -> Result<Self, WalError> {
        let mut reader = FrameReader::open(path)?;
        while reader.next_frame()?.is_some() {}
        Self::open_at(path, reader.offset, false)
    }

    /// Opens `path`, or makes it and its folder, and writes from byte `end` on. What was there goes.
    /// With `sync`, what is written is on the disk, and not only with the system, once
    /// [`append`](Self::append) returns.
    pub(super) fn open_at(path: &Path, end: u64, sync: bool) -> Result<Self, WalError> {
        let refuse = |error| WalError::io(path, error);
        let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
        let made: Vec<&Path> = folders.take_while(|folder| !folder.exists()).collect();
        let folder = path.parent();
        folder.map_or(Ok(()), std::fs::create_dir_all).map_err(refuse)?;
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(refuse)?;
        file.set_len(end).map_err(refuse)?;
        file.seek(SeekFrom::Start(end)).map_err(refuse)?;
        if sync {
            // A file whose name is lost is lost: the names are in the folders.
            let above = made.iter().filter_map(|folder| folder.parent());
            for folder in folder.into_iter().chain(above) {
                sync_folder(folder).map_err(refuse)?;
            }
        }
        Ok(Self { path: path.to_owned(), file, end, sync })
    }

    /// Appends a frame of these bytes. They have reached the system when this returns.
    ///
    /// # Errors
    ///
    /// The system refuses it; nothing of the frame stays in the file.
    pub fn write(&mut self, bytes: &[u8]) -> Result<WalHandle, WalError> {
        self.append(&[], bytes)
    }

    /// Where the next frame begins.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Appends a frame of two pieces, as [`write`](Self::write) does.
    pub(super) fn append(&mut self, first: &[u8], second: &[u8]) -> Result<WalHandle, WalError> {
        let bytes = first.len() + second.len();
        let too_long = |_| WalError::TooLong { bytes };
        let length = i32::try_from(bytes).map_err(too_long)?.unsigned_abs();
        let mut frame = Vec::with_capacity(bytes + HEAD as usize);
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(first);
        frame.extend_from_slice(second);
        let written = self.file.write_all(&frame);
        let synced = written.and_then(|()| if self.sync { self.file.sync_data() } else { Ok(()) });
        if let Err(error) = synced {
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

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // The parent of a bare name.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// Reads a file's frames from its beginning. A torn end is left out, with a warning; a missing file
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

    /// The next frame's bytes, with where it begins. None at the end, and from then on.
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
                "write-ahead log {}: the last {torn} bytes, from byte {}, are no whole frame and \
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

/// Reads the bytes of the frame at a handle.
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
    if size.saturating_sub(handle.offset.saturating_add(HEAD)) < u64::from(length) {
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
