//! Which rate to try next: a state machine that takes what probes said.
//!
//! Rates lie on a grid, each `resolution` above the one before, from the lowest that may be tried to the
//! highest. The ramp goes up from its start while probes hold, or down while they do not, in leaps that
//! double; then the rates between the highest that holds and the lowest that does not are halved until
//! the two are neighbours. Then both are repeated in turn, until a majority of the repeats is certain for
//! each. A rate that turns out otherwise moves the boundary, and the search goes on from there: so a rate that
//! holds above one that once did not is found, and what decides is the majority.

use std::collections::BTreeMap;
use weir_reports::search::schema::{Ending, Purpose};

/// What a search may do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Where the ramp begins, in records per second.
    pub start_per_s: f64,
    /// The lowest rate that is tried.
    pub least_per_s: f64,
    /// The highest.
    pub most_per_s: f64,
    /// The step of the grid, as a share: 0.05.
    pub resolution: f64,
    /// Repeats of each side of the boundary, of which a majority has to agree; 0: none.
    pub confirm: u32,
    /// The most probes.
    pub most_probes: u32,
}

/// What a probe said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The rate holds.
    Held,
    /// It does not.
    Failed {
        /// What was achieved instead, in records per second, if that says where to go on.
        achieved_per_s: Option<f64>,
    },
    /// The probe was too short to tell.
    Unclear,
}

/// A probe to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Next {
    /// Records per second to offer.
    pub rate_per_s: f64,
    /// What for.
    pub purpose: Purpose,
    /// How often its usual length is to be doubled.
    pub doublings: u32,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A probe.
    Probe(Next),
    /// Nothing: this is the answer.
    Done(Conclusion),
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclusion {
    /// How it ended.
    pub ending: Ending,
    /// The highest rate that holds, below all that do not.
    pub held_per_s: Option<f64>,
    /// The lowest rate that does not hold.
    pub failed_per_s: Option<f64>,
    /// Whether what is said of both was repeated as often as was asked for.
    pub confirmed: bool,
    /// The highest rate that ever held and the lowest that ever did not, if that is below it: repeats then
    /// decided.
    pub odd: Option<(f64, f64)>,
    /// Rates of which probes disagreed, with how often they held and did not.
    pub mixed: Vec<(f64, u32, u32)>,
}

/// How often an unclear probe is made again at twice the length, before it counts as failed.
const DOUBLINGS: u32 = 2;
/// The first leap of the ramp.
const LEAP: f64 = 1.25;

#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    first: Option<bool>,
    held: u32,
    failed: u32,
    doublings: u32,
    /// What the last probe that failed achieved.
    achieved_per_s: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Holds,
    Fails,
    Even,
}

/// A search for a boundary.
#[derive(Clone, Debug)]
pub struct Searcher {
    limits: Limits,
    /// Places on the grid of the lowest and the highest rate; the start is 0.
    ends: (i64, i64),
    votes: BTreeMap<i64, Votes>,
    probes: u32,
    leap: i64,
    /// Whether the ramp down has been sped up by what was achieved.
    hinted: bool,
    /// Where the probe that is being made is.
    pending: Option<i64>,
    /// A place to try again at greater length.
    again: Option<i64>,
}

impl Searcher {
    /// A search that has not begun. The start is moved into the limits; a lowest rate above the highest
    /// leaves the highest alone.
    #[must_use]
    pub fn new(mut limits: Limits) -> Self {
        let sound = |value: f64, or: f64| if value.is_finite() && value > 0.0 { value } else { or };
        limits.resolution = sound(limits.resolution, 0.05).clamp(0.001, 1.0);
        limits.most_per_s = sound(limits.most_per_s, 1.0);
        limits.least_per_s = sound(limits.least_per_s, 1.0).min(limits.most_per_s);
        let start = sound(limits.start_per_s, limits.most_per_s);
        limits.start_per_s = start.clamp(limits.least_per_s, limits.most_per_s);
        let steps = |rate: f64| (rate / limits.start_per_s).ln() / limits.resolution.ln_1p();
        let ends = (steps(limits.least_per_s).floor(), steps(limits.most_per_s).ceil());
        let leap = (LEAP.ln() / limits.resolution.ln_1p()).round().max(1.0);
        Self {
            limits,
            ends: (ends.0 as i64, ends.1 as i64),
            votes: BTreeMap::new(),
            probes: 0,
            leap: leap as i64,
            hinted: false,
            pending: None,
            again: None,
        }
    }

