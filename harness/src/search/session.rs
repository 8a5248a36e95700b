//! A search of one workload on every engine row.

use super::backlog;
use super::level::Level;
use super::probe::{Watch, judge, least_per_s, measured, outcome};
use super::searcher::{Conclusion, Limits, Next, Searcher, Step};
use crate::environment;
use crate::execute::{ExecuteError, Executed, Offer, execute};
use crate::rows::EngineRow;
use crate::schedule::{Rate, Shape, format_duration};
use crate::session::{SessionError, has_records};
use crate::settings::{Config, Resolved};
use crate::trial::{command_line, settings_of, surroundings, verdicts};
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Cancel, Clock, SystemClock};
use weir_reports::search::schema::{
    Ceiling, Ending, Finding, KIND, Probe, Rules, SEARCH_VERSION, SearchFile, SearchRow, Searched,
};
use weir_reports::summary::GENERATOR_BOUND;
use weir_targets::engines;
use weir_targets::target::Target;
use weir_workloads::{Settings, describe};

/// What is particular to a search; the rest are the settings of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchSettings {
    /// The service level.
    pub level: Level,
    /// The step between two rates that are told apart, as a share.
    pub resolution: f64,
    /// Repeats of each side of the boundary.
    pub confirm: u32,
    /// The most to try, if it is not up to the harness.
    pub most: Option<Rate>,
    /// The flags that repeat all this.
    pub flags: Vec<String>,
}

/// What happens during a search, for whoever shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SearchEvent {
    /// The null engine is being timed.
    Calibrating,
    /// A row's throughput at saturation is being measured, from which its ramp begins.
    Starting {
        /// Which row.
        row: String,
        /// Its place, from 1.
        place: usize,
        /// How many there are.
        rows: usize,
    },
    /// A probe begins.
    Probing {
        /// Which row.
        row: String,
        /// Its number, from 1.
        number: u32,
        /// Records per second.
        rate_per_s: f64,
        /// About how many come after it.
        remaining: u32,
        /// About how long all those take.
        left: Duration,
    },
    /// A probe is over.
    Probed {
        /// What it says.
        finding: Finding,
    },
}

/// The most probes that a row may take.
const MOST_PROBES: u32 = 40;
/// Where the ramp begins, as a share of the throughput at saturation. That is usually a little above what is
/// sustained, as nothing waits for a record there, and no latency is measured.
const START: f64 = 0.8;
/// How far below the start the ramp may go.
const DEPTH: f64 = 4096.0;
/// Runs of the null engine are half as long as others: it has no queue to fill and no thread to wake.
const REFERENCE: u32 = 2;

/// A search to make.
pub struct Search<'a> {
    /// The settings of its runs; one workload.
    pub config: &'a Config,
    /// Where their values came from.
    pub resolved: &'a Resolved,
    /// What is particular to the search.
    pub settings: &'a SearchSettings,
    /// Hears what happens.
    pub listener: &'a mut dyn FnMut(SearchEvent),
    /// Ends the search early: rows that were searched are in the document, the one at hand is not.
    pub cancel: Cancel,
}

/// What all probes of a search have in common.
struct Subject {
    name: &'static str,
    settings: Settings,
    nominal_rate: u64,
}

