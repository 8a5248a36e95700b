//! Going on from a checkpoint.

use super::content::{Content, difference, shape};
use crate::SparkConf;
use crate::checkpoint_files;
use crate::files::FileSelection;
use crate::streaming::{StreamingContext, StreamingError, Time};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Settings that belong to the process and not to the program: a checkpoint does not bring them back, and
/// what the new process says holds.
const OF_THE_PROCESS: &[&str] = &["spark.master", "spark.local.dir"];

/// What a context was doing when it was checkpointed.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    directory: PathBuf,
    content: Content,
}

impl Checkpoint {
    /// The newest intact checkpoint of a directory; nothing where there is none. Damaged ones are passed
    /// over with a warning.
    ///
    /// # Errors
    ///
    /// There are checkpoints, and none can be read.
    pub fn latest(directory: impl AsRef<Path>) -> Result<Option<Self>, StreamingError> {
        let directory = directory.as_ref();
        let usable = |bytes: &[u8]| Content::from_bytes(bytes)?.without_damage(directory);
        let found = checkpoint_files::newest_that(directory, usable)
            .map_err(|error| StreamingError::Checkpoint(error.to_string()))?;
        Ok(found.map(|content| Self { directory: directory.to_owned(), content }))
    }

    /// The batch that it is a checkpoint of.
    #[must_use]
    pub const fn time(&self) -> Time {
        Time::from_ns(self.content.time_ns)
    }

    /// What batches and windows are counted from.
    #[must_use]
    pub const fn zero_time(&self) -> Time {
        Time::from_ns(self.content.zero_ns)
    }

    /// How often there was a batch.
    #[must_use]
    pub const fn batch_interval(&self) -> Duration {
        Duration::from_nanos(self.content.interval_ns)
    }

    /// The batches that had been submitted and had not all ended well.
    #[must_use]
    pub fn pending_times(&self) -> Vec<Time> {
        self.content.pending_ns.iter().copied().map(Time::from_ns).collect()
    }

    /// The files that streams of files had taken, by batch, as far as they are remembered.
    #[must_use]
    pub fn selected_files(&self) -> BTreeMap<Time, Vec<PathBuf>> {
        let mut files = BTreeMap::<Time, Vec<PathBuf>>::new();
        let streams = self.content.about.graph.iter().zip(&self.content.streams);
        for (_, saved) in streams.filter(|(shape, _)| shape.is_of_files()) {
            let selection = postcard::from_bytes::<FileSelection>(&saved.own).unwrap_or_default();
            for (time_ms, mut taken) in selection.batches {
                files.entry(Time::from_ms(time_ms)).or_default().append(&mut taken);
            }
        }
        files
    }

    /// The settings of the context, but for those that belong to a process. A set-up function that makes
    /// its Spark context with them goes on as the program was configured then.
    #[must_use]
    pub fn conf(&self) -> SparkConf {
        let own = |(key, _): &(&String, &String)| !OF_THE_PROCESS.contains(&key.as_str());
        SparkConf::new().set_all(self.content.about.conf.iter().filter(own))
    }

    /// All settings of the context; those that belong to a process (the master, the local folder) are
    /// those of `new` where it has them.
    #[must_use]
    pub fn conf_in(&self, new: &SparkConf) -> SparkConf {
        let saved = self.content.about.conf.iter();
        let mut conf = SparkConf::new().set_all(saved);
        for key in OF_THE_PROCESS {
            if let Some(value) = new.get(key) {
                conf = conf.set(key, value);
            }
        }
        conf
    }