    /// The rate of a place, in four digits.
    fn rate(&self, place: i64) -> f64 {
        let Limits { start_per_s, least_per_s, most_per_s, resolution, .. } = self.limits;
        if place <= self.ends.0 && place != 0 {
            return least_per_s;
        }
        if place >= self.ends.1 && place != 0 {
            return most_per_s;
        }
        let exact = start_per_s * (1.0 + resolution).powi(place as i32);
        let rounded = match exact.log10().floor() as i32 - 3 {
            digits @ 0.. => (exact / 10f64.powi(digits)).round() * 10f64.powi(digits),
            // Divided, a number of few digits is the one nearest to them.
            digits => (exact * 10f64.powi(-digits)).round() / 10f64.powi(-digits),
        };
        rounded.clamp(least_per_s, most_per_s)
    }

    /// How many of the repeats have to agree. Of an even number that halves there is one more.
    fn majority(&self) -> u32 {
        self.limits.confirm / 2 + 1
    }

    /// What a majority of the repeats says; if it is not yet certain, `None`.
    fn settled(&self, votes: &Votes) -> Option<Standing> {
        if self.limits.confirm == 0 {
            return votes.first.map(|held| if held { Standing::Holds } else { Standing::Fails });
        }
        if votes.held >= self.majority() {
            return Some(Standing::Holds);
        }
        (votes.failed >= self.majority()).then_some(Standing::Fails)
    }

    fn standing(&self, votes: &Votes) -> Option<Standing> {
        let first = votes.first?;
        Some(self.settled(votes).unwrap_or_else(|| {
            let (held, failed) = (votes.held + u32::from(first), votes.failed + u32::from(!first));
            match held.cmp(&failed) {
                std::cmp::Ordering::Greater => Standing::Holds,
                std::cmp::Ordering::Less => Standing::Fails,
                std::cmp::Ordering::Equal => Standing::Even,
            }
        }))
    }

