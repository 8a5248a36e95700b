//! A log in files that are rolled over by time.

use super::frame::{FrameReader, FrameWriter, read_at};
use super::record::{RecordReader, seal, unseal};
use super::{LogFile, ParallelIter, Records, WalError, WalHandle, WriteAheadLog};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Files that are read at once where there is one file a record.
const READERS: usize = 8;

/// How a [`FileBasedWriteAheadLog`] writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWalOptions {
    /// How long a file is written to, in ms of record time.
    pub rolling_interval_ms: u64,
    /// How often a record is tried before it is given up.
    pub max_failures: usize,
    /// One file a record: for file systems on which a file can be seen only once it is closed.
    pub close_file_after_write: bool,
    /// Whether records are written so that damage is found, and what is behind it too. Otherwise files
    /// are in Spark's format: what changed bits make of a record is handed out as the record.
    pub checksums: bool,
    /// Whether a record is on the disk before `write` returns (`fsync`). Otherwise it is with the
    /// system, which is enough for it to survive the process, as with Spark's `hflush`, but not a
    /// machine that loses power.
    pub sync: bool,
}

impl Default for FileWalOptions {
    fn default() -> Self {
        Self {
            rolling_interval_ms: 60_000,
            max_failures: 3,
            close_file_after_write: false,
            checksums: true,
            sync: false,
        }
    }
}

