//! Jobs, stages and tasks: how an action on an [`Rdd`](crate::Rdd) is carried out.
//!
//! An action is a **job**. The lineage behind it is cut into **stages** at shuffles; a stage is a set
//! of **tasks**, one per partition, run on the context's pool with a barrier at its end. Stages that
//! have run already are not run again, and neither are tasks that are known to have nothing to do.
//!
//! **The driver part of a job enters the pool once.** The worker that runs it takes tasks itself, so
//! a job with little work is done without waking a second thread, and a job without any work never
//! leaves the calling thread.
//!
//! **A stage is run by one job at a time.** Jobs of several threads may share a stage; each stage has
//! a gate, and a job takes the gates of all its stages, in the order of their ids and before it
//! enters the pool. Waiting for a gate *inside* the pool could deadlock, because a worker that waits
//! for its tasks may be given another job.

use crate::context::LocalProperties;
use crate::rdd::{Partition, RddNode, lineage};
use crate::{ContextError, SparkContext, accumulator};
use rayon::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use weir_dataflow::{Cancel, RunError};

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JobError {
    /// A task failed as often as the context allows, and the job with it.
    #[error(
        "Job aborted due to stage failure: Task {partition} in stage {stage} ({label}) failed \
         {attempts} times, most recent failure: {cause}; correct the function, or allow more attempts \
         by the master local[N,M]"
    )]
    TaskFailed {
        /// Which stage of the job, from 0, in the order in which they run.
        stage: usize,
        /// The stage's name.
        label: String,
        /// Which partition.
        partition: usize,
        /// How often it was tried.
        attempts: u32,
        /// What happened.
        cause: TaskError,
    },
    /// The context was asked to cancel its jobs.
    #[error("the job was cancelled")]
    Cancelled,
    /// The context has been stopped.
    #[error("the SparkContext has been stopped; make a new one")]
    ContextStopped,
    /// An action was called by a task.
    #[error(
        "an action was called inside a task; collect what the task needs before the job starts"
    )]
    Nested,
    /// The RDD has no elements, and the action needs one.
    #[error("empty collection; use fold, which has an answer for it")]
    EmptyCollection,
    /// A file could not be written; says which, why, and what to do.
    #[error("{0}")]
    Output(String),
    /// There is something where the output should go.
    #[error("Output directory {0} already exists; remove it, or write somewhere else")]
    OutputExists(String),
    /// What an operator needed a job for is refused.
    #[error(transparent)]
    Definition(#[from] ContextError),
}

impl JobError {
    pub(crate) fn output(path: &Path, error: &std::io::Error) -> Self {
        Self::Output(format!("failed to write {}: {error}; check the disk", path.display()))
    }
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TaskError {
    /// User code panicked.
    #[error("panicked: {0}")]
    Panicked(String),
    /// A function of the user, or a source, returned an error.
    #[error("{0}")]
    Failed(String),
    /// The job was cancelled while the task ran.
    #[error("cancelled")]
    Cancelled,
    /// An earlier attempt took the task's input and then failed.
    #[error("its input was consumed by an attempt that failed; compute the RDD anew")]
    InputLost,
}

impl TaskError {
    /// A failure that the function of a task reports itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

/// What a running task can ask about itself.
#[derive(Debug)]
pub struct TaskContext {
    partition: usize,
    attempt: u32,
    cancel: Cancel,
    properties: LocalProperties,
}

impl TaskContext {
    /// Which partition the task computes.
    #[must_use]
    pub const fn partition(&self) -> usize {
        self.partition
    }

    /// How often the task was tried before.
    #[must_use]
    pub const fn attempt_number(&self) -> u32 {
        self.attempt
    }

    /// The same task, looking at another partition.
    pub(crate) fn at(&self, partition: usize) -> Self {
        let (cancel, properties) = (self.cancel.clone(), self.properties.clone());
        Self { partition, attempt: self.attempt, cancel, properties }
    }

    /// A property that the thread that runs the job had set when the job began; see
    /// [`SparkContext::set_local_property`].
    #[must_use]
    pub fn local_property(&self, key: &str) -> Option<&str> {
        self.properties.get(key)
    }

