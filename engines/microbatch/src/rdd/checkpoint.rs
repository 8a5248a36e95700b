//! RDDs that are written to files, so that they no longer depend on what they were made from.

use super::partitioner::Partitioning;
use super::tracked::{Writer, Written};
use super::{Partition, Rdd, RddNode, rows_file};
use crate::job::{self, JobError, Stage, TaskContext, TaskError};
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
        let folder = folder.join(format!("rdd-{}", self.id()));
        let sc = self.sc.clone();
        let writer = move || -> Writer<T> {
            let (sc, folder) = (sc.clone(), folder.clone());
            Box::new(move |node| {
                let partitioning = node.partitioning();
                write_node(&sc, &node, &folder)?;
                let partitions = node.partitions();
                let of = PhantomData;
                let reader = Files::<T> { folder: folder.clone(), partitions, partitioning, of };
                Ok(Written { reader: Arc::new(reader), folder: Some(folder) })
            })
        };
        self.tracked.mark(&self.sc, Arc::new(writer));
        Ok(())
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
    let failed = |error: std::io::Error| JobError::output(folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    match std::fs::remove_file(folder.join(MANIFEST)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let written = Mutex::new(vec![false; node.partitions()]);
    job::run(sc, node, None, &"checkpoint".into(), |input: Partition<'_, T>| {
        let partition = input.index();
        write_part(folder, partition, &super::actions::to_vec(input)?)?;
        written.lock().unwrap_or_else(PoisonError::into_inner)[partition] = true;
        Ok(())
    })?;
    let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
    let whole = |why: TaskError| JobError::Output(why.to_string());
    for (partition, _) in written.iter().enumerate().filter(|(_, written)| !**written) {
        write_part::<T>(folder, partition, &[]).map_err(whole)?;
    }
    let manifest = rows_file::encode(&[node.partitions() as u64]).map_err(JobError::Output)?;
    rows_file::write_whole(&folder.join(MANIFEST), &manifest).map_err(JobError::Output)
}

fn write_part<T: Serialize>(folder: &Path, partition: usize, rows: &[T]) -> Result<(), TaskError> {
    let bytes = rows_file::encode(rows).map_err(TaskError::Failed)?;
    rows_file::write_whole(&part(folder, partition), &bytes).map_err(TaskError::Failed)
}

fn part(folder: &Path, partition: usize) -> PathBuf {
    folder.join(format!("part-{partition:05}"))
}

/// The RDD that [`write_checkpoint`] wrote. The parts are read and checked by the tasks that need
/// them; here it is only checked that all are there.
pub(crate) fn read_checkpoint<T: Data + DeserializeOwned>(
    sc: &SparkContext,
    folder: &Path,
) -> Result<Rdd<T>, ContextError> {
    let manifest = rows_file::read::<u64>(&folder.join(MANIFEST)).map_err(ContextError::Input)?;
    let partitions = manifest.first().map_or(0, |&count| count as usize);
    if let Some(missing) = (0..partitions).map(|p| part(folder, p)).find(|path| !path.exists()) {
        let text = format!("{} is missing from the checkpoint; make it anew", missing.display());
        return Err(ContextError::Input(text));
    }
    let node = Files { folder: folder.into(), partitions, partitioning: None, of: PhantomData };
    Ok(Rdd::new(sc.clone(), Arc::new(node)))
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
