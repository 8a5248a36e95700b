//! A bolt of windows by itself: what feeds it, and what it saw.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use weir_dataflow::{Clock, ManualClock};
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::windowing::{TupleWindow, WindowedBolt, WindowedOutputCollector};
use weir_topology::{ComponentResult, Config, RichBolt, Tuple, Values};

/// An error as text.
pub(crate) fn text(error: impl Display) -> String {
    error.to_string()
}

/// The first values of the tuples of each window.
pub(crate) type Seen = Rc<RefCell<Vec<Vec<i64>>>>;

/// A bolt that takes down its windows.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    pub(crate) seen: Seen,
    pub(crate) conf: Config,
}

impl WindowedBolt for Windows {
    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        _: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let values = window.get().map(|tuple| tuple.int(0)).collect::<Result<_, _>>()?;
        self.seen.borrow_mut().push(values);
        Ok(())
    }

    fn component_configuration(&self) -> Config {
        self.conf.clone()
    }
}

/// Feeds one task of a bolt.
pub(crate) struct Driver<B> {
    pub(crate) bolt: B,
    pub(crate) mock: MockCollector,
    pub(crate) clock: Arc<ManualClock>,
    fields: Vec<String>,
}

impl<B: RichBolt> Driver<B> {
    /// Prepares it; `conf` is what the topology says. Its tuples have these fields. It has the streams
    /// that it declares; if some are given, those instead.
    pub(crate) fn prepared(
        mut bolt: B,
        conf: &Config,
        fields: &[&str],
        streams: Option<&[String]>,
    ) -> Result<Self, String> {
        let clock = Arc::new(ManualClock::new());
        let mock = MockCollector::of_bolt("windows", 2, &bolt).map_err(text)?;
        let context = MockContext::new("windows", 2).clock(Arc::clone(&clock) as _);
        let mut context = context.input("a", "s", fields).map_err(text)?;
        match streams {
            None => context = context.outputs_of(&bolt),
            Some(streams) => {
                for stream in streams {
                    context = context.output(stream, ["any"]).map_err(text)?;
                }
            }
        }
        let conf = conf.merged(&bolt.component_configuration());
        bolt.prepare(&conf, &context.build()).map_err(text)?;
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Ok(Self { bolt, mock, clock, fields })
    }

    /// Feeds a tuple.
    pub(crate) fn feed(&mut self, values: Values) -> Result<Tuple, String> {
        let input = tuple("a", "s", self.fields.as_slice(), 1, values).map_err(text)?;
        self.bolt.execute(input.clone(), self.mock.collector()).map_err(text)?;
        Ok(input)
    }

    /// Lets time pass, and wakes the bolt when it wants to be woken.
    pub(crate) fn pass(&mut self, time: Duration) -> Result<(), String> {
        let until = self.clock.now_ns() + time.as_nanos() as u64;
        while let Some(at) = self.bolt.wake_at().filter(|at| *at <= until) {
            self.clock.set(at);
            self.bolt.wake(at, self.mock.collector()).map_err(text)?;
        }
        self.clock.set(until);
        Ok(())
    }

    /// Makes a watermark.
    pub(crate) fn watermark(&mut self) -> Result<(), String> {
        self.pass(Duration::from_secs(1))
    }
}
