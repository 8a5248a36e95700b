//! An engine is no slower than itself, and one that is slower is found to be.

use super::{Found, SelftestError, percent, run_once, saturation};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, SystemClock};
use weir_statistics::sample::median;
use weir_statistics::verdict::{Better, Judge, Verdict};
use weir_targets::engines::slowed_oracle;
use weir_targets::slowed::{Pace, Wait};
use weir_targets::target::Target;

const WORKLOAD: &str = "word-count";
const ROUNDS: usize = 8;

/// How a round compares two: by short runs in turn, of which those next to each other are held against each other.
///
/// A machine that is shared has more than one speed, and stays with one for a tenth of a second or a few. A long run
/// of each has such a stretch on one side, and of eight rounds one like that is enough to say nothing: a tenth less
/// was found in 3 of 5 comparisons by one run of 120 ms each, and in 81 of 100 by medians of five of 25 ms. Two short
/// runs have such a stretch in common, mostly, and the middle of nine pairs does not care for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Pairs of runs; odd, so that one is in the middle.
    pub pairs: usize,
    /// What does not count of a run ...
    pub warm_up: Duration,
    /// ... and what does.
    pub measured: Duration,
}

impl Default for Round {
    /// Nine pairs of 15 ms, for engines that need no time to start.
    fn default() -> Self {
        Self { pairs: 9, warm_up: Duration::from_millis(5), measured: Duration::from_millis(10) }
    }
}

/// Every so many records the time of all of them passes at once: for one alone it would be no longer than the
/// clock takes to be read.
const TOGETHER: u64 = 64;

/// The oracle, in which each record takes `more_ns` besides.
#[must_use]
pub fn subject(more_ns: f64) -> Box<dyn Target> {
    let pause = Duration::from_nanos((more_ns * TOGETHER as f64) as u64);
    let times =
        move |index: u64| if index.is_multiple_of(TOGETHER) { pause } else { Duration::ZERO };
    slowed_oracle(Pace::by(Arc::new(SystemClock::new()), times, Wait::Spin))
}

impl Round {
    /// Records per second of a run at saturation.
    fn throughput(&self, subject: &dyn Target, cancel: &Cancel) -> Result<f64, SelftestError> {
        let offer = saturation(self.warm_up, self.measured)?;
        Ok(run_once(subject, WORKLOAD, offer, cancel)?.achieved_per_s())
    }

    /// Records per second of the first, and of the second as the pairs say; A B B A A B ..., or the other way
    /// round.
    fn of(
        &self,
        (a, b): (&dyn Target, &dyn Target),
        b_first: bool,
        cancel: &Cancel,
    ) -> Result<(f64, f64), SelftestError> {
        let (mut of_a, mut ratios) = (Vec::new(), Vec::new());
        for pair in 0..self.pairs {
            let (a, b) = if b_first == (pair % 2 == 1) {
                let a = self.throughput(a, cancel)?;
                (a, self.throughput(b, cancel)?)
            } else {
                let b = self.throughput(b, cancel)?;
                (self.throughput(a, cancel)?, b)
            };
            of_a.push(a);
            ratios.push(b / a);
        }
        let a = median(&of_a);
        Ok((a, a * median(&ratios)))
    }
}

/// Compares the throughput of two in eight rounds: the verdict on the second, and its change from the first as a
/// share.
///
/// # Errors
/// A run could not be made, or failed.
pub fn compare(
    a: &dyn Target,
    b: &dyn Target,
    round: Round,
    cancel: &Cancel,
) -> Result<(Verdict, f64), SelftestError> {
    let rounds = (0..ROUNDS).map(|at| round.of((a, b), at % 2 == 1, cancel));
    let (base, new): (Vec<f64>, Vec<f64>) =
        rounds.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    let compared = Judge::default().pairs(Better::Higher, &base, &new)?;
    Ok((compared.verdict, compared.change.estimate))
}

/// The time that a record takes in a subject: the median of 25 runs, in nanoseconds.
///
/// # Errors
/// A run could not be made, or failed.
fn time_per_record_ns(subject: &dyn Target, cancel: &Cancel) -> Result<f64, SelftestError> {
    let own: Result<Vec<f64>, _> =
        (0..25).map(|_| Round::default().throughput(subject, cancel)).collect();
    Ok(1e9 / median(&own?))
}

/// Compares the reference engine with itself made slower by a share per record, of the time that a record takes
/// just then: the verdict, and the change.
///
/// # Errors
/// A run could not be made, or failed.
pub fn compare_slowed(share: f64, cancel: &Cancel) -> Result<(Verdict, f64), SelftestError> {
    let base = subject(0.0);
    let slower = subject(share * time_per_record_ns(&*base, cancel)?);
    compare(&*base, &*slower, Round::default(), cancel)
}

fn count(found: &[(Verdict, f64)], is: impl Fn(Verdict) -> bool) -> usize {
    found.iter().filter(|(verdict, _)| is(*verdict)).count()
}

const ALIKE: usize = 10;
const ALARMS: usize = 1;

pub(super) fn against_itself(cancel: &Cancel) -> Result<Found, SelftestError> {
    let subject = subject(0.0);
    let alike = |_| compare(&*subject, &*subject, Round::default(), cancel);
    let found = (0..ALIKE).map(alike).collect::<Result<Vec<_>, _>>()?;
    let unchanged = count(&found, |verdict| verdict == Verdict::Unchanged);
    let open = count(&found, |verdict| verdict == Verdict::Inconclusive);
    let alarms = ALIKE - unchanged - open;
    let largest = found.iter().map(|(_, change)| change.abs()).fold(0.0, f64::max);
    Ok(Found {
        passed: alarms <= ALARMS,
        figure: format!(
            "of {ALIKE} comparisons of {ROUNDS} rounds {unchanged} unchanged, {open} inconclusive, \
             {alarms} changed; by {} at most",
            percent(largest, 1)
        ),
        allowed: format!("up to {ALARMS} changed"),
    })
}

const INJECTED: f64 = 0.1;
const SLOWER: usize = 5;
const FOUND: usize = 4;

pub(super) fn slowdown(cancel: &Cancel) -> Result<Found, SelftestError> {
    let base = subject(0.0);
    let own_ns = time_per_record_ns(&*base, cancel)?;
    let slowed = |_| compare_slowed(INJECTED, cancel);
    let found = (0..SLOWER).map(slowed).collect::<Result<Vec<_>, _>>()?;
    let regressed = count(&found, |verdict| verdict == Verdict::Regressed);
    let changes: Vec<f64> = found.iter().map(|(_, change)| *change).collect();
    Ok(Found {
        passed: regressed >= FOUND,
        figure: format!(
            "{} more for each record of about {own_ns:.0} ns: regressed in {regressed} of {SLOWER} \
             comparisons of {ROUNDS} rounds, by {} (arithmetic: {})",
            percent(INJECTED, 0),
            percent(-median(&changes), 1),
            percent(INJECTED / (1.0 + INJECTED), 1)
        ),
        allowed: format!("in {FOUND} or more"),
    })
}
