//! Records that can be told from damage: what the files of a log hold.
//!
//! ```text
//! frame: length 4 | "WALR" 4 | checksum of the head 4 | checksum of the record 4 | record
//! ```
//!
//! The length counts what stands behind it. The head's checksum is over where in the file the frame
//! begins, the length and the record's checksum. So a length is believed only if it is what was
//! written, and bytes that look like a frame but stand elsewhere, as in a record that holds a copy of a
//! log, are none. Behind damage, the next bytes that are a frame begin the next record: damage costs the
//! records that it hits, and no other.
//!
//! | a file | what is read |
//! |---|---|
//! | that ends within a record, as after a kill | all records before it |
//! | with a changed bit or byte, wherever | all records but the one that it is in |
//! | with bytes added to its end | all records |
//! | that is empty, or no log at all | nothing |
//!
//! Whatever is left out is named in a warning, with file and bytes. Bytes that were inserted or removed
//! in the middle move what is behind them, which is lost: no handle would find it, either.

use super::WalError;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const MARK: [u8; 4] = *b"WALR";

/// What stands between the length of a frame and its record.
const SEAL: usize = 12;

const HEAD: usize = 4 + SEAL;

/// How much is searched at once for where records go on.
const CHUNK: usize = 64 * 1024;

/// What goes between the length and the record of a frame that begins at `offset`.
pub(super) fn seal(record: &[u8], offset: u64) -> [u8; SEAL] {
    let sum = crc32fast::hash(record);
    // A record that is too long is refused by who writes it.
    let length = u32::try_from(record.len() + SEAL).unwrap_or(u32::MAX);
    let mut seal = [0; SEAL];
    seal[..4].copy_from_slice(&MARK);
    seal[4..8].copy_from_slice(&head_sum(offset, length, sum).to_be_bytes());
    seal[8..].copy_from_slice(&sum.to_be_bytes());
    seal
}

/// The record behind the length of a frame that begins at `offset`.
pub(super) fn unseal(mut payload: Vec<u8>, offset: u64) -> Result<Vec<u8>, &'static str> {
    let length = u32::try_from(payload.len()).map_err(|_| "its length is wrong")?;
    let mut head = [0; HEAD];
    let seal = payload.get(..SEAL).ok_or("it is too short")?;
    head[..4].copy_from_slice(&length.to_be_bytes());
    head[4..].copy_from_slice(seal);
    let head = Head::parse(&head, offset).ok_or(NO_HEAD)?;
    payload.drain(..SEAL);
    if crc32fast::hash(&payload) == head.sum { Ok(payload) } else { Err(WRONG_SUM) }
}

const NO_HEAD: &str = "no record begins there";
const WRONG_SUM: &str = "the checksum of the record is wrong";

fn head_sum(offset: u64, length: u32, sum: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&offset.to_be_bytes());
    hasher.update(&length.to_be_bytes());
    hasher.update(&sum.to_be_bytes());
    hasher.finalize()
}

/// A head that is as it was written.
struct Head {
    /// The length of the record.
    bytes: u64,
    sum: u32,
}

impl Head {
    fn parse(bytes: &[u8; HEAD], offset: u64) -> Option<Self> {
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|n| bytes[at + n]));
        let (length, sum) = (word(0), word(12));
        let good = bytes[4..8] == MARK && word(8) == head_sum(offset, length, sum);
        let bytes = u64::from(length).checked_sub(SEAL as u64);
        bytes.filter(|_| good).map(|bytes| Self { bytes, sum })
    }
}

/// Bytes of a file that are no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub from: u64,
    /// The first byte behind them: the next record's, or the length of the file.
    pub until: u64,
    /// What is wrong where they begin.
    pub flaw: Flaw,
}

/// What is wrong with bytes that should be a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The file ends within the record, as after a kill while it was written: nobody was told that it
    /// is there.
    Torn,
    /// They are not what was written.
    Damaged(&'static str),
}

impl Gap {
    fn warn(&self, path: &Path, size: u64) {
        let (path, Self { from, until, flaw }) = (path.display(), self);
        let why = match flaw {
            Flaw::Torn => "the file ends within a record",
            Flaw::Damaged(why) => why,
        };
        let next = if *until < size { "records go on behind them" } else { "no record follows" };
        let bytes = until - from;
        log::warn!(
            "write-ahead log {path}: {bytes} bytes from byte {from} on are left out ({why}); {next}"
        );
    }
}

