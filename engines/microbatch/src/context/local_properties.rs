//! What a thread says about the jobs that it runs.

use super::{Inner, SparkContext};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

/// The property that holds the name of the group that jobs belong to.
pub const JOB_GROUP: &str = "spark.jobGroup.id";
/// The property that holds what people are told about jobs.
pub const JOB_DESCRIPTION: &str = "spark.job.description";
/// The property that says whether a cancelled job's threads are interrupted. No thread is, here.
pub(crate) const INTERRUPT_ON_CANCEL: &str = "spark.job.interruptOnCancel";

thread_local! {
    /// This thread's properties, by context. Those of contexts that are gone go with the next change.
    static OWN: RefCell<Vec<(Weak<Inner>, LocalProperties)>> = const { RefCell::new(Vec::new()) };
}

/// Properties as they were when a job was started. Clones share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalProperties(Arc<BTreeMap<String, String>>);

impl LocalProperties {
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        Arc::make_mut(&mut self.0).insert(key.to_owned(), value.to_owned());
    }

    pub(crate) fn remove(&mut self, key: &str) {
        if self.0.contains_key(key) {
            Arc::make_mut(&mut self.0).remove(key);
        }
    }
}

/// Local properties: texts that a thread sets for the jobs that it runs, as in Spark. Tasks read them
/// with [`TaskContext::local_property`](crate::TaskContext::local_property). A streaming context takes
/// those of the thread that starts it for all its jobs, except for the group. Unlike Spark's, they are
/// not handed on to threads that a thread starts.
impl SparkContext {
    /// Sets a property of this thread's jobs.
    pub fn set_local_property(&self, key: &str, value: &str) {
        self.change_properties(|own| own.set(key, value));
    }

    /// Forgets a property of this thread's jobs.
    pub fn remove_local_property(&self, key: &str) {
        self.change_properties(|own| own.remove(key));
    }

    /// A property of this thread's jobs, if it is set.
    #[must_use]
    pub fn local_property(&self, key: &str) -> Option<String> {
        self.local_properties().get(key).map(str::to_owned)
    }

    /// Names the group that this thread's jobs belong to, and says what they do: [`JOB_GROUP`] and
    /// [`JOB_DESCRIPTION`].
    pub fn set_job_group(&self, group: &str, description: &str) {
        self.change_properties(|own| {
            own.set(JOB_GROUP, group);
            own.set(JOB_DESCRIPTION, description);
        });
    }

    /// Forgets the group and the description of this thread's jobs.
    pub fn clear_job_group(&self) {
        self.change_properties(|own| {
            own.remove(JOB_GROUP);
            own.remove(JOB_DESCRIPTION);
        });
    }

    /// All properties of this thread's jobs.
    pub(crate) fn local_properties(&self) -> LocalProperties {
        // A thread that is ending has none.
        let own = OWN.try_with(|all| {
            all.borrow().iter().find(|(of, _)| self.is(of)).map(|(_, own)| own.clone())
        });
        own.ok().flatten().unwrap_or_default()
    }

    /// Calls `body` with other properties for this thread's jobs. What it changes is forgotten.
    pub(crate) fn with_local_properties<R>(
        &self,
        properties: LocalProperties,
        body: impl FnOnce() -> R,
    ) -> R {
        let before = self.local_properties();
        self.change_properties(|own| *own = properties);
        let result = body();
        self.change_properties(|own| *own = before);
        result
    }

    fn change_properties(&self, change: impl FnOnce(&mut LocalProperties)) {
        // A thread that is ending runs no job.
        let _ = OWN.try_with(|all| {
            let mut all = all.borrow_mut();
            all.retain(|(of, _)| of.strong_count() > 0);
            let known = all.iter().position(|(of, _)| self.is(of));
            let index = known.unwrap_or_else(|| {
                all.push((Arc::downgrade(&self.inner), LocalProperties::default()));
                all.len() - 1
            });
            change(&mut all[index].1);
        });
    }

    fn is(&self, other: &Weak<Inner>) -> bool {
        std::ptr::eq(other.as_ptr(), Arc::as_ptr(&self.inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_its_own_properties_for_each_context() {
        let made = |workers| SparkContext::local(workers).expect("a context");
        let (sc, other) = (made(2), made(1));
        sc.set_local_property("pool", "a");
        sc.set_job_group("group", "what it does");
        assert_eq!(sc.local_property("pool").as_deref(), Some("a"));
        assert_eq!(sc.local_property(JOB_GROUP).as_deref(), Some("group"));
        assert_eq!(other.local_property("pool"), None);
        std::thread::scope(|scope| {
            let here = sc.clone();
            scope.spawn(move || assert_eq!(here.local_property("pool"), None));
        });
        let rdd = sc.parallelize(vec![1, 2], 2).expect("partitions");
        let read = |partition: crate::Partition<'_, i32>| {
            assert_eq!(partition.task().local_property("pool"), Some("a"));
            Ok(())
        };
        rdd.foreach_partition(read).expect("tasks read the properties of the job's thread");
        let mut inner = LocalProperties::default();
        inner.set("pool", "b");
        sc.with_local_properties(inner, || {
            assert_eq!(sc.local_property("pool").as_deref(), Some("b"));
            assert_eq!(sc.local_property(JOB_GROUP), None);
        });
        sc.clear_job_group();
        assert_eq!(sc.local_property(JOB_GROUP), None);
        assert_eq!(sc.local_property("pool").as_deref(), Some("a"));
        sc.remove_local_property("pool");
        assert_eq!(sc.local_property("pool"), None);
        drop(other);
    }
}
