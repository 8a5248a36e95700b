//! A finding's verdict.

use super::document::Finding;
use super::machine::{Loops, Speed};
use super::measures::Metric;
use weir_statistics::family::false_discovery;
use weir_statistics::verdict::{Comparison, Judge, Verdict};

/// Rounds of each side from which a count of rounds can be a change: four that all did and four that all
/// did not come by chance three times in a hundred, three of each ten times.
const ENOUGH_ROUNDS: usize = 4;

/// What two sides came to.
pub(super) struct Sides {
    pub(super) finding: Finding,
    /// The values of both as multiples of the loop's, where a round has one.
    pub(super) to_loop: (Vec<f64>, Vec<f64>),
}

/// Of rounds that either did or did not: nothing to say if all did.
pub(super) fn share(mut finding: Finding, what: &str) -> Option<Finding> {
    let all = |values: &[f64]| values.iter().all(|value| *value == 1.0);
    if all(&finding.old) && all(&finding.new) {
        return None;
    }
    let none = |values: &[f64]| values.iter().all(|value| *value == 0.0);
    let enough = finding.old.len().min(finding.new.len()) >= ENOUGH_ROUNDS;
    let empty = finding.old.is_empty() || finding.new.is_empty();
    finding.verdict = match (all(&finding.old), all(&finding.new)) {
        _ if empty => Verdict::Inconclusive,
        // A single wrong output is one too many.
        (true, false) if finding.metric == Metric::Valid => Verdict::Regressed,
        (true, false) if enough && none(&finding.new) => Verdict::Regressed,
        (false, true) if enough && none(&finding.old) => Verdict::Improved,
        _ if enough && none(&finding.old) && none(&finding.new) => Verdict::Unchanged,
        _ => Verdict::Inconclusive,
    };
    let count = |values: &[f64]| match values.len() {
        0 => "no round that says".to_owned(),
        of => format!("{} of {of} rounds", values.iter().filter(|value| **value == 1.0).count()),
    };
    let mut note = format!("{what} in {}, and now in {}", count(&finding.old), count(&finding.new));
    if !enough && finding.verdict == Verdict::Inconclusive && !empty {
        note.push_str(": measure 4 or more");
    }
    finding.note = Some(note);
    Some(finding)
}

/// Of values that are compared by their ratio. `None` if neither side has any.
///
/// `unsettled` is how many runs of each side never settled: a side of which no round is left is
/// something to say.
pub(super) fn ratio(
    mut sides: Sides,
    unsettled: (usize, usize),
    loops: &Loops,
    judge: &Judge,
) -> Option<Finding> {
    let finding = &mut sides.finding;
    match (finding.old.is_empty(), finding.new.is_empty()) {
        (true, true) => return None,
        (false, false) => {}
        (old_is_empty, _) => {
            let (side, never) =
                if old_is_empty { ("old", unsettled.0) } else { ("new", unsettled.1) };
            let why = if never > 0 { format!(": {never} never settled") } else { String::new() };
            finding.note = Some(format!("no round of the {side} result counts{why}"));
            return Some(sides.finding);
        }
    }
    let better = finding.metric.better();
    let to_loop = judge.groups(better, &sides.to_loop.0, &sides.to_loop.1).ok();
    let speed = loops.speed();
    if let (Speed::Changed, Some(to_loop)) = (speed, to_loop) {
        (finding.old, finding.new) = sides.to_loop;
        finding.relative = true;
        judged(finding, &to_loop, judge);
        return Some(sides.finding);
    }
    let found = judge.groups(better, &finding.old, &finding.new).ok()?;
    judged(finding, &found, judge);
    if let Some(why) = doubt(finding, &found, to_loop.as_ref(), loops) {
        finding.verdict = Verdict::Inconclusive;
        finding.note = Some(why);
    }
    Some(sides.finding)
}

fn judged(finding: &mut Finding, found: &Comparison, judge: &Judge) {
    finding.change = Some([found.change.low, found.change.estimate, found.change.high]);
    finding.p = Some(found.p);
    finding.q = Some(found.chance);
    finding.dominance = Some(found.dominance);
    finding.verdict = found.verdict;
    if found.change.confidence < judge.confidence {
        let rounds = finding.old.len().min(finding.new.len());
        finding.note =
            Some(format!("{rounds} rounds are too few for a verdict: measure 4 or more"));
    }
}

/// Why a change may be the machine's, if it may.
fn doubt(
    finding: &Finding,
    found: &Comparison,
    to_loop: Option<&Comparison>,
    loops: &Loops,
) -> Option<String> {
    let improved = match found.verdict {
        Verdict::Improved => true,
        Verdict::Regressed => false,
        _ => return None,
    };
    match (loops.speed(), to_loop) {
        (Speed::Same, _) => None,
        // A faster machine makes everything else better, too; how much, the loop cannot say.
        (Speed::Changed, _) if improved == loops.faster() => {
            Some("the machine has changed the same way".to_owned())
        }
        (Speed::Changed, _) => None,
        (Speed::Open { .. }, Some(to_loop)) if to_loop.verdict == found.verdict => None,
        (Speed::Open { .. }, Some(to_loop)) => Some(format!(
            "beside the hand-written loop of the same rounds it is {}: it may be the machine",
            to_loop.verdict
        )),
        (Speed::Open { low, high }, None) => {
            let [least, _, most] = finding.change?;
            // What takes a time takes 1 / speed of it.
            let machine = if improved { 1.0 / (1.0 + high) } else { 1.0 / (1.0 + low) } - 1.0;
            let explained = if improved { most >= machine } else { least <= machine };
            explained.then(|| "the machine may have changed as much".to_owned())
        }
    }
}

/// Holds findings to what they must be as some of many. Until now `q` is how often chance makes each alone.
pub(super) fn several(findings: &mut [Finding], judge: &Judge) {
    let chances: Vec<f64> = findings.iter().filter_map(|finding| finding.q).collect();
    let count = chances.len();
    let Ok(found) = false_discovery(&chances) else { return };
    let judged = findings.iter_mut().filter(|finding| finding.q.is_some());
    for (finding, q) in judged.zip(found) {
        finding.q = Some(q);
        let changed = matches!(finding.verdict, Verdict::Improved | Verdict::Regressed);
        if changed && q > 1.0 - judge.confidence {
            finding.verdict = Verdict::Inconclusive;
            finding.note = Some(format!(
                "among {count} comparisons chance makes such a change (q {q:.2}): measure more rounds"
            ));
        }
    }
}
