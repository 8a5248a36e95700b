//! Cases of the rolling top words: the parts and the bolts of the example.

use crate::case::{Case, Outcome, equal, refused};
use bolts::{IntermediateRankingsBolt, RollingCountBolt, TotalRankingsBolt};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;
use tools::{
    NthLastModifiedTimeTracker, Rankable, Rankings, SlidingWindowCounter, SlotBasedCounter,
};
use weir_dataflow::{ManualClock, hash_of};
use weir_topology::testing::{MockCollector, MockContext, tick, tuple};
use weir_topology::{
    BasicBolt, BasicOutputCollector, Config, OutputFieldsDeclarer, RichBolt, Tuple, Value, Values,
    values,
};

#[path = "../../examples/rolling_top_words/bolts/mod.rs"]
mod bolts;
#[path = "../../examples/rolling_top_words/tools/mod.rs"]
mod tools;

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "starter" {
        return None;
    }
    let name = case.name();
    Some(match () {
        () if name.starts_with("sliding_counter_run_") => sliding_counts(case),
        () if name.starts_with("sliding_counter_") => {
            constructed(case, "slots", SlidingWindowCounter::<String>::new)
        }
        () if name == "slot_counter_increment" => slot_counts(case),
        () if name == "slot_counter_one_slot" => one_slot(case),
        () if name.starts_with("slot_counter_") => {
            constructed(case, "slots", SlotBasedCounter::<String>::new)
        }
        () if name.starts_with("nth_unmarked_") => unmarked(case),
        () if name.starts_with("nth_") => marked(case),
        () if name.starts_with("rankings_illegal_topn_") => {
            constructed(case, "top_n", Rankings::new)
        }
        () if name.starts_with("rankings_merge_") => merged(case),
        () if name.starts_with("rankings_") => ranked(case),
        () if name.starts_with("rankable_compare_") => compared(case),
        () if name == "rankable_equality" => equality(case),
        () if name == "rolling_count_bolt" => rolling_count(case),
        () if name == "total_rankings_bolt" => total_rankings(case),
        () => return None,
    })
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Whether something can be made with a number. One below 0 is none of the type that counts have.
fn constructed<T: std::fmt::Debug>(
    case: &Case<'_>,
    field: &str,
    make: impl FnOnce(usize) -> Result<T, tools::TooSmall>,
) -> Outcome {
    case.says("input", "construct")?;
    let number = usize::try_from(case.part("params").int(field)?).map_err(text);
    let made = number.and_then(|number| make(number).map_err(text));
    if case["expected"].is_object() {
        return refused(made, &case.part("expected"));
    }
    made?;
    case.says("expected", "ok")
}

fn sliding_counts(case: &Case<'_>) -> Outcome {
    let expected = case.part("expected");
    let mut counter =
        SlidingWindowCounter::new(case.part("params").count("slots")?).map_err(text)?;
    let (mut counts, mut absent) = (Vec::new(), Vec::new());
    for increments in case.part("input").ints("increments_per_iteration")? {
        for _ in 0..increments {
            counter.increment(&"object");
        }
        let count = counter.counts_then_advance().get("object").copied();
        counts.push(count.unwrap_or(0) as i64);
        absent.push(Json::from(count.is_none()));
    }
    equal("counts", &counts, &expected.ints("counts")?)?;
    equal("absent", &absent, expected.list("absent")?)
}

fn slot_counts(case: &Case<'_>) -> Outcome {
    let mut counter = SlotBasedCounter::new(case.part("params").count("slots")?).map_err(text)?;
    for (word, times) in case["input"].as_object().into_iter().flatten() {
        for _ in 0..times.as_u64().ok_or_else(|| format!("{word}: how often?"))? {
            counter.increment(word, 0);
        }
    }
    for (word, count) in case["expected"].as_object().into_iter().flatten() {
        equal(word, &Json::from(counter.count(word, 0)), count)?;
        let total = counter.totals().get(word).copied().unwrap_or(0);
        equal("the total", &Json::from(total), count)?;
    }
    Ok(())
}

fn one_slot(case: &Case<'_>) -> Outcome {
    let slots = case.part("params").count("slots")?;
    let mut counter = SlotBasedCounter::new(slots).map_err(text)?;
    let mut word = String::new();
    for step in case.list("input")? {
        let (Some("inc"), Some(object), Some(slot)) =
            (step[0].as_str(), step[1].as_str(), step[2].as_u64())
        else {
            return Err(format!("not understood: {step}"));
        };
        object.clone_into(&mut word);
        counter.increment(&word, slot as usize);
    }
    let counts: Vec<i64> = (0..slots).map(|slot| counter.count(&word, slot) as i64).collect();
    equal("counts", &counts, &case.ints("expected")?)
}