    /// Fails once the job has been cancelled. Long loops call it every few thousand records.
    pub fn check_cancelled(&self) -> Result<(), TaskError> {
        if self.cancel.is_cancelled() { Err(TaskError::Cancelled) } else { Ok(()) }
    }
}

thread_local! {
    static OF_A_STREAM: Cell<bool> = const { Cell::new(false) };
}

/// Runs what a streaming context calls: a batch's job, or the making of it. The rules of Spark for jobs in
/// there: output that is there already is replaced, because a batch may be run again, and all checkpoints
/// of a lineage are written, not only the last one.
pub(crate) fn within_stream<R>(body: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            OF_A_STREAM.set(self.0);
        }
    }
    let _back = Back(OF_A_STREAM.replace(true));
    body()
}

/// Whether the calling thread is [`within_stream`].
pub(crate) fn is_within_stream() -> bool {
    OF_A_STREAM.get()
}

/// A set of tasks behind a barrier, whose output stays for the stages that follow.
pub(crate) trait Stage: Send + Sync {
    /// Its place in the order of creation; parents come before children.
    fn id(&self) -> u64;
    fn label(&self) -> &Arc<str>;
    /// The stages that it reads, if it has yet to run.
    fn parents(&self, visit: &mut dyn FnMut(Arc<dyn Stage>));
    /// Held by the job that runs it.
    fn gate(&self) -> &Mutex<()>;
    fn is_done(&self) -> bool;
    /// The partitions that have work. Called with the gate held, once all parents are done.
    fn tasks(&self) -> Vec<usize>;
    fn run_task(&self, task: &TaskContext) -> Result<(), TaskError>;
    /// Every task has ended well.
    fn finish(&self);
}

/// Runs `action` over partitions of `node` (all that may hold something, or those of `only`), after
/// the stages that they need. Results are in the order of partitions; partitions that are known to
/// be empty have none. Checkpoints that were asked for are written before it returns.
pub(crate) fn run<T: 'static, R: Send>(
    sc: &SparkContext,
    node: &Arc<dyn RddNode<T>>,
    only: Option<std::ops::Range<usize>>,
    label: &Arc<str>,
    action: impl Fn(Partition<'_, T>) -> Result<R, TaskError> + Sync,
) -> Result<Vec<(usize, R)>, JobError> {
    let results = run_once(sc, node, only, label, action)?;
    if sc.has_checkpoints()
        && let Some(last) = Arc::clone(node).lineage()
    {
        lineage::checkpoint_all(last)?;
    }
    Ok(results)
}

fn run_once<T: 'static, R: Send>(
    sc: &SparkContext,
    node: &Arc<dyn RddNode<T>>,
    only: Option<std::ops::Range<usize>>,
    label: &Arc<str>,
    action: impl Fn(Partition<'_, T>) -> Result<R, TaskError> + Sync,
) -> Result<Vec<(usize, R)>, JobError> {
    let job = ActionOn { node: &**node, only, action, results: Mutex::default() };
    run_erased(sc, &job, label)?;
    let results = job.results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().flatten().collect())
}

/// An action with its types left out, so that what runs jobs is compiled once and not for every action
/// on every type.
trait Action: Sync {
    /// The stages in front of it.
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>));
    /// The partitions that it works on, once the stages have run.
    fn partitions(&self) -> Vec<usize>;
    /// How many tasks will come.
    fn expect(&self, tasks: usize);
    /// The task at this place among them.
    fn run_task(&self, place: usize, task: &TaskContext) -> Result<(), TaskError>;
}

struct ActionOn<'a, T: 'static, R, F> {
    node: &'a dyn RddNode<T>,
    only: Option<std::ops::Range<usize>>,
    action: F,
    /// By place; with the partition.
    results: Mutex<Vec<Option<(usize, R)>>>,
}

impl<T: 'static, R: Send, F> Action for ActionOn<'_, T, R, F>
where
    F: Fn(Partition<'_, T>) -> Result<R, TaskError> + Sync,
{
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.node.stages(visit);
    }
    fn partitions(&self) -> Vec<usize> {
        let wanted = self.only.clone().unwrap_or(0..self.node.partitions());
        wanted.filter(|&split| !self.node.known_empty(split)).collect()
    }
    fn expect(&self, tasks: usize) {
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.resize_with(tasks, || None);
    }
    fn run_task(&self, place: usize, task: &TaskContext) -> Result<(), TaskError> {
        let result = (self.action)(Partition::new(self.node, task))?;
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results[place] = Some((task.partition(), result));
        Ok(())
    }
}