/// A log in a folder of files named `log-<start>-<stop>`. The files that are there when it is made
/// are part of it. Making or reading it creates nothing.
#[derive(Debug)]
pub struct FileBasedWriteAheadLog {
    folder: PathBuf,
    options: FileWalOptions,
    state: Mutex<State>,
    closed: Arc<AtomicBool>,
    cleaners: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct State {
    past: Vec<LogFile>,
    current: Option<(LogFile, FrameWriter)>,
}

impl FileBasedWriteAheadLog {
    /// The log in `folder`.
    ///
    /// # Errors
    ///
    /// The folder is there and cannot be listed.
    pub fn new(folder: &Path, options: FileWalOptions) -> Result<Self, WalError> {
        let past = LogFile::list(folder).map_err(|error| WalError::io(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
            options,
            state: Mutex::new(State { past, current: None }),
            closed: Arc::default(),
            cleaners: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Files that are not the current one any more, oldest first.
    #[must_use]
    pub fn past_files(&self) -> Vec<LogFile> {
        self.state().past.clone()
    }

    fn try_write(
        &self,
        state: &mut State,
        record: &[u8],
        time_ms: u64,
    ) -> Result<WalHandle, WalError> {
        if state.current.as_ref().is_some_and(|(file, _)| time_ms > file.stop_ms) {
            state.roll();
        }
        let writer = match &mut state.current {
            Some((_, writer)) => writer,
            none => {
                let stop_ms = time_ms.saturating_add(self.options.rolling_interval_ms);
                let file = LogFile::new(&self.folder, time_ms, stop_ms);
                let writer = self.writer(&file.path)?;
                &mut none.insert((file, writer)).1
            }
        };
        if self.options.checksums {
            let seal = seal(record, writer.end());
            writer.append(&seal, record)
        } else {
            writer.write(record)
        }
    }

    /// Writes behind what an earlier run left in a file of that name.
    fn writer(&self, path: &Path) -> Result<FrameWriter, WalError> {
        if !self.options.checksums {
            return FrameWriter::open(path);
        }
        FrameWriter::open_at(path, RecordReader::open(path)?.append_at()?, self.options.sync)
    }
}

impl State {
    /// The current file is a past one from here on.
    fn roll(&mut self) {
        if let Some((file, _)) = self.current.take()
            && !self.past.contains(&file)
        {
            self.past.push(file);
        }
    }
}

impl WriteAheadLog for FileBasedWriteAheadLog {
    fn write(&self, record: &[u8], time_ms: u64) -> Result<WalHandle, WalError> {
        if self.is_closed() {
            let what = format!("write request with time {time_ms}");
            return Err(WalError::Closed { log: "FileBasedWriteAheadLog", what });
        }
        let mut state = self.state();
        let mut failures = 0;
        loop {
            match self.try_write(&mut state, record, time_ms) {
                Ok(handle) => {
                    if self.options.close_file_after_write {
                        state.roll();
                    }
                    return Ok(handle);
                }
                Err(error) => {
                    log::warn!("failed to write to the write-ahead log: {error}");
                    state.roll();
                    failures += 1;
                    if failures >= self.options.max_failures {
                        log::error!("failed to write to the write-ahead log {failures} times");
                        return Err(error);
                    }
                }
            }
        }
    }

    fn read(&self, handle: &WalHandle) -> Result<Vec<u8>, WalError> {
        let payload = read_at(handle)?;
        if !self.options.checksums {
            return Ok(payload);
        }
        unseal(payload, handle.offset).map_err(|reason| WalError::Damaged {
            path: handle.path.clone(),
            offset: handle.offset,
            reason: reason.into(),
        })
    }

    fn read_all(&self) -> Result<Records, WalError> {
        let mut files = {
            let state = self.state();
            let current = state.current.iter().map(|(file, _)| file.clone());
            state.past.iter().cloned().chain(current).collect::<Vec<_>>()
        };
        // Two logs on one folder, or a recovered one: a file is read once.
        files.sort();
        files.dedup();
        let checksums = self.options.checksums;
        if !self.options.close_file_after_write {
            return Ok(Box::new(files.into_iter().flat_map(move |file| records(&file, checksums))));
        }
        let closed = Arc::clone(&self.closed);
        let read = move |file: LogFile| -> Vec<_> {
            if closed.load(Ordering::Acquire) {
                let what = format!("reading {}", file.path.display());
                return vec![Err(WalError::Closed { log: "FileBasedWriteAheadLog", what })];
            }
            records(&file, checksums).collect()
        };
        Ok(Box::new(ParallelIter::new(files.into_iter(), READERS, read).flatten()))
    }

    fn clean(&self, threshold_ms: u64, wait: bool) -> Result<(), WalError> {
        if self.is_closed() {
            log::warn!("the write-ahead log in {} is closed: not cleaned", self.folder.display());
            return Ok(());
        }
        let old: Vec<_> = {
            let State { past, current } = &mut *self.state();
            // A recovered file may be the current one again.
            let in_use = current.as_ref().map(|(file, _)| file);
            past.extract_if(.., |file| file.stop_ms < threshold_ms && in_use != Some(file))
                .collect()
        };
        if old.is_empty() {
            return Ok(());
        }
        let remove = move || old.iter().map(remove).fold(Ok(()), Result::and);
        if wait {
            return remove();
        }
        let mut cleaners = self.cleaners.lock().unwrap_or_else(PoisonError::into_inner);
        cleaners.retain(|cleaner| !cleaner.is_finished());
        let name = "wal-cleaner".to_owned();
        let cleaner = std::thread::Builder::new().name(name).spawn(move || {
            if let Err(error) = remove() {
                log::warn!("old log files stay: {error}");
            }
        });
        cleaners.push(cleaner.map_err(|error| WalError::io(&self.folder, error))?);
        Ok(())
    }

    fn close(&self) {
        if self.closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.state().roll();
        let cleaners =
            std::mem::take(&mut *self.cleaners.lock().unwrap_or_else(PoisonError::into_inner));
        for cleaner in cleaners {
            // It has nothing to tell: what failed is in the log.
            let _ = cleaner.join();
        }
    }

    fn describe(&self) -> String {
        "FileBased".into()
    }
}

impl Drop for FileBasedWriteAheadLog {
    fn drop(&mut self) {
        self.close();
    }
}

fn remove(file: &LogFile) -> Result<(), WalError> {
    match std::fs::remove_file(&file.path) {
        // Somebody was faster: it is gone all the same.
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(WalError::io(&file.path, error))
        }
        _ => Ok(()),
    }
}

/// What reads a file, in the format that the log writes.
enum Reader {
    Records(RecordReader),
    Frames(FrameReader),
}

impl Reader {
    fn open(path: &Path, checksums: bool) -> Result<Self, WalError> {
        if checksums {
            RecordReader::open(path).map(Self::Records)
        } else {
            FrameReader::open(path).map(Self::Frames)
        }
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, WalError> {
        let next = match self {
            Self::Records(reader) => reader.next_record(),
            Self::Frames(reader) => reader.next_frame(),
        };
        next.map(|found| found.map(|(_, record)| record))
    }
}

/// The records of a file, which is opened when the first is asked for. A file that cannot be read is
/// an error once.
fn records(
    file: &LogFile,
    checksums: bool,
) -> impl Iterator<Item = Result<Vec<u8>, WalError>> + Send + use<> {
    let path = file.path.clone();
    let mut reader = None;
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let record = match &mut reader {
            Some(reader) => Reader::next(reader),
            none => Reader::open(&path, checksums).and_then(|opened| none.insert(opened).next()),
        };
        failed = record.is_err();
        record.transpose()
    })
}
