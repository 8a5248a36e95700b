//! RDDs that are written to files, so that they no longer depend on what they were made from.

use super::partitioner::Partitioning;
use super::tracked::{Writer, Written};
use super::{Partition, Rdd, RddNode, rows_file};
use crate::job::{self, JobError, Stage, TaskContext, TaskError, is_within_stream};
use crate::{ContextError, SparkContext};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::Data;

/// How many partitions there are; written last, so that a folder that has it is complete.
const MANIFEST: &str = "_partitions";

impl<T: Data> Rdd<T> {
    /// Marks it to be written under the context's checkpoint directory, behind the next job that
    /// uses it. Then its lineage is cut: it is read from there. An RDD that is not
    /// [persisted](Self::persist) is computed a second time to be written.
    pub fn checkpoint(&self) -> Result<(), ContextError>
    where
        T: Serialize + DeserializeOwned,
    {
        let folder = self.sc.checkpoint_dir().ok_or(ContextError::NoCheckpointDir)?;
        self.checkpoint_to(folder.join(format!("rdd-{}", self.id())), || {});
        Ok(())
    }

    /// The same into a folder of the caller's, who is told when it is there. In the jobs of streams it is
    /// synced by who writes down that it is there; see `streaming/checkpoint`.
    pub(crate) fn checkpoint_to(
        &self,
        folder: PathBuf,
        written: impl Fn() + Clone + Send + Sync + 'static,
    ) where
        T: Serialize + DeserializeOwned,
    {
        let sc = self.sc.clone();
        let writer = move || -> Writer<T> {
            let (sc, folder, written) = (sc.clone(), folder.clone(), written.clone());
            Box::new(move |node| {
                let partitioning = node.partitioning();
                write_node(&sc, &node, &folder)?;
                if !is_within_stream() {
                    rows_file::sync_with_files(&folder).map_err(JobError::Output)?;
                }
                let partitions = node.partitions();
                let of = PhantomData;
                let reader = Files::<T> { folder: folder.clone(), partitions, partitioning, of };
                written();
                Ok(Written { reader: Arc::new(reader), folder: Some(folder) })
            })
        };
        self.tracked.mark(&self.sc, Arc::new(writer));
    }

    /// Marks it to be kept in memory and cut from its lineage behind the next job that uses it:
    /// [`checkpoint`](Self::checkpoint) without files, and so without what survives the context.
    pub fn local_checkpoint(&self) {
        let sc = self.sc.clone();
        let writer = move || -> Writer<T> {
            let sc = sc.clone();
            Box::new(move |node| {
                let label = "local checkpoint".into();
                let mut rows = vec![Vec::new(); node.partitions()];
                for (partition, made) in job::run(&sc, &node, None, &label, super::actions::to_vec)?
                {
                    rows[partition] = made;
                }
                let reader = Kept { rows, partitioning: node.partitioning() };
                Ok(Written { reader: Arc::new(reader), folder: None })
            })
        };
        self.tracked.mark(&self.sc, Arc::new(writer));
    }

    /// Whether it has been checkpointed, and so no longer depends on other RDDs.
    #[must_use]
    pub fn is_checkpointed(&self) -> bool {
        self.tracked.checkpointed().is_some()
    }

    /// The folder that it was checkpointed to.
    #[must_use]
    pub fn get_checkpoint_file(&self) -> Option<PathBuf> {
        self.tracked.checkpointed().flatten()
    }
}

/// Writes the partitions of an RDD to files of `folder`, which is made: `part-00000` and so on, each
/// with a checksum, and the manifest when all are there.
pub(crate) fn write_checkpoint<T: Data + Serialize>(
    rdd: &Rdd<T>,
    folder: &Path,
) -> Result<(), JobError> {
    write_node(rdd.context(), rdd.node(), folder)
}

fn write_node<T: Data + Serialize>(
    sc: &SparkContext,
    node: &Arc<dyn RddNode<T>>,
    folder: &Path,
) -> Result<(), JobError> {
    write_parts(sc, node, folder, |input| match input {
        Some(input) => {
            rows_file::encode(&super::actions::to_vec(input)?).map_err(TaskError::Failed)
        }
        None => rows_file::encode::<T>(&[]).map_err(TaskError::Failed),
    })
}

