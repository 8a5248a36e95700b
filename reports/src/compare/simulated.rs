//! Whole comparisons of results whose truth is known because they were drawn from it: how often they are
//! wrong, and how often they find what is there. Seeds are fixed, so that the counts are too.

use super::*;
use crate::schema::{Reference, Row, Run};
use crate::testing::example;

/// Uniform numbers by Marsaglia's xorshift, summed to something near enough to a normal distribution.
struct Noise(u64);

impl Noise {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A factor about 1, with so large a deviation.
    fn factor(&mut self, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.uniform()).sum();
        (deviation * (sum - 6.0)).exp()
    }
}

/// What a session is drawn from.
struct Session {
    rounds: u32,
    /// Of an engine's figures from round to round.
    engine: f64,
    /// Of the loop's.
    of_loop: f64,
    /// Of everything.
    speed: f64,
    /// How much slower one row is.
    slower: f64,
}

const QUIET: Session = Session { rounds: 8, engine: 0.02, of_loop: 0.01, speed: 1.0, slower: 1.0 };

impl Session {
    /// The example's rows with other figures: all that were drawn from it are of the same engines.
    fn draw(&self, noise: &mut Noise) -> ResultFile {
        let mut result = example();
        for workload in &mut result.workloads {
            // Rows that are right, and that kept up.
            workload.rows.retain(|row| row.runs.iter().all(|run| run.counts()));
            workload.rows.retain(|row| row.runs.iter().all(|run| run.sustained != Some(false)));
            let rates = (0..self.rounds).map(|_| 1e6 * self.speed * noise.factor(self.of_loop));
            let records_per_s = rates.collect();
            workload.cost = Some(Reference { records_per_s, latency: None, runs: Vec::new() });
            workload.rows.iter_mut().for_each(|row| self.redraw(row, noise));
        }
        result
    }

    fn redraw(&self, row: &mut Row, noise: &mut Noise) {
        let slower = if row.id == "topology" { self.slower } else { 1.0 };
        let first: Vec<Run> = row.runs.drain(..).filter(|run| run.round == 1).collect();
        for round in 1..=self.rounds {
            for mut run in first.iter().cloned() {
                run.round = round;
                run.series.clear();
                run.achieved_per_s *= self.speed / slower * noise.factor(self.engine);
                run.resources.user_s *= noise.factor(self.engine) * slower / self.speed;
                run.resources.system_s = 0.0;
                if let Some(latency) = &mut run.latency {
                    let mut change = |ns: u64, deviation: f64| {
                        (ns as f64 * noise.factor(deviation) * slower / self.speed) as u64
                    };
                    latency.p50_ns = change(latency.p50_ns, self.engine);
                    // What is far out varies most.
                    latency.p99_ns = change(latency.p99_ns, 4.0 * self.engine);
                }
                row.runs.push(run);
            }
        }
    }
}

/// How many of some comparisons have a change somewhere, and how many have a regression of `topology`.
fn changes(old: &Session, new: &Session, times: u64) -> (usize, usize) {
    let (mut changed, mut found) = (0, 0);
    for seed in 0..times {
        let noise = &mut Noise::new(seed + 1);
        let (old, new) = (old.draw(noise), new.draw(noise));
        let comparison = compare(&[old], &[new], &Options::default()).expect("comparable");
        assert!(comparison.findings.len() > 30, "many: {}", comparison.findings.len());
        let is =
            |finding: &&Finding| matches!(finding.verdict, Verdict::Regressed | Verdict::Improved);
        changed += usize::from(comparison.findings.iter().any(|finding| is(&finding)));
        let of_row = |finding: &&Finding| {
            let wanted = finding.row == "topology" && finding.metric == Metric::Throughput;
            wanted && finding.verdict == Verdict::Regressed
        };
        found += usize::from(comparison.findings.iter().any(|finding| of_row(&finding)));
    }
    (changed, found)
}

#[test]
fn sessions_of_the_same_engines_are_seldom_said_to_differ() {
    for rounds in [4, 5, 8] {
        for engine in [0.01, 0.05, 0.15] {
            let session = Session { rounds, engine, ..QUIET };
            let (changed, _) = changes(&session, &session, 100);
            assert!(changed <= 8, "{changed} of 100, {rounds} rounds, {engine}");
        }
    }
}

#[test]
fn a_slower_machine_is_seldom_taken_for_slower_engines() {
    for of_loop in [0.002, 0.02, 0.05] {
        for rounds in [5, 8] {
            let session = Session { rounds, engine: 0.01, of_loop, ..QUIET };
            let slower = Session { speed: 0.95, ..session };
            let (_, found) = changes(&session, &slower, 100);
            assert!(found <= 5, "{found} of 100, loop {of_loop}, {rounds} rounds");
        }
    }
}

#[test]
fn a_slower_engine_is_found_among_many_rows() {
    let slower = Session { slower: 1.1, ..QUIET };
    let (_, found) = changes(&QUIET, &slower, 100);
    assert!(found >= 95, "{found} of 100");
    // And so it is beside a machine that became slower, too.
    let (_, found) = changes(&QUIET, &Session { speed: 0.9, ..slower }, 100);
    assert!(found >= 95, "{found} of 100 on a slower machine");
}