impl Search<'_> {
    /// Searches on every row of the configuration, in order.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn run(&mut self) -> Result<SearchFile, SessionError> {
        self.on(&EngineRow::of(self.config))
    }

    /// Searches on these rows, in order. A wrong output ends it: the rows after that are not searched.
    ///
    /// # Errors
    /// If a run could not be made, or [`SessionError::Cancelled`] before a row was searched. A run that failed or
    /// was wrong is part of the document.
    pub fn on(&mut self, rows: &[EngineRow]) -> Result<SearchFile, SessionError> {
        let (false, Some(name)) = (rows.is_empty(), self.config.workloads.first()) else {
            return Err(SessionError::NothingSelected);
        };
        let settings = self.config.workload_settings()?;
        has_records(name, &settings)?;
        let described = describe(name, &settings)?;
        let (mut environment, created) = surroundings();
        let workload = Searched {
            name: (*name).to_owned(),
            summary: described.summary.to_owned(),
            record: described.records.to_owned(),
            input: described.input.map_or_else(|| self.config.input.describe(), str::to_owned),
        };
        let subject = Subject { name, settings, nominal_rate: described.nominal_rate };
        let ceiling = self.ceiling(&subject)?;
        let mut searched = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let (row_id, place) = (row.id.clone(), at + 1);
            (self.listener)(SearchEvent::Starting { row: row_id, place, rows: rows.len() });
            match self.row(&subject, row, &ceiling) {
                Err(SessionError::Cancelled) if !searched.is_empty() => break,
                row => searched.push(row?),
            }
            if searched.last().is_some_and(|row| row.ending == Ending::WrongOutput) {
                break;
            }
        }
        environment.load_after = environment::load_average();
        Ok(SearchFile {
            schema_version: SEARCH_VERSION,
            kind: KIND.to_owned(),
            weir_version: env!("CARGO_PKG_VERSION").to_owned(),
            created,
            command: self.command(),
            seed: self.config.seed,
            environment,
            settings: settings_of(self.resolved),
            workload,
            level: self.settings.level.conditions().to_vec(),
            rules: self.rules(),
            ceiling,
            rows: searched,
        })
    }

    fn rules(&self) -> Rules {
        Rules {
            resolution: self.settings.resolution,
            confirm: self.settings.confirm,
            confidence: backlog::CONFIDENCE,
            growth_share: backlog::SHARE,
            most_probes: MOST_PROBES,
        }
    }

    fn command(&self) -> String {
        let mut words = vec!["weir".to_owned(), "search".to_owned()];
        words.extend(self.resolved.to_arguments());
        words.extend(self.settings.flags.clone());
        command_line(&words)
    }

    /// The command that measures a rate on one row.
    fn measure(&self, row: &EngineRow, rate: f64) -> Option<String> {
        let rate = Rate::nearest(rate).ok()?;
        let own = ["engine", "rate", "schedule", "acking", "queue-batch", "batch-interval", "out"];
        let kept = self
            .resolved
            .to_arguments()
            .into_iter()
            .filter(|word| !own.iter().any(|name| word.starts_with(&format!("--{name}="))));
        let mut words = vec!["weir".to_owned(), "run".to_owned()];
        words.extend(kept);
        words.push(format!("--engine={}", row.kind.name()));
        let acking = row.acking.map(|on| format!("--acking={}", if on { "on" } else { "off" }));
        words.extend(acking);
        words.extend(row.queue_batch.map(|size| format!("--queue-batch={size}")));
        words.extend(
            row.batch_interval.map(|time| format!("--batch-interval={}", format_duration(time))),
        );
        words.push(format!("--rate={}", rate.to_string().trim_end_matches("/s")));
        Some(command_line(&words))
    }

    fn offer(&self, shape: Shape, rate: Rate, measured: Duration) -> Offer {
        Offer { shape, rate, warm_up: self.config.warm_up, measured, seed: self.config.seed }
    }

    /// Times the null engine: with everything due at once, and then at that rate, at which it also has to
    /// measure every record's latency.
    fn ceiling(&mut self, subject: &Subject) -> Result<Ceiling, SessionError> {
        (self.listener)(SearchEvent::Calibrating);
        let nominal = Rate::per_second(subject.nominal_rate)?;
        let length = self.config.saturation / REFERENCE;
        let null = engines::null();
        let run = |offer| self.given_time(&*null, subject, offer, Duration::ZERO);
        let saturation = run(self.offer(Shape::Max, nominal, length))?.achieved_per_s();
        let most = Rate::MAX_PER_S as f64;
        let mut ceiling = Ceiling {
            null_saturation_per_s: Some(saturation).filter(|rate| *rate > 0.0),
            null_paced_per_s: None,
            most_per_s: most,
            asked_for: false,
        };
        if let Ok(rate) = Rate::nearest(saturation.min(most)) {
            let paced = run(self.offer(Shape::Constant, rate, length))?.achieved_per_s();
            ceiling.null_paced_per_s = Some(paced).filter(|rate| *rate > 0.0);
        }
        let null = [ceiling.null_saturation_per_s, ceiling.null_paced_per_s];
        let bound = null.into_iter().flatten().fold(most, f64::min) * GENERATOR_BOUND;
        let asked = self.settings.most.map(Rate::as_f64).filter(|asked| *asked <= bound);
        (ceiling.most_per_s, ceiling.asked_for) = (asked.unwrap_or(bound), asked.is_some());
        Ok(ceiling)
    }

    /// Makes a run, and gives it up if it takes much longer than its load.
    fn given_time(
        &self,
        target: &dyn Target,
        subject: &Subject,
        offer: Offer,
        interval: Duration,
    ) -> Result<Executed, SessionError> {
        let clock = Arc::new(SystemClock::new());
        let patience = Watch::patience(offer.warm_up + offer.measured + interval);
        let until_ns = clock.now_ns() + patience.as_nanos() as u64;
        let cancel = self.cancel.child();
        let watch = Watch::start(clock, until_ns, cancel.clone()).map_err(ExecuteError::Sampler)?;
        let run = execute(target, subject.name, &subject.settings, offer, interval, &cancel);
        drop(watch);
        if self.cancel.is_cancelled() { Err(SessionError::Cancelled) } else { Ok(run?) }
    }

    fn row(
        &mut self,
        subject: &Subject,
        row: &EngineRow,
        ceiling: &Ceiling,
    ) -> Result<SearchRow, SessionError> {
        let mut out = empty_row(row);
        let nominal = Rate::per_second(subject.nominal_rate)?;
        let offer = self.offer(Shape::Max, nominal, self.config.saturation);
        let interval = row.batch_interval.unwrap_or_default();
        let run = self.given_time(&*row.target, subject, offer, interval)?;
        let verdict = verdicts(subject.name, &subject.settings, &[&run])?.pop().unwrap_or_default();
        let achieved = run.achieved_per_s();
        if let Err(error) = &run.outcome.summary {
            out.notes.push(format!("the run at saturation failed: {error}"));
            return Ok(out);
        }
        if !verdict.valid {
            let why = verdict.examples.join("; ");
            out.notes.push(format!("the output of the run at saturation is wrong: {why}"));
            out.ending = Ending::WrongOutput;
            return Ok(out);
        }
        out.saturation_per_s = Some(achieved);
        drop(run);
        let mut searcher = Searcher::new(self.limits(achieved, ceiling, &mut out));
        self.probes(subject, row, &mut searcher, &mut out)?;
        Ok(out)
    }

    fn limits(&self, saturation: f64, ceiling: &Ceiling, out: &mut SearchRow) -> Limits {
        let start_per_s = (saturation * START).min(ceiling.most_per_s);
        let lowest = (start_per_s / DEPTH).max(least_per_s(&self.settings.level)).max(1.0);
        out.least_per_s = lowest.min(ceiling.most_per_s);
        Limits {
            start_per_s,
            least_per_s: out.least_per_s,
            most_per_s: ceiling.most_per_s,
            resolution: self.settings.resolution,
            confirm: self.settings.confirm,
            most_probes: MOST_PROBES,
        }
    }

    fn probes(
        &mut self,
        subject: &Subject,
        row: &EngineRow,
        searcher: &mut Searcher,
        out: &mut SearchRow,
    ) -> Result<(), SessionError> {
        let clock = SystemClock::new();
        loop {
            let next = match searcher.step() {
                Step::Probe(next) => next,
                Step::Done(conclusion) => {
                    self.conclude(row, conclusion, out);
                    return Ok(());
                }
            };
            let (number, remaining) = (out.probes.len() as u32 + 1, searcher.remaining());
            let done = Duration::from_nanos(clock.now_ns()) / number.max(2).saturating_sub(1);
            let usual = self.config.duration + self.config.warm_up;
            (self.listener)(SearchEvent::Probing {
                row: row.id.clone(),
                number,
                rate_per_s: next.rate_per_s,
                remaining,
                left: done.max(usual) * (remaining + 1),
            });
            let mut probe = self.probe(subject, row, &next)?;
            probe.number = number;
            (self.listener)(SearchEvent::Probed { finding: probe.finding });
            let outcome = outcome(&probe);
            out.probes.push(probe);
            match outcome {
                Some(outcome) => searcher.take(outcome),
                None => {
                    out.ending = Ending::WrongOutput;
                    return Ok(());
                }
            }
        }
    }

    fn probe(
        &mut self,
        subject: &Subject,
        row: &EngineRow,
        next: &Next,
    ) -> Result<Probe, SessionError> {
        let interval = row.batch_interval.unwrap_or_default();
        let rate = Rate::nearest(next.rate_per_s)?;
        let length = measured(self.config.duration, interval, &self.settings.level, next);
        let offer = self.offer(Shape::Constant, rate, length);
        let run = self.given_time(&*row.target, subject, offer, interval)?;
        let verdict = verdicts(subject.name, &subject.settings, &[&run])?.pop();
        let points = run.points().to_vec();
        let run = row.judged(run, 1, 1, verdict.unwrap_or_default());
        Ok(judge(run, &points, interval, &self.settings.level, next))
    }

    fn conclude(&self, row: &EngineRow, conclusion: Conclusion, out: &mut SearchRow) {
        let Conclusion { ending, held_per_s, failed_per_s, confirmed, odd, mixed } = conclusion;
        (out.ending, out.confirmed) = (ending, confirmed);
        (out.found_per_s, out.fails_per_s) = (held_per_s, failed_per_s);
        out.measure = held_per_s.and_then(|rate| self.measure(row, rate));
        let rate = weir_reports::units::quantity;
        if let Some((held, failed)) = odd {
            let (held, failed) = (rate(held), rate(failed));
            out.notes.push(format!(
                "not monotone: {held}/s held although {failed}/s, which is lower, once did not; repeats \
                 decided"
            ));
        }
        for (at, held, failed) in mixed {
            out.notes.push(format!("{}/s held in {held} of {} probes", rate(at), held + failed));
        }
        let failed = out.probes.iter().filter(|probe| probe.finding == Finding::Failed).count();
        if failed > 0 {
            out.notes
                .push(format!("{failed} of {} probes failed or were given up", out.probes.len()));
        }
    }
}

fn empty_row(row: &EngineRow) -> SearchRow {
    let empty = row.empty();
    SearchRow {
        id: empty.id,
        engine: empty.engine,
        model: empty.model,
        guarantee: empty.guarantee,
        acking: empty.acking,
        batch_interval_ms: empty.batch_interval_ms,
        queue_batch: empty.queue_batch,
        parallelism: empty.parallelism,
        saturation_per_s: None,
        ending: Ending::Failed,
        found_per_s: None,
        fails_per_s: None,
        confirmed: false,
        least_per_s: 0.0,
        notes: Vec::new(),
        measure: None,
        probes: Vec::new(),
    }
}
