//! Cases of what topologies streams become.

use crate::case::{Case, Outcome, equal, refused};
use crate::window_driver::text;
use serde_json::{Value as Json, json};
use weir_topology::streams::{
    CountItems, PairStream, Predicate, Stream, StreamBuilder, StreamError,
};
use weir_topology::windowing::{Count, WindowConfig};
use weir_topology::{
    Config, FixedTupleSpout, OutputCollector, RichBolt, RichSpout, SpoutOutputCollector,
    StormTopology, Tuple,
};

/// Executes a case. Its input says in prose what is declared: a chain of operations, or streams that
/// are joined.
pub(crate) fn run(case: &Case<'_>) -> Outcome {
    case.part("params").whole();
    let builder = StreamBuilder::new();
    let input = case.text("input")?;
    match input {
        "branch(even, mult of 3) -> mapToPair each -> join" => return parents(case, &builder),
        "newStream(p2).branch(even,odd) both mapToPair, join" => {
            let _ = branched(&builder, 2);
        }
        chain => {
            let chain = chain.strip_suffix("; build").unwrap_or(chain);
            let chain = chain.strip_suffix(" (parallelism 1)").unwrap_or(chain);
            let branches = declare(&builder, chain)?;
            let expected = case.part("expected");
            if expected.has("branches") {
                equal("branches", &branches, &expected.count("branches")?)?;
            }
        }
    }
    compare(builder.build(), &case.part("expected"))
}

struct Nothing;

impl RichBolt for Nothing {
    fn execute(
        &mut self,
        tuple: Tuple,
        out: &mut OutputCollector,
    ) -> weir_topology::ComponentResult {
        out.ack(&tuple);
        Ok(())
    }
}

/// A spout whose only stream has another name.
struct Sideways;

impl RichSpout for Sideways {
    fn next_tuple(&mut self, _: &mut SpoutOutputCollector) -> weir_topology::ComponentResult {
        Ok(())
    }
    fn declare_output_fields(&self, declarer: &mut weir_topology::OutputFieldsDeclarer) {
        declarer.declare_stream("test", ["value"]);
    }
}

fn spout() -> FixedTupleSpout {
    FixedTupleSpout::new(["key", "value"], []).expect("two fields")
}

fn numbers(builder: &StreamBuilder, parallelism: usize) -> Stream<i64> {
    builder.new_stream(spout, |tuple| Ok(tuple.int(0)?), parallelism)
}

/// What a chain has come to.
enum Flow {
    Nothing,
    Tuples(Stream<Tuple>),
    Items(Stream<i64>),
    Pairs(PairStream<i64, i64>),
}

/// Declares a chain like `newStream(values, parallelism 2).filter.aggregate(count)`. Returns into how
/// many streams it was branched.
fn declare(builder: &StreamBuilder, chain: &str) -> Result<usize, String> {
    let (mut flow, mut branches) = (Flow::Nothing, 0);
    for step in chain.split('.') {
        let (name, rest) = step.split_once('(').unwrap_or((step, ")"));
        let of = rest.strip_suffix(')').ok_or_else(|| format!("unknown step {step}"))?;
        if let (Flow::Nothing, true) = (&flow, name != "newStream") {
            flow = Flow::Items(numbers(builder, 1));
        }
        flow = match (flow, name) {
            (Flow::Nothing, _) => begin(builder, of)?,
            (Flow::Items(items), "branch") => {
                let taken: [Stream<i64>; 1] = items.branch([Box::new(|_| true)]);
                branches += taken.len();
                let [items] = taken;
                Flow::Items(items)
            }
            (Flow::Tuples(tuples), "branch" | "filter") => {
                branches += usize::from(name == "branch");
                let [tuples] = tuples.branch([Box::new(|_| true)]);
                Flow::Tuples(tuples)
            }
            (Flow::Tuples(tuples), "to") => {
                tuples.to(|| Nothing, 1);
                Flow::Tuples(tuples)
            }
            (Flow::Items(items), _) => on_items(&items, name, of)?,
            (Flow::Pairs(pairs), _) => Flow::Pairs(on_pairs(pairs, name, of)?),
            (Flow::Tuples(_), _) => return Err(format!("unknown step {step} of tuples")),
        };
    }
    Ok(branches)
}

fn begin(builder: &StreamBuilder, of: &str) -> Result<Flow, String> {
    let (what, parallelism) = match of.split_once(", parallelism ") {
        Some((what, parallelism)) => (what, parallelism.parse().map_err(text)?),
        None => (of, 1),
    };
    Ok(match what {
        "spout" => Flow::Tuples(builder.new_tuple_stream(spout, parallelism)),
        "spout declaring only stream \"test\"" => {
            Flow::Tuples(builder.new_tuple_stream(|| Sideways, parallelism))
        }
        "pairs" => {
            let read = |tuple: &Tuple| Ok((tuple.int(0)?, tuple.int(1)?));
            Flow::Pairs(builder.new_pair_stream(spout, read, parallelism))
        }
        "values" | "" => Flow::Items(numbers(builder, parallelism)),
        _ => return Err(format!("unknown stream {of}")),
    })
}

