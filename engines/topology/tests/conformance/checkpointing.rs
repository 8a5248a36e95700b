//! Checkpoints: how they go on, the spout that sends them, and the bolts that get them.

use crate::case::{Case, Outcome, equal};
use serde_json::{Value as Json, json};
use std::cell::RefCell;
use std::time::Duration;
use weir_topology::state::{
    Action, CHECKPOINT_COMPONENT, CHECKPOINT_FIELD_ACTION, CHECKPOINT_FIELD_TXID,
    CHECKPOINT_STREAM, CheckpointSpout, CheckpointState, CheckpointTupleForwarder, KeyValue,
    Namespace, ProvidedState, State, StateError, StateProvider, StatefulBolt, StatefulBoltExecutor,
    Status,
};
use weir_topology::testing::{MockCollector, MockContext, MockSpoutCollector, tuple};
use weir_topology::{
    ComponentResult, Config, EmitError, OutputCollector, OutputFieldsDeclarer, RichBolt, RichSpout,
    Tuple, Value, values,
};

/// Runs a case of the area `checkpointing`; `None` for others.
pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    (area == "checkpointing").then(|| match case.get("input") {
        Some(Json::String(input)) if input == "nextAction,nextState" => transition(case),
        Some(Json::String(input)) => told(input, case),
        Some(Json::Array(steps)) if case.part("params").has("stored_state") => spout(steps, case),
        Some(Json::Array(steps)) => bolt(steps, case),
        other => Err(format!("input: {other:?}")),
    })
}

