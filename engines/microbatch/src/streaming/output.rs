//! Output operations: what makes a stream be computed.

use super::lifecycle::Output;
use super::meta::{Kind, Meta};
use super::scheduler::Job;
use super::show::Show;
use super::{DStream, StreamingError, Time};
use crate::JobError;
use crate::rdd::Rdd;
use crate::time::rdd_to_file_name;
use serde::Serialize;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::Data;

/// The line around a batch's time, as Spark prints it.
const RULE: &str = "-------------------------------------------";

impl<T: Data> DStream<T> {
    /// Registers an output: `f` is called with every batch's RDD, in the scheduler's thread. Nothing
    /// is computed unless it calls an action. Outputs of one batch run in the order in which they
    /// were registered.
    pub fn foreach_rdd(
        &self,
        f: impl Fn(Rdd<T>, Time) -> Result<(), JobError> + Send + Sync + 'static,
    ) -> Result<(), StreamingError> {
        let (parent, f) = (self.clone(), Arc::new(f));
        let make = move |time| {
            let Some(rdd) = parent.rdd_at(time)? else { return Ok(None) };
            let f = Arc::clone(&f);
            Ok(Some(Box::new(move || f(rdd, time)) as Job))
        };
        let kind = Kind::of("ForEachDStream", self.slide_ns());
        let parents = vec![Arc::clone(self.meta())];
        let meta = Meta::new(0, kind, std::any::type_name::<T>(), parents);
        self.shared().open()?.outputs.push(Output { meta, make: Arc::new(make) });
        Ok(())
    }

    /// Prints the first `count` records of every batch to the standard output, under the batch's time;
    /// `...` says that there are more. Spark prints 10.
    pub fn print(&self, count: usize) -> Result<(), StreamingError>
    where
        T: Show,
    {
        self.print_to(count, io::stdout())
    }

    /// The same to any writer, which gets whole batches.
    pub fn print_to(
        &self,
        count: usize,
        to: impl Write + Send + 'static,
    ) -> Result<(), StreamingError>
    where
        T: Show,
    {
        let to = Mutex::new(to);
        self.foreach_rdd(move |rdd, time| {
            let first = rdd.take(count.saturating_add(1))?;
            let mut text = format!("{RULE}\nTime: {time}\n{RULE}\n");
            for record in first.iter().take(count) {
                record.show(&mut text);
                text.push('\n');
            }
            if first.len() > count {
                text.push_str("...\n");
            }
            text.push('\n');
            let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
            to.write_all(text.as_bytes()).and_then(|()| to.flush()).map_err(|error| {
                JobError::Output(format!("failed to print the batch at {time}: {error}"))
            })
        })
    }

    /// Writes every batch as text, one record per line and one file per partition, into a directory
    /// of its own: `PREFIX-TIME_MS.SUFFIX`, see [`rdd_to_file_name`]. A batch that is run again
    /// replaces its directory.
    pub fn save_as_text_files(&self, prefix: &str, suffix: &str) -> Result<(), StreamingError>
    where
        T: Show,
    {
        let (prefix, suffix) = (prefix.to_owned(), suffix.to_owned());
        self.foreach_rdd(move |rdd, time| {
            let name = rdd_to_file_name(&prefix, &suffix, time);
            write_text(&rdd, Path::new(&name)).map_err(|error| match error {
                Failure::Job(error) => error,
                Failure::Io(error) => JobError::Output(format!(
                    "failed to write {name}: {error}; choose a prefix that can be written"
                )),
            })
        })
    }
}

impl<T: Data + Serialize> DStream<T> {
    /// Writes every batch into a directory of its own, named as by
    /// [`save_as_text_files`](Self::save_as_text_files), in the form that
    /// [`SparkContext::object_file`](crate::SparkContext::object_file) reads. A batch that is run again
    /// replaces its directory.
    pub fn save_as_object_files(&self, prefix: &str, suffix: &str) -> Result<(), StreamingError> {
        let (prefix, suffix) = (prefix.to_owned(), suffix.to_owned());
        self.foreach_rdd(move |rdd, time| {
            let name = rdd_to_file_name(&prefix, &suffix, time);
            rdd.write_objects(Path::new(&name))
        })
    }
}

enum Failure {
    Job(JobError),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Part files, also of empty partitions, and the mark that all of them are there.
fn write_text<T: Data + Show>(rdd: &Rdd<T>, directory: &Path) -> Result<(), Failure> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    let part = |index: usize| directory.join(format!("part-{index:05}"));
    for index in 0..rdd.partitions() {
        fs::File::create(part(index))?;
    }
    rdd.run_job(&"save as text file".into(), |partition| {
        let path = part(partition.index());
        let failed = |error: io::Error| {
            crate::TaskError::new(format!("failed to write {}: {error}", path.display()))
        };
        let mut file = BufWriter::new(fs::File::create(&path).map_err(failed)?);
        let mut line = String::new();
        let mut result = Ok(());
        partition.for_each(|record| {
            line.clear();
            record.show(&mut line);
            line.push('\n');
            if result.is_ok() {
                result = file.write_all(line.as_bytes());
            }
        })?;
        result.and_then(|()| file.flush()).map_err(failed)
    })
    .map_err(Failure::Job)?;
    fs::File::create(directory.join("_SUCCESS"))?;
    Ok(())
}
