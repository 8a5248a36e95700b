//! A whole comparison: rows, rounds, verdicts, one result.
//!
//! Rounds go A B B A: every odd round runs the rows in order, every even one in reverse, so that a
//! machine that slows down over the session slows all rows alike. Runs are judged after the last
//! round of a workload, because one pass of the oracle over the longest run answers them all.

use crate::environment;
use crate::execute::{ExecuteError, Executed, Offer, execute};
use crate::rows::EngineRow;
use crate::schedule::{QuantityError, Rate, Shape};
use crate::settings::{Config, RateChoice, Resolved};
use crate::trial::{command_line, settings_of, surroundings, verdicts};
use std::time::Duration;
use thiserror::Error;
use weir_dataflow::Cancel;
use weir_reports::schema::{
    Component, Mode, Reference, ResultFile, Row, Run, SCHEMA_VERSION, Verdict, WorkloadResult,
};
use weir_targets::engines;
use weir_targets::target::{Target, TargetError};
use weir_workloads::{InputError, Settings, UnknownWorkload, describe};

/// What happens during a session, for whoever shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The session begins.
    Begin {
        /// How many runs there will be.
        runs: usize,
        /// How long their loads take together.
        expected: Duration,
    },
    /// A run begins.
    Run {
        /// Which workload.
        workload: String,
        /// Which row.
        row: String,
        /// What is offered.
        offer: String,
        /// Which round, from 1.
        round: u32,
    },
    /// The run is over.
    RunEnded {
        /// How long its load took.
        expected: Duration,
    },
    /// The oracle goes over the input of a workload.
    Judging {
        /// Which one.
        workload: String,
    },
}

/// Why a session ended without a result.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// A run could not be made.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The oracle could not judge.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// There is no such workload.
    #[error(transparent)]
    Workload(#[from] UnknownWorkload),
    /// A rate that no schedule can have.
    #[error(transparent)]
    Rate(#[from] QuantityError),
    /// The cancel token was pulled.
    #[error("interrupted: what was measured is thrown away")]
    Cancelled,
    /// Nothing to run.
    #[error("nothing is selected to run: engines oracle, loop and null are references, not rows")]
    NothingSelected,
}

/// The share of the measured phase that runs of the references take.
const REFERENCE: u32 = 2;

/// A comparison to make.
pub struct Session<'a> {
    /// What to compare.
    pub config: &'a Config,
    /// Where its values came from.
    pub resolved: &'a Resolved,
    /// Hears what happens.
    pub listener: &'a mut dyn FnMut(SessionEvent),
    /// Stops it early.
    pub cancel: Cancel,
}

/// A run among its fellows.
struct Done {
    row: usize,
    round: u32,
    sequence: u32,
    run: Executed,
}

/// Runs of what rows are held against, each with its round.
#[derive(Default)]
struct References {
    loops: Vec<(u32, Executed)>,
    nulls: Vec<(u32, Executed)>,
}

