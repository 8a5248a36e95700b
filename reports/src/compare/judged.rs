//! A finding's verdict.

use super::document::Finding;
use super::machine::Loops;
use super::measures::Metric;
use weir_statistics::counts::fisher;
use weir_statistics::family::false_discovery;
use weir_statistics::verdict::{Comparison, Judge, Verdict};

/// What two sides came to.
pub(super) struct Sides {
    pub(super) finding: Finding,
    /// The values of both as multiples of the loop's, where a round has one.
    pub(super) to_loop: (Vec<f64>, Vec<f64>),
}

/// Of rounds that either did or did not: nothing to say if all did.
pub(super) fn share(mut finding: Finding, what: &str, judge: &Judge) -> Option<Finding> {
    let holds =
        |values: &[f64]| (values.iter().filter(|value| **value == 1.0).count(), values.len());
    let (old, new) = (holds(&finding.old), holds(&finding.new));
    if old.0 == old.1 && new.0 == new.1 {
        return None;
    }
    let count = |(hold, of): (usize, usize)| match of {
        0 => "no round that says".to_owned(),
        _ => format!("{hold} of {of} rounds"),
    };
    finding.note = Some(format!("{what} in {}, and now in {}", count(old), count(new)));
    if old.1 == 0 || new.1 == 0 {
        return Some(finding);
    }
    // A single wrong output is one too many, whatever chance makes of it.
    if finding.metric == Metric::Valid && old.0 == old.1 {
        finding.verdict = Verdict::Regressed;
        return Some(finding);
    }
    if finding.metric == Metric::KeptUp && old.0 + new.0 == 0 {
        finding.verdict = Verdict::Unchanged;
        return Some(finding);
    }
    let chance = fisher(old, new);
    (finding.p, finding.q) = (Some(chance), Some(chance));
    let better = new.0 * old.1 > old.0 * new.1;
    finding.verdict = match chance <= 1.0 - judge.confidence {
        true if better => Verdict::Improved,
        true => Verdict::Regressed,
        false => Verdict::Inconclusive,
    };
    Some(finding)
}

/// The same of what a machine can decide.
pub(super) fn share_by_machine(
    finding: Finding,
    what: &str,
    beside: &Beside<'_>,
    judge: &Judge,
) -> Option<Finding> {
    let mut finding = share(finding, what, judge)?;
    let improved = finding.verdict == Verdict::Improved;
    let changed = improved || finding.verdict == Verdict::Regressed;
    if changed && beside.loops.decides(improved, beside.utilisation) {
        finding.verdict = Verdict::Inconclusive;
        let note = finding.note.unwrap_or_default();
        finding.note = Some(format!("{note}: it may be the machine"));
    }
    Some(finding)
}

/// What a row is judged beside.
pub(super) struct Beside<'a> {
    pub(super) loops: &'a Loops,
    /// The load as a share of what the row could do before, if that is known.
    pub(super) utilisation: Option<f64>,
    /// How many runs of each side never settled.
    pub(super) unsettled: (usize, usize),
}

/// Of values that are compared by their ratio. `None` if neither side has any, nor ever had.
///
/// A side of which no round is left is something to say.
pub(super) fn ratio(mut sides: Sides, beside: &Beside<'_>, judge: &Judge) -> Option<Finding> {
    let finding = &mut sides.finding;
    let (old, new) = beside.unsettled;
    let none = |side: &str, never: usize| {
        let why = if never > 0 { format!(": {never} never settled") } else { String::new() };
        Some(format!("no round of {side} counts{why}"))
    };
    finding.note = match (finding.old.is_empty(), finding.new.is_empty()) {
        (true, true) if old + new == 0 => return None,
        (true, true) => none("either result", old + new),
        (true, false) => none("the old result", old),
        (false, true) => none("the new result", new),
        (false, false) => None,
    };
    if finding.note.is_some() {
        return Some(sides.finding);
    }
    let better = finding.metric.better();
    let to_loop = judge.groups(better, &sides.to_loop.0, &sides.to_loop.1).ok();
    if let (true, Some(to_loop)) = (beside.loops.differ(), to_loop) {
        (finding.old, finding.new) = sides.to_loop;
        finding.relative = true;
        judged(finding, &to_loop, judge);
        return Some(sides.finding);
    }
    let found = judge.groups(better, &finding.old, &finding.new).ok()?;
    judged(finding, &found, judge);
    if let Some(why) = doubt(finding, to_loop.as_ref(), beside) {
        finding.verdict = Verdict::Inconclusive;
        finding.note = Some(why);
    }
    Some(sides.finding)
}

fn judged(finding: &mut Finding, found: &Comparison, judge: &Judge) {
    finding.change = Some([found.change.low, found.change.estimate, found.change.high]);
    finding.confidence = Some(found.change.confidence);
    finding.p = Some(found.p);
    finding.q = Some(found.chance);
    finding.dominance = Some(found.dominance);
    finding.verdict = found.verdict;
    if found.change.confidence < judge.confidence {
        let rounds = finding.old.len().min(finding.new.len());
        let (rounds, are) =
            if rounds == 1 { ("1 round", "is") } else { (&*format!("{rounds} rounds"), "are") };
        finding.note = Some(format!(
            "{rounds} {are} too few for {} %: measure --rounds {} or more",
            100.0 * judge.confidence,
            enough_rounds(judge.confidence),
        ));
    }
}

/// Rounds of each side from which on ranks can be as sure as that: all of one side above all of the other come
/// by chance twice in (2n over n).
fn enough_rounds(confidence: f64) -> usize {
    let sure = |rounds: &usize| 1.0 - fisher((*rounds, *rounds), (0, *rounds)) >= confidence;
    (1..ROUNDS).find(sure).unwrap_or(ROUNDS)
}

/// More than any confidence asks for that a floating-point number can tell from 1.
const ROUNDS: usize = 30;

/// Why a change may be the machine's, if it may.
fn doubt(finding: &Finding, to_loop: Option<&Comparison>, beside: &Beside<'_>) -> Option<String> {
    let improved = match finding.verdict {
        Verdict::Improved => true,
        Verdict::Regressed => false,
        _ => return None,
    };
    if !finding.metric.has_multiple() {
        let machine = beside.loops.explains(improved, beside.utilisation)?;
        let [least, _, most] = finding.change?;
        let explained = if improved { most >= machine } else { least <= machine };
        return explained.then(|| "the machine may have changed as much".to_owned());
    }
    match to_loop {
        // Even loops that are the same but for noise may have moved by as much as that.
        Some(to_loop) if to_loop.verdict == finding.verdict => None,
        Some(to_loop) => Some(format!(
            "beside the hand-written loop of the same rounds it is {}: it may be the machine",
            to_loop.verdict
        )),
        None => Some("no hand-written loop was run beside both: it may be the machine".to_owned()),
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
