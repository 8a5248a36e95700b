//! A topology run to completion on given tuples.

use super::{FixedTupleSpout, LocalCluster, SubmitOptions, TopologySummary};
use crate::testing::{Capture, Captured};
use crate::topology::Factory;
use crate::{Config, DEFAULT_STREAM, RichSpout, StormTopology, TopologyError, Values};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_dataflow::RunError;

/// Tuples to take the place of spouts.
#[derive(Clone, Debug, Default)]
pub struct MockedSources {
    /// By spout: streams and what goes on them, in order.
    tuples: BTreeMap<String, Vec<(Arc<str>, Values)>>,
}

impl MockedSources {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These tuples in place of a spout, on its default stream, shared out evenly over its tasks.
    #[must_use]
    pub fn add(self, spout: &str, tuples: impl IntoIterator<Item = Values>) -> Self {
        self.add_to(spout, DEFAULT_STREAM, tuples)
    }

    /// These tuples in place of a spout, on one of its streams, behind those that it has already.
    #[must_use]
    pub fn add_to(
        mut self,
        spout: &str,
        stream: &str,
        tuples: impl IntoIterator<Item = Values>,
    ) -> Self {
        let stream: Arc<str> = stream.into();
        let tuples = tuples.into_iter().map(|values| (Arc::clone(&stream), values));
        self.tuples.entry(spout.to_owned()).or_default().extend(tuples);
        self
    }
}

/// What a completed topology emitted, and did.
#[derive(Clone, Debug)]
pub struct Completed {
    emitted: Captured,
    /// What it did.
    pub summary: TopologySummary,
}

impl Completed {
    /// The tuples that a component emitted on its default stream. Tuples of one task are in the order
    /// of emission. Storm's `Testing.readTuples`.
    #[must_use]
    pub fn read_tuples(&self, component: &str) -> &[Values] {
        self.read_stream(component, DEFAULT_STREAM)
    }

    /// The tuples that a component emitted on a stream.
    #[must_use]
    pub fn read_stream(&self, component: &str, stream: &str) -> &[Values] {
        let id = (component.to_owned(), stream.to_owned());
        self.emitted.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The same without an order: sorted.
    #[must_use]
    pub fn read_sorted(&self, component: &str) -> Vec<Values> {
        let mut tuples = self.read_tuples(component).to_vec();
        tuples.sort();
        tuples
    }
}

impl LocalCluster {
    /// Runs a topology with given tuples in place of spouts until every tuple has been acked or has
    /// failed, and all queues are empty. Spouts that are not replaced must be exhausted some time.
    /// Simulated time moves on, a second at a time, for as long as that takes. Storm's
    /// `Testing.completeTopology`.
    pub fn complete_topology(
        &self,
        mut topology: StormTopology,
        conf: Config,
        sources: MockedSources,
    ) -> Result<Completed, RunError> {
        for (id, tuples) in sources.tuples {
            replace(&mut topology, &id, tuples)?;
        }
        let capture = Capture::default();
        let name = format!("completed-{:p}", Arc::as_ptr(&capture.list()));
        let options = SubmitOptions::default();
        let running = self.submit(&name, conf, topology, options, Some(capture.clone()))?;
        running.await_spouts();
        let summary = running.join()?;
        Ok(Completed { emitted: capture.take(), summary })
    }
}

fn replace(
    topology: &mut StormTopology,
    id: &str,
    tuples: Vec<(Arc<str>, Values)>,
) -> Result<(), TopologyError> {
    let unknown = || TopologyError::UnknownSpout { id: id.to_owned() };
    let component = topology.components.get_mut(id).ok_or_else(unknown)?;
    if !component.factory.is_spout() {
        return Err(unknown());
    }
    let declared = &component.streams.streams;
    if let Some((stream, _)) = tuples.iter().find(|(stream, _)| !declared.contains_key(&**stream)) {
        return Err(TopologyError::UnmockedStream {
            id: id.to_owned(),
            stream: stream.to_string(),
        });
    }
    // What the spout declares stays: that is not asked of this one.
    let spout = FixedTupleSpout::on_streams(tuples);
    component.factory =
        Factory::Spout(Arc::new(move || Box::new(spout.clone()) as Box<dyn RichSpout>));
    Ok(())
}
