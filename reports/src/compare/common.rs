//! Why two sides have nothing that could be compared.

use crate::schema::{ResultFile, Run};
use crate::text::clean;
use std::collections::HashSet;

/// Most places that are named of each side.
const MOST_NAMED: usize = 4;

/// In a line what does not match, and what to do.
pub(super) fn nothing_to_compare(old: &[ResultFile], new: &[ResultFile]) -> String {
    let why = LEVELS
        .iter()
        .find_map(|level| level.difference(old, new))
        .unwrap_or_else(|| nothing_counts(old, new));
    format!("no row that both have with a valid run: {why}")
}

/// Workload, row and load, or the first of these and nothing.
type Place<'a> = [&'a str; 3];

/// Parts of a place, from the outermost.
struct Level {
    /// How many parts.
    depth: usize,
    /// What such places are called.
    name: &'static str,
    remedy: &'static str,
}

const LEVELS: [Level; 3] = [
    Level { depth: 1, name: "workloads", remedy: "run the same workloads on both sides" },
    Level {
        depth: 2,
        name: "rows",
        remedy: "give both sides the same --engine, --acking, --queue-batch and --batch-interval",
    },
    Level { depth: 3, name: "loads", remedy: "give both sides the same --rate and --schedule" },
];

impl Level {
    /// What each side has, if they have none in common.
    fn difference(&self, old: &[ResultFile], new: &[ResultFile]) -> Option<String> {
        let (olds, news) = (places(old, self.depth), places(new, self.depth));
        if !shared(&olds, &news, self.depth).is_empty() {
            return None;
        }
        // Only of what the level above has in common.
        let outer = self.depth - 1;
        let (olds, news) = (shared(&olds, &news, outer), shared(&news, &olds, outer));
        let Self { name, remedy, .. } = self;
        let (olds, news) = (listed(&olds), listed(&news));
        Some(format!("{name} of the old result are {olds}, of the new {news}; {remedy}"))
    }
}

/// Each once, in the order in which they first come.
fn places(files: &[ResultFile], depth: usize) -> Vec<Place<'_>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut push = |of: usize, place| {
        if of == depth && seen.insert(place) {
            found.push(place);
        }
    };
    for workload in files.iter().flat_map(|file| &file.workloads) {
        push(1, [workload.name.as_str(), "", ""]);
        for row in &workload.rows {
            push(2, [&workload.name, &row.id, ""]);
            row.runs.iter().for_each(|run| push(3, [&workload.name, &row.id, run.load()]));
        }
    }
    found
}

/// Those of which the other side has the first so many parts.
fn shared<'a>(these: &[Place<'a>], others: &[Place<'_>], parts: usize) -> Vec<Place<'a>> {
    let others: HashSet<&[&str]> = others.iter().map(|place| &place[..parts]).collect();
    let there = |place: &&Place<'_>| parts == 0 || others.contains(&place[..parts]);
    these.iter().filter(there).copied().collect()
}

fn listed(places: &[Place<'_>]) -> String {
    let named = places.iter().take(MOST_NAMED).map(|place| {
        let text = match *place {
            [workload, "", _] => workload.to_owned(),
            [workload, row, ""] => format!("{workload} on {row}"),
            [workload, row, load] => format!("{workload} on {row} at {load}"),
        };
        clean(&text)
    });
    let named: Vec<String> = named.collect();
    match places.len().saturating_sub(MOST_NAMED) {
        0 if named.is_empty() => "none".to_owned(),
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Of places that both sides have, but without a figure.
fn nothing_counts(old: &[ResultFile], new: &[ResultFile]) -> String {
    let told = |side: &str, files: &[ResultFile], others: &[ResultFile]| {
        let common: HashSet<Place<'_>> = places(others, 3).into_iter().collect();
        let mut runs: Vec<&Run> = Vec::new();
        for workload in files.iter().flat_map(|file| &file.workloads) {
            for row in &workload.rows {
                let of = |run: &&Run| common.contains(&[&*workload.name, &*row.id, run.load()]);
                runs.extend(row.runs.iter().filter(of));
            }
        }
        let count = |which: fn(&Run) -> bool| runs.iter().filter(|run| which(run)).count();
        let kinds = [
            (count(|run| run.error.is_some()), "failed"),
            (count(|run| run.error.is_none() && !run.verdict.valid), "INVALID"),
            (count(|run| run.verdict.valid && run.never_settled()), "never settled"),
        ];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<String> = kinds.map(|(count, how)| format!("{count} {how}")).collect();
        let kinds = if kinds.is_empty() { "none wrong".to_owned() } else { kinds.join(", ") };
        format!("{kinds} of {} runs of the {side} result", runs.len())
    };
    format!(
        "{}, {}; measure longer (--duration, --saturation, --warmup) what never settled, and see `weir report` \
         for the rest",
        told("old", old, new),
        told("new", new, old)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Mode, Steadiness};
    use crate::testing::{example, hostile, steady};

    /// Something that a result is without.
    type Change = fn(&mut ResultFile);

    fn only(result: &mut ResultFile, which: fn(&Run) -> bool) {
        let rows = result.workloads.iter_mut().flat_map(|workload| &mut workload.rows);
        rows.for_each(|row| row.runs.retain(which));
    }

    fn unsettle(run: &mut Run) {
        run.steady = Some(steady(Steadiness::StillChanging));
    }

    #[test]
    fn what_does_not_match_is_listed_with_a_remedy() {
        let rows: [(Change, Change, &[&str]); 6] = [
            (
                |old| old.workloads.truncate(1),
                |new| drop(new.workloads.remove(0)),
                &[
                    "workloads of the old result are word-count, of the new stateful, windowed;",
                    "run",
                ],
            ),
            (
                |old| old.workloads.truncate(1),
                |new| new.workloads.clear(),
                &["are word-count, of the new none;"],
            ),
            (
                |old| old.workloads.iter_mut().for_each(|workload| workload.rows.truncate(2)),
                |new| new.workloads.iter_mut().for_each(|workload| drop(workload.rows.drain(..2))),
                &["rows of the old result are word-count on topology, ", "2 more", "--engine"],
            ),
            (
                |old| only(old, |run| run.mode == Mode::Paced),
                |new| only(new, |run| run.mode == Mode::Saturation),
                &["at constant 10000/s", "at saturation", "--rate"],
            ),
            (
                |old| {
                    let rows = old.workloads.iter_mut().flat_map(|workload| &mut workload.rows);
                    rows.flat_map(|row| &mut row.runs).for_each(unsettle);
                },
                |_| (),
                &["1 failed, 1 INVALID", "never settled of", "measure longer", "`weir report`"],
            ),
            (|_| (), |_| (), &["1 failed, 1 INVALID of ", "of the new result"]),
        ];
        for (of_old, of_new, parts) in rows {
            let (mut old, mut new) = (example(), example());
            of_old(&mut old);
            of_new(&mut new);
            let said = nothing_to_compare(&[old], &[new]);
            assert!(
                parts.iter().all(|part| said.contains(part)),
                "{said:?} lacks one of {parts:?}"
            );
            assert!(!said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn hostile_names_are_cleaned() {
        let said = nothing_to_compare(&[hostile()], &[example()]);
        assert!(!said.chars().any(char::is_control), "{said:?}");
    }
}
