//! The best of many.

use super::{Rankable, TooSmall, at_least};

/// The objects with the highest counts, each once.
#[derive(Clone, Debug)]
pub(crate) struct Rankings {
    most: usize,
    /// The highest count first.
    ranked: Vec<Rankable>,
}

impl Rankings {
    /// Of so many objects, of which there must be one.
    pub(crate) fn new(most: usize) -> Result<Self, TooSmall> {
        Ok(Self { most: at_least(1, most, "the number of ranks")?, ranked: Vec::new() })
    }

    /// The highest count first.
    pub(crate) fn ranked(&self) -> &[Rankable] {
        &self.ranked
    }

    /// Ranks an object with its new count.
    pub(crate) fn update(&mut self, rankable: Rankable) {
        match self.ranked.iter_mut().find(|known| known.object == rankable.object) {
            Some(known) => *known = rankable,
            None => self.ranked.push(rankable),
        }
        // Stable: of equal counts the one that was there first stays ahead.
        self.ranked.sort_by(|a, b| b.compare(a));
        self.ranked.truncate(self.most);
    }

    /// Ranks the objects of another ranking.
    pub(crate) fn merge(&mut self, other: &Self) {
        for rankable in &other.ranked {
            self.update(rankable.clone());
        }
    }

    /// Forgets the objects with a count of 0.
    pub(crate) fn prune_zeros(&mut self) {
        self.ranked.retain(|rankable| rankable.count != 0);
    }
}
