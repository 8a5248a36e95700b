//! `update_state`: the contract's explicit state as `update_state_by_key`.

use super::chain::MicroBatchFlow;
use crate::{Keyed, Partition, TaskError};
use weir_dataflow::{Data, Event, NodeKind, Transform, UpdateState};

pub(super) fn update_state<T: Data, C: Transform<In = T>, U: UpdateState<In = C::Out>>(
    flow: MicroBatchFlow<T, C>,
    update: U,
) -> MicroBatchFlow<U::Out> {
    let stage = flow.stage_label("map side");
    let MicroBatchFlow { mut upstream, chain } = flow;
    let label = format!("update state by key {}", update.label());
    upstream.then(stage, NodeKind::Operator, "");
    upstream.then(label.clone(), NodeKind::State, "shuffle");
    upstream.in_order = false;
    let partitions = upstream.engine.parallelism;
    MicroBatchFlow::new(upstream.with(|define| {
        Box::new(move |run| {
            let keyed = ChainedKeys { chain, update: update.clone() };
            let states = define(run)?.update_state_by_key_emitting(
                &label,
                keyed,
                move |_, key: &U::Key, values, mut state, out| {
                    for Event { at, watermark, value } in values {
                        update.update(key, &mut state, value, &mut |value| {
                            out.push(Event { at, watermark, value });
                        });
                    }
                    state
                },
                partitions,
            )?;
            Ok(states.outputs())
        })
    }))
}

/// Keys and values of what comes out of a chain, with the times of the records that caused them.
struct ChainedKeys<C, U> {
    chain: C,
    update: U,
}

impl<C, U> Keyed<Event<C::In>> for ChainedKeys<C, U>
where
    C: Transform,
    U: UpdateState<In = C::Out>,
{
    type Key = U::Key;
    type Value = Event<U::Value>;
    fn each(
        &self,
        input: Partition<'_, Event<C::In>>,
        mut emit: impl FnMut(U::Key, Event<U::Value>),
    ) -> Result<(), TaskError> {
        let mut chain = self.chain.clone();
        input.for_each(|Event { at, watermark, value }| {
            chain.apply(value, &mut |item| {
                let (key, value) = self.update.split(item);
                emit(key, Event { at, watermark, value });
            });
        })
    }
}
