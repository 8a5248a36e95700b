//! RDDs that are kept once computed.

use super::{Rdd, RddNode};
use crate::job::{Stage, TaskContext, TaskError};
use std::sync::{Arc, Mutex, PoisonError};
use weir_dataflow::Data;

impl<T: Data> Rdd<T> {
    /// The same RDD, each partition of which is kept in memory once it has been computed, for as long
    /// as the returned RDD lives. An RDD that is kept anyway is returned as it is.
    #[must_use]
    pub fn persist(&self) -> Self {
        if self.node.kept() {
            return self.clone();
        }
        let cells = (0..self.partitions()).map(|_| Mutex::default()).collect();
        let node = Persisted { parent: Arc::clone(&self.node), cells };
        Self::new(self.sc.clone(), Arc::new(node))
    }
}

struct Persisted<T> {
    parent: Arc<dyn RddNode<T>>,
    cells: Vec<Mutex<Option<Arc<Vec<T>>>>>,
}

impl<T: Data> Persisted<T> {
    fn rows(&self, task: &TaskContext) -> Result<Arc<Vec<T>>, TaskError> {
        let mut cell = self.cells[task.partition()].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = &*cell {
            return Ok(Arc::clone(rows));
        }
        let mut rows = Vec::new();
        self.parent.compute(task, &mut |value| rows.push(value))?;
        Ok(Arc::clone(cell.insert(Arc::new(rows))))
    }
}

impl<T: Data> RddNode<T> for Persisted<T> {
    fn partitions(&self) -> usize {
        self.cells.len()
    }
    fn compute(&self, task: &TaskContext, sink: &mut dyn FnMut(T)) -> Result<(), TaskError> {
        self.rows(task)?.iter().cloned().for_each(sink);
        Ok(())
    }
    fn stages(&self, visit: &mut dyn FnMut(Arc<dyn Stage>)) {
        self.parent.stages(visit);
    }
    fn known_empty(&self, partition: usize) -> bool {
        self.parent.known_empty(partition)
    }
    fn hashed(&self) -> bool {
        self.parent.hashed()
    }
    fn kept(&self) -> bool {
        true
    }
}
