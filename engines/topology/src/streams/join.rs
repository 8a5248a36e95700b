//! Joining two streams by key.

use super::item::{Datum, Row, read};
use super::processor::{MakeProcessor, Outputs, Processor};
use crate::{ComponentResult, Value};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Which sides of a join keep the rows that find no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outer {
    pub(super) left: bool,
    pub(super) right: bool,
}

/// Makes the value of a pair of rows, one of which may be missing.
pub(super) type Joiner =
    Arc<dyn Fn(Option<Value>, Option<Value>) -> Result<Value, crate::ComponentError> + Send + Sync>;

/// Rows of one side in order of arrival, and where those of each key are.
#[derive(Default)]
struct Side {
    rows: Vec<Row>,
    keys: BTreeMap<Value, Vec<usize>>,
}

impl Side {
    fn add(&mut self, row: Row) {
        self.keys.entry(row.key.clone()).or_default().push(self.rows.len());
        self.rows.push(row);
    }

    fn of(&self, key: &Value) -> impl Iterator<Item = &Row> {
        self.keys.get(key).into_iter().flatten().map(|at| &self.rows[*at])
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.keys.clear();
    }
}

/// Joins two inputs by key: in windows, what is in the window; without, each row with those of the
/// other side so far. Storm's `JoinProcessor`.
struct Join {
    joiner: Joiner,
    outer: Outer,
    windowed: bool,
    /// Left and right.
    sides: [Side; 2],
}

impl Join {
    fn pair(
        &self,
        input: usize,
        row: &Row,
        other: Option<&Row>,
    ) -> Result<Row, crate::ComponentError> {
        let (value, other) = (Some(row.value.clone()), other.map(|other| other.value.clone()));
        let (left, right) = if input == 0 { (value, other) } else { (other, value) };
        Ok(Row { key: row.key.clone(), value: (self.joiner)(left, right)? })
    }

    const fn keeps(&self, input: usize) -> bool {
        if input == 0 { self.outer.left } else { self.outer.right }
    }

    /// A row with all rows of the other side that have its key.
    fn match_row(&self, input: usize, row: &Row, out: &mut Outputs<'_>) -> ComponentResult {
        let mut alone = true;
        for other in self.sides[1 - input].of(&row.key) {
            alone = false;
            out.emit(self.pair(input, row, Some(other))?);
        }
        if alone && self.keeps(input) {
            out.emit(self.pair(input, row, None)?);
        }
        Ok(())
    }
}

impl Processor for Join {
    fn process(&mut self, input: usize, row: Row, out: &mut Outputs<'_>) -> ComponentResult {
        if !self.windowed {
            self.match_row(input, &row, out)?;
        }
        self.sides[input].add(row);
        Ok(())
    }

    /// The longer side looks its rows up in the shorter one; what that has left follows.
    fn finish(&mut self, out: &mut Outputs<'_>) -> ComponentResult {
        if !self.windowed {
            return Ok(());
        }
        let table = usize::from(self.sides[0].rows.len() >= self.sides[1].rows.len());
        for row in &self.sides[1 - table].rows {
            self.match_row(1 - table, row, out)?;
        }
        if self.keeps(table) {
            for (key, rows) in &self.sides[table].keys {
                if !self.sides[1 - table].keys.contains_key(key) {
                    for at in rows {
                        out.emit(self.pair(table, &self.sides[table].rows[*at], None)?);
                    }
                }
            }
        }
        self.sides.iter_mut().for_each(Side::clear);
        Ok(())
    }
}

pub(super) fn join(joiner: &Joiner, outer: Outer) -> MakeProcessor {
    let joiner = Arc::clone(joiner);
    Arc::new(move |windowed| {
        let joiner = Arc::clone(&joiner);
        Box::new(Join { joiner, outer, windowed, sides: Default::default() })
    })
}

/// The values of both inputs by key. Storm's `CoGroupByKeyProcessor`.
struct CoGroup {
    windowed: bool,
    /// Keys of the first in order, then those of the second alone.
    groups: [BTreeMap<Value, [Vec<Value>; 2]>; 2],
}

fn group(key: Value, [first, second]: [Vec<Value>; 2]) -> Row {
    Row { key, value: Value::from(vec![Value::from(first), Value::from(second)]) }
}

impl Processor for CoGroup {
    fn process(&mut self, input: usize, row: Row, out: &mut Outputs<'_>) -> ComponentResult {
        let [firsts, seconds] = &mut self.groups;
        let values = match firsts.entry(row.key.clone()) {
            Entry::Occupied(entry) => entry.into_mut(),
            // What the second had comes along as soon as the first has the key, too.
            Entry::Vacant(entry) if input == 0 => {
                entry.insert(seconds.remove(&row.key).unwrap_or_default())
            }
            Entry::Vacant(_) => seconds.entry(row.key.clone()).or_default(),
        };
        values[input].push(row.value);
        if !self.windowed {
            out.emit(group(row.key, values.clone()));
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Outputs<'_>) -> ComponentResult {
        if self.windowed {
            for (key, values) in self.groups.iter_mut().flat_map(std::mem::take) {
                out.emit(group(key, values));
            }
        }
        Ok(())
    }
}

pub(super) fn co_group() -> MakeProcessor {
    Arc::new(|windowed| Box::new(CoGroup { windowed, groups: Default::default() }))
}

/// A joiner of typed values.
pub(super) fn joiner<A: Datum, B: Datum, R: Datum>(
    join: impl Fn(Option<A>, Option<B>) -> Option<R> + Send + Sync + 'static,
) -> Joiner {
    Arc::new(move |left, right| {
        let (left, right) = (left.map(read).transpose()?, right.map(read).transpose()?);
        let missing = || crate::ComponentError::fatal("a join needs a row that is missing");
        Ok(join(left, right).ok_or_else(missing)?.into_value())
    })
}
