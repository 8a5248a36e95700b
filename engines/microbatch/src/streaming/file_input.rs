//! Streams of the files that appear in directories.

use super::dstream::{Stream, StreamNode, nanos};
use super::input::Input;
use super::meta::Kind;
use super::{DStream, StreamInputInfo, StreamingContext, StreamingError, Time};
use crate::SparkContext;
use crate::files::{
    FileError, FileSelection, FileSelector, accept_visible, fixed_length_records, list,
};
use crate::job::TaskError;
use crate::rdd::Rdd;
use crate::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::Data;

type Read<T> = dyn Fn(&SparkContext, &Path) -> Result<Rdd<T>, String> + Send + Sync;

/// Spark's name for a stream of files.
pub(super) const FILES: &str = "FileInputDStream";

impl StreamingContext {
    /// The lines of the text files that are moved into a directory while the context runs, batch by
    /// batch; a pattern (`logs/*`) watches several directories, not what is deeper in them. A file
    /// belongs to the batch in whose interval it was last written to, must be whole by then, and is not
    /// looked at again. Times of files are compared with batch times: with a clock that does not tell
    /// the time since 1970, files' times must be of that clock.
    ///
    /// # Errors
    ///
    /// The context has been started, the directory is not a pattern, or
    /// `spark.streaming.fileStream.minRememberDuration` is not a time.
    pub fn text_file_stream(&self, directory: &str) -> Result<DStream<String>, StreamingError> {
        let read = |sc: &SparkContext, file: &Path| {
            sc.lines_of_file(file).map_err(|error| error.to_string())
        };
        self.files(directory, accept_visible, true, Arc::new(read))
    }

    /// The records that `read` finds in the files of a directory that `accept` wants. Without
    /// `new_files_only`, the first batch also has the files that are there already, as far as they are
    /// younger than `spark.streaming.fileStream.minRememberDuration`. See
    /// [`text_file_stream`](Self::text_file_stream).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn file_stream<T: Data>(
        &self,
        directory: &str,
        accept: impl Fn(&Path) -> bool + Send + Sync + 'static,
        new_files_only: bool,
        read: impl Fn(&Path) -> Result<Vec<T>, FileError> + Send + Sync + 'static,
    ) -> Result<DStream<T>, StreamingError> {
        let read = Arc::new(read);
        let make = move |sc: &SparkContext, file: &Path| {
            let (read, file) = (Arc::clone(&read), file.to_owned());
            Ok(sc.single(file).map_partitions(move |input, out| {
                let mut result = Ok(());
                input.for_each(|file: PathBuf| match read(&file) {
                    Ok(records) => records.into_iter().for_each(&mut *out),
                    Err(error) => result = Err(TaskError::new(error.to_string())),
                })?;
                result
            }))
        };
        self.files(directory, accept, new_files_only, Arc::new(make))
    }

    /// The records of `record_length` bytes of the binary files that are moved into a directory. A file
    /// whose length is not that of whole records fails its batch.
    ///
    /// # Errors
    ///
    /// As [`text_file_stream`](Self::text_file_stream).
    pub fn binary_records_stream(
        &self,
        directory: &str,
        record_length: usize,
    ) -> Result<DStream<Vec<u8>>, StreamingError> {
        let read = move |file: &Path| fixed_length_records(file, record_length);
        self.file_stream(directory, accept_visible, true, read)
    }

    fn files<T: Data>(
        &self,
        directory: &str,
        accept: impl Fn(&Path) -> bool + Send + Sync + 'static,
        new_files_only: bool,
        read: Arc<Read<T>>,
    ) -> Result<DStream<T>, StreamingError> {
        let shared = self.shared();
        let settings = Settings::from(shared.sc.conf());
        let interval = Duration::from_nanos(shared.interval_ns);
        let now_ms = Time::from_ns(shared.clock.now_ns()).as_ms();
        let selector = FileSelector::new(&settings, interval, new_files_only, now_ms)?;
        let selector = selector.filter(accept);
        let remember_ns = nanos(Duration::from_millis(selector.remember_ms()));
        let stream = shared.next_input()?;
        let refused = |message: String| StreamingError::Input { stream, message };
        if let Err(error) = glob::Pattern::new(directory) {
            let message = format!("{directory} is no pattern of directories: {error}");
            return Err(refused(message));
        }
        let pattern = directory.strip_prefix("file://").unwrap_or(directory).to_owned();
        shared.open()?.inputs.push(Arc::new(Watching));
        let node = Files { stream, pattern, read, selector: Mutex::new(selector) };
        let kind = Kind { input: Some(stream), ..Kind::of(FILES, shared.interval_ns) };
        let files = DStream::define(shared, kind, &[], Box::new(node))?;
        // Files that were selected stay known for as long as they could be selected again.
        files.meta().remember(remember_ns, 0);
        Ok(files)
    }
}

/// Directories never end; what a batch holds is decided when its RDD is made.
struct Watching;

impl Input for Watching {}

struct Files<T> {
    stream: usize,
    pattern: String,
    read: Arc<Read<T>>,
    selector: Mutex<FileSelector>,
}

impl<T> Files<T> {
    fn selector(&self) -> std::sync::MutexGuard<'_, FileSelector> {
        self.selector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, message: impl std::fmt::Display) -> StreamingError {
        StreamingError::Input { stream: self.stream, message: message.to_string() }
    }
}

impl<T: Data> StreamNode<T> for Files<T> {
    fn compute(&self, time: Time, stream: &Stream<T>) -> Result<Option<Rdd<T>>, StreamingError> {
        let mut selector = self.selector();
        // A checkpoint may have said already which files the batch has.
        let known = selector.selection().batches.get(&time.as_ms()).cloned();
        let files = match known {
            Some(files) => files,
            None => {
                let listing = list(&self.pattern, |ms| ms).map_err(|error| self.failed(error))?;
                selector.select(time.as_ms(), &listing)
            }
        };
        drop(selector);
        let shared = stream.context();
        let rdds: Result<Vec<_>, _> =
            files.iter().map(|file| (self.read)(&shared.sc, file)).collect();
        let rdd = shared.sc.union(&rdds.map_err(|error| self.failed(error))?);
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let metadata = ["files", "Description"].map(|key| (key.to_owned(), names.join("\n")));
        let info = StreamInputInfo {
            metadata: BTreeMap::from(metadata),
            ..StreamInputInfo::new(self.stream, 0)
        };
        shared.inputs.report(time, info)?;
        Ok(Some(rdd))
    }
    fn clear(&self, completed: Time, remember_ns: u64, pending: &BTreeSet<Time>) {
        let mut selector = self.selector();
        // A state or a window may go back further than files are looked for.
        let remember_ms = selector.remember_ms().max(remember_ns / 1_000_000);
        let oldest_ms = completed.as_ms().saturating_sub(remember_ms);
        selector
            .forget(|batch_ms| batch_ms < oldest_ms && !pending.contains(&Time::from_ms(batch_ms)));
    }
    fn save(&self, _: Time) -> Vec<u8> {
        postcard::to_stdvec(self.selector().selection()).unwrap_or_else(|error| {
            log::error!("the files of stream {} are not in the checkpoint: {error}", self.stream);
            Vec::new()
        })
    }
    fn restore(&self, saved: &[u8]) -> Result<(), StreamingError> {
        if saved.is_empty() {
            return Ok(());
        }
        let selection: FileSelection = postcard::from_bytes(saved).map_err(|error| {
            self.failed(format!("its checkpoint is not of this version: {error}; remove it"))
        })?;
        self.selector().restore(selection);
        Ok(())
    }
}