fn unmarked(case: &Case<'_>) -> Outcome {
    let tracker = NthLastModifiedTimeTracker::new(case.part("params").count("track")?, 0);
    let now_ms = case.part("input").count("advance_s")? as u64 * 1000;
    let got = tracker.map_err(text)?.seconds_since_oldest(now_ms);
    let want = case.part("expected").count("seconds_since_oldest")?;
    equal("seconds_since_oldest", &(got as usize), &want)
}

fn marked(case: &Case<'_>) -> Outcome {
    let tracker = NthLastModifiedTimeTracker::new(case.part("params").count("track")?, 0);
    let mut tracker = tracker.map_err(text)?;
    let (mut now_ms, mut got) = (0, Vec::new());
    for seconds in case.part("input").ints("advance_then_mark")? {
        now_ms += seconds as u64 * 1000;
        tracker.mark_as_modified(now_ms);
        got.push(tracker.seconds_since_oldest(now_ms) as i64);
    }
    equal("seconds since the oldest", &got, &case.ints("expected")?)
}

/// `["A", 1]`, or a letter, whose count is its place in the alphabet; that of Z is 0.
fn rankable(json: &Json) -> Result<Rankable, String> {
    let count = |letter: &str| match letter.as_bytes() {
        [b'Z'] => Ok(0),
        [letter @ b'A'..=b'Y'] => Ok(i64::from(letter - b'A') + 1),
        _ => Err(format!("{letter} is no letter")),
    };
    match (json.as_str(), json[0].as_str(), json[1].as_i64()) {
        (Some(letter), ..) => Ok(Rankable::new(letter, count(letter)?)),
        (None, Some(object), Some(count)) => Ok(Rankable::new(object, count)),
        _ => Err(format!("not understood: {json}")),
    }
}

fn rankings(most: usize, rankables: &[Json]) -> Result<Rankings, String> {
    let mut rankings = Rankings::new(most).map_err(text)?;
    for json in rankables {
        rankings.update(rankable(json)?);
        let size = rankings.ranked().len();
        equal(&format!("{size} of {most}"), &(size <= most), &true)?;
    }
    Ok(rankings)
}

fn objects(rankings: &Rankings) -> Vec<Json> {
    rankings.ranked().iter().map(|rankable| Json::from(rankable.object.to_string())).collect()
}

fn ranked(case: &Case<'_>) -> Outcome {
    let most = case.part("params").count("top_n")?;
    let mut rankings = rankings(most, case.list("input")?)?;
    let expected = case.part("expected");
    if expected.has("size_max") {
        let size = rankings.ranked().len();
        equal(&format!("the size, {size}"), &(size as i64 <= expected.int("size_max")?), &true)?;
        return equal("the most", &(size), &most);
    }
    if expected.has("size") {
        return equal("size", &rankings.ranked().len(), &expected.count("size")?);
    }
    if case.name().starts_with("rankings_prune_") {
        rankings.prune_zeros();
    }
    equal("ranks", &objects(&rankings), case.list("expected")?)
}

fn merged(case: &Case<'_>) -> Outcome {
    let most = case.part("params").count("top_n")?;
    let input = case.part("input");
    let mut first = rankings(most, input.list("first")?)?;
    first.merge(&rankings(most, input.list("other")?)?);
    equal("ranks", &objects(&first), case.list("expected")?)
}

fn compared(case: &Case<'_>) -> Outcome {
    let [first, second] = case.list("input")?.as_slice() else {
        return Err("two are compared".into());
    };
    let got = match rankable(first)?.compare(&rankable(second)?) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    };
    equal("the order", &got, &case.int("expected")?)
}

fn equality(case: &Case<'_>) -> Outcome {
    case.says("input", "(foo,0) vs (foo,0,\"extra\")")?;
    let told = "equal (extra fields ignored, same hash); (foo,0)!=(foo,1); (foo,1)!=(Foo,1)";
    case.says("expected", told)?;
    let counted = |count| Rankable::new("foo", count);
    let input = tuple("c", "default", ["obj", "count", "extra"], 1, values!["foo", 0, "extra"]);
    let extra = Rankable::of(&input.map_err(text)?).map_err(text)?;
    equal("the fields", &extra.fields, &vec![Value::from("extra")])?;
    equal("equal", &extra, &counted(0))?;
    equal("hashes", &hash_of(&extra), &hash_of(&counted(0)))?;
    equal("another count", &(counted(0) == counted(1)), &false)?;
    equal("another object", &(counted(1) == Rankable::new("Foo", 1)), &false)
}

