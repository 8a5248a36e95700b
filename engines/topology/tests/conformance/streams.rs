//! Cases of streams: what bolts make of tuples, and joins. Those of what bolts there are stand in
//! `streams_builder`.

use crate::case::{Case, Outcome, equal};
use crate::skips::RIGHTED;
use crate::streams_builder;
use crate::window_driver::text;
use serde_json::Value as Json;
use std::sync::{Arc, Mutex, PoisonError};
use weir_topology::state::{
    Action, CHECKPOINT_FIELD_ACTION, CHECKPOINT_FIELD_TXID, CHECKPOINT_STREAM,
};
use weir_topology::streams::{CountItems, Datum, Item, PairStream, Stream, StreamBuilder, Sum};
use weir_topology::testing::{Emission, MockCollector, MockContext, tuple};
use weir_topology::windowing::{Count, WindowConfig};
use weir_topology::{
    Config, FixedTupleSpout, LocalCluster, MockedSources, RichBolt, StormTopology, Tuple, Value,
    Values, values,
};

/// Executes a case; `None` if it belongs elsewhere.
pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "streams_joins" {
        return None;
    }
    Some(match case.name() {
        name if name.starts_with("joinbolt_") => return None,
        name if name.starts_with("builder_") => streams_builder::run(case),
        "stateful_processor" => stateful(case),
        "windowed_processor" => windowed(case),
        name if name.starts_with("processor_") => processor(case),
        "cogroup" => co_group(case),
        _ => join(case),
    })
}

fn value(json: &Json) -> Result<Value, String> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::String(text) => Ok(text.as_str().into()),
        Json::Array(all) => Ok(all.iter().map(value).collect::<Result<Values, _>>()?.into()),
        _ => json.as_i64().map(Value::from).ok_or_else(|| format!("unknown value {json}")),
    }
}

fn row(json: &Json) -> Result<Values, String> {
    json.as_array().ok_or_else(|| format!("{json} is no list"))?.iter().map(value).collect()
}

/// A bolt of a topology by itself, and what it was given.
struct Bench {
    bolt: Box<dyn RichBolt>,
    mock: MockCollector,
    /// Component and stream that items come from.
    from: (String, String),
    fields: Vec<String>,
    fed: Vec<Tuple>,
}

impl Bench {
    fn new(topology: &StormTopology, id: &str) -> Result<Self, String> {
        let mut bolt = topology.make_bolt(id).ok_or_else(|| format!("there is no {id}"))?;
        let from = topology.inputs(id).next().map(|(from, _)| from).ok_or("no input")?;
        let stream = topology.streams(&from.component).find(|(stream, _)| *stream == from.stream);
        let fields = stream.ok_or("no stream")?.1.iter().map(str::to_owned).collect();
        let from = (from.component.clone(), from.stream.clone());
        let mock = MockCollector::of_bolt(id, 9, &bolt).map_err(text)?;
        let mut context = MockContext::new(id, 9).tasks(&from.0, [1]);
        for (input, _) in topology.inputs(id) {
            let fields = topology.streams(&input.component).find(|(name, _)| *name == input.stream);
            let fields = fields.ok_or("no stream")?.1;
            context = context.input(&input.component, &input.stream, fields).map_err(text)?;
        }
        let conf = Config::new().merged(&bolt.component_configuration());
        bolt.prepare(&conf, &context.build()).map_err(text)?;
        Ok(Self { bolt, mock, from, fields, fed: Vec::new() })
    }

    fn feed(&mut self, values: Values) -> Outcome {
        let fed = tuple(&self.from.0, &self.from.1, self.fields.as_slice(), 1, values);
        self.give(fed.map_err(text)?)
    }

    /// Tells it that a window has ended.
    fn punctuate(&mut self) -> Outcome {
        let stream = format!("{}__punctuation", self.from.1);
        let fed = tuple(&self.from.0, &stream, ["punctuation"], 1, values!["__punctuation"]);
        self.give(fed.map_err(text)?)
    }

    fn give(&mut self, tuple: Tuple) -> Outcome {
        self.fed.push(tuple.clone());
        self.bolt.execute(tuple, self.mock.collector()).map_err(text)
    }

    fn checkpoint(&mut self, action: Action) -> Outcome {
        let fields = [CHECKPOINT_FIELD_TXID, CHECKPOINT_FIELD_ACTION];
        let tuple = tuple(&self.from.0, CHECKPOINT_STREAM, fields, 1, values![1, action.name()]);
        self.bolt.execute(tuple.map_err(text)?, self.mock.collector()).map_err(text)
    }

