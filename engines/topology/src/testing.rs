//! Aids to test components by themselves, without a topology: tuples, contexts, and collectors that
//! take down what a component does. Storm's `Testing.testTuple`, and what its users mock.
//!
//! ```
//! use weir_topology::testing::{MockCollector, tuple};
//! use weir_topology::{ComponentResult, OutputCollector, OutputFieldsDeclarer, RichBolt, Tuple, values};
//!
//! struct Exclaim;
//! impl RichBolt for Exclaim {
//!     fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
//!         collector.emit([&tuple], values![format!("{}!", tuple.text("word")?)])?;
//!         collector.ack(&tuple);
//!         Ok(())
//!     }
//!     fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
//!         declarer.declare(["word"]);
//!     }
//! }
//!
//! let input = tuple("words", "default", ["word"], 1, values!["so"])?;
//! let mut mock = MockCollector::of_bolt("exclaim", 2, &Exclaim)?;
//! Exclaim.execute(input.clone(), mock.collector()).expect("a word");
//! assert_eq!(mock.emitted()[0].values, values!["so!"]);
//! assert!(mock.emitted()[0].anchors[0].is(&input));
//! assert!(mock.acked()[0].is(&input));
//! # Ok::<(), weir_topology::TopologyError>(())
//! ```

mod acker;
mod capture;
mod context;

pub use acker::{Acker, AckerMessage, AckerNews};
pub(crate) use capture::{Capture, Captured};
pub use context::MockContext;

use crate::component::IntoFields;
use crate::executor::{Meter, OutStream, Outlet};
use crate::metrics::TaskStats;
use crate::report::Reporter;
use crate::runtime::acker::News;
use crate::tuple::{Ids, Source};
use crate::{
    ErrorThrottle, OutputCollector, OutputFieldsDeclarer, ReportedError, RichBolt, RichSpout,
    SpoutOutputCollector, TaskId, TopologyError, Tuple, Value, Values,
};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};

/// A tuple as the task `task` of `component` would emit it on `stream`. It belongs to no tree. As many
/// values as fields, or it is an error.
pub fn tuple(
    component: &str,
    stream: &str,
    fields: impl IntoFields,
    task: TaskId,
    values: Values,
) -> Result<Tuple, TopologyError> {
    let fields = fields.into_fields()?;
    if fields.len() != values.len() {
        let (fields, values) = (fields.to_string(), values.len());
        return Err(TopologyError::WrongNumberOfValues { fields, values });
    }
    let source = Source { component: component.into(), stream: stream.into(), fields };
    Ok(Tuple::new(values, Arc::new(source), task, Ids::new()))
}

/// A tuple that tells that time has passed.
#[must_use]
pub fn tick() -> Tuple {
    let (component, stream) = (crate::SYSTEM_COMPONENT.into(), crate::TICK_STREAM.into());
    let source = Source { component, stream, fields: crate::Fields::none() };
    Tuple::new(Values::none(), Arc::new(source), -1, Ids::new())
}

/// Something that a component emitted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Emission {
    /// The stream.
    pub stream: String,
    /// The task that was named, of a direct emission.
    pub task: Option<TaskId>,
    /// The tuples that a bolt anchored it to.
    pub anchors: Vec<Tuple>,
    /// What a spout gave to be told about it later.
    pub message_id: Value,
    /// The values.
    pub values: Values,
}

impl Emission {
    pub(crate) fn anchored(
        stream: &str,
        task: Option<TaskId>,
        anchors: &[&Tuple],
        values: &Values,
    ) -> Self {
        let anchors = anchors.iter().copied().cloned().collect();
        let (stream, values) = (stream.to_owned(), values.clone());
        Self { stream, task, anchors, message_id: Value::Null, values }
    }

    pub(crate) fn rooted(
        stream: &str,
        task: Option<TaskId>,
        message_id: &Value,
        values: &Values,
    ) -> Self {
        let (stream, message_id) = (stream.to_owned(), message_id.clone());
        Self { stream, task, anchors: Vec::new(), message_id, values: values.clone() }
    }
}

/// What a component did with its collector, in order.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) emissions: Vec<Emission>,
    pub(crate) settled: Vec<(Tuple, News)>,
}

/// What is common to the collectors of bolts and spouts.
#[derive(Debug)]
struct Mock {
    errors: Arc<Mutex<Vec<ReportedError>>>,
    clock: Arc<ManualClock>,
}