/// Writes a file for each partition, with the bytes that `encode` makes of it, and the manifest when
/// all are there. Partitions that are known to be empty are none.
pub(crate) fn write_parts<T: 'static>(
    sc: &SparkContext,
    node: &Arc<dyn RddNode<T>>,
    folder: &Path,
    encode: impl Fn(Option<Partition<'_, T>>) -> Result<Vec<u8>, TaskError> + Sync,
) -> Result<(), JobError> {
    let failed = |error: std::io::Error| JobError::output(folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    match std::fs::remove_file(folder.join(MANIFEST)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let write = |partition, bytes: Vec<u8>| {
        rows_file::write_whole(&part(folder, partition), &bytes).map_err(TaskError::Failed)
    };
    let written = Mutex::new(vec![false; node.partitions()]);
    job::run(sc, node, None, &"checkpoint".into(), |input: Partition<'_, T>| {
        let partition = input.index();
        write(partition, encode(Some(input))?)?;
        written.lock().unwrap_or_else(PoisonError::into_inner)[partition] = true;
        Ok(())
    })?;
    let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
    let whole = |why: TaskError| JobError::Output(why.to_string());
    for (partition, _) in written.iter().enumerate().filter(|(_, written)| !**written) {
        write(partition, encode(None).map_err(whole)?).map_err(whole)?;
    }
    let manifest = rows_file::encode(&[node.partitions() as u64]).map_err(JobError::Output)?;
    rows_file::write_whole(&folder.join(MANIFEST), &manifest).map_err(JobError::Output)
}

pub(crate) fn part(folder: &Path, partition: usize) -> PathBuf {
    folder.join(format!("part-{partition:05}"))
}

/// The RDD that [`write_checkpoint`] wrote. The parts are read and checked by the tasks that need
/// them; here it is only checked that all are there.
pub(crate) fn read_checkpoint<T: Data + DeserializeOwned>(
    sc: &SparkContext,
    folder: &Path,
) -> Result<Rdd<T>, ContextError> {
    let partitions = parts(folder).map_err(ContextError::Input)?;
    let node = Files { folder: folder.into(), partitions, partitioning: None, of: PhantomData };
    Ok(Rdd::new(sc.clone(), Arc::new(node)))
}

/// How many parts a folder has, all of which are there.
pub(crate) fn parts(folder: &Path) -> Result<usize, String> {
    let manifest = rows_file::read::<u64>(&folder.join(MANIFEST))?;
    let partitions = manifest.first().map_or(0, |&count| count as usize);
    match (0..partitions).map(|p| part(folder, p)).find(|path| !path.exists()) {
        None => Ok(partitions),
        Some(missing) => {
            Err(format!("{} is missing from the checkpoint; make it anew", missing.display()))
        }
    }
}

/// Whether a folder is as it was written; says why not.
pub(crate) fn verify(folder: &Path) -> Result<(), String> {
    (0..parts(folder)?).try_for_each(|index| rows_file::verify(&part(folder, index)))
}

/// A checkpoint in files.
struct Files<T> {
    folder: PathBuf,
    partitions: usize,
    partitioning: Option<Partitioning>,
    of: PhantomData<fn() -> T>,
}

impl<T: Data + DeserializeOwned> RddNode<T> for Files<T> {
    fn partitions(&self) -> usize {
        self.partitions
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        let rows = rows_file::read(&part(&self.folder, task.partition()));
        rows.map_err(TaskError::Failed)?.into_iter().for_each(sink);
        Ok(())
    }
    fn stages(&self, _: &mut dyn FnMut(Arc<dyn Stage>)) {}
    fn partitioning(&self) -> Option<Partitioning> {
        self.partitioning.clone()
    }
    fn kind(&self) -> &'static str {
        "ReliableCheckpointRDD"
    }
    fn label(&self) -> Arc<str> {
        "checkpoint".into()
    }
}

/// A checkpoint in memory.
struct Kept<T> {
    rows: Vec<Vec<T>>,
    partitioning: Option<Partitioning>,
}

impl<T: Data> RddNode<T> for Kept<T> {
    fn partitions(&self) -> usize {
        self.rows.len()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        self.rows[task.partition()].iter().cloned().for_each(sink);
        Ok(())
    }
    fn stages(&self, _: &mut dyn FnMut(Arc<dyn Stage>)) {}
    fn known_empty(&self, partition: usize) -> bool {
        self.rows[partition].is_empty()
    }
    fn partitioning(&self) -> Option<Partitioning> {
        self.partitioning.clone()
    }
    fn kept(&self) -> bool {
        true
    }
    fn kind(&self) -> &'static str {
        "LocalCheckpointRDD"
    }
    fn label(&self) -> Arc<str> {
        "local checkpoint".into()
    }
}