fn json_of(value: &Value) -> Json {
    value.as_int().map_or_else(|| Json::from(value.to_string()), Json::from)
}

fn rolling_count(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (window, emit) = (params.count("window_s")?, params.count("emit_s")?);
    let clock = Arc::new(ManualClock::new());
    let mut bolt = RollingCountBolt::new(window, emit, clock).map_err(text)?;
    let mut mock = MockCollector::of_bolt("count", 1, &bolt).map_err(text)?;
    let ticks = bolt.component_configuration().seconds(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS);
    equal("ticks", &ticks.map_err(text)?, &Some(Duration::from_secs(emit as u64)))?;
    bolt.prepare(&Config::new(), &MockContext::new("count", 1).build()).map_err(text)?;
    let mut emits = Vec::new();
    for step in case.list("input")? {
        let input = match (step[0].as_str(), step[1].as_str()) {
            (Some("tick"), _) => tick(),
            (Some("word"), Some(word)) => {
                tuple("words", "default", ["word"], 2, values![word]).map_err(text)?
            }
            _ => return Err(format!("not understood: {step}")),
        };
        mock.clear();
        bolt.execute(input.clone(), mock.collector()).map_err(text)?;
        equal("acked", &mock.acked().iter().all(|acked| acked.is(&input)), &true)?;
        let row = |values: &Values| values.iter().map(json_of).collect::<Json>();
        emits.push(mock.emitted_on("default").iter().map(row).collect());
    }
    equal("emits", &emits, case.part("expected").list("emits")?)
}

/// What a bolt emits for a tuple.
fn execute<B: BasicBolt>(
    bolt: &mut B,
    mock: &mut MockCollector,
    input: &Tuple,
) -> Result<Vec<Values>, String> {
    mock.clear();
    let mut out = BasicOutputCollector::new(mock.collector(), input);
    bolt.execute(input, &mut out).map_err(text)?;
    Ok(mock.emitted_on("default"))
}

fn mock_of(bolt: &impl BasicBolt) -> Result<MockCollector, String> {
    let mut declarer = OutputFieldsDeclarer::default();
    bolt.declare_output_fields(&mut declarer);
    MockCollector::declared("rank", 1, declarer).map_err(text)
}

/// Rankings come from an intermediate bolt, as in the topology.
fn total_rankings(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (most, emit) = (params.count("top_n")?, params.count("emit_s")?);
    let mut partial = IntermediateRankingsBolt::new(most, emit).map_err(text)?;
    let mut total = TotalRankingsBolt::new(most, emit).map_err(text)?;
    let ticks = total.component_configuration().seconds(Config::TOPOLOGY_TICK_TUPLE_FREQ_SECS);
    equal("ticks", &ticks.map_err(text)?, &Some(Duration::from_secs(emit as u64)))?;
    let (mut partial_mock, mut mock) = (mock_of(&partial)?, mock_of(&total)?);
    let fields = ["obj", "count", "actualWindowLengthInSeconds"];
    for (word, count) in [("gone", 0), ("storm", 2), ("weir", 3)] {
        let input = tuple("count", "default", fields, 2, values![word, count, 9]).map_err(text)?;
        let emitted = execute(&mut partial, &mut partial_mock, &input)?;
        equal("emitted before a tick", &emitted.len(), &0)?;
    }
    let emitted = execute(&mut partial, &mut partial_mock, &tick())?;
    let [row] = emitted.as_slice() else { return Err("no ranking".into()) };
    let mut counts = Vec::new();
    for step in case.list("input")? {
        let emitted = match step[0].as_str() {
            Some("rankings") => {
                let input = tuple("rank", "default", ["rankings"], 3, row.clone()).map_err(text)?;
                execute(&mut total, &mut mock, &input)?
            }
            Some("tick") => {
                let emitted = execute(&mut total, &mut mock, &tick())?;
                let ranking = emitted.first().and_then(|row| row[0].as_object::<Rankings>());
                let ranked = ranking.map(objects);
                equal("ranks", &ranked, &Some(vec!["weir".into(), "storm".into()]))?;
                emitted
            }
            _ => return Err(format!("not understood: {step}")),
        };
        counts.push(emitted.len() as i64);
    }
    equal("emit_counts", &counts, &case.part("expected").ints("emit_counts")?)
}