fn long(json: &Json) -> Result<i64, String> {
    json.as_i64().ok_or_else(|| format!("{json} is no whole number"))
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A state as `txid` and `state` say.
fn state_of(json: &Case<'_>) -> Result<CheckpointState, String> {
    let name = json.text("state")?;
    let status = Status::named(name).ok_or_else(|| format!("unknown state {name:?}"))?;
    Ok(CheckpointState { txid: json.int("txid")?, status })
}

fn transition(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let (state, recovering) = (state_of(&params)?, params.flag("recovering")?);
    equal("action", &state.next_action(recovering).name(), &expected.text("action")?)?;
    let next = state.next_state(recovering);
    equal("next_txid", &next.txid, &expected.int("next_txid")?)?;
    equal("next_state", &next.status.name(), &expected.text("next_state")?)
}

/// A spout that found `stored` is called as the steps say.
fn spout(steps: &[Json], case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let stored = params.part("stored_state");
    let elapsed = params.flag("checkpoint_interval_elapsed")?;
    let context = MockContext::new(CHECKPOINT_COMPONENT, 1).build();
    let provider = StateProvider::memory();
    {
        let mut kept: KeyValue<String, CheckpointState> =
            provider.key_value(&Namespace::of(&context)).map_err(words)?;
        kept.put(CheckpointSpout::KEY.to_owned(), state_of(&stored)?).map_err(words)?;
        kept.persist().map_err(words)?;
    }
    let mut spout = CheckpointSpout::new(provider);
    let mut mock = MockSpoutCollector::of_spout(CHECKPOINT_COMPONENT, 1, &spout).map_err(words)?;
    spout.open(&Config::new(), &context).map_err(words)?;
    for step in steps {
        match (step.as_str(), step[0].as_str()) {
            (Some("next"), _) => {
                if elapsed {
                    mock.clock().advance(Duration::from_millis(1001));
                }
                spout.next_tuple(mock.collector())
            }
            (_, Some("ack")) => spout.ack(Value::from(long(&step[1])?)),
            (_, Some("fail")) => spout.fail(Value::from(long(&step[1])?)),
            _ => return Err(format!("unknown step {step}")),
        }
        .map_err(words)?;
    }
    emissions(&mock, &expected)
}

fn emissions(mock: &MockSpoutCollector, expected: &Case<'_>) -> Outcome {
    let pair = |values: &weir_topology::Values| json!([values[0].as_int(), values[1].as_text()]);
    let all: Vec<Json> = mock.emitted().iter().map(|emission| pair(&emission.values)).collect();
    equal("emit_count", &all.len(), &expected.count("emit_count")?)?;
    equal("last_emit", &all.last().unwrap_or(&Json::Null), &&json!(expected.list("last_emit")?))?;
    equal("all_emits", &all, expected.list("all_emits_by_reference")?)?;
    let stream = expected.text("emit_stream")?;
    for emission in mock.emitted() {
        equal("emit_stream", &emission.stream.as_str(), &stream)?;
        match expected.text("message_id")? {
            "txid" => equal("message_id", &emission.message_id, &emission.values[0])?,
            other => return Err(format!("message_id: unknown {other:?}")),
        }
    }
    Ok(())
}

/// How often what was called, on this thread.
#[derive(Clone, Debug, Default)]
struct Calls {
    execute: u64,
    init_state: u64,
    pre_prepare: u64,
    pre_commit: u64,
    pre_rollback: u64,
    prepare_commit: u64,
    commit: u64,
    rollback: u64,
}

thread_local! {
    static CALLS: RefCell<Calls> = RefCell::default();
}

fn count(which: impl FnOnce(&mut Calls) -> &mut u64) {
    CALLS.with_borrow_mut(|calls| *which(calls) += 1);
}

fn calls() -> Calls {
    CALLS.with_borrow(Clone::clone)
}

/// State that counts what it is told and agrees to all of it.
struct Agreeing;

impl State for Agreeing {
    fn prepare_commit(&mut self, _txid: i64) -> Result<(), StateError> {
        count(|calls| &mut calls.prepare_commit);
        Ok(())
    }
    fn commit(&mut self, _txid: i64) -> Result<(), StateError> {
        count(|calls| &mut calls.commit);
        Ok(())
    }
    fn persist(&mut self) -> Result<(), StateError> {
        Ok(())
    }
    fn rollback(&mut self) -> Result<(), StateError> {
        count(|calls| &mut calls.rollback);
        Ok(())
    }
    fn is_committed(&self, _txid: i64) -> bool {
        false
    }
}

impl ProvidedState for Agreeing {
    fn open(_provider: &StateProvider, _namespace: &Namespace) -> Result<Self, StateError> {
        Ok(Self)
    }
}

/// A bolt that acks what it gets, after an emission without an anchor if it is told so.
struct Counting {
    unanchored: bool,
}

impl StatefulBolt for Counting {
    type State = Agreeing;

    fn init_state(&mut self, _state: &mut Agreeing) -> ComponentResult {
        count(|calls| &mut calls.init_state);
        Ok(())
    }

    fn execute(
        &mut self,
        tuple: Tuple,
        _state: &mut Agreeing,
        collector: &mut OutputCollector,
    ) -> ComponentResult {
        count(|calls| &mut calls.execute);
        if self.unanchored {
            collector.emit_unanchored(values![1])?;
        }
        collector.ack(&tuple);
        Ok(())
    }

    fn pre_prepare(&mut self, _txid: i64, _state: &mut Agreeing) -> ComponentResult {
        count(|calls| &mut calls.pre_prepare);
        Ok(())
    }

    fn pre_commit(&mut self, _txid: i64, _state: &mut Agreeing) -> ComponentResult {
        count(|calls| &mut calls.pre_commit);
        Ok(())
    }

    fn pre_rollback(&mut self, _state: &mut Agreeing) -> ComponentResult {
        count(|calls| &mut calls.pre_rollback);
        Ok(())
    }

    fn declare_output_fields(&self, declarer: &mut OutputFieldsDeclarer) {
        declarer.declare(["x"]);
    }
}

/// A bolt without state, for the forwarder.
struct Plain;

impl RichBolt for Plain {
    fn execute(&mut self, tuple: Tuple, collector: &mut OutputCollector) -> ComponentResult {
        collector.ack(&tuple);
        Ok(())
    }
}

/// A bolt with the tasks before it.
struct Bench<B> {
    bolt: B,
    mock: MockCollector,
    tasks: usize,
}

impl<B: RichBolt> Bench<B> {
    fn new(mut bolt: B, tasks: usize) -> Result<Self, String> {
        CALLS.set(Calls::default());
        let fields = [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION];
        let context = MockContext::new("bolt", 100)
            .tasks("before", (1..).take(tasks))
            .input("before", "default", ["x"])
            .and_then(|context| context.input("before", CHECKPOINT_STREAM, fields))
            .map_err(words)?
            .build();
        let mock =
            MockCollector::of_bolt("bolt", 100, &bolt).map_err(words)?.in_stateful_topology();
        bolt.prepare(&Config::new(), &context).map_err(words)?;
        Ok(Self { bolt, mock, tasks })
    }

    /// A tuple that is not a checkpoint.
    fn tuple(&mut self, stream: &str) -> Result<Tuple, String> {
        let tuple = tuple("before", stream, ["x"], 1, values![1]).map_err(words)?;
        self.bolt.execute(tuple.clone(), self.mock.collector()).map_err(words)?;
        Ok(tuple)
    }

    /// A checkpoint from all tasks before the bolt; the tuple that came last.
    fn checkpoint(&mut self, action: Action, txid: i64) -> Result<Tuple, String> {
        let mut last = None;
        for task in (1..).take(self.tasks) {
            let fields = [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION];
            let values = values![txid, action.name()];
            let tuple = tuple("before", CHECKPOINT_STREAM, fields, task, values).map_err(words)?;
            self.bolt.execute(tuple.clone(), self.mock.collector()).map_err(words)?;
            last = Some(tuple);
        }
        last.ok_or_else(|| "no tasks".into())
    }

    fn acked(&self, tuple: &Tuple) -> bool {
        self.mock.acked().iter().any(|acked| acked.is(tuple))
    }

    fn failed(&self, tuple: &Tuple) -> bool {
        self.mock.failed().iter().any(|failed| failed.is(tuple))
    }
}

type Stateful = Bench<StatefulBoltExecutor<Counting>>;

fn stateful(tasks: usize, unanchored: bool) -> Result<Stateful, String> {
    Bench::new(StatefulBoltExecutor::new(Counting { unanchored }, StateProvider::memory()), tasks)
}

/// A stateful bolt gets what the steps say.
fn bolt(steps: &[Json], case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let mut bench = stateful(params.count("checkpoint_input_tasks")?, false)?;
    let mut settled = Vec::new();
    for step in steps {
        let text = |at: usize| step[at].as_str().ok_or_else(|| format!("unknown step {step}"));
        let checkpoint = match text(0)? {
            "tuple" => bench.tuple(text(1)?).map(|_| None)?,
            "checkpoint" => {
                let action = Action::named(text(1)?).ok_or_else(|| format!("unknown: {step}"))?;
                Some(bench.checkpoint(action, long(&step[2])?)?)
            }
            _ => return Err(format!("unknown step {step}")),
        };
        settled.push(checkpoint.map(|tuple| (bench.acked(&tuple), bench.failed(&tuple))));
    }
    for (field, want) in expected.whole().as_object().into_iter().flatten() {
        let want = want.as_u64().ok_or_else(|| format!("{field}: {want} is no count"))?;
        equal(field, &observed(field, want, &settled)?, &want)?;
    }
    Ok(())
}

/// What an expectation is about. `settled` says of each step whether its checkpoint was acked, and
/// failed.
fn observed(field: &str, want: u64, settled: &[Option<(bool, bool)>]) -> Result<u64, String> {
    let calls = calls();
    let at = |step: usize| step.checked_sub(1).and_then(|step| *settled.get(step)?);
    Ok(match field {
        "bolt_execute" => calls.execute,
        "init_state" => calls.init_state,
        "pre_prepare" => calls.pre_prepare,
        "pre_commit" => calls.pre_commit,
        "pre_rollback" => calls.pre_rollback,
        "state_prepare_commit" => calls.prepare_commit,
        "state_commit" => calls.commit,
        "state_rollback" => calls.rollback,
        // The value is the step.
        "checkpoint_tuple_failed_after_step" | "checkpoint_tuple_acked_after_step" => {
            let failed = field.contains("failed");
            let is = |settled: &Option<(bool, bool)>| settled.is_some_and(|(_, f)| f == failed);
            let found = usize::try_from(want).is_ok_and(|step| is(&at(step)));
            if found { want } else { settled.iter().position(is).map_or(0, |step| step as u64 + 1) }
        }
        // The step is in the name, and the value says how often.
        _ => {
            match field.strip_prefix("checkpoint_tuple_").and_then(|f| f.split_once("_after_step"))
            {
                Some((how, step)) => {
                    let (acked, failed) = step.parse().ok().and_then(at).unwrap_or_default();
                    u64::from(if how == "acked" { acked } else { failed })
                }
                None => return Err(format!("not understood: {field}")),
            }
        }
    })
}

/// `ACTION(txid)`, somewhere in a text.
fn request(text: &str) -> Result<(Action, i64), String> {
    let unknown = || format!("not understood: {text:?}");
    let (before, after) = text.split_once('(').ok_or_else(unknown)?;
    let name = before.rsplit(' ').next().unwrap_or_default();
    let (txid, _) = after.split_once(')').ok_or_else(unknown)?;
    Ok((Action::named(name).ok_or_else(unknown)?, txid.parse().map_err(|_| unknown())?))
}

/// Cases that are told in prose, each of a form that is known.
fn told(input: &str, case: &Case<'_>) -> Outcome {
    case.part("params");
    if let Some((late, rest)) = input.split_once(" after lastTxid=") {
        equal("expected", &case.text("expected")?, &"ok")?;
        return ignored(request(late)?, rest);
    }
    if let Some((rollback, rest)) =
        input.strip_prefix("after ").and_then(|i| i.split_once(": lastTxid="))
    {
        equal("expected", &case.text("expected")?, &"ok")?;
        return processed_again(request(rollback)?, rest);
    }
    match input {
        "collector.emit(values) in any bolt of a stateful topology" => unanchored(case),
        "every bolt (stateful or wrapped) re-emits (txid,action) anchored on stream $checkpoint \
         after handling, all-grouped" => {
            equal("expected", &case.text("expected")?, &"ok")?;
            forwarded(stateful(1, false)?)?;
            forwarded(Bench::new(CheckpointTupleForwarder::new(Plain), 1)?)
        }
        _ if input.starts_with("bolt acks ") => deferred(input, case.text("expected")?),
        _ => Err(format!("input: not understood: {input:?}")),
    }
}

/// `N -> ack, no action`
fn ignored((action, txid): (Action, i64), rest: &str) -> Outcome {
    let (last, effect) =
        rest.split_once(" -> ").ok_or_else(|| format!("not understood: {rest}"))?;
    equal("effect", &effect, &"ack, no action")?;
    let last: i64 = last.parse().map_err(words)?;
    let mut bench = stateful(1, false)?;
    for action in [Action::InitState, Action::Prepare, Action::Commit] {
        bench.checkpoint(action, last)?;
    }
    let (before, sent) = (format!("{:?}", calls()), bench.mock.emitted().len());
    let tuple = bench.checkpoint(action, txid)?;
    equal("acked", &bench.acked(&tuple), &true)?;
    equal("calls", &format!("{:?}", calls()), &before)?;
    equal("sent on", &bench.mock.emitted().len(), &sent)
}

/// `N, so PREPARE(M) is processed`
fn processed_again((rollback, txid): (Action, i64), rest: &str) -> Outcome {
    let (_, next) = rest.split_once(", so ").ok_or_else(|| format!("not understood: {rest}"))?;
    let (action, next) = request(next)?;
    let mut bench = stateful(1, false)?;
    bench.checkpoint(Action::InitState, txid - 1)?;
    bench.checkpoint(Action::Prepare, txid)?;
    bench.checkpoint(rollback, txid)?;
    let sent = bench.mock.emitted().len();
    let prepared = calls().prepare_commit;
    let tuple = bench.checkpoint(action, next)?;
    equal("acked", &bench.acked(&tuple), &true)?;
    equal("prepared", &calls().prepare_commit, &(prepared + 1))?;
    equal("sent on", &bench.mock.emitted().len(), &(sent + 1))
}

/// `bolt acks t1 then PREPARE then bolt acks t2 then COMMIT`; `t1 acked on COMMIT; t2 only on the next
/// COMMIT`
fn deferred(input: &str, expected: &str) -> Outcome {
    let mut bench = stateful(1, false)?;
    bench.checkpoint(Action::InitState, 0)?;
    let (mut tuples, mut commits) = (Vec::new(), Vec::new());
    let mut txid = 0;
    // One more checkpoint shows what the first has not covered.
    for step in input.split(" then ").chain(["PREPARE", "COMMIT"]) {
        if let Some(name) = step.strip_prefix("bolt acks ") {
            tuples.push((name, bench.tuple("default")?));
            continue;
        }
        let action = Action::named(step).ok_or_else(|| format!("not understood: {step:?}"))?;
        txid += i64::from(action == Action::Prepare);
        bench.checkpoint(action, txid)?;
        if action == Action::Commit {
            commits.push(tuples.iter().map(|(_, tuple)| bench.acked(tuple)).collect::<Vec<_>>());
        } else if commits.is_empty() && tuples.iter().any(|(_, tuple)| bench.acked(tuple)) {
            return Err(format!("acked at {step}"));
        }
    }
    for clause in expected.split("; ") {
        let (name, when) = clause.split_once(' ').unwrap_or_default();
        let at = tuples.iter().position(|(other, _)| *other == name);
        let at = at.ok_or_else(|| format!("not understood: {clause:?}"))?;
        let acked: Vec<bool> = commits.iter().map(|acked| acked[at]).collect();
        let want = match when {
            "acked on COMMIT" => [true, true],
            "only on the next COMMIT" => [false, true],
            _ => return Err(format!("not understood: {clause:?}")),
        };
        equal(clause, &acked, &want.to_vec())?;
    }
    Ok(())
}

fn unanchored(case: &Case<'_>) -> Outcome {
    let expected = case.part("expected");
    let mut bench = stateful(1, true)?;
    bench.checkpoint(Action::InitState, 0)?;
    let error = bench.tuple("default").err().unwrap_or_default();
    equal("error", &expected.text("error")?, &"UnsupportedOperationException")?;
    equal("message", &error.as_str(), &expected.text("message")?)?;
    equal("kind", &error, &EmitError::Unanchored.to_string())
}

fn forwarded<B: RichBolt>(mut bench: Bench<B>) -> Outcome {
    let steps =
        [(Action::InitState, 0), (Action::Prepare, 1), (Action::Commit, 1), (Action::Rollback, 2)];
    for (action, txid) in steps {
        bench.mock.clear();
        let tuple = bench.checkpoint(action, txid)?;
        let [sent] = bench.mock.emitted() else {
            return Err(format!("{action}: sent on {} times", bench.mock.emitted().len()));
        };
        equal("stream", &sent.stream.as_str(), &CHECKPOINT_STREAM)?;
        equal("values", &sent.values, &values![txid, action.name()])?;
        equal("anchors", &sent.anchors.iter().map(|a| a.is(&tuple)).collect(), &vec![true])?;
        equal("acked", &bench.acked(&tuple), &true)?;
    }
    Ok(())
}