impl Mock {
    fn make(
        component: &str,
        task: TaskId,
        declared: OutputFieldsDeclarer,
    ) -> Result<(Self, Outlet, Reporter), TopologyError> {
        if let Some(error) = declared.errors.into_iter().next() {
            return Err(error);
        }
        let component: Arc<str> = component.into();
        let stream = |(stream, info): (String, crate::component::StreamInfo)| {
            let (component, stream) = (Arc::clone(&component), stream.into());
            let source = Arc::new(Source { component, stream, fields: info.fields });
            OutStream { source, subscribers: Vec::new() }
        };
        let streams: Vec<_> = declared.streams.into_iter().map(stream).collect();
        let (errors, clock) = (Arc::default(), Arc::new(ManualClock::new()));
        let names = streams.iter().map(|stream| Arc::clone(&stream.source.stream));
        let stats = Arc::new(TaskStats::new(task, names, [], 0));
        let meter = Meter::new(stats, Arc::clone(&clock) as Arc<dyn Clock>, None);
        let mut outlet = Outlet::new(task, 0, streams, false, meter);
        outlet.recording = Some(Box::default());
        let throttle = ErrorThrottle::new(usize::MAX, Duration::MAX, 0);
        let reporter = Reporter {
            component,
            task,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            throttle: Arc::new(Mutex::new(throttle)),
            errors: Arc::clone(&errors),
        };
        Ok((Self { errors, clock }, outlet, reporter))
    }

    fn errors(&self) -> Vec<String> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|error| error.message.clone()).collect()
    }
}

fn declare<'s, F: IntoFields>(
    outputs: impl IntoIterator<Item = (&'s str, F)>,
) -> OutputFieldsDeclarer {
    let mut declarer = OutputFieldsDeclarer::default();
    for (stream, fields) in outputs {
        declarer.declare_stream(stream, fields);
    }
    declarer
}

fn emissions(outlet: &Outlet) -> &[Emission] {
    outlet.recording.as_ref().map_or(&[], |recording| &recording.emissions)
}

fn emitted_on(outlet: &Outlet, stream: &str) -> Vec<Values> {
    let on = emissions(outlet).iter().filter(|emission| emission.stream == stream);
    on.map(|emission| emission.values.clone()).collect()
}

/// A collector for a bolt under test: nobody subscribes to what is emitted, it is taken down.
///
/// Every direct emission succeeds, whatever task it names.
#[derive(Debug)]
pub struct MockCollector {
    collector: OutputCollector,
    mock: Mock,
}

impl MockCollector {
    /// The collector of a task whose component has these output streams.
    pub fn new<'s, F: IntoFields>(
        component: &str,
        task: TaskId,
        outputs: impl IntoIterator<Item = (&'s str, F)>,
    ) -> Result<Self, TopologyError> {
        Self::declared(component, task, declare(outputs))
    }

    /// The collector of a task whose component has the streams that a bolt declares.
    pub fn of_bolt(
        component: &str,
        task: TaskId,
        bolt: &impl RichBolt,
    ) -> Result<Self, TopologyError> {
        let mut declarer = OutputFieldsDeclarer::default();
        bolt.declare_output_fields(&mut declarer);
        Self::declared(component, task, declarer)
    }

    /// The collector of a task whose component has declared these streams.
    pub fn declared(
        component: &str,
        task: TaskId,
        declared: OutputFieldsDeclarer,
    ) -> Result<Self, TopologyError> {
        let (mock, outlet, reporter) = Mock::make(component, task, declared)?;
        Ok(Self { collector: OutputCollector { outlet, reporter }, mock })
    }

    /// The same of a bolt in a topology with state, where every emission must be anchored.
    #[must_use]
    pub fn in_stateful_topology(mut self) -> Self {
        self.collector.outlet = self.collector.outlet.anchored_only(true);
        self
    }

    /// What the bolt is to be given.
    pub const fn collector(&mut self) -> &mut OutputCollector {
        &mut self.collector
    }

    /// Everything that was emitted, in order.
    #[must_use]
    pub fn emitted(&self) -> &[Emission] {
        emissions(&self.collector.outlet)
    }

    /// The values that were emitted on one stream, in order.
    #[must_use]
    pub fn emitted_on(&self, stream: &str) -> Vec<Values> {
        emitted_on(&self.collector.outlet, stream)
    }

    fn settled(&self, wanted: News) -> Vec<Tuple> {
        let settled = self.collector.outlet.recording.iter().flat_map(|all| &all.settled);
        settled.filter(|(_, news)| *news == wanted).map(|(tuple, _)| tuple.clone()).collect()
    }

    /// The tuples that were acked, in order; one acked twice is there twice.
    #[must_use]
    pub fn acked(&self) -> Vec<Tuple> {
        self.settled(News::Ack)
    }

    /// The tuples that were failed, in order.
    #[must_use]
    pub fn failed(&self) -> Vec<Tuple> {
        self.settled(News::Fail)
    }

    /// The tuples whose timeout was started anew, in order.
    #[must_use]
    pub fn timeouts_reset(&self) -> Vec<Tuple> {
        self.settled(News::Reset)
    }

    /// The errors that were reported, in order. None is held back.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.mock.errors()
    }

    /// The clock that the collector reads. It stands still until it is moved.
    #[must_use]
    pub fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.mock.clock)
    }

    /// Forgets what was emitted, acked and failed.
    pub fn clear(&mut self) {
        self.collector.outlet.recording = Some(Box::default());
    }
}

/// A collector for a spout under test: nobody subscribes to what is emitted, it is taken down.
#[derive(Debug)]
pub struct MockSpoutCollector {
    collector: SpoutOutputCollector,
    mock: Mock,
}