    fn places(&self, which: Standing) -> impl DoubleEndedIterator<Item = i64> + '_ {
        let is = move |votes: &Votes| self.standing(votes) == Some(which);
        self.votes.iter().filter(move |(_, votes)| is(votes)).map(|(place, _)| *place)
    }

    fn is_settled(&self, place: i64) -> bool {
        self.votes.get(&place).is_some_and(|votes| self.settled(votes).is_some())
    }

    /// Of these places the one that has been tried least, unless all are settled.
    fn least_tried(&self, places: impl IntoIterator<Item = i64>) -> Option<i64> {
        let tried = |place: &i64| self.votes.get(place).map_or(0, |v| v.held + v.failed);
        places.into_iter().filter(|place| !self.is_settled(*place)).min_by_key(tried)
    }

    /// The lowest rate that fails, and the highest below it that holds.
    fn boundary(&self) -> (Option<i64>, Option<i64>) {
        let fails = self.places(Standing::Fails).next();
        let holds =
            self.places(Standing::Holds).rev().find(|place| fails.is_none_or(|f| *place < f));
        (holds, fails)
    }

    /// What comes next. Asked again before [`take`](Self::take), it says the same.
    pub fn step(&mut self) -> Step {
        let step = self.decide();
        self.pending = match step {
            Ok((place, purpose)) if self.probes < self.limits.most_probes => {
                let doublings = self.votes.get(&place).map_or(0, |votes| votes.doublings);
                self.pending = Some(place);
                return Step::Probe(Next { rate_per_s: self.rate(place), purpose, doublings });
            }
            _ => None,
        };
        Step::Done(self.conclude(step.err().unwrap_or(Ending::Inconclusive)))
    }

    fn decide(&mut self) -> Result<(i64, Purpose), Ending> {
        let (holds, fails) = self.boundary();
        if let Some(place) = self.again {
            let purpose = match (holds, fails) {
                (Some(_), Some(_)) => Purpose::Bisect,
                _ => Purpose::Ramp,
            };
            return Ok((place, purpose));
        }
        if let Some(place) = self.places(Standing::Even).next() {
            return Ok((place, Purpose::Resolve));
        }
        let certain = |place: i64| self.least_tried([place]).map(|at| (at, Purpose::Confirm));
        match (holds, fails) {
            (None, None) => Ok((0, Purpose::Ramp)),
            (Some(low), None) if low >= self.ends.1 => certain(low).ok_or(Ending::HoldsAtMost),
            (Some(low), None) => {
                let to = low.saturating_add(self.leap).min(self.ends.1);
                Ok((to, Purpose::Ramp))
            }
            (None, Some(high)) if high <= self.ends.0 => certain(high).ok_or(Ending::NothingHolds),
            (None, Some(high)) => Ok((self.down_from(high), Purpose::Ramp)),
            (Some(low), Some(high)) if high - low > 1 => {
                Ok((low + (high - low) / 2, Purpose::Bisect))
            }
            (Some(low), Some(high)) => self
                .least_tried([low, high])
                .map(|place| (place, Purpose::Confirm))
                .ok_or(Ending::Found),
        }
    }

    /// Where the ramp down goes: once to where the engine seemed to be, else by a leap.
    fn down_from(&self, high: i64) -> i64 {
        let leap = high.saturating_sub(self.leap).max(self.ends.0);
        let achieved = self.votes.get(&high).and_then(|votes| votes.achieved_per_s);
        let Some(achieved) = achieved.filter(|rate| !self.hinted && *rate > 0.0) else {
            return leap;
        };
        let steps = (achieved / self.limits.start_per_s).ln() / self.limits.resolution.ln_1p();
        let lowest = high.saturating_sub(self.leap * 8).max(self.ends.0);
        (steps.floor() as i64).clamp(lowest, (high - 1).max(lowest))
    }

    /// Takes what the probe that [`step`](Self::step) asked for said.
    pub fn take(&mut self, outcome: Outcome) {
        let Some(place) = self.pending.take() else { return };
        let ramp = matches!(self.boundary(), (None, _) | (_, None)) && !self.votes.is_empty();
        self.probes += 1;
        self.again = None;
        let votes = self.votes.entry(place).or_default();
        let held = match outcome {
            Outcome::Unclear if votes.doublings < DOUBLINGS => {
                votes.doublings += 1;
                self.again = Some(place);
                return;
            }
            Outcome::Held => true,
            Outcome::Failed { achieved_per_s } => {
                votes.achieved_per_s = achieved_per_s;
                false
            }
            Outcome::Unclear => false,
        };
        match (votes.first, held) {
            (None, held) => votes.first = Some(held),
            (Some(_), true) => votes.held += 1,
            (Some(_), false) => votes.failed += 1,
        }
        if ramp {
            self.hinted = true;
            self.leap = self.leap.saturating_mul(2).min(1 << 20);
        }
    }

    fn conclude(&self, ending: Ending) -> Conclusion {
        let (holds, fails) = self.boundary();
        let sides = [holds, fails];
        let certain = sides.iter().flatten().all(|place| self.is_settled(*place));
        Conclusion {
            ending,
            held_per_s: holds.map(|place| self.rate(place)),
            failed_per_s: fails.map(|place| self.rate(place)),
            confirmed: ending != Ending::Inconclusive && self.limits.confirm > 0 && certain,
            odd: self.odd(),
            mixed: self.mixed(),
        }
    }

    /// Of every place how often it held and how often it did not.
    fn counts(&self) -> impl DoubleEndedIterator<Item = (i64, u32, u32)> + '_ {
        self.votes.iter().filter_map(|(place, votes)| {
            let first = votes.first?;
            Some((*place, votes.held + u32::from(first), votes.failed + u32::from(!first)))
        })
    }

    fn odd(&self) -> Option<(f64, f64)> {
        let highest = self.counts().rfind(|(_, held, _)| *held > 0)?.0;
        let lowest = self.counts().find(|(_, _, failed)| *failed > 0)?.0;
        (lowest < highest).then(|| (self.rate(highest), self.rate(lowest)))
    }

    fn mixed(&self) -> Vec<(f64, u32, u32)> {
        let mixed = self.counts().filter(|(_, held, failed)| held.min(failed) > &0);
        mixed.map(|(place, held, failed)| (self.rate(place), held, failed)).collect()
    }

    /// About how many probes are to come, if nothing unexpected happens.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        let repeats = |place: Option<i64>| {
            let done =
                place.and_then(|place| self.votes.get(&place)).map_or(0, |v| v.held + v.failed);
            let needed = if self.limits.confirm == 0 { 0 } else { self.majority() };
            needed.saturating_sub(done)
        };
        let (holds, fails) = self.boundary();
        let between = match (holds, fails) {
            (Some(low), Some(high)) => (high - low).max(1),
            _ => self.leap.saturating_mul(2),
        };
        (between as u64).next_power_of_two().trailing_zeros() + repeats(holds) + repeats(fails)
    }
}
