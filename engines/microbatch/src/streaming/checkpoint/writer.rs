//! The thread that writes checkpoints.

use super::Content;
use super::content::About;
use super::runs::{left_behind, remove_empty};
use crate::ContextError;
use crate::checkpoint_files::{self, CheckpointFiles, Written};
use crate::rdd::rows_file::sync_with_files;
use crate::streaming::lifecycle::Shared;
use crate::streaming::{StreamingError, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Whether files are synced to the disk before they count.
const SYNC: &str = "weir.streaming.checkpoint.sync";

/// How often a checkpoint is tried to be written (as in Spark).
const ATTEMPTS: usize = 3;

/// When in a batch's life a checkpoint is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::streaming) enum Moment {
    /// Its jobs were made.
    Generated,
    /// Its last job has ended well: what only it needed can go once that is written down.
    Completed,
}

/// Checkpoints that may wait for the thread. One more replaces the last of them: it says all that that one
/// says, and batches never wait for the disk.
const WAITING: usize = 16;

struct Request {
    /// Counts looks at the context, from their beginnings.
    look: u64,
    content: Content,
    /// Folders that it or one that it has replaced refers to.
    folders: BTreeSet<PathBuf>,
    /// The last batch that is over.
    completed: Option<Time>,
}

#[derive(Default)]
struct Next {
    looks: u64,
    waiting: VecDeque<Request>,
    closed: bool,
}

#[derive(Default)]
struct Mailbox {
    next: Mutex<Next>,
    changed: Condvar,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, request: Request) {
        let mut next = self.lock();
        let full = next.waiting.len() >= WAITING;
        match next.waiting.back_mut().filter(|_| full) {
            None => next.waiting.push_back(request),
            Some(last) => {
                last.folders.extend(request.folders);
                last.completed = last.completed.max(request.completed);
                // Unless two threads looked at a time, and this one was slower.
                if last.look < request.look {
                    (last.look, last.content) = (request.look, request.content);
                }
            }
        }
        self.changed.notify_one();
    }

    /// The next request; nothing once the last one was taken and it was closed.
    fn take(&self) -> Option<Request> {
        let idle = |next: &mut Next| next.waiting.is_empty() && !next.closed;
        let next = self.changed.wait_while(self.lock(), idle);
        next.unwrap_or_else(PoisonError::into_inner).waiting.pop_front()
    }
}

/// Hands checkpoints to the thread that writes them.
pub(in crate::streaming) struct Writer {
    about: About,
    mailbox: Arc<Mailbox>,
    /// Nothing once it was closed.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(in crate::streaming) fn start(
        shared: &Arc<Shared>,
        directory: &Path,
        about: About,
    ) -> Result<Self, StreamingError> {
        let sync = shared.sc.conf().bool(SYNC).map_err(ContextError::from)?;
        let files = CheckpointFiles::new(directory)
            .map_err(|error| StreamingError::Checkpoint(error.to_string()))?;
        remove_empty(directory);
        let body = Body {
            shared: Arc::clone(shared),
            kept: Kept::of(directory),
            directory: directory.to_owned(),
            files: if sync { files } else { files.unsynced() },
            sync,
        };
        let mailbox = Arc::<Mailbox>::default();
        let requests = Arc::clone(&mailbox);
        let name = "microbatch-checkpoint".to_owned();
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || body.run(&requests))
            .map_err(|error| StreamingError::Spawn { name, message: error.to_string() })?;
        Ok(Self { about, mailbox, thread: Mutex::new(Some(thread)) })
    }

    /// Has a checkpoint written of how things stand now. Does not wait for it.
    pub(in crate::streaming) fn checkpoint(&self, shared: &Shared, time: Time, moment: Moment) {
        let look = {
            let mut next = self.mailbox.lock();
            next.looks += 1;
            next.looks
        };
        if let Some(content) = Content::of(shared, time, self.about.clone()) {
            let folders = content.folders().map(Path::to_path_buf).collect();
            let completed = (moment == Moment::Completed).then_some(time);
            self.mailbox.put(Request { look, content, folders, completed });
        }
    }

    /// Writes what waits, and ends the thread.
    pub(in crate::streaming) fn close(&self) {
        self.mailbox.lock().closed = true;
        self.mailbox.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // It has nothing to tell: what goes wrong in it is logged.
            let _ = thread.join();
        }
    }
}

struct Body {
    shared: Arc<Shared>,
    directory: PathBuf,
    files: CheckpointFiles,
    sync: bool,
    kept: Kept,
}

impl Body {
    fn run(mut self, requests: &Mailbox) {
        while let Some(Request { content, folders, completed, .. }) = requests.take() {
            self.kept.known.extend(folders);
            match self.write(&content) {
                Ok(written) => self.kept.written(&self.directory, written, &content),
                Err(why) => {
                    let time = Time::from_ns(content.time_ns);
                    log::warn!(
                        "no checkpoint of the batch at {time}: {why}; the one before it stays"
                    );
                    continue;
                }
            }
            if let Some(time) = completed {
                self.shared.clean_up(time);
            }
        }
    }

    fn write(&mut self, content: &Content) -> Result<Written, String> {
        if self.sync {
            // What it refers to has to be there when it is, even if the power fails.
            self.kept.sync(&self.directory, content)?;
        }
        let bytes = content.to_bytes().map_err(|error| error.to_string())?;
        let mut write = || self.files.write(Time::from_ns(content.time_ns).as_ms(), &bytes);
        let mut written = write();
        for _ in 1..ATTEMPTS {
            written = written.or_else(|_| write());
        }
        written.map_err(|error| error.to_string())
    }
}

/// What the checkpoint files in the directory refer to, and which folders may go.
struct Kept {
    referred: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// The last of the files that was written.
    last: Option<PathBuf>,
    /// All folders that there are.
    known: BTreeSet<PathBuf>,
}

impl Kept {
    fn of(directory: &Path) -> Self {
        let read = |file: PathBuf| {
            let bytes = checkpoint_files::read(&file).ok()?;
            Some((file, folders(&Content::from_bytes(&bytes).ok()?)))
        };
        let files = checkpoint_files::list(directory).unwrap_or_default();
        let referred = files.into_iter().filter_map(read).collect();
        Self { referred, last: None, known: left_behind(directory) }
    }

    /// Syncs the folders that a checkpoint will refer to, unless the one before it did.
    fn sync(&self, directory: &Path, content: &Content) -> Result<(), String> {
        let last = self.last.as_ref().and_then(|file| self.referred.get(file));
        let mut new =
            content.folders().filter(|folder| last.is_none_or(|last| !last.contains(*folder)));
        new.try_for_each(|folder| sync_with_files(&directory.join(folder)))
    }

    /// A checkpoint was written: what no file refers to any more is removed.
    fn written(&mut self, directory: &Path, written: Written, content: &Content) {
        let before = self.referred.insert(written.file.clone(), folders(content));
        if let (Some(backup), Some(before)) = (written.backup, before) {
            self.referred.insert(backup, before);
        }
        self.referred.retain(|file, _| file.exists());
        self.last = Some(written.file);
        let referred = &self.referred;
        self.known.retain(|folder| {
            let used = referred.values().any(|folders| folders.contains(folder));
            if !used {
                remove(&directory.join(folder));
            }
            used
        });
    }
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        log::warn!("{} is of no use and stays: {error}", folder.display());
    }
    // The folder of a run goes with its last stream's.
    let _ = folder.parent().map(std::fs::remove_dir);
}

fn folders(content: &Content) -> BTreeSet<PathBuf> {
    content.folders().map(Path::to_path_buf).collect()
}
