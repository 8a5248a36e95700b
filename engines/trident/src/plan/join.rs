//! Joining the streams of a batch.

use crate::operation::{AnyState, TridentCollector};
use crate::processor::AnyMultiReducer;
use crate::tuple::TridentTuple;
use hashbrown::HashMap;
use weir_dataflow::FastState;
use weir_topology::{ComponentError, ComponentResult, Value, Values};

/// What becomes of a key that a stream does not have in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinType {
    /// It is not in the result.
    Inner,
    /// It is, with [`Value::Null`] for each of the stream's values.
    Outer,
}

/// Joins the tuples of several streams whose first values are equal. Storm's `JoinerMultiReducer`.
#[derive(Clone, Debug)]
pub(crate) struct Joiner {
    /// How many of the first values are the key.
    pub(crate) keys: usize,
    /// For each stream, whether it may be missing, and how many values it has besides the key.
    pub(crate) sides: Vec<(JoinType, usize)>,
}

/// The tuples of each stream that have a key, without it.
type Sides = Vec<Vec<Vec<Value>>>;

#[derive(Default)]
struct JoinState {
    places: HashMap<Values, usize, FastState>,
    groups: Vec<(Values, Sides)>,
}

impl Joiner {
    /// Emits the key with every combination of the sides' tuples; one side may be held to its last.
    fn emit(
        key: &Values,
        sides: &Sides,
        last_of: Option<usize>,
        collector: &mut TridentCollector<'_>,
    ) {
        let mut rows = vec![key.clone()];
        for (at, side) in sides.iter().enumerate() {
            let first = if last_of == Some(at) { side.len().saturating_sub(1) } else { 0 };
            let with = |row: &Values| {
                let combine = |values: &Vec<Value>| row.with(values.iter().cloned());
                side[first..].iter().map(combine).collect::<Vec<_>>()
            };
            rows = rows.iter().flat_map(with).collect();
        }
        rows.into_iter().for_each(|row| collector.emit(row));
    }
}

fn foreign() -> ComponentError {
    ComponentError::fatal("a join got the state of another operation")
}

impl AnyMultiReducer for Joiner {
    fn init(&mut self) -> AnyState {
        Box::new(JoinState::default())
    }

    fn execute(
        &mut self,
        state: &mut AnyState,
        from: usize,
        tuple: &TridentTuple,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let JoinState { places, groups } = state.downcast_mut().ok_or_else(foreign)?;
        let (key, values) = tuple.values().split_at(self.keys.min(tuple.len()));
        let key: Values = key.iter().cloned().collect();
        let place = *places.entry(key).or_insert_with_key(|key| {
            groups.push((key.clone(), vec![Vec::new(); self.sides.len()]));
            groups.len() - 1
        });
        let (key, sides) = &mut groups[place];
        sides[from].push(values.to_vec());
        if sides.iter().all(|side| !side.is_empty()) {
            Self::emit(key, sides, Some(from), collector);
        }
        Ok(())
    }

    /// Keys that some stream does not have: nothing has been emitted for them so far.
    fn complete(
        &mut self,
        state: AnyState,
        collector: &mut TridentCollector<'_>,
    ) -> ComponentResult {
        let state: Box<JoinState> = state.downcast().map_err(|_| foreign())?;
        for (key, mut sides) in state.groups {
            if sides.iter().all(|side| !side.is_empty()) {
                continue;
            }
            for (side, (join, values)) in sides.iter_mut().zip(&self.sides) {
                if side.is_empty() && *join == JoinType::Outer {
                    side.push(vec![Value::Null; *values]);
                }
            }
            Self::emit(&key, &sides, None, collector);
        }
        Ok(())
    }
}
