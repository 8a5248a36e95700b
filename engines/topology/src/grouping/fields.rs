//! Fields grouping.

use super::{Chosen, GroupingContext, GroupingError, StreamGrouping};
use crate::tuple::deep_hash;
use crate::{Fields, TaskId, Value};
use smallvec::SmallVec;

/// Tuples with equal values in some fields go to the same task. Storm's `fieldsGrouping`.
///
/// The task is the one that Storm sends the key to: its place among the targets is the Java hash of
/// the key, modulo their number. (Of negative whole numbers that is an `Integer`'s hash; a small
/// negative `Long` has another one in Java.)
///
/// A field that the stream does not have is an error of each emission, not of the topology: Storm's
/// validation lets fields of the component's other streams pass.
#[derive(Debug)]
pub struct FieldsGrouping {
    key: Fields,
    /// Where the fields are in the tuple, or the first one that is not.
    places: Result<SmallVec<[usize; 2]>, GroupingError>,
    targets: Vec<TaskId>,
}

impl FieldsGrouping {
    /// By these fields. Without any it is the [`Global`](super::Global) grouping.
    #[must_use]
    pub fn new(key: Fields) -> Self {
        Self { key, places: Ok(SmallVec::new()), targets: Vec::new() }
    }

    /// The values of the key.
    pub(super) fn key_of<'v>(
        &self,
        values: &'v [Value],
    ) -> Result<impl Iterator<Item = &'v Value>, GroupingError> {
        let places = self.places.as_ref().map_err(GroupingError::clone)?;
        if let Some(place) = places.iter().find(|place| **place >= values.len()) {
            return Err(too_short(&self.key, *place, values.len()));
        }
        Ok(places.iter().map(|place| &values[*place]))
    }
}

#[cold]
fn too_short(key: &Fields, place: usize, len: usize) -> GroupingError {
    GroupingError::new(format!(
        "the tuple has {len} values and none at place {place}, which fields grouping by {key} needs"
    ))
}

impl StreamGrouping for FieldsGrouping {
    fn prepare(&mut self, context: &GroupingContext) {
        let GroupingContext { source, stream, fields, .. } = context;
        let place = |name| {
            fields.index_of(name).ok_or_else(|| {
                GroupingError::new(format!(
                    "{name} does not exist: the fields of stream {stream} of component {source} are \
                     {fields}"
                ))
            })
        };
        self.places = self.key.iter().map(place).collect();
        self.targets.clone_from(&context.targets);
    }

    #[inline]
    fn choose(
        &mut self,
        _: TaskId,
        values: &[Value],
        chosen: &mut Chosen,
    ) -> Result<(), GroupingError> {
        let key = self.key_of(values)?;
        let place = match self.targets.len() {
            0 | 1 => 0,
            _ if self.key.is_empty() => 0,
            // Targets have numbers of 31 bits, so there are not more of them.
            count => deep_hash(key).rem_euclid(count as i32) as usize,
        };
        if let Some(task) = self.targets.get(place) {
            chosen.push(*task);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{chosen, context};
    use super::*;
    use crate::{Values, values};
    use proptest::prelude::*;

    fn by(key: &[&str], fields: &[&str], targets: &[TaskId]) -> FieldsGrouping {
        let mut grouping = FieldsGrouping::new(Fields::new(key).expect("different"));
        grouping.prepare(&context(fields, targets));
        grouping
    }

    /// Worked out from the formulas of the Java documentation: 31 + the hash of the one value.
    #[test]
    fn keys_go_where_storm_sends_them() {
        let targets = [10, 11, 12, 13, 14];
        let mut by_word = by(&["word"], &["n", "word"], &targets);
        for (word, place) in [
            (Value::from("nathan"), (31 - 1_052_620_332i64).rem_euclid(5)),
            (Value::from("key1"), (31 + 3_288_498) % 5),
            (Value::Null, 31 % 5),
            (Value::from(-40), (31 - 40i64).rem_euclid(5)),
            (Value::from(true), (31 + 1231) % 5),
            (Value::from(values![1, 2]), (31 + 994) % 5),
            (Value::from(&b"a"[..]), (31 + 31 + 97) % 5),
        ] {
            let want = targets[place as usize];
            assert_eq!(chosen(&mut by_word, &values![0, word.clone()]), [want], "{word}");
        }
    }

    #[test]
    fn the_hash_is_that_of_all_fields_in_the_order_of_the_grouping() {
        let targets: Vec<TaskId> = (0..1000).collect();
        let mut grouping = by(&["b", "a"], &["a", "b"], &targets);
        // 31 * (31 * 1 + 2) + 1, of b = 2 and a = 1.
        assert_eq!(chosen(&mut grouping, &values![1, 2]), [(31 * (31 + 2) + 1) % 1000]);
    }

    #[test]
    fn without_fields_or_choice_it_is_the_lowest_task() {
        assert_eq!(chosen(&mut by(&[], &["a"], &[4, 5]), &values!["x"]), [4]);
        assert_eq!(chosen(&mut by(&["a"], &["a"], &[4]), &values!["x"]), [4]);
        assert_eq!(chosen(&mut by(&["a"], &["a"], &[]), &values!["x"]), [0; 0]);
    }

    #[test]
    fn a_field_that_is_not_there_is_an_error_of_the_emission() {
        let none = &mut Chosen::new();
        let mut foreign = by(&["c"], &["a", "b"], &[1, 2]);
        assert_eq!(
            foreign.choose(0, &values![1, 2], none).expect_err("no such field").to_string(),
            "c does not exist: the fields of stream default of component 1 are [a, b]"
        );
        let mut short = by(&["b"], &["a", "b"], &[1, 2]);
        assert_eq!(
            short.choose(0, &values![1], none).expect_err("too short").to_string(),
            "the tuple has 1 values and none at place 1, which fields grouping by [b] needs"
        );
        assert!(none.is_empty());
    }

    proptest! {
        #[test]
        fn equal_keys_meet_whatever_else_the_tuple_holds(
            key: String,
            other: (i64, i64),
            tasks in 1..50i32,
        ) {
            let targets: Vec<TaskId> = (1..=tasks).collect();
            let mut grouping = by(&["key"], &["key", "n"], &targets);
            let mut place = |n: i64| chosen(&mut grouping, &Values::from([(&*key).into(), n.into()]));
            prop_assert_eq!(place(other.0), place(other.1));
        }
    }
}
