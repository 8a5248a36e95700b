//! The streams of a stateful stage: what it emits, and its states.

use super::nodes::RowsNode;
use super::{StateSource, StatefulStage};
use crate::rdd::Rdd;
use crate::streaming::dstream::{Stream, StreamNode};
use crate::streaming::{StreamingError, Time};
use std::collections::BTreeSet;
use std::sync::Arc;
use weir_dataflow::Data;

pub(in crate::streaming) struct Rows<T: 'static, U: StatefulStage<T>>(
    pub(in crate::streaming) Arc<StateSource<T, U>>,
);

impl<T: Data, U: StatefulStage<T>> StreamNode<U::Out> for Rows<T, U> {
    fn compute(
        &self,
        time: Time,
        _: &Stream<U::Out>,
    ) -> Result<Option<Rdd<U::Out>>, StreamingError> {
        Ok(self.0.at(time)?.map(|stage| {
            let sc = stage.shuffle.context().clone();
            Rdd::new(sc, Arc::new(RowsNode(stage)))
        }))
    }
}

pub(in crate::streaming) struct States<T: 'static, U: StatefulStage<T>>(
    pub(in crate::streaming) Arc<StateSource<T, U>>,
);

impl<T: Data, U: StatefulStage<T>> StreamNode<Arc<U::State>> for States<T, U> {
    fn compute(
        &self,
        time: Time,
        _: &Stream<Arc<U::State>>,
    ) -> Result<Option<Rdd<Arc<U::State>>>, StreamingError> {
        self.0.states_at(time)
    }
    fn clear(&self, _: Time, _: u64, _: &BTreeSet<Time>) {
        self.0.clear();
    }
}