impl MockSpoutCollector {
    /// The collector of a task whose component has these output streams.
    pub fn new<'s, F: IntoFields>(
        component: &str,
        task: TaskId,
        outputs: impl IntoIterator<Item = (&'s str, F)>,
    ) -> Result<Self, TopologyError> {
        Self::declared(component, task, declare(outputs))
    }

    /// The collector of a task whose component has the streams that a spout declares.
    pub fn of_spout(
        component: &str,
        task: TaskId,
        spout: &impl RichSpout,
    ) -> Result<Self, TopologyError> {
        let mut declarer = OutputFieldsDeclarer::default();
        spout.declare_output_fields(&mut declarer);
        Self::declared(component, task, declarer)
    }

    fn declared(
        component: &str,
        task: TaskId,
        declared: OutputFieldsDeclarer,
    ) -> Result<Self, TopologyError> {
        let (mock, outlet, reporter) = Mock::make(component, task, declared)?;
        let collector = SpoutOutputCollector {
            outlet,
            reporter,
            openings: Vec::new(),
            accepted: Vec::new(),
            last_root: Rc::default(),
            pending: 0,
        };
        Ok(Self { collector, mock })
    }

    /// What the spout is to be given.
    pub const fn collector(&mut self) -> &mut SpoutOutputCollector {
        &mut self.collector
    }

    /// Everything that was emitted, in order.
    #[must_use]
    pub fn emitted(&self) -> &[Emission] {
        emissions(&self.collector.outlet)
    }

    /// The values that were emitted on one stream, in order.
    #[must_use]
    pub fn emitted_on(&self, stream: &str) -> Vec<Values> {
        emitted_on(&self.collector.outlet, stream)
    }

    /// The errors that were reported, in order. None is held back.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.mock.errors()
    }

    /// The clock that the collector reads. It stands still until it is moved.
    #[must_use]
    pub fn clock(&self) -> Arc<ManualClock> {
        Arc::clone(&self.mock.clock)
    }

    /// Forgets what was emitted.
    pub fn clear(&mut self) {
        self.collector.outlet.recording = Some(Box::default());
        self.collector.accepted.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmitError, values};

    #[test]
    fn what_a_bolt_does_is_taken_down_in_order() {
        let mut mock =
            MockCollector::new("b", 2, [("default", ["x"]), ("side", ["x"])]).expect("two streams");
        let [a, b] =
            [1, 2].map(|x| tuple("s", "default", ["x"], 1, values![x]).expect("one field"));
        let out = mock.collector();
        out.emit([&a, &b], values![1]).expect("declared");
        out.emit_direct(7, "side", [&b], values![2]).expect("declared");
        let unknown = out.emit_to("none", [&a], values![3]).expect_err("not declared");
        assert_eq!(unknown, EmitError::UnknownStream { stream: "none".into() });
        out.fail(&b);
        out.ack(&a);
        out.reset_timeout(&a);
        out.report_error("oops");
        let seen: Vec<_> = mock
            .emitted()
            .iter()
            .map(|e| (e.stream.as_str(), e.task, e.anchors.len(), e.values.clone()))
            .collect();
        assert_eq!(seen, [("default", None, 2, values![1]), ("side", Some(7), 1, values![2])]);
        assert!(mock.acked().len() == 1 && mock.acked()[0].is(&a));
        assert!(mock.failed().len() == 1 && mock.failed()[0].is(&b));
        assert!(mock.timeouts_reset().len() == 1 && mock.timeouts_reset()[0].is(&a));
        assert_eq!(mock.errors(), ["oops"]);
        mock.clear();
        assert!(mock.emitted().is_empty() && mock.acked().is_empty() && mock.failed().is_empty());
        mock.collector().emit_unanchored(values![1]).expect("no state here");
        let mut mock = mock.in_stateful_topology();
        let refused = mock.collector().emit_unanchored(values![1]).expect_err("not anchored");
        assert_eq!(refused, EmitError::Unanchored);
    }

    #[test]
    fn what_a_spout_emits_has_its_message_id() {
        let mut mock = MockSpoutCollector::new("s", 1, [("default", ["x"])]).expect("a stream");
        mock.collector().emit(values![1], 5).expect("declared");
        mock.collector().emit_untracked(values![2]).expect("declared");
        let ids: Vec<_> = mock.emitted().iter().map(|e| e.message_id.clone()).collect();
        assert_eq!(ids, [Value::from(5), Value::Null]);
        assert_eq!(mock.emitted_on("default"), [values![1], values![2]]);
        assert!(mock.emitted_on("other").is_empty());
    }

    #[test]
    fn a_tuple_has_a_value_for_each_field() {
        let error = tuple("s", "default", ["x"], 1, values![1, 2]).expect_err("two values");
        assert_eq!(
            error.to_string(),
            "a tuple with fields [x] has 2 values: give it one for each field"
        );
        assert!(tick().is_tick());
    }
}
