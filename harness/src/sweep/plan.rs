//! What is left to do of a sweep.

use super::grid::Cell;
use super::identity::Identity;
use thiserror::Error;

/// What to do about a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its result is there.
    Keep,
    /// It is to be run.
    Run,
}

/// A kept result that is of something else.
#[derive(Debug, PartialEq, Eq, Error)]
#[error(
    "cell {cell} in {folder} was measured with {what} = {kept}, and this sweep has {now}: name another \
     folder with --out, or give --fresh to throw those cells away"
)]
pub struct Mismatch {
    /// Which cell.
    pub cell: String,
    /// Where it is.
    pub folder: String,
    /// What differs.
    pub what: String,
    /// What the kept result has.
    pub kept: String,
    /// What this sweep has.
    pub now: String,
}

/// Says what to do about each cell, given what is there and what would be: results are kept if they are
/// of the same thing, and if any is not, nothing is done at all.
///
/// # Errors
/// A kept result that is of something else.
pub fn plan(
    cells: &[Cell],
    kept: &[Option<Identity>],
    now: &[Identity],
    folder: &str,
) -> Result<Vec<Step>, Mismatch> {
    let step = |((cell, kept), now): ((&Cell, &Option<Identity>), &Identity)| {
        let Some(kept) = kept else { return Ok(Step::Run) };
        match kept.difference(now) {
            None => Ok(Step::Keep),
            Some((what, kept, now)) => Err(Mismatch {
                cell: cell.name.clone(),
                folder: folder.to_owned(),
                what,
                kept,
                now,
            }),
        }
    };
    cells.iter().zip(kept).zip(now).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::capture;
    use crate::settings::{Layers, resolve};
    use crate::sweep::Grid;
    use proptest::prelude::*;

    fn setup(seed: u64) -> (Vec<Cell>, Vec<Identity>) {
        let sets = vec!["workload=word-count".to_owned(), format!("seed={seed}")];
        let resolved = resolve(&Layers { sets, ..Layers::default() }).expect("settings");
        let over = ["rate=1k,2k,3k,4k,5k".to_owned(), "acking=on,off".to_owned()];
        let grid = Grid::new(&over, &resolved).expect("a grid");
        let environment = capture("system");
        let cells = grid.cells();
        let identity =
            |cell: &Cell| Identity::expected(&grid.settings(cell, &resolved), &environment);
        let identities = cells.iter().map(identity).collect();
        (cells, identities)
    }

    proptest! {
        /// Whatever is there is kept, and the rest is run.
        #[test]
        fn what_is_there_is_kept(there in proptest::collection::vec(any::<bool>(), 10)) {
            let (cells, now) = setup(42);
            let kept: Vec<Option<Identity>> =
                now.iter().zip(&there).map(|(id, there)| there.then(|| id.clone())).collect();
            let steps = plan(&cells, &kept, &now, "out").expect("a plan");
            for (step, there) in steps.into_iter().zip(there) {
                prop_assert_eq!(step == Step::Keep, there);
            }
        }

        /// One result of something else, wherever it is, refuses all.
        #[test]
        fn what_is_of_something_else_is_refused(other in 0usize..10, foreign: bool) {
            let ((cells, now), (_, before)) = (setup(42), setup(7));
            let mut kept: Vec<Option<Identity>> = now.iter().cloned().map(Some).collect();
            // Another seed's result of the cell, or another cell's result under its name.
            kept[other] =
                Some(if foreign { now[(other + 1) % 10].clone() } else { before[other].clone() });
            let mismatch = plan(&cells, &kept, &now, "out").expect_err("refused");
            prop_assert_eq!(&mismatch.cell, &cells[other].name);
            let message = mismatch.to_string();
            let what = if foreign { "setting " } else { "setting seed = 7, and this sweep has 42" };
            prop_assert!(message.contains(what) && message.contains("--fresh"), "{}", message);
        }
    }
}
