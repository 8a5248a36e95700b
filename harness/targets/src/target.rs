//! The face of an engine that the harness drives: dyn-compatible, one call per run.
//!
//! Here, and nowhere else, workloads and engines are multiplied out: [`InProcess::run`] is compiled
//! once per workload for every engine that is put into one.

use crate::verdict::{Detail, Rows, TableSink, compare};
use std::any::Any;
use thiserror::Error;
use weir_dataflow::{
    ComponentInfo, Engine, Flow, Load, NodeKind, Plan, RunContext, RunError, RunSummary, Writer,
};
use weir_oracle::Oracle;
use weir_reports::schema::Verdict;
use weir_workloads::{
    Field, InputError, Pull, Settings, UnknownWorkload, Visit, Workload, with_workload,
};

/// Why a run did not even start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// There is no such workload.
    #[error(transparent)]
    Workload(#[from] UnknownWorkload),
    /// Its input does not serve.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The workload has no COST loop.
    #[error("workload {workload} has no hand-written loop to compare with")]
    NoLoop {
        /// Which one.
        workload: String,
    },
}

/// The rows that a run left behind, of the workload's own types.
pub struct Contents(Box<dyn Any + Send>);

/// A run that was started.
pub struct Outcome {
    /// What the engine says it did, or why it failed.
    pub summary: Result<RunSummary, RunError>,
    /// What the sink held in the end.
    pub contents: Contents,
}

/// Something that runs workloads.
pub trait Target: Send + Sync {
    /// The name of the engine.
    fn engine(&self) -> &str;

    /// Runs a workload to the end of the context's load, keeping as much of its rows as `detail` says.
    ///
    /// # Errors
    /// Only if the run cannot be set up; a failed run is an [`Outcome`].
    fn run(
        &self,
        workload: &str,
        settings: &Settings,
        context: &RunContext,
        detail: Detail,
    ) -> Result<Outcome, TargetError>;

    /// What would run.
    ///
    /// # Errors
    /// There is no such workload, or its input does not serve.
    fn plan(&self, workload: &str, settings: &Settings) -> Result<Plan, TargetError>;
}

/// An engine in this process.
pub struct InProcess<E>(pub E);

struct RunOn<'a, E>(&'a E, &'a RunContext, Detail);

impl<E: Engine> Visit for RunOn<'_, E> {
    type Out = Outcome;
    fn visit<W: Workload>(self, workload: W) -> Outcome {
        let sink: TableSink<W::Key, W::Value> = TableSink::new(W::OUTPUT, self.2);
        let summary = workload.build(self.0).run(sink.clone(), self.1);
        Outcome { summary, contents: Contents(Box::new(sink.take())) }
    }
}

struct PlanOn<'a, E>(&'a E);

impl<E: Engine> Visit for PlanOn<'_, E> {
    type Out = Plan;
    fn visit<W: Workload>(self, workload: W) -> Plan {
        workload.build(self.0).plan()
    }
}

impl<E: Engine> Target for InProcess<E> {
    fn engine(&self) -> &str {
        self.0.name()
    }

    fn run(
        &self,
        workload: &str,
        settings: &Settings,
        context: &RunContext,
        detail: Detail,
    ) -> Result<Outcome, TargetError> {
        Ok(with_workload(workload, settings, RunOn(&self.0, context, detail))??)
    }

    fn plan(&self, workload: &str, settings: &Settings) -> Result<Plan, TargetError> {
        Ok(with_workload(workload, settings, PlanOn(&self.0))??)
    }
}

/// The COST loop of each workload: one thread, written by hand.
#[derive(Clone, Copy, Debug, Default)]
pub struct CostLoop;

struct Loop<'a>(&'a RunContext, Detail);

impl Visit for Loop<'_> {
    type Out = Option<Outcome>;
    fn visit<W: Workload>(self, workload: W) -> Option<Outcome> {
        let mut pull = Pull::new(self.0);
        let (rows, late) = workload.cost_loop(&mut pull)?;
        let mut part = Rows::new(W::OUTPUT, self.1);
        rows.into_iter().for_each(|row| part.write(row));
        let summary = RunSummary {
            engine: CostLoop.engine().to_owned(),
            records: pull.position(),
            late,
            components: vec![ComponentInfo { name: "loop".into(), tasks: 1, threads: 1 }],
            ..RunSummary::default()
        };
        Some(Outcome { summary: Ok(summary), contents: Contents(Box::new(vec![part])) })
    }
}

impl Target for CostLoop {
    fn engine(&self) -> &str {
        "loop"
    }

    fn run(
        &self,
        workload: &str,
        settings: &Settings,
        context: &RunContext,
        detail: Detail,
    ) -> Result<Outcome, TargetError> {
        with_workload(workload, settings, Loop(context, detail))??
            .ok_or_else(|| TargetError::NoLoop { workload: workload.to_owned() })
    }

    fn plan(&self, _: &str, _: &Settings) -> Result<Plan, TargetError> {
        let mut plan = Plan::default();
        plan.node("hand-written loop", NodeKind::Operator, 1);
        Ok(plan)
    }
}

