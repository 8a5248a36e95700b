//! Values that tasks add to and the driver reads.
//!
//! What a task adds goes to a buffer of the task and into the accumulator when the task has ended
//! well: a task that fails and is tried again counts once. As in Spark, only what an *action* adds is
//! exact; a transformation's additions count once per computation of the RDD.

use crate::SparkContext;
use std::any::Any;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

/// How values are added up, and sums merged. `Default` is the zero.
pub trait Accumulate: Default + Clone + Send + 'static {
    /// What is added.
    type Item;
    /// Adds one.
    fn add(&mut self, item: Self::Item);
    /// Adds what another task has added.
    fn merge(&mut self, other: Self);
}

/// Integers: sum, count, average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongStats {
    /// All together; wraps around, as on the JVM.
    pub sum: i64,
    /// How many there were.
    pub count: u64,
}

impl LongStats {
    /// The mean; not a number if there was nothing.
    #[must_use]
    pub fn avg(&self) -> f64 {
        self.sum as f64 / self.count as f64
    }
}

impl Accumulate for LongStats {
    type Item = i64;
    fn add(&mut self, item: i64) {
        self.merge(Self { sum: item, count: 1 });
    }
    fn merge(&mut self, other: Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.count += other.count;
    }
}

/// Floating-point numbers: sum, count, average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DoubleStats {
    /// All together.
    pub sum: f64,
    /// How many there were.
    pub count: u64,
}

impl DoubleStats {
    /// The mean; not a number if there was nothing.
    #[must_use]
    pub fn avg(&self) -> f64 {
        self.sum / self.count as f64
    }
}

impl Accumulate for DoubleStats {
    type Item = f64;
    fn add(&mut self, item: f64) {
        self.merge(Self { sum: item, count: 1 });
    }
    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }
}

/// A collection, in the order in which tasks end.
impl<T: Clone + Send + 'static> Accumulate for Vec<T> {
    type Item = T;
    fn add(&mut self, item: T) {
        self.push(item);
    }
    fn merge(&mut self, other: Self) {
        self.extend(other);
    }
}

/// A value that tasks add to. A handle: clones are the same accumulator.
///
/// ```
/// use weir_microbatch::SparkContext;
///
/// let sc = SparkContext::local(2)?;
/// let lines = sc.long_accumulator("lines");
/// let adds = lines.clone();
/// sc.parallelize(vec!["a", "b", "c"], 2)?.foreach(move |_| adds.add(1))?;
/// assert_eq!(lines.value().sum, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Accumulator<A> {
    name: Option<Arc<str>>,
    total: Arc<Mutex<A>>,
}

impl<A> Clone for Accumulator<A> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), total: Arc::clone(&self.total) }
    }
}

impl<A: Accumulate + std::fmt::Debug> std::fmt::Debug for Accumulator<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accumulator")
            .field("name", &self.name)
            .field("value", &self.value())
            .finish()
    }
}

impl<A: Accumulate> Accumulator<A> {
    /// One that starts at zero.
    #[must_use]
    pub fn new(name: Option<&str>) -> Self {
        Self { name: name.map(Arc::from), total: Arc::default() }
    }

    /// The name that it was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Adds one. In a task it counts when the task ends well.
    pub fn add(&self, item: A::Item) {
        TASK.with_borrow_mut(|task| match task {
            Where::Driver => self.total.lock().unwrap_or_else(PoisonError::into_inner).add(item),
            Where::Discarding => {}
            Where::Task(pending) => {
                let key = Arc::as_ptr(&self.total).cast::<()>() as usize;
                let at = pending.iter().position(|update| update.of() == key);
                let at = at.unwrap_or_else(|| {
                    let update = Pending { total: Arc::clone(&self.total), sum: A::default() };
                    pending.push(Box::new(update));
                    pending.len() - 1
                });
                if let Some(update) = pending[at].as_any().downcast_mut::<Pending<A>>() {
                    update.sum.add(item);
                }
            }
        });
    }

    /// What the driver and the tasks that have ended well have added.
    #[must_use]
    pub fn value(&self) -> A {
        self.total.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Back to zero.
    pub fn reset(&self) {
        *self.total.lock().unwrap_or_else(PoisonError::into_inner) = A::default();
    }
}

impl SparkContext {
    /// A named accumulator of integers.
    #[must_use]
    pub fn long_accumulator(&self, name: &str) -> Accumulator<LongStats> {
        Accumulator::new(Some(name))
    }

    /// A named accumulator of floating-point numbers.
    #[must_use]
    pub fn double_accumulator(&self, name: &str) -> Accumulator<DoubleStats> {
        Accumulator::new(Some(name))
    }

    /// A named accumulator that collects values.
    #[must_use]
    pub fn collection_accumulator<T: Clone + Send + 'static>(
        &self,
        name: &str,
    ) -> Accumulator<Vec<T>> {
        Accumulator::new(Some(name))
    }

    /// A named accumulator of the user's own kind.
    #[must_use]
    pub fn accumulator<A: Accumulate>(&self, name: &str) -> Accumulator<A> {
        Accumulator::new(Some(name))
    }
}

/// What one task has added to one accumulator.
struct Pending<A> {
    total: Arc<Mutex<A>>,
    sum: A,
}

trait Update {
    /// The accumulator's address, which lives as long as this does.
    fn of(&self) -> usize;
    fn as_any(&mut self) -> &mut dyn Any;
    fn commit(self: Box<Self>);
}

impl<A: Accumulate> Update for Pending<A> {
    fn of(&self) -> usize {
        Arc::as_ptr(&self.total).cast::<()>() as usize
    }
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
    fn commit(self: Box<Self>) {
        self.total.lock().unwrap_or_else(PoisonError::into_inner).merge(self.sum);
    }
}

/// Where additions of this thread go.
enum Where {
    Driver,
    Task(Vec<Box<dyn Update>>),
    Discarding,
}

thread_local! {
    static TASK: RefCell<Where> = const { RefCell::new(Where::Driver) };
}

/// Puts back what was there before: a worker that waits may run another task in between.
struct Restore(Option<Where>);

impl Restore {
    fn enter(now: Where) -> Self {
        Self(Some(TASK.replace(now)))
    }

    fn leave(mut self) -> Option<Where> {
        self.0.take().map(|before| TASK.replace(before))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            TASK.set(before);
        }
    }
}

/// Runs an attempt at a task; what it adds counts if it ends well.
pub(crate) fn with_task<R, E>(body: impl FnOnce() -> Result<R, E>) -> Result<R, E> {
    let restore = Restore::enter(Where::Task(Vec::new()));
    let result = body()?;
    if let Some(Where::Task(pending)) = restore.leave() {
        pending.into_iter().for_each(Update::commit);
    }
    Ok(result)
}

/// Runs something again that has been counted.
pub(crate) fn discarding<R>(body: impl FnOnce() -> R) -> R {
    let _restore = Restore::enter(Where::Discarding);
    body()
}