impl Session<'_> {
    /// Makes all runs and judges them.
    ///
    /// # Errors
    /// If a run could not be made. A run that failed or was wrong is part of the result.
    pub fn run(&mut self) -> Result<ResultFile, SessionError> {
        let rows = EngineRow::of(self.config);
        if rows.is_empty() {
            return Err(SessionError::NothingSelected);
        }
        let settings = self.config.workload_settings()?;
        // Of all workloads, before the first has been measured for nothing.
        for name in &self.config.workloads {
            has_records(name, &settings)?;
        }
        let (mut environment, created) = surroundings();
        self.announce(&rows);
        let mut workloads = Vec::new();
        let mut sequence = 0;
        for name in self.config.workloads.clone() {
            workloads.push(self.workload(name, &settings, &rows, &mut sequence)?);
        }
        environment.load_after = environment::load_average();
        Ok(ResultFile {
            schema_version: SCHEMA_VERSION,
            weir_version: env!("CARGO_PKG_VERSION").to_owned(),
            created,
            command: self.command(),
            seed: self.config.seed,
            environment,
            settings: settings_of(self.resolved),
            workloads,
        })
    }

    fn announce(&mut self, rows: &[EngineRow]) {
        let config = self.config;
        let (mut runs, mut expected) = (0, Duration::ZERO);
        for offer in self.offers(1) {
            let references = if offer.is_saturation() { 2 } else { 1 };
            runs += rows.len() + references;
            expected += rows.iter().map(|row| expected_of(row, &offer)).sum::<Duration>();
            expected += (offer.warm_up + offer.measured / REFERENCE) * references as u32;
        }
        let times = config.rounds as usize * config.workloads.len();
        let (runs, expected) = (runs * times, expected * times as u32);
        (self.listener)(SessionEvent::Begin { runs, expected });
    }

    fn command(&self) -> String {
        let mut words = vec!["weir".to_owned(), "run".to_owned()];
        words.extend(self.resolved.to_arguments());
        command_line(&words)
    }

    fn offers(&self, nominal_rate: u64) -> Vec<Offer> {
        let config = self.config;
        let offer = |rate: &RateChoice| {
            let (shape, rate, measured) = match rate {
                RateChoice::Paced(rate) => (config.shape, *rate, config.duration),
                RateChoice::Max => {
                    (Shape::Max, Rate::per_second(nominal_rate).ok()?, config.saturation)
                }
            };
            Some(Offer { shape, rate, warm_up: config.warm_up, measured, seed: config.seed })
        };
        config.rates.iter().filter_map(offer).collect()
    }

    fn workload(
        &mut self,
        name: &str,
        settings: &Settings,
        rows: &[EngineRow],
        sequence: &mut u32,
    ) -> Result<WorkloadResult, SessionError> {
        let described = describe(name, settings)?;
        let offers = self.offers(described.nominal_rate);
        let (mut done, mut references) = (Vec::new(), References::default());
        for round in 1..=self.config.rounds {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            // There and back: a machine that changes over the rounds does so for all alike, the loop and the null
            // engine included.
            let back = round % 2 == 0;
            if back {
                order.reverse();
            }
            for offer in &offers {
                if !back {
                    self.references(name, settings, *offer, round, &mut references)?;
                }
                for &row in &order {
                    let run = self.one(&rows[row], name, settings, *offer, round)?;
                    *sequence += 1;
                    done.push(Done { row, round, sequence: *sequence, run });
                }
                if back {
                    self.references(name, settings, *offer, round, &mut references)?;
                }
            }
        }
        (self.listener)(SessionEvent::Judging { workload: name.to_owned() });
        let References { loops, nulls } = references;
        let judged =
            verdicts(name, settings, &loops.iter().map(|(_, run)| run).collect::<Vec<_>>())?;
        // The null engine has no output to be judged.
        let unjudged = vec![Verdict { valid: true, ..Verdict::default() }; nulls.len()];
        Ok(WorkloadResult {
            name: name.to_owned(),
            summary: described.summary.to_owned(),
            record: described.records.to_owned(),
            input: described.input.map_or_else(|| self.config.input.describe(), str::to_owned),
            cost: reference_of(loops, judged),
            null: reference_of(nulls, unjudged),
            rows: judged_rows(name, settings, rows, done)?,
        })
    }

    fn one(
        &mut self,
        row: &EngineRow,
        workload: &str,
        settings: &Settings,
        offer: Offer,
        round: u32,
    ) -> Result<Executed, SessionError> {
        self.begin(workload, &row.id, offer, round);
        let interval = row.batch_interval.unwrap_or_default();
        let expected = expected_of(row, &offer);
        let offer = Offer { measured: measured(row, &offer), ..offer };
        let run = execute(&*row.target, workload, settings, offer, interval, &self.cancel)?;
        self.go_on()?;
        (self.listener)(SessionEvent::RunEnded { expected });
        Ok(run)
    }

    /// A run that was cut short is no run of the comparison.
    fn go_on(&self) -> Result<(), SessionError> {
        if self.cancel.is_cancelled() { Err(SessionError::Cancelled) } else { Ok(()) }
    }

    fn begin(&mut self, workload: &str, row: &str, offer: Offer, round: u32) {
        (self.listener)(SessionEvent::Run {
            workload: workload.to_owned(),
            row: row.to_owned(),
            offer: offer.describe(),
            round,
        });
    }

    /// The loop, at saturation, and the null engine.
    fn references(
        &mut self,
        workload: &str,
        settings: &Settings,
        offer: Offer,
        round: u32,
        into: &mut References,
    ) -> Result<(), SessionError> {
        if offer.is_saturation() {
            let run = self.reference(&*engines::cost_loop(), workload, settings, offer, round)?;
            into.loops.extend(run.map(|run| (round, run)));
        }
        let run = self.reference(&*engines::null(), workload, settings, offer, round)?;
        into.nulls.extend(run.map(|run| (round, run)));
        Ok(())
    }

    /// A run of a reference: shorter, since it has no queue to fill and no thread to wake.
    fn reference(
        &mut self,
        target: &dyn Target,
        workload: &str,
        settings: &Settings,
        mut offer: Offer,
        round: u32,
    ) -> Result<Option<Executed>, SessionError> {
        self.begin(workload, target.engine(), offer, round);
        offer.measured /= REFERENCE;
        let expected = offer.warm_up + offer.measured;
        let run = execute(target, workload, settings, offer, Duration::ZERO, &self.cancel);
        self.go_on()?;
        (self.listener)(SessionEvent::RunEnded { expected });
        match run {
            Ok(run) => Ok(Some(run)),
            Err(ExecuteError::Target(TargetError::NoLoop { .. })) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// How long a run of a row takes, if its engine keeps up: what comes last waits for its batch, and what is due
/// all at once fills the batch that is running when the load ends and leaves one more.
fn expected_of(row: &EngineRow, offer: &Offer) -> Duration {
    let batches = if offer.is_saturation() { 2 } else { 1 };
    let waits = row.batch_interval.unwrap_or_default() * batches;
    offer.warm_up + measured(row, offer) + waits
}

/// How long a row is measured. At saturation it takes some batches to tell whether their throughput has
/// settled, so that rows of long batches are measured for longer, up to so many times what was asked for.
fn measured(row: &EngineRow, offer: &Offer) -> Duration {
    const BATCHES: u32 = 12;
    const LONGEST: u32 = 4;
    if !offer.is_saturation() {
        return offer.measured;
    }
    let batches = row.batch_interval.unwrap_or_default() * BATCHES;
    batches.clamp(offer.measured, offer.measured * LONGEST)
}

/// The runs of a reference, of which those count that settled. What is wrong once is no yardstick.
fn reference_of(runs: Vec<(u32, Executed)>, verdicts: Vec<Verdict>) -> Option<Reference> {
    let runs: Vec<Run> = runs
        .into_iter()
        .zip(verdicts)
        .map(|((round, run), verdict)| run.into_run(round, 0, verdict))
        .collect();
    let is_right = runs.iter().all(Run::is_right);
    let counted =
        runs.iter().filter(|run| run.mode == Mode::Saturation && run.counts() && is_right);
    let records_per_s = counted.map(|run| run.achieved_per_s).collect();
    (!runs.is_empty()).then_some(Reference { records_per_s, latency: None, runs })
}

/// A run replays its input, which therefore needs a record.
pub(crate) fn has_records(workload: &str, settings: &Settings) -> Result<(), SessionError> {
    let described = describe(workload, settings)?;
    if described.once > 0 {
        return Ok(());
    }
    let name = settings.corpus.name().to_owned();
    Err(InputError::Empty { name, what: described.records }.into())
}

fn judged_rows(
    workload: &str,
    settings: &Settings,
    rows: &[EngineRow],
    done: Vec<Done>,
) -> Result<Vec<Row>, SessionError> {
    let runs: Vec<&Executed> = done.iter().map(|done| &done.run).collect();
    let verdicts = verdicts(workload, settings, &runs)?;
    let event_time = describe(workload, settings)?.event_time;
    let time = if event_time { "event time" } else { "untimed" };
    let mut filled: Vec<Row> =
        rows.iter().map(|row| Row { time: time.to_owned(), ..row.empty() }).collect();
    for (Done { row, round, sequence, run }, verdict) in done.into_iter().zip(verdicts) {
        let into = &mut filled[row];
        let summary = run.summary();
        if !summary.engine.is_empty() {
            // The engine's own word, not what was asked for.
            into.engine = summary.engine;
            into.settings = summary.settings;
            into.components = summary
                .components
                .into_iter()
                .map(|c| Component { name: c.name, tasks: c.tasks, threads: c.threads })
                .collect();
        }
        into.runs.push(rows[row].judged(run, round, sequence, verdict));
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::EngineKind;

    /// A run of one long batch takes as long as that, whatever is asked for.
    #[test]
    fn what_comes_last_waits_for_its_batch() {
        let ms = Duration::from_millis;
        for (interval, shape, want) in [
            (0, Shape::Constant, 300),
            (100, Shape::Constant, 400),
            (4_000, Shape::Constant, 4_300),
            (10, Shape::Max, 320),
            (4_000, Shape::Max, 100 + 4 * 200 + 8_000),
        ] {
            let row = EngineRow {
                batch_interval: (interval > 0).then(|| ms(interval)),
                ..EngineRow::plain(EngineKind::Oracle, engines::oracle())
            };
            let rate = Rate::per_second(10).expect("a rate");
            let offer = Offer { shape, rate, warm_up: ms(100), measured: ms(200), seed: 1 };
            assert_eq!(expected_of(&row, &offer), ms(want), "{interval} {shape:?}");
        }
    }

    #[test]
    fn at_saturation_there_are_batches_enough_to_tell() {
        let ms = Duration::from_millis;
        for (interval, asked, saturated) in [
            (0, 500, 500),
            (10, 500, 500),
            (100, 500, 1_200),
            // Not for ever.
            (1_000, 500, 2_000),
        ] {
            let row = EngineRow {
                batch_interval: (interval > 0).then_some(ms(interval)),
                ..EngineRow::plain(EngineKind::Oracle, engines::null())
            };
            let rate = Rate::per_second(1_000).expect("a rate");
            let offer = |shape| Offer { shape, rate, warm_up: ms(5), measured: ms(asked), seed: 1 };
            assert_eq!(measured(&row, &offer(Shape::Max)), ms(saturated));
            assert_eq!(measured(&row, &offer(Shape::Constant)), ms(asked));
        }
    }
}