fn run_erased(sc: &SparkContext, action: &dyn Action, label: &Arc<str>) -> Result<(), JobError> {
    if sc.is_stopped() {
        return Err(JobError::ContextStopped);
    }
    if sc.pool().current_thread_index().is_some() {
        return Err(JobError::Nested);
    }
    let stages = unfinished(action);
    let _gates: Vec<MutexGuard<'_, ()>> = stages
        .iter()
        .map(|stage| stage.gate().lock().unwrap_or_else(PoisonError::into_inner))
        .collect();
    let job = Job { sc, stages: &stages, properties: sc.local_properties() };
    let first = job.skip_idle();
    if first == stages.len() && action.partitions().is_empty() {
        return Ok(());
    }
    sc.pool().install(|| {
        job.run_stages(first)?;
        let partitions = action.partitions();
        action.expect(partitions.len());
        job.run_tasks(stages.len(), label, &partitions, &|place, task| action.run_task(place, task))
    })
}

/// The stages that have to run, in the order of their ids. Without recursion: where a batch of a stream
/// with state fails for ever, every batch behind it adds to what has to run.
fn unfinished(action: &dyn Action) -> Vec<Arc<dyn Stage>> {
    let (mut found, mut open) = (BTreeMap::new(), Vec::new());
    action.stages(&mut |stage| open.push(stage));
    while let Some(stage) = open.pop() {
        if !stage.is_done() && !found.contains_key(&stage.id()) {
            stage.parents(&mut |parent| open.push(parent));
            found.insert(stage.id(), stage);
        }
    }
    found.into_values().collect()
}

/// What a task does, by its place among its stage's tasks.
type Body<'a> = &'a (dyn Fn(usize, &TaskContext) -> Result<(), TaskError> + Sync);

struct Job<'a> {
    sc: &'a SparkContext,
    stages: &'a [Arc<dyn Stage>],
    properties: LocalProperties,
}

impl Job<'_> {
    /// Finishes the leading stages that have no tasks, on this thread; the index of the first that
    /// has some.
    fn skip_idle(&self) -> usize {
        for (index, stage) in self.stages.iter().enumerate() {
            if stage.is_done() {
                continue;
            }
            if !stage.tasks().is_empty() {
                return index;
            }
            stage.finish();
        }
        self.stages.len()
    }

    fn run_stages(&self, first: usize) -> Result<(), JobError> {
        for (index, stage) in self.stages.iter().enumerate().skip(first) {
            if stage.is_done() {
                continue;
            }
            self.run_tasks(index, stage.label(), &stage.tasks(), &|_, task| stage.run_task(task))?;
            stage.finish();
        }
        Ok(())
    }

    fn run_tasks(
        &self,
        stage: usize,
        label: &Arc<str>,
        partitions: &[usize],
        body: Body<'_>,
    ) -> Result<(), JobError> {
        let cancel = self.sc.cancel();
        if cancel.is_cancelled() {
            return Err(JobError::Cancelled);
        }
        self.sc.metrics().stage_ran(label, partitions.len());
        let most = self.sc.max_failures();
        let attempt = |(place, &partition): (usize, &usize)| {
            let properties = self.properties.clone();
            let mut task =
                TaskContext { partition, attempt: 0, cancel: cancel.clone(), properties };
            let mut before = None;
            loop {
                // What a panicking task leaves behind is only ever reached through cells that know
                // whether they were completed.
                let result = catch_unwind(AssertUnwindSafe(|| {
                    accumulator::with_task(|| body(place, &task))
                }));
                let cause = match result {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(cause)) => cause,
                    Err(payload) => TaskError::Panicked(RunError::panic_message(&*payload)),
                };
                // An attempt that finds its input gone is not why the task fails: the one before is.
                let cause = match (cause, before.take()) {
                    (TaskError::InputLost, Some(real)) => {
                        return Err((partition, task.attempt, real));
                    }
                    (cause, _) => cause,
                };
                task.attempt += 1;
                if task.attempt >= most || cause == TaskError::Cancelled || cancel.is_cancelled() {
                    return Err((partition, task.attempt, cause));
                }
                self.sc.metrics().task_retried();
                before = Some(cause);
            }
        };
        let results: Vec<Result<(), _>> = match partitions {
            [] => Vec::new(),
            [only] => vec![attempt((0, only))],
            many => many.par_iter().enumerate().with_max_len(1).map(attempt).collect(),
        };
        results.into_iter().collect::<Result<(), _>>().map_err(|failure| match failure {
            (_, _, TaskError::Cancelled) => JobError::Cancelled,
            (partition, attempts, cause) => {
                JobError::TaskFailed { stage, label: label.to_string(), partition, attempts, cause }
            }
        })
    }
}