    /// The tuples, by their places among those fed, from 1, as the cases name them.
    fn names(&self, tuples: &[Tuple]) -> Result<Vec<String>, String> {
        let name = |tuple: &Tuple| {
            let at = self.fed.iter().position(|fed| fed.is(tuple)).ok_or("an unknown tuple")?;
            Ok(format!("t{}", at + 1))
        };
        tuples.iter().map(name).collect()
    }

    fn emitted(&self) -> Vec<&Emission> {
        self.mock.emitted().iter().filter(|e| e.stream != CHECKPOINT_STREAM).collect()
    }

    /// Compares emissions. What the cases call `outputstream` is the bolt's only stream of items.
    fn compare_emissions(&self, expected: &Case<'_>) -> Outcome {
        let (got, want) = (self.emitted(), expected.parts("emits")?);
        equal("emissions", &got.len(), &want.len())?;
        let items = got.first().map(|first| first.stream.clone()).unwrap_or_default();
        for (got, want) in got.iter().zip(want) {
            equal("values", &got.values, &row(&want["values"])?)?;
            if want.has("stream") {
                let stream = got.stream.replacen(&items, "outputstream", 1);
                equal("stream", &stream.as_str(), &want.text("stream")?)?;
            }
            if want.has("anchors") {
                let anchors: Vec<Json> =
                    serde_json::from_value(want["anchors"].clone()).map_err(text)?;
                let got = self.names(&got.anchors)?;
                equal("anchors", &got.into_iter().map(Json::from).collect(), &anchors)?;
            }
        }
        Ok(())
    }
}

/// Lets a stream go on in another bolt.
fn leave<T: Item>(stream: &Stream<T>) {
    stream.repartition(1).for_each(|_| ());
}

fn spout(fields: &'static [&'static str]) -> impl Fn() -> FixedTupleSpout + Send + Sync + 'static {
    move || FixedTupleSpout::new(fields, []).expect("different fields")
}

/// A bolt in which items are filtered, or windows of others aggregated.
fn processor(case: &Case<'_>) -> Outcome {
    let (params, builder) = (case.part("params"), StreamBuilder::new());
    let timestamps = params.has("timestamp_field").then(|| params.text("timestamp_field"));
    let spout = spout(if timestamps.is_some() { &["value", "ts"] } else { &["value"] });
    let stream = builder.new_stream(spout, |tuple| Ok(tuple.int("value")?), 1);
    let bolt = match params.text("processor")? {
        "filter true" => {
            let filtered = stream.filter(|_| true);
            match timestamps.transpose()? {
                None => leave(&filtered),
                Some(field) => {
                    let second = std::time::Duration::from_secs(1);
                    let windows = WindowConfig::tumbling(second).timestamp_field(field);
                    leave(&filtered.window(windows).aggregate(CountItems));
                }
            }
            "bolt1"
        }
        "aggregate LongSum" if params.flag("windowed")? => {
            let windows = stream.window(WindowConfig::tumbling(Count(2))).map(|item| item);
            leave(&windows.repartition(1).aggregate(Sum));
            "bolt3"
        }
        other => return Err(format!("unknown processor {other}")),
    };
    let mut bench = Bench::new(&builder.build().map_err(text)?, bolt)?;
    let expected = case.part("expected");
    match case.get("input") {
        Some(Json::Array(items)) => {
            for item in items {
                match item.as_str() {
                    Some("__punctuation") => bench.punctuate()?,
                    _ => bench.feed([value(item)?].into())?,
                }
            }
        }
        Some(fields) => bench.feed([value(&fields["value"])?, value(&fields["ts"])?].into())?,
        None => return Err("no input".into()),
    }
    bench.compare_emissions(&expected)?;
    settled(&bench, &expected)
}

