//! Whether the rounds of one load settled, and what was cut from them.

use crate::schema::{Run, Steadiness};
use crate::units;

/// What the rounds of a row under one load say of their steady state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settling {
    /// How many rounds there were.
    pub rounds: usize,
    /// How many of them never settled: none of their numbers is in any figure.
    pub never: usize,
    /// How many were too short to tell.
    pub too_short: usize,
    /// How many were cut.
    pub cut: usize,
    /// Most that was cut from the measured phase of a round that counts, in seconds.
    pub cut_s: f64,
    /// How long the measured phase is, in seconds.
    pub measured_s: f64,
    /// What was looked at and how it went, of the first that never settled.
    pub why: Option<String>,
}

impl Settling {
    pub(super) fn of(runs: &[&Run]) -> Self {
        let states = || runs.iter().filter_map(|run| Some((run, run.steady.as_ref()?)));
        let cuts = || states().filter(|(run, steady)| !run.never_settled() && steady.cut_s > 0.0);
        let never = || states().filter(|(run, _)| run.never_settled());
        Self {
            rounds: runs.len(),
            never: never().count(),
            too_short: states().filter(|(_, s)| s.state == Steadiness::TooShort).count(),
            cut: cuts().count(),
            cut_s: cuts().map(|(_, steady)| steady.cut_s).fold(0.0, f64::max),
            measured_s: runs.iter().map(|run| run.phases.measured_s).fold(0.0, f64::max),
            why: never().next().map(|(_, steady)| {
                let series = crate::text::clean(&steady.series);
                match steady.drift.filter(|drift| drift.is_finite()) {
                    Some(drift) if steady.state == Steadiness::Drifting => drifted(&series, drift),
                    _ => format!("{series} was still changing after half of the measured phase"),
                }
            }),
        }
    }

    /// Whether there is no round left.
    #[must_use]
    pub const fn never_settled(&self) -> bool {
        self.rounds > 0 && self.never == self.rounds
    }

    /// What is to be said of it, as sentences without an end. `place` is such as `at saturation`.
    #[must_use]
    pub fn notes(&self, row: &str, place: &str) -> Vec<String> {
        let mut notes = Vec::new();
        let why = self.why.as_deref().unwrap_or("it was still changing");
        if self.never_settled() {
            notes.push(format!(
                "{row} never settled {place}, so its numbers are not shown: {why}; measure longer, or warm \
                 up longer"
            ));
        } else if self.never > 0 {
            notes.push(format!(
                "{row} never settled in {} of {} rounds {place}, which are left out: {why}",
                self.never, self.rounds
            ));
        }
        let seconds = |s: f64| units::duration_short((s.clamp(0.0, 1e9) * 1e9).round());
        if self.cut > 0 {
            let up_to = if self.cut > 1 { "up to " } else { "" };
            notes.push(format!(
                "{row} {place}: cut {up_to}{} of {} in {} of {} rounds, as it had not settled after the \
                 warm-up",
                seconds(self.cut_s),
                seconds(self.measured_s),
                self.cut,
                self.rounds
            ));
        }
        notes
    }
}

/// In words. `drift` is a share of the mean, and people think of where it began: on a line through the mean,
/// which lies half of the drift from either end, that is another share.
fn drifted(series: &str, drift: f64) -> String {
    let way = if drift > 0.0 { "rose" } else { "fell" };
    let (first, last) = (1.0 - drift / 2.0, 1.0 + drift / 2.0);
    if first.min(last) < LEAST_END {
        return format!("{series} {way} all the way, by {} its mean", units::multiple(drift.abs()));
    }
    format!("{series} {way} all the way, to {} of where it began", units::multiple(last / first))
}

/// A drift's ends are told, one as a multiple of the other, if both are at least such a share of the mean. Of
/// a curve, the line through its mean may well end below zero.
const LEAST_END: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Steady;
    use crate::testing::example;

    #[test]
    fn notes_say_what_was_cut_and_what_never_settled() {
        let steady = |state, cut_s, drift| Steady { cut_s, drift, ..crate::testing::steady(state) };
        let ok = steady(Steadiness::Settled, 0.0, None);
        let cut = steady(Steadiness::Settled, 0.12, None);
        let more = steady(Steadiness::Settled, 1.2, None);
        let changing = steady(Steadiness::StillChanging, 0.4, None);
        let drifting = steady(Steadiness::Drifting, 0.0, Some(-0.42));
        let short = steady(Steadiness::TooShort, 0.0, None);
        let mut said = String::new();
        for states in [
            vec![],
            vec![&ok, &ok],
            vec![&short, &short],
            vec![&cut, &ok],
            vec![&cut, &more, &ok],
            vec![&changing, &ok],
            vec![&changing, &cut],
            vec![&drifting, &drifting],
        ] {
            let mut run = example().workloads[0].rows[0].runs[0].clone();
            let runs: Vec<Run> = states
                .iter()
                .map(|state| {
                    run.steady = Some((*state).clone());
                    run.clone()
                })
                .collect();
            let settling = Settling::of(&runs.iter().collect::<Vec<_>>());
            let notes = settling.notes("topology", "at saturation").join("\n  ");
            let states: Vec<Steadiness> = states.iter().map(|steady| steady.state).collect();
            said.extend([format!("{states:?}\n  {notes}\n")]);
        }
        insta::assert_snapshot!(said);
    }

    /// Nothing falls by more than all of it.
    #[test]
    fn a_drift_is_told_by_where_it_began_and_ended() {
        for (drift, want) in [
            (-0.42, "p fell all the way, to 0.65x of where it began"),
            (0.42, "p rose all the way, to 1.53x of where it began"),
            (1.0, "p rose all the way, to 3.00x of where it began"),
            (-1.82, "p fell all the way, to 0.05x of where it began"),
            (-1.95, "p fell all the way, by 1.95x its mean"),
            (2.5, "p rose all the way, by 2.50x its mean"),
            (-1e9, "p fell all the way, by 1e9x its mean"),
        ] {
            assert_eq!(drifted("p", drift), want);
        }
    }
}
