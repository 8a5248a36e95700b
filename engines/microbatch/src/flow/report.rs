//! Turns batch information into samples, timings and the summary of a run.

use super::batches::{Batch, Batches};
use super::engine::MicroBatch;
use crate::{BatchInfo, SparkContext, StreamingListener, Time};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weir_dataflow::{BatchTiming, ComponentInfo, Engine, Recorder, RunSummary, Sample};

/// How many samples are handed over at once.
const CHUNK: usize = 256;

/// Listens to the batches of a run.
pub(super) struct Reporter {
    batches: Arc<Batches>,
    state: Mutex<State>,
}

struct State {
    recorder: Option<Box<dyn Recorder>>,
    timings: Vec<BatchTiming>,
    done: u64,
    drained: u64,
    last: Time,
}

impl Reporter {
    pub(super) fn new(batches: Arc<Batches>) -> Self {
        let context = batches.context();
        let recorder = context.load.paced().then(|| context.meter.recorder());
        let (timings, last) = (Vec::new(), Time::ZERO);
        let state = Mutex::new(State { recorder, timings, done: 0, drained: 0, last });
        Self { batches, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time of the last batch that is done.
    pub(super) fn last_batch(&self) -> Time {
        self.state().last
    }

    /// Records `{scheduled, taken, visible}` of every record of a batch.
    fn record(&self, recorder: &mut dyn Recorder, batch: &Batch, taken_ns: u64, visible_ns: u64) {
        let mut times = [0; CHUNK];
        let mut samples = [Sample::default(); CHUNK];
        let mut first = batch.from;
        while first < batch.to {
            let count = (batch.to - first).min(CHUNK as u64);
            let times = &mut times[..count as usize];
            self.batches.context().load.scheduled_ns(first, 1, times);
            let samples = &mut samples[..count as usize];
            for (sample, &mut scheduled_ns) in samples.iter_mut().zip(times) {
                *sample = Sample { scheduled_ns, taken_ns, visible_ns };
            }
            recorder.record(samples);
            first += count;
        }
    }

    /// Hands the recorder back and says what ran.
    pub(super) fn summary(
        &self,
        engine: &MicroBatch,
        sc: &SparkContext,
        batches: &Batches,
    ) -> RunSummary {
        let mut state = self.state();
        state.recorder = None;
        let metrics = sc.metrics();
        let component = |name: String, tasks, threads| ComponentInfo { name, tasks, threads };
        let mut components = vec![
            component("job generator".into(), 1, 1),
            component("job scheduler".into(), 1, 1),
            component("executor pool".into(), engine.workers, engine.workers),
        ];
        let stages = metrics.stages();
        components
            .extend(stages.iter().map(|s| component(format!("stage {}", s.label), s.widest, 0)));
        let settings = [
            ("batch_interval_ms", (engine.batch_interval.as_secs_f64() * 1e3).to_string()),
            ("parallelism", engine.parallelism.to_string()),
            ("workers", engine.workers.to_string()),
            ("concurrent_jobs", "1".to_owned()),
        ];
        let counters = [
            ("batches", state.timings.len() as u64),
            ("drain_batches", state.drained),
            ("stages", stages.iter().map(|stage| stage.runs).sum()),
            ("tasks", metrics.tasks()),
            ("shuffled_entries", metrics.shuffled()),
        ];
        RunSummary {
            engine: engine.name().to_owned(),
            records: state.done,
            late: batches.late(),
            components,
            settings: settings.map(|(key, value)| (key.to_owned(), value)).into(),
            counters: BTreeMap::from(counters.map(|(key, count)| (key.to_owned(), count))),
            batches: std::mem::take(&mut state.timings),
        }
    }
}

impl StreamingListener for Reporter {
    fn on_batch_started(&self, info: &BatchInfo) {
        let batch = self.batches.get(info.time);
        self.batches.context().meter.add_taken(batch.to - batch.from);
    }

    fn on_batch_completed(&self, info: &BatchInfo) {
        let batch = self.batches.close(info.time);
        let mut state = self.state();
        state.last = info.time;
        if info.has_failed() {
            return;
        }
        let (started_ns, ended_ns) =
            (info.started_ns.unwrap_or_default(), info.ended_ns.unwrap_or_default());
        if let Some(recorder) = &mut state.recorder {
            self.record(&mut **recorder, &batch, started_ns, ended_ns);
        }
        self.batches.context().meter.complete(batch.to, ended_ns);
        state.done = batch.to;
        if batch.draining {
            state.drained += 1;
            return;
        }
        state.timings.push(BatchTiming {
            time_ns: info.time.as_ns(),
            records: batch.to - batch.from,
            submitted_ns: info.submitted_ns,
            started_ns,
            ended_ns,
        });
    }
}