/// Compares anchors of all emissions, and acks. In Storm's test of windows the tuples are `t2` and
/// `t3`, and `punctuation`.
fn settled(bench: &Bench, expected: &Case<'_>) -> Outcome {
    let renamed = expected.has("anchors_each");
    let names = |tuples: &[Tuple]| -> Result<Vec<String>, String> {
        let names = bench.names(tuples)?.into_iter().map(|name| match &*name {
            "t1" if renamed => "t2".to_owned(),
            "t2" if renamed => "t3".to_owned(),
            "t3" if renamed => "punctuation".to_owned(),
            _ => name,
        });
        Ok(names.collect())
    };
    let texts = |field: &str| -> Result<Vec<String>, String> {
        serde_json::from_value(expected[field].clone()).map_err(text)
    };
    if renamed {
        for emission in bench.emitted() {
            equal("anchors", &names(&emission.anchors)?, &texts("anchors_each")?)?;
        }
    }
    if expected.has("acks") {
        equal("acks", &names(&bench.mock.acked())?, &texts("acks")?)?;
    }
    Ok(())
}

/// A bolt that updates state. Its first tuple's ack waits for the commit.
fn stateful(case: &Case<'_>) -> Outcome {
    case.part("params").says("processor", "updateStateByKey(init 0, +1)")?;
    let builder = StreamBuilder::new();
    let read = |tuple: &Tuple| Ok((tuple.text(0)?.to_owned(), tuple.text(1)?.to_owned()));
    let pairs = builder.new_pair_stream(spout(&["key", "value"]), read, 1);
    leave(&pairs.update_state_by_key(|| 0, |count: i64, _| count + 1).to_pair_stream());
    let mut bench = Bench::new(&builder.build().map_err(text)?, "bolt1")?;
    bench.mock = bench.mock.in_stateful_topology();
    bench.checkpoint(Action::InitState)?;
    let rows = case.list("input")?;
    for json in rows {
        bench.feed(row(json)?)?;
    }
    let expected = case.part("expected");
    bench.compare_emissions(&expected)?;
    bench.checkpoint(Action::Prepare)?;
    bench.checkpoint(Action::Commit)?;
    let acked = bench.mock.acked();
    let acked = acked.iter().filter(|acked| bench.fed.iter().any(|fed| fed.is(acked))).count();
    equal("acks", &acked, &expected.count("acks")?)?;
    // What was put is what the next pair of the key finds.
    let [key, put] = row(&expected["state_put"])?.to_vec().try_into().map_err(|_| "no pair")?;
    bench.mock.clear();
    bench.feed(values![key.clone(), "more"])?;
    let found = put.as_int().ok_or("the state is no number")? + 1;
    equal("found", &bench.emitted()[0].values, &values![key, found])
}

/// A bolt of windows. Storm's test hands a window over by itself, of another length than configured.
fn windowed(case: &Case<'_>) -> Outcome {
    let (params, builder) = (case.part("params"), StreamBuilder::new());
    params.says("processor", "count")?;
    params.says("window", "tumbling 2")?;
    let input = case.part("input");
    let items = input.list("window")?;
    let length = i64::try_from(items.len()).map_err(text)?;
    let stream = builder.new_stream(spout(&["value"]), |tuple| Ok(tuple.int(0)?), 1);
    leave(&stream.window(WindowConfig::tumbling(Count(length))).aggregate(CountItems));
    let mut bench = Bench::new(&builder.build().map_err(text)?, "bolt2")?;
    for item in items {
        bench.feed([value(item)?].into())?;
    }
    let expected = case.part("expected");
    bench.compare_emissions(&expected)?;
    expected.says("anchoring", "done by the windowed collector")?;
    for emission in bench.emitted() {
        equal("anchors", &emission.anchors.len(), &bench.fed.len())?;
    }
    Ok(())
}

type Pairs = PairStream<i64, Value>;

/// Runs a topology of two streams of pairs in one window, and returns what comes of them.
fn together<R: Datum>(
    sides: [&[Json]; 2],
    operate: impl FnOnce(&Pairs, &Pairs) -> PairStream<i64, R>,
) -> Result<Vec<Values>, String> {
    let builder = StreamBuilder::new();
    let sources = ["spout1", "spout2"].into_iter().zip(sides);
    let sources = sources
        .map(|(id, rows)| Ok((id, rows.iter().map(row).collect::<Result<Vec<_>, String>>()?)));
    let sources = sources.collect::<Result<Vec<_>, String>>()?;
    let all: usize = sources.iter().map(|(_, rows)| rows.len()).sum();
    let read = |tuple: &Tuple| Ok((tuple.int(0)?, tuple.get(1)?.clone()));
    let [left, right] =
        [(); 2].map(|()| builder.new_pair_stream(spout(&["key", "value"]), read, 1));
    let window = WindowConfig::tumbling(Count(i64::try_from(all).map_err(text)?));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&seen);
    operate(&left.window(window), &right).for_each(move |pair| {
        let row = pair.into_row();
        taken.lock().unwrap_or_else(PoisonError::into_inner).push(values![row.key, row.value]);
    });
    let mocked = sources.into_iter().fold(MockedSources::new(), |m, (id, rows)| m.add(id, rows));
    // Tuples of a window are acked when the next one comes: here there is none.
    let mut conf = Config::new();
    conf.put(Config::TOPOLOGY_ACKER_EXECUTORS, 0);
    let topology = builder.build().map_err(text)?;
    LocalCluster::new().complete_topology(topology, conf, mocked).map_err(text)?;
    let seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(seen)
}