    /// Where it is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Where a recovered context goes on.
#[derive(Clone, Debug)]
pub(in crate::streaming) struct Recovered {
    pub(in crate::streaming) time: Time,
    pub(in crate::streaming) pending: Vec<Time>,
}

/// Makes a context from the newest checkpoint of a directory, or afresh where there is none.
///
/// The set-up function defines the program in both cases: what is to be done to records is code, and code
/// is not in a checkpoint. It makes a context, calls [`StreamingContext::checkpoint`] with the same
/// directory, defines streams and outputs, and does not start it. Where there is a checkpoint, the
/// definition is compared with it, and what the streams had is given back to them: the next
/// [`start`](StreamingContext::start) runs the checkpoint's batch and all after it, in order, before it
/// follows the clock.
///
/// ```no_run
/// use std::time::Duration;
/// use weir_microbatch::{Recovery, SparkConf, StreamingContext, StreamingError};
///
/// let ssc = Recovery::from_dir("/tmp/counts").get_or_create(|checkpoint| {
///     let new = SparkConf::new().set_master("local[2]");
///     let conf = checkpoint.map_or(new.clone(), |checkpoint| checkpoint.conf_in(&new));
///     let ssc = StreamingContext::from_conf(&conf, Duration::from_secs(1))?;
///     ssc.checkpoint("/tmp/counts")?;
///     ssc.text_file_stream("/tmp/in")?.count()?.print(10)?;
///     Ok::<_, StreamingError>(ssc)
/// })?;
/// ssc.start()?;
/// ssc.await_termination()?;
/// # Ok::<(), StreamingError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until get_or_create is called"]
pub struct Recovery {
    directory: PathBuf,
    create_on_error: bool,
}

impl Recovery {
    /// From a checkpoint directory, which need not exist.
    pub fn from_dir(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), create_on_error: false }
    }

    /// Begins afresh where there are checkpoints and none can be read. Without this, that is an error.
    pub const fn create_on_error(mut self) -> Self {
        self.create_on_error = true;
        self
    }

    /// The recovered or the new context; `set_up` is given the checkpoint, if there is one.
    ///
    /// # Errors
    ///
    /// The checkpoints cannot be read ([`StreamingError::Checkpoint`]); the definition is another
    /// ([`StreamingError::GraphDiffers`]); a stream cannot be recovered; or what `set_up` says.
    pub fn get_or_create<E: From<StreamingError>>(
        &self,
        set_up: impl FnOnce(Option<&Checkpoint>) -> Result<StreamingContext, E>,
    ) -> Result<StreamingContext, E> {
        let checkpoint = match Checkpoint::latest(&self.directory) {
            Err(error) if self.create_on_error => {
                log::warn!("{error}; beginning afresh, as was asked for");
                None
            }
            latest => latest?,
        };
        let context = set_up(checkpoint.as_ref())?;
        if let Some(checkpoint) = &checkpoint {
            context.recover(checkpoint)?;
        }
        Ok(context)
    }

    /// The context that is active in this process, or [`get_or_create`](Self::get_or_create).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn get_active_or_create<E: From<StreamingError>>(
        &self,
        set_up: impl FnOnce(Option<&Checkpoint>) -> Result<StreamingContext, E>,
    ) -> Result<StreamingContext, E> {
        StreamingContext::get_active().map_or_else(|| self.get_or_create(set_up), Ok)
    }
}

impl StreamingContext {
    /// The context that a checkpoint in `directory` describes, or a new one where there is none. `set_up`
    /// defines it in both cases; see [`Recovery`], which has more to choose.
    ///
    /// # Errors
    ///
    /// As [`Recovery::get_or_create`].
    pub fn get_or_create<E: From<StreamingError>>(
        directory: impl Into<PathBuf>,
        set_up: impl FnOnce() -> Result<Self, E>,
    ) -> Result<Self, E> {
        Recovery::from_dir(directory).get_or_create(|_| set_up())
    }

    /// The batch that the checkpoint was of, in a context that was recovered from one.
    #[must_use]
    pub fn recovered_from(&self) -> Option<Time> {
        self.shared().recovered.get().map(|recovered| recovered.time)
    }

    /// The checkpoint directory as the set-up has named it, which must be the one that is recovered from:
    /// what the checkpoint refers to is there.
    fn same_directory(&self, recovered: &Path) -> Result<PathBuf, StreamingError> {
        let Some(own) = self.checkpoint_dir() else {
            self.checkpoint(recovered)?;
            return Ok(recovered.to_owned());
        };
        match (own.canonicalize(), recovered.canonicalize()) {
            (Ok(a), Ok(b)) if a == b => Ok(own),
            _ => Err(StreamingError::Checkpoint(format!(
                "the program goes on from the checkpoint in {}, but would write checkpoints to {}; use \
                 one directory",
                recovered.display(),
                own.display()
            ))),
        }
    }

    /// Gives a context that has been defined, and not started, what a checkpoint has kept.
    fn recover(&self, checkpoint: &Checkpoint) -> Result<(), StreamingError> {
        let Checkpoint { directory, content } = checkpoint;
        let shared = self.shared();
        if shared.interval_ns != content.interval_ns {
            return Err(StreamingError::GraphDiffers {
                directory: directory.display().to_string(),
                difference: format!(
                    "\n  the checkpoint has a batch every {:?}\n  the program has one every {:?}",
                    checkpoint.batch_interval(),
                    Duration::from_nanos(shared.interval_ns)
                ),
            });
        }
        let own = self.same_directory(directory)?;
        {
            let graph = shared.open()?;
            if let Some(difference) = difference(&content.about.graph, &shape(&graph)) {
                let directory = directory.display().to_string();
                return Err(StreamingError::GraphDiffers { directory, difference });
            }
            for (stream, saved) in graph.streams.iter().zip(&content.streams) {
                stream.restore(saved, &own).map_err(|error| {
                    let directory = directory.display();
                    let text =
                        format!("Failed to read checkpoint from directory {directory}: {error}");
                    StreamingError::Checkpoint(text)
                })?;
            }
        }
        let pending = checkpoint.pending_times();
        // Once: contexts are recovered where they are made.
        let _ = shared.zero.set(checkpoint.zero_time());
        let _ = shared.recovered.set(Recovered { time: checkpoint.time(), pending });
        Ok(())
    }
}
