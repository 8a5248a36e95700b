//! A log in files that are rolled over by time.

use super::frame::{FrameReader, FrameWriter, read_at};
use super::{LogFile, ParallelIter, Records, WalError, WalHandle, WriteAheadLog};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Files that are read at once where there is one file a record.
const READERS: usize = 8;

const CHECKSUM: usize = 4;

/// How a [`FileBasedWriteAheadLog`] writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWalOptions {
    /// How long a file is written to, in ms of record time.
    pub rolling_interval_ms: u64,
    /// How often a record is tried before it is given up.
    pub max_failures: usize,
    /// One file a record: for file systems on which a file can be seen only once it is closed.
    pub close_file_after_write: bool,
    /// Whether a CRC-32 stands before the bytes of each record: flipped bits are found by it.
    pub checksums: bool,
}

impl Default for FileWalOptions {
    fn default() -> Self {
        Self {
            rolling_interval_ms: 60_000,
            max_failures: 3,
            close_file_after_write: false,
            checksums: true,
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
        payload: &[u8],
        time_ms: u64,
    ) -> Result<WalHandle, WalError> {
        if state.current.as_ref().is_some_and(|(file, _)| time_ms > file.stop_ms) {
            state.roll();
        }
        let writer = match &mut state.current {
            Some((_, writer)) => writer,
            none => {
                let stop_ms = time_ms.saturating_add(self.options.rolling_interval_ms);
                let mut file = LogFile::new(&self.folder, time_ms, stop_ms);
                // Behind a damaged record of an earlier run nothing would be found again.
                while has_damage(&file, self.options.checksums)? {
                    file = LogFile::new(&self.folder, time_ms, file.stop_ms + 1);
                }
                let writer = FrameWriter::open(&file.path)?;
                &mut none.insert((file, writer)).1
            }
        };
        writer.write(payload)
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
        let payload = if self.options.checksums { seal(record) } else { record.to_owned() };
        let mut state = self.state();
        let mut failures = 0;
        loop {
            match self.try_write(&mut state, &payload, time_ms) {
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
        open(&payload).map_err(|reason| WalError::Damaged {
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

/// The records of a file, up to where it is damaged. A file that cannot be read is an error once.
fn records(
    file: &LogFile,
    checksums: bool,
) -> impl Iterator<Item = Result<Vec<u8>, WalError>> + Send + use<> {
    let path = file.path.clone();
    let mut reader = None;
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken {
            return None;
        }
        let frame = match &mut reader {
            Some(reader) => FrameReader::next_frame(reader),
            none => FrameReader::open(&path).and_then(|opened| none.insert(opened).next_frame()),
        };
        match frame {
            Ok(None) => None,
            Ok(Some((_, payload))) if !checksums => Some(Ok(payload)),
            Ok(Some((offset, payload))) => match open(&payload) {
                Ok(record) => Some(Ok(record)),
                Err(reason) => {
                    // What follows may begin anywhere: a wrong length looks like this, too.
                    broken = true;
                    log::warn!(
                        "write-ahead log {}: the record at byte {offset} is damaged ({reason}); it \
                         and what follows in this file are left out",
                        path.display()
                    );
                    None
                }
            },
            Err(error) => {
                broken = true;
                Some(Err(error))
            }
        }
    })
}

/// Whether a file is there and has a whole record whose bytes are wrong.
fn has_damage(file: &LogFile, checksums: bool) -> Result<bool, WalError> {
    let mut reader = FrameReader::open(&file.path)?;
    while let Some((_, payload)) = reader.next_frame()? {
        if checksums && open(&payload).is_err() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn seal(record: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(record.len() + CHECKSUM);
    payload.extend_from_slice(&crc32fast::hash(record).to_be_bytes());
    payload.extend_from_slice(record);
    payload
}

fn open(payload: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (sum, record) = payload.split_first_chunk::<CHECKSUM>().ok_or("it is too short")?;
    if u32::from_be_bytes(*sum) == crc32fast::hash(record) {
        Ok(record.to_owned())
    } else {
        Err("its checksum is wrong")
    }
}