/// A run to be judged: how many records it read, how many it called late, and what it left.
pub struct Claimed<'a> {
    /// Records read.
    pub records: u64,
    /// Records that the engine counted as late.
    pub late: u64,
    /// What the sink held.
    pub contents: &'a Contents,
}

struct Judge<'a>(&'a dyn Load, &'a [Claimed<'a>], Detail);

impl Visit for Judge<'_> {
    type Out = Vec<Verdict>;
    fn visit<W: Workload>(self, workload: W) -> Vec<Verdict> {
        let Self(load, runs, detail) = self;
        let mut prefixes: Vec<u64> = runs.iter().map(|run| run.records).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        let empty: Rows<W::Key, W::Value> = Rows::new(W::OUTPUT, detail);
        let answers = workload.build(&Oracle).erase().answers(load, &prefixes, empty);
        let judge = |run: &Claimed<'_>| {
            let answer = answers.iter().find(|(answer, _)| answer.records == run.records);
            let found = run.contents.0.downcast_ref::<Vec<Rows<W::Key, W::Value>>>();
            let (Some((answer, rows)), Some(found)) = (answer, found) else {
                let examples = vec!["the sink held rows of another workload".to_owned()];
                return Verdict { examples, ..Verdict::default() };
            };
            let mut verdict = compare(rows, found);
            (verdict.late_expected, verdict.late_found) = (answer.late, run.late);
            verdict.valid &= answer.late == run.late;
            verdict
        };
        runs.iter().map(judge).collect()
    }
}

struct Csv<'a>(&'a Contents);

impl Visit for Csv<'_> {
    type Out = Result<Vec<u8>, csv::Error>;
    fn visit<W: Workload>(self, _: W) -> Self::Out {
        let empty = Vec::new();
        let parts = self.0.0.downcast_ref::<Vec<Rows<W::Key, W::Value>>>().unwrap_or(&empty);
        let mut rows: Vec<(&W::Key, &W::Value)> = Vec::new();
        for part in parts {
            match part {
                Rows::Latest(part) => rows.extend(part),
                Rows::Digests(part) => rows.extend(part.iter().map(|(key, log)| (key, &log.last))),
                Rows::All(part) => {
                    let logs = part.iter();
                    rows.extend(logs.flat_map(|(key, log)| log.iter().map(move |v| (key, v))));
                }
            }
        }
        // Stable, so that the rows of one key stay in order.
        rows.sort_by(|a, b| a.0.cmp(b.0));
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let mut fields = Vec::new();
        for (key, value) in rows {
            fields.clear();
            key.fields(&mut fields);
            value.fields(&mut fields);
            writer.write_record(&fields)?;
        }
        writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
    }
}

/// The rows of a run as CSV (RFC 4180), sorted by key. For runs with [`Detail::Rows`].
///
/// # Errors
/// There is no such workload, or its input does not serve.
pub fn csv(
    workload: &str,
    settings: &Settings,
    contents: &Contents,
) -> Result<Result<Vec<u8>, csv::Error>, TargetError> {
    Ok(with_workload(workload, settings, Csv(contents))??)
}

/// The oracle's verdict on runs of one workload under one load, in one pass over the longest.
///
/// # Errors
/// There is no such workload, or its input does not serve.
pub fn judge(
    workload: &str,
    settings: &Settings,
    load: &dyn Load,
    runs: &[Claimed<'_>],
    detail: Detail,
) -> Result<Vec<Verdict>, TargetError> {
    Ok(with_workload(workload, settings, Judge(load, runs, detail))??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_dataflow::testing::AllAtOnce;
    use weir_workloads::{Disorder, Generated, NAMES, sherlock};

    /// The hand-written loops are held against the oracle too.
    #[test]
    fn loops_and_oracle_agree() {
        let text = sherlock();
        let drawn = Generated { cardinality: 300, ..Generated::default() }.corpus();
        for corpus in [text, drawn] {
            let mut settings = Settings::new(corpus);
            settings.disorder =
                Disorder { bound_ns: 700_000, straggler_ppm: 20_000, straggle_ns: 9_000_000 };
            (settings.window_ns, settings.slide_ns) = (3_000_000, 1_000_000);
            for name in NAMES {
                for records in [0, 1, 5_000, 30_000] {
                    let load = AllAtOnce { records, spacing_ns: 1_000 };
                    let outcome =
                        match CostLoop.run(name, &settings, &load.context(), Detail::Digests) {
                            Ok(outcome) => outcome,
                            Err(TargetError::NoLoop { .. }) => continue,
                            Err(error) => panic!("{error}"),
                        };
                    let summary = outcome.summary.expect("the loop ends");
                    assert_eq!(summary.records, records);
                    let claimed =
                        Claimed { records, late: summary.late, contents: &outcome.contents };
                    let verdicts = judge(name, &settings, &load, &[claimed], Detail::Digests)
                        .expect("a verdict");
                    let verdict = &verdicts[0];
                    assert!(verdict.valid, "{name} {records} {verdict:?}");
                }
            }
        }
    }
}