fn sides<'a>(case: &Case<'a>, first: &str, second: &str) -> Result<[&'a [Json]; 2], String> {
    let input = case.part("input");
    Ok([input.list(first)?, input.list(second)?])
}

fn join(case: &Case<'_>) -> Outcome {
    let (params, sides) = (case.part("params"), sides(case, "left", "right")?);
    let got = match (params.text("left")?, params.text("right")?) {
        ("INNER", "INNER") => together(sides, |left, right| left.join(right))?,
        ("OUTER", "INNER") => together(sides, |left, right| left.left_outer_join(right))?,
        ("INNER", "OUTER") => together(sides, |left, right| left.right_outer_join(right))?,
        ("OUTER", "OUTER") => together(sides, |left, right| left.full_outer_join(right))?,
        other => return Err(format!("unknown join {other:?}")),
    };
    let want = case.list("expected")?.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let outer = (params.text("left")? == "OUTER", params.text("right")? == "OUTER");
    let rows = |side: &[Json]| side.iter().map(row).collect::<Result<Vec<_>, String>>();
    let (left, right) = (rows(sides[0])?, rows(sides[1])?);
    let [storm, all] = [true, false].map(|loses| joined(&left, &right, outer, loses));
    if want == storm && storm != all {
        // Recorded with Storm's bug: what is right is every pair of a key.
        let sorted = |mut rows: Vec<Values>| {
            rows.sort();
            rows
        };
        equal("all pairs", &sorted(got), &sorted(all))?;
        return Err(format!("{RIGHTED}a join finds all pairs of a key"));
    }
    equal("joined", &got, &want)
}

/// A join by a hash table of the smaller side, the right one of two equal ones. With Storm's bug a key
/// leaves the table with the first row that asks for it.
fn joined(
    left: &[Values],
    right: &[Values],
    (outer_left, outer_right): (bool, bool),
    loses: bool,
) -> Vec<Values> {
    let on_left = left.len() < right.len();
    let (table, probe) = if on_left { (left, right) } else { (right, left) };
    let (outer_table, outer_probe) =
        if on_left { (outer_left, outer_right) } else { (outer_right, outer_left) };
    let pair = |key: &Value, table: Value, probe: Value| {
        let both = if on_left { values![table, probe] } else { values![probe, table] };
        values![key.clone(), both]
    };
    let (mut asked, mut rows) = (Vec::new(), Vec::new());
    for row in probe {
        let found = table.iter().filter(|other| other[0] == row[0]);
        let found: Vec<_> = found.filter(|_| !loses || !asked.contains(&row[0])).collect();
        if found.is_empty() && outer_probe {
            rows.push(pair(&row[0], Value::Null, row[1].clone()));
        }
        rows.extend(found.iter().map(|other| pair(&row[0], other[1].clone(), row[1].clone())));
        asked.push(row[0].clone());
    }
    let unasked = table.iter().filter(|row| outer_table && !asked.contains(&row[0]));
    rows.extend(unasked.map(|row| pair(&row[0], row[1].clone(), Value::Null)));
    rows
}

fn co_group(case: &Case<'_>) -> Outcome {
    case.part("params").whole();
    let sides = sides(case, "first", "second")?;
    let got = together(sides, |first, second| first.co_group_by_key(second))?;
    let expected = case.part("expected");
    for (index, got) in got.iter().enumerate() {
        let field = format!("result_index{index}");
        if expected.has(&field) {
            let lists = got[1].as_list().ok_or("no lists")?;
            let got = values![got[0].clone(), lists[0].clone(), lists[1].clone()];
            equal(&field, &got, &row(&expected[&*field])?)?;
        }
    }
    Ok(())
}
