//! The components of a Trident topology, declared.

use super::layout::{Layout, Parallelism};
use super::{NodeId, NodeKind, Partitioning, ProcessorNode};
use crate::TridentError;
use crate::batch::{BatchWiring, CoordSpec, CoordType, TridentBoltExecutor, coord_stream};
use crate::coordinator::{
    BATCH_STREAM, COMMIT_STREAM, ManagedSpout, MasterBatchCoordinator, SUCCESS_STREAM,
    TridentSpoutCoordinator, TridentSpoutExecutor,
};
use crate::drpc::DrpcSpout;
use crate::grouping::{BatchGlobalGrouping, Chosen};
use crate::processor::Receiver;
use crate::subtopology::{BatchGroup, Operation, Subtopology, SubtopologyBolt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_topology::{BoltDeclarer, StormTopology, StreamId, TopologyBuilder};

fn master_id(batch_group: &str) -> String {
    format!("$mastercoord-{batch_group}")
}

fn coordinator_id(spout: &str) -> String {
    format!("$spoutcoord-{spout}")
}

/// The spouts of each batch group that has any.
type Masters = BTreeMap<String, Vec<ManagedSpout>>;

pub(super) fn build(layout: &Layout) -> Result<StormTopology, TridentError> {
    let mut builder = TopologyBuilder::new();
    let mut masters = Masters::new();
    let mut spouts: BTreeMap<usize, ManagedSpout> = BTreeMap::new();
    for group in 0..layout.groups.len() {
        if let Some(spout) = layout.managed_spout(group) {
            masters.entry(layout.batch_group_of(group)).or_default().push(spout.clone());
            spouts.insert(group, spout);
        }
    }
    for group in 0..layout.groups.len() {
        let Some(first) = layout.groups[group].first() else { continue };
        match (spouts.remove(&group), &layout.node(*first).kind) {
            (Some(spout), _) => layout.declare_spout(&mut builder, group, spout),
            (None, NodeKind::Drpc { function, server }) => {
                let (outputs, targets) = (layout.outputs(group), layout.targets(group));
                let coord = coord_stream(&layout.batch_group(*first));
                let (function, server) = (function.clone(), server.clone());
                let spout = move || {
                    DrpcSpout::new(&function, &server, outputs.clone(), &coord, targets.clone())
                };
                let Parallelism { tasks, fixed } = layout.parallelism[group];
                let declared = builder.set_spout(&layout.ids[group], spout, tasks);
                if fixed {
                    declared.set_num_tasks(tasks);
                }
            }
            (None, _) => layout.declare_bolt(&mut builder, group, &masters),
        }
    }
    for (batch_group, spouts) in masters {
        let master = move || MasterBatchCoordinator::new(spouts.clone());
        builder.set_spout(&master_id(&batch_group), master, 1).set_num_tasks(1);
    }
    Ok(builder.create_topology()?)
}

/// Waits for all tuples of the batches of a bolt, from some components.
fn spec(coords: BTreeMap<String, CoordType>, targets: Vec<String>) -> CoordSpec {
    CoordSpec { coords, commit_stream: None, targets }
}

impl Layout {
    /// The spout of a group that is one.
    fn managed_spout(&self, group: usize) -> Option<ManagedSpout> {
        let NodeKind::Spout { txid, spout } = &self.node(*self.groups[group].first()?).kind else {
            return None;
        };
        let store = Arc::clone(&self.definition.store);
        Some(ManagedSpout::new(txid.clone(), Arc::clone(spout), store))
    }

    /// The components that get tuples from a group.
    fn targets(&self, group: usize) -> Vec<String> {
        let to = self.outgoing(group).into_iter().flat_map(|id| self.subscribers(id));
        to.collect::<BTreeSet<_>>().into_iter().map(|at| self.ids[at].clone()).collect()
    }

    fn with_resources<'b>(&self, group: usize, declarer: BoltDeclarer<'b>) -> BoltDeclarer<'b> {
        let settings = self.resources(group).settings();
        settings.fold(declarer, |declarer, (key, value)| declarer.add_configuration(key, value))
    }

    /// What the tasks of a group are to have.
    fn with_settings<'b>(&self, group: usize, declarer: BoltDeclarer<'b>) -> BoltDeclarer<'b> {
        let declarer = self.with_resources(group, declarer);
        let Parallelism { tasks, fixed } = self.parallelism[group];
        if fixed { declarer.set_num_tasks(tasks) } else { declarer }
    }

    fn declare_spout(&self, builder: &mut TopologyBuilder, group: usize, spout: ManagedSpout) {
        let (id, batch_group) = (&self.ids[group], self.batch_group_of(group));
        let (master, coordinator) = (master_id(&batch_group), coordinator_id(id));
        let of = spout.clone();
        let declared = builder
            .set_basic_bolt(&coordinator, move || TridentSpoutCoordinator::new(of.clone()), 1)
            .set_num_tasks(1)
            .global_grouping((&*master, BATCH_STREAM))
            .global_grouping((&*master, SUCCESS_STREAM));
        self.with_resources(group, declared);

        let commits = spout.spout.commits();
        let begun = StreamId::new(&*coordinator, BATCH_STREAM);
        let wiring = BatchWiring {
            streams: BTreeMap::from([(begun.clone(), batch_group.clone())]),
            specs: BTreeMap::from([(batch_group, spec(BTreeMap::new(), self.targets(group)))]),
        };
        let outputs = self.outputs(group);
        let emitter = move || {
            let executor = TridentSpoutExecutor::new(spout.clone(), outputs.clone());
            TridentBoltExecutor::new(executor, wiring.clone())
        };
        let mut declared = builder
            .set_bolt(id, emitter, self.parallelism[group].tasks)
            .all_grouping(begun)
            .all_grouping((&*master, SUCCESS_STREAM));
        if commits {
            declared = declared.all_grouping((&*master, COMMIT_STREAM));
        }
        self.with_settings(group, declared);
    }

    fn batch_group_of(&self, group: usize) -> String {
        self.groups[group].first().map_or_else(String::new, |node| self.batch_group(*node))
    }

    fn declare_bolt(&self, builder: &mut TopologyBuilder, group: usize, masters: &Masters) {
        let (wiring, subtopology) =
            (self.wiring(group), Arc::new(self.subtopology(group, masters)));
        let commits: Vec<StreamId> =
            wiring.specs.values().filter_map(|spec| spec.commit_stream.clone()).collect();
        let coords: Vec<StreamId> = wiring
            .specs
            .iter()
            .flat_map(|(batch_group, spec)| {
                let stream = coord_stream(batch_group);
                spec.coords.keys().map(move |id| StreamId::new(&**id, &*stream))
            })
            .collect();
        let bolt = move || {
            let bolt = SubtopologyBolt::new(Arc::clone(&subtopology));
            TridentBoltExecutor::new(bolt, wiring.clone())
        };
        let mut declared = builder.set_bolt(&self.ids[group], bolt, self.parallelism[group].tasks);
        for partition in self.incoming(group) {
            declared = self.subscribe(declared, partition);
        }
        for coord in coords {
            declared = declared.direct_grouping(coord);
        }
        for commit in commits {
            declared = declared.all_grouping(commit);
        }
        self.with_settings(group, declared);
    }

    fn subscribe<'b>(&self, declared: BoltDeclarer<'b>, partition: NodeId) -> BoltDeclarer<'b> {
        let from = StreamId::new(&*self.ids[self.source(partition)], Self::stream(partition));
        let NodeKind::Partition(partitioning) = &self.node(partition).kind else {
            return declared;
        };
        match partitioning {
            Partitioning::Fields(fields) => declared.fields_grouping(from, fields),
            Partitioning::Shuffle => declared.shuffle_grouping(from),
            Partitioning::LocalOrShuffle => declared.local_or_shuffle_grouping(from),
            Partitioning::Global => declared.global_grouping(from),
            Partitioning::BatchGlobal => {
                declared.custom_grouping(from, BatchGlobalGrouping::default)
            }
            Partitioning::Broadcast => declared.all_grouping(from),
            Partitioning::Identity => declared.direct_grouping(from),
            Partitioning::Custom(make) => {
                let make = Arc::clone(make);
                declared.custom_grouping(from, move || Chosen(make()))
            }
        }
    }

    /// Which streams of a bolt belong to which batch group, and who reports to it and to whom it does.
    fn wiring(&self, group: usize) -> BatchWiring {
        let mut wiring = BatchWiring::default();
        for partition in self.incoming(group) {
            let (batch_group, source) = (self.batch_group(partition), self.source(partition));
            let source_id = &self.ids[source];
            let spec = wiring.specs.entry(batch_group.clone()).or_default();
            let from_drpc = self.groups[source]
                .iter()
                .any(|node| matches!(self.node(*node).kind, NodeKind::Drpc { .. }));
            let coord = if from_drpc { CoordType::Single } else { CoordType::All };
            spec.coords.insert(source_id.clone(), coord);
            for stream in [Self::stream(partition), coord_stream(&batch_group)] {
                wiring.streams.insert(StreamId::new(&**source_id, stream), batch_group.clone());
            }
        }
        for partition in self.outgoing(group) {
            let spec = wiring.specs.entry(self.batch_group(partition)).or_default();
            let to = self.subscribers(partition).into_iter().map(|at| self.ids[at].clone());
            spec.targets.extend(to);
            spec.targets.sort();
            spec.targets.dedup();
        }
        for node in &self.groups[group] {
            // What a request persists is not committed: there is no order to do it in.
            if self.node(*node).is_committer() && !self.is_drpc(*node) {
                let batch_group = self.batch_group(*node);
                let commit = StreamId::new(master_id(&batch_group), COMMIT_STREAM);
                wiring.streams.insert(commit.clone(), batch_group.clone());
                wiring.specs.entry(batch_group).or_default().commit_stream = Some(commit);
            }
        }
        wiring
    }

    /// The operations of a bolt and how they follow one another.
    fn subtopology(&self, group: usize, masters: &Masters) -> Subtopology {
        let outgoing = self.outgoing(group);
        let operations: Vec<NodeId> = self.groups[group]
            .iter()
            .copied()
            .filter(|id| matches!(self.node(*id).kind, NodeKind::Processor(_)))
            .collect();
        let place = |id: NodeId| operations.iter().position(|other| *other == id);
        let receivers = |of: NodeId, inside: bool| -> Vec<Receiver> {
            let to = |(id, from): (NodeId, usize)| {
                let stream = outgoing.iter().position(|out| *out == id).filter(|_| inside);
                let operation = place(id).map(|at| Receiver::Operation { at, from });
                operation.or(stream.map(Receiver::Stream))
            };
            self.definition.outputs(of).filter_map(to).collect()
        };
        let batch_groups: BTreeSet<String> =
            operations.iter().map(|id| self.batch_group(*id)).collect();
        let batch_group = |id: String| {
            let turns = masters.get(&id).into_iter().flatten().map(ManagedSpout::turn).collect();
            BatchGroup { id, turns }
        };
        let batch_groups: Vec<BatchGroup> = batch_groups.into_iter().map(batch_group).collect();
        let operation = |id: &NodeId| {
            let NodeKind::Processor(ProcessorNode { make, .. }) = &self.node(*id).kind else {
                return None;
            };
            let group = self.batch_group(*id);
            let batch_group = batch_groups.iter().position(|other| other.id == group)?;
            Some(Operation { make: Arc::clone(make), receivers: receivers(*id, true), batch_group })
        };
        let entry = |partition: NodeId| {
            let from = StreamId::new(&*self.ids[self.source(partition)], Self::stream(partition));
            (from, self.node(partition).fields.clone(), receivers(partition, false))
        };
        let states = self.definition.states.iter().enumerate();
        let here = states
            .filter(|(_, state)| state.nodes.iter().any(|node| self.groups[group].contains(node)));
        Subtopology {
            operations: operations.iter().filter_map(operation).collect(),
            entries: self.incoming(group).into_iter().map(entry).collect(),
            states: here.map(|(number, state)| (number, Arc::clone(&state.make))).collect(),
            outputs: self.outputs(group),
            batch_groups,
        }
    }
}
