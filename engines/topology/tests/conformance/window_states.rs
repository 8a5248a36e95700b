//! Cases about bolts that take windows and keep state.

use crate::case::{Case, Outcome, equal, refused};
use crate::window_driver::{Seen, text};
use crate::windows::numbers;
use std::rc::Rc;
use weir_topology::state::{
    InMemoryKeyValueState, KeyValue, KeyValueState, Namespace, StateProvider, StatefulBolt,
};
use weir_topology::testing::{MockCollector, MockContext, tuple};
use weir_topology::windowing::{
    Count, StatefulWindowedBolt, StatefulWindowedBoltExecutor, TaskStream, TupleWindow,
    WindowConfig, WindowProgress, WindowSpec, WindowedOutputCollector, WindowedState,
};
use weir_topology::{ComponentResult, Config, values};

/// Executes a case of bolts whose windows are filled again.
pub(crate) fn stateful(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let (windows, conf) = windows(&params)?;
    let context = MockContext::new("windows", 2).input("a", "s", ["msgid"]).map_err(text)?;
    let bolt = Windows::default();
    let seen = Rc::clone(&bolt.seen);
    let mut bolt = bolt.windowed(windows);
    let conf = conf.merged(&bolt.component_configuration());
    let prepared = bolt.prepare(&conf, &context.build()).map_err(text);
    if expected.has("error") {
        let prose = "prepare without topology.bolts.message.id.field.name";
        case.says("input", prose)?;
        return refused(prepared, &expected);
    }
    prepared?;
    let input = case.part("input");
    if !input.has("msgids") {
        case.says("input", "prepare")?;
        return case.says("expected", "ok");
    }
    feed(bolt, &seen, &params, &input, &expected)
}

type State = KeyValue<String, i64>;

#[derive(Debug, Default)]
struct Windows {
    seen: Seen,
}

impl StatefulWindowedBolt for Windows {
    type State = State;

    fn execute(
        &mut self,
        window: &TupleWindow<'_>,
        _: &mut State,
        _: &mut WindowedOutputCollector<'_>,
    ) -> ComponentResult {
        let values = window.get().map(|tuple| tuple.int(0)).collect::<Result<_, _>>()?;
        self.seen.borrow_mut().push(values);
        Ok(())
    }
}

fn windows(params: &Case<'_>) -> Result<(WindowSpec, Config), String> {
    let mut conf = Config::new();
    if params.has("message_id_field") {
        conf.put(Config::TOPOLOGY_BOLTS_MESSAGE_ID_FIELD_NAME, params.text("message_id_field")?);
    }
    let mut windows = WindowConfig::new();
    if params.has("window_count") {
        windows = windows.length(Count(params.int("window_count")?));
        windows = windows.slide(Count(params.int("sliding_count")?));
    }
    Ok((windows.build().map_err(text)?, conf))
}

fn progress(of: &Case<'_>) -> Result<WindowProgress, String> {
    let (last_expired, last_evaluated) = (of.int("last_expired")?, of.int("last_evaluated")?);
    Ok(WindowProgress { last_expired, last_evaluated })
}

fn feed(
    mut bolt: StatefulWindowedBoltExecutor<Windows>,
    seen: &Seen,
    params: &Case<'_>,
    input: &Case<'_>,
    expected: &Case<'_>,
) -> Outcome {
    let source = input.list("source")?;
    let task = source.get(2).and_then(serde_json::Value::as_i64).ok_or("no task")?;
    let task = i32::try_from(task).map_err(text)?;
    let name = |n: usize| source.get(n).and_then(serde_json::Value::as_str).ok_or("no source");
    let (component, stream) = (name(0)?, name(1)?);
    let from = TaskStream { task, component: component.into(), stream: stream.into() };

    let mut streams = InMemoryKeyValueState::new();
    if params.has("saved_state") {
        streams.put(from.clone(), progress(&params.part("saved_state"))?).map_err(text)?;
    }
    let namespace = Namespace { topology: "t".into(), component: "windows".into(), task: 0 };
    let provider = StateProvider::memory();
    let user = provider.key_value(&namespace).map_err(text)?;
    let positions = Box::new(InMemoryKeyValueState::new());
    let mut state = WindowedState::new(user, Box::new(streams), positions);

    let mut mock = MockCollector::new("windows", 2, [("default", ["x"])]).map_err(text)?;
    bolt.init_state(&mut state).map_err(text)?;
    for id in input.ints("msgids")? {
        let fed = tuple(component, stream, ["msgid"], task, values![id]).map_err(text)?;
        bolt.execute(fed, &mut state, mock.collector()).map_err(text)?;
    }
    let acked: Result<Vec<_>, _> = mock.acked().iter().map(|acked| acked.int(0)).collect();
    let ignored = if expected.has("ignored_and_acked") {
        expected.ints("ignored_and_acked")?
    } else {
        Vec::new()
    };
    equal("acked", &acked.map_err(text)?, &ignored)?;
    if expected.has("windows") {
        let want = expected.list("windows")?.iter().map(numbers).collect::<Result<_, _>>()?;
        equal("windows", &*seen.borrow(), &want)?;
    }
    let kept = state.progress().map_err(text)?.get(&from).copied();
    equal("state", &kept, &Some(progress(&expected.part("state_put"))?))
}