/// Reads a file's records from its beginning, over damage; a missing file is empty.
#[derive(Debug)]
pub struct RecordReader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    size: u64,
    /// Where the next record should begin.
    at: u64,
    /// Where the next byte is read from.
    position: u64,
    gaps: Vec<Gap>,
}

impl RecordReader {
    /// Opens a file if it is there. What is added to it later is not read.
    ///
    /// # Errors
    ///
    /// It is there and cannot be opened.
    pub fn open(path: &Path) -> Result<Self, WalError> {
        let file = match File::open(path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(WalError::io(path, error)),
        };
        let size = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|about| about.len()));
        let size = size.map_err(|error| WalError::io(path, error))?;
        let (path, file) = (path.to_owned(), file.map(BufReader::new));
        Ok(Self { path, file, size, at: 0, position: 0, gaps: Vec::new() })
    }

    /// The next record, with where its frame begins. None at the end, and from then on.
    ///
    /// # Errors
    ///
    /// The system cannot read the file.
    pub fn next_record(&mut self) -> Result<Option<(u64, Vec<u8>)>, WalError> {
        self.advance().map_err(|error| WalError::io(&self.path, error))
    }

    /// What was left out so far.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Where the next record goes, once all have been read: over a torn one, behind everything else.
    pub(super) fn append_at(mut self) -> Result<u64, WalError> {
        while self.next_record()?.is_some() {}
        let torn = self.gaps.last().filter(|gap| gap.flaw == Flaw::Torn && gap.until == self.size);
        Ok(torn.map_or(self.size, |gap| gap.from))
    }

    fn advance(&mut self) -> std::io::Result<Option<(u64, Vec<u8>)>> {
        while self.at < self.size {
            let from = self.at;
            match self.record_at(from)? {
                Ok(record) => {
                    self.at = self.position;
                    return Ok(Some((from, record)));
                }
                Err(flaw) => {
                    self.at = self.find(from + 1)?.unwrap_or(self.size);
                    let gap = Gap { from, until: self.at, flaw };
                    gap.warn(&self.path, self.size);
                    self.gaps.push(gap);
                }
            }
        }
        Ok(None)
    }

    /// The record of the frame that begins at an offset within the file, or why there is none.
    fn record_at(&mut self, offset: u64) -> std::io::Result<Result<Vec<u8>, Flaw>> {
        let left = self.size - offset;
        if left < HEAD as u64 {
            return Ok(Err(Flaw::Torn));
        }
        let mut head = [0; HEAD];
        self.read(offset, &mut head)?;
        let Some(head) = Head::parse(&head, offset) else {
            return Ok(Err(Flaw::Damaged(NO_HEAD)));
        };
        // Checked before memory is asked for.
        if head.bytes > left - HEAD as u64 {
            return Ok(Err(Flaw::Torn));
        }
        let mut record = vec![0; head.bytes as usize];
        self.read(self.position, &mut record)?;
        let intact = crc32fast::hash(&record) == head.sum;
        Ok(if intact { Ok(record) } else { Err(Flaw::Damaged(WRONG_SUM)) })
    }

    /// Where the first whole record at `from` or behind it begins.
    fn find(&mut self, from: u64) -> std::io::Result<Option<u64>> {
        let mut at = from;
        let mut chunk = vec![0; CHUNK];
        while self.size.saturating_sub(at) >= HEAD as u64 {
            let filled = (self.size - at).min(CHUNK as u64) as usize;
            self.read(at, &mut chunk[..filled])?;
            for (offset, bytes) in (at..).zip(chunk[..filled].windows(HEAD)) {
                let head = bytes.first_chunk().and_then(|head| Head::parse(head, offset));
                if head.is_some() && self.record_at(offset)?.is_ok() {
                    return Ok(Some(offset));
                }
            }
            // The last bytes may be the beginning of a head.
            at += (filled - (HEAD - 1)) as u64;
        }
        Ok(None)
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Err(ErrorKind::NotFound.into()) };
        if at != self.position {
            file.seek(SeekFrom::Start(at))?;
        }
        file.read_exact(into)?;
        self.position = at + into.len() as u64;
        Ok(())
    }
}