/// The windows that the prose names: `10`, or `tumbling count 10`.
fn windows(of: &str) -> Result<WindowConfig, String> {
    let count = of.strip_prefix("tumbling count ").unwrap_or(of);
    Ok(WindowConfig::tumbling(Count(count.parse().map_err(text)?)))
}

fn on_items(items: &Stream<i64>, name: &str, of: &str) -> Result<Flow, String> {
    Ok(Flow::Items(match (name, of) {
        ("filter", "") => items.filter(|_| true),
        ("map", "") => items.map(|item| item),
        ("repartition", _) => items.repartition(of.parse().map_err(text)?),
        ("window", _) => items.window(windows(of)?),
        ("aggregate", "count") => items.aggregate(CountItems),
        ("mapToPair", "") => return Ok(Flow::Pairs(items.map_to_pair(|item| (item, item)))),
        ("print", "") => {
            items.print();
            items.clone()
        }
        _ => return Err(format!("unknown step {name}({of}) of items")),
    }))
}

fn on_pairs(
    pairs: PairStream<i64, i64>,
    name: &str,
    of: &str,
) -> Result<PairStream<i64, i64>, String> {
    Ok(match (name, of) {
        ("filter", "") => pairs.filter(|_| true),
        ("repartition", _) => pairs.repartition(of.parse().map_err(text)?),
        ("window", _) => pairs.window(windows(of)?),
        ("reduceByKey", "") => pairs.reduce_by_key(|one, other| one + other),
        ("aggregateByKey", "count") => pairs.aggregate_by_key(CountItems),
        ("countByKey", "") => pairs.count_by_key(),
        ("print", "") => {
            pairs.print();
            pairs
        }
        _ => return Err(format!("unknown step {name}({of}) of pairs")),
    })
}

/// Both branches as pairs, and their join.
fn branched(
    builder: &StreamBuilder,
    parallelism: usize,
) -> ([PairStream<i64, i64>; 2], PairStream<i64, (i64, i64)>) {
    let predicates: [Predicate<i64>; 2] = [Box::new(|n| n % 2 == 0), Box::new(|n| n % 3 == 0)];
    let branches = numbers(builder, parallelism).branch(predicates);
    let pairs = branches.map(|branch| branch.map_to_pair(|n| (n, n * n)));
    let joined = pairs[0].join(&pairs[1]);
    (pairs, joined)
}

fn parents(case: &Case<'_>, builder: &StreamBuilder) -> Outcome {
    case.says("expected", "joined node has both pair streams as parents")?;
    let (pairs, joined) = branched(builder, 1);
    equal("parents", &joined.parents(), &pairs.each_ref().map(Stream::node).to_vec())?;
    builder.build().map(drop).map_err(text)
}

fn compare(built: Result<StormTopology, StreamError>, expected: &Case<'_>) -> Outcome {
    if expected.has("error") {
        return refused(built, expected);
    }
    let topology = built.map_err(text)?;
    let is_bolt = |id: &&str| !topology.spout_ids().any(|spout| spout == *id);
    let bolts: Vec<&str> = topology.component_ids().filter(is_bolt).collect();
    let numbers = [("spouts", topology.spout_ids().count()), ("bolts", bolts.len())];
    for (field, got) in numbers.into_iter().filter(|(field, _)| expected.has(field)) {
        equal(field, &got, &expected.count(field)?)?;
    }
    if expected.has("bolt_inputs") {
        equal("inputs", &inputs(&topology, "bolt1"), &expected["bolt_inputs"])?;
    }
    for bolt in bolts {
        let field = format!("{bolt}_inputs");
        if expected.has(&field) {
            equal(&field, &inputs(&topology, bolt), &expected[&*field])?;
        }
        // The stream that items come on, without what tells where windows end.
        let field = format!("{bolt}_input");
        if expected.has(&field) {
            let all = inputs(&topology, bolt);
            let first = all.as_object().and_then(|all| all.values().next()).cloned();
            equal(&field, &first, &expected.get(&field).cloned())?;
        }
    }
    if let Some(want) = expected.get("parallelism") {
        let assignment = topology.assignment(&Config::new()).map_err(text)?;
        for (id, want) in want.as_object().into_iter().flatten() {
            let got = assignment.components.get(id).map(|tasks| tasks.executors.len());
            equal(id, &json!(got), want)?;
        }
    }
    Ok(())
}

/// What a bolt subscribes to, in the words of the cases.
fn inputs(topology: &StormTopology, bolt: &str) -> Json {
    let inputs = topology.inputs(bolt).map(|(from, grouping)| {
        let fields = topology.grouping_fields(bolt, from);
        let grouping = match (grouping, fields) {
            ("global grouping", _) => "global (fields [])".to_owned(),
            ("fields grouping", Some(fields)) => {
                format!("fields({})", fields.iter().collect::<Vec<_>>().join(","))
            }
            (other, _) => other.strip_suffix(" grouping").unwrap_or(other).to_owned(),
        };
        (format!("{}/{}", from.component, from.stream), Json::from(grouping))
    });
    inputs.collect::<serde_json::Map<_, _>>().into()
}
