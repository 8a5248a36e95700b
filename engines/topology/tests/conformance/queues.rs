//! Cases of receive queues, batches, back-pressure and waiting. What a topology shows that runs, is
//! taken from one; the rest is about Storm's queue in `flow_control`, which topologies do without, and
//! about the policies there, which they follow.

use crate::case::{Case, Outcome, equal};
use crate::pressed::{self, Queues};
use serde_json::Value as Json;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use weir_topology::flow_control::{
    BackPressureTracker, BatchSize, Consumer, Pause, PendingEmits, ReceiveQueue, WaitStrategy,
};
use weir_topology::{Config, TaskId};

type Queue = Arc<ReceiveQueue<u64>>;

pub(crate) fn run(area: &str, case: &Case<'_>) -> Option<Outcome> {
    if area != "jcqueue_backpressure" {
        return None;
    }
    let params = case.part("params");
    Some(match case.name() {
        "testFirstMessageFirst" => first_first(case),
        "testBasicBackPressure" => rejected_when_full(case),
        "testNoReOrderingUnderBackPressure" => overflow_in_order(case),
        name if name.starts_with("testInOrder") => in_order(case),
        _ if params.has("max_batch") => dynamic_batches(case),
        _ if params.has("tasks") => tracked(case),
        "derived_batch_clamped" => clamped(case),
        "derived_size_rounding" => rounded(case),
        _ if params.has("overflow_limit") => overflow_limit(case),
        "derived_consume_order" => consume_order(case),
        "derived_load" => load(case),
        "derived_pending_emits_fifo" => pending_emits(case),
        _ if params.has("park_us") => parked(case),
        _ if params.has("level1") => progressive(case),
        _ => return None,
    })
}

fn queue(size: usize, batch: BatchSize) -> Queue {
    Arc::new(ReceiveQueue::new(size, batch, WaitStrategy::Park { micros: 100 }))
}

/// Keeps what it is given.
#[derive(Default)]
struct Kept(Vec<u64>);

impl Consumer<u64> for Kept {
    fn accept(&mut self, message: u64) {
        self.0.push(message);
    }
}

fn drain(queue: &Queue) -> Vec<u64> {
    let mut kept = Kept::default();
    queue.consume(&mut kept, || true);
    kept.0
}

/// Takes one message.
fn take_one(queue: &Queue) -> Vec<u64> {
    struct One<'a>(&'a Cell<bool>, Vec<u64>);
    impl Consumer<u64> for One<'_> {
        fn accept(&mut self, message: u64) {
            self.0.set(true);
            self.1.push(message);
        }
    }
    let taken = Cell::new(false);
    let mut one = One(&taken, Vec::new());
    queue.consume(&mut one, || !taken.get());
    one.1
}

fn first_first(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (size, batch) = (params.count("size")?, params.count("batch")?);
    let producers = params.count("producers")?;
    case.says("input", "publish FIRST before producers start")?;
    case.says("expected", "FIRST is consumed first")?;
    let queues = Queues { size, batch, dynamic: false };
    let messages = pressed::produced(queues, producers, Some(i64::MAX))?;
    equal("the first", &messages.first(), &Some(&i64::MAX))?;
    let mut counts = BTreeMap::new();
    messages[1..].iter().for_each(|message| *counts.entry(message).or_insert(0) += 1);
    equal("each as often", &counts.values().all(|count| *count == producers), &true)
}

fn in_order(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let (size, batch) = (params.count("size")?, params.count("batch")?);
    let dynamic = params.has("dynamic") && params.flag("dynamic")?;
    let producers = params.count("producers")?;
    case.says("input", "publish 0,1,2,...")?;
    let missing = if batch == 1 { ", none missing" } else { "" };
    case.says("expected", &format!("consumed in order{missing}"))?;
    let messages = pressed::produced(Queues { size, batch, dynamic }, producers, None)?;
    equal("one after the other", &messages.iter().copied().eq(0..messages.len() as i64), &true)
}

fn rejected_when_full(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let size = params.count("size")?;
    let queue = queue(size, BatchSize::fixed(params.count("batch")?, size));
    case.says("input", "tryPublish 100 msgs")?;
    let mut publisher = queue.publisher();
    let accepted = (0..100).filter(|message| publisher.try_publish(*message).is_ok()).count();
    equal("accepted", &accepted, &expected.count("accepted")?)?;
    equal("rejected", &(100 - accepted), &expected.count("rejected")?)?;
    equal("size", &queue.len(), &expected.count("size")?)?;
    equal("overflow", &queue.metrics().overflow, &expected.count("overflow")?)?;
    let after = expected.part("after_draining_one");
    take_one(&queue);
    equal("the size after one", &queue.len(), &after.count("size")?)?;
    equal("try_publish", &publisher.try_publish(0).is_ok(), &after.flag("try_publish")?)?;
    // A topology rejects nothing: its producer waits.
    let queues = Queues { size, batch: params.count("batch")?, dynamic: false };
    equal("in a topology", &pressed::pressed(queues, 100)?, &(0..100).collect())
}

fn overflow_in_order(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let size = params.count("size")?;
    let limit = params.count("overflow_limit")?;
    let queue = ReceiveQueue::new(size, BatchSize::fixed(1, size), WaitStrategy::BusySpin);
    let queue = Arc::new(queue.with_overflow_limit(limit));
    case.says("input", "tryPublish 0..99, on failure tryPublishToOverflow")?;
    case.says("expected", "consume yields 0..99 in order")?;
    let mut publisher = queue.publisher();
    for message in 0..100 {
        if let Err(message) = publisher.try_publish(message) {
            let overflowed = queue.try_publish_to_overflow(message);
            overflowed.map_err(|message| format!("{message} is lost"))?;
        }
    }
    equal("messages", &drain(&queue), &(0..100).collect())?;
    // In a topology there is no overflow between executors.
    let queues = Queues { size, batch: 1, dynamic: false };
    equal("in a topology", &pressed::pressed(queues, 100)?, &(0..100).collect())
}

fn dynamic_batches(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let size = params.count("queue_size")?;
    let queue = queue(size, BatchSize::dynamic(params.count("max_batch")?, size));
    let mut publisher = queue.publisher();
    let told = "batch_size entries = effective batch size at that point (3.0+ feature \
                topology.producer.batch.dynamic)";
    case.says("expected", told)?;
    for step in case.parts("input")? {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        match step.whole() {
            Json::String(word) => match &**word {
                "publish" => publisher.publish(0).map_err(|error| failed(&error))?,
                "flush" => publisher.flush().map_err(|error| failed(&error))?,
                "fill_queue" => while queue.try_publish_direct(0).is_ok() {},
                _ => return Err(format!("not understood: {word}")),
            },
            _ if step.has("batch_size") => {
                equal("the batch size", &publisher.batch_size(), &step.count("batch_size")?)?;
            }
            _ if step.has("try_publish") => {
                let got = publisher.try_publish(0).is_ok();
                equal("try_publish", &got, &step.flag("try_publish")?)?;
            }
            _ => {
                while publisher.batch_size() < step.count("grow_to")? {
                    publisher.publish(0).map_err(|error| failed(&error))?;
                }
                equal("what is gathered", &publisher.gathered(), &0)?;
            }
        }
    }
    Ok(())
}

fn tracked(case: &Case<'_>) -> Outcome {
    let (params, expected) = (case.part("params"), case.part("expected"));
    let tasks = params.ints("tasks")?.into_iter().map(|task| task as TaskId);
    let mut tracker = BackPressureTracker::new(tasks);
    let queue = queue(1, BatchSize::fixed(1, 1));
    queue.try_publish_to_overflow(0).map_err(|_| "no limit")?;
    let (mut changed, mut task) = (Vec::new(), 0);
    for step in case.list("input")? {
        let step = step.as_str().unwrap_or_default();
        let number = step.rsplit(' ').next().and_then(|number| number.parse::<TaskId>().ok());
        match (step, number) {
            ("overflow empty", _) => drop(drain(&queue)),
            ("overflow non-empty", _) => equal("it is", &queue.is_overflow_empty(), &false)?,
            ("refresh", _) => changed.push(tracker.refresh()),
            (_, Some(number)) if step.starts_with("record ") => {
                task = number;
                changed.push(tracker.record(number, &queue));
            }
            (_, Some(number)) if step.starts_with("setLastOverflow ") => {
                tracker.set_last_overflow(task, number as usize);
            }
            _ => return Err(format!("not understood: {step}")),
        }
    }
    match expected.get("changed") {
        None => {}
        Some(Json::Array(all)) => {
            let changed: Vec<_> = changed.into_iter().map(Json::from).collect();
            equal("changed", &changed, all)?;
        }
        Some(last) => {
            equal("changed", &changed.last().copied().map(Json::from).as_ref(), &Some(last))?
        }
    }
    let status = tracker.status();
    for (field, got) in [("bp", status.under_pressure), ("non_bp", status.relieved)] {
        if expected.has(field) {
            let got: Vec<i64> = got.into_iter().map(i64::from).collect();
            equal(field, &got, &expected.ints(field)?)?;
        }
    }
    if expected.has("last_overflow") {
        let want = expected.count("last_overflow")?;
        equal("last_overflow", &tracker.last_overflow(task), &Some(want))?;
    }
    Ok(())
}

fn clamped(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let size = BatchSize::fixed(params.count("batch")?, params.count("size")?).get();
    case.says("expected", &format!("effective batch = max(1, min(batch,size/2)) = {size}"))
}

fn rounded(case: &Case<'_>) -> Outcome {
    let size = case.part("params").count("size")?;
    let batch = BatchSize::fixed(size, size);
    let capacity = queue(size, batch).metrics().capacity;
    equal("the clamp", &batch.get(), &(size / 2))?;
    let told = format!(
        "MPSC array capacity rounded up to the next power of two ({capacity}); batch clamp uses the \
         unrounded size"
    );
    case.says("expected", &told)
}

fn overflow_limit(case: &Case<'_>) -> Outcome {
    let limit = case.part("params").count("overflow_limit")?;
    let queue = ReceiveQueue::new(1, BatchSize::fixed(1, 1), WaitStrategy::BusySpin);
    let queue = queue.with_overflow_limit(limit);
    let count = if limit == 0 { 10_000 } else { limit as u64 + 1 };
    let taken: Vec<bool> =
        (0..count).map(|message| queue.try_publish_to_overflow(message).is_ok()).collect();
    if taken.iter().all(|taken| *taken) {
        return case.says("expected", "never false");
    }
    let taken: Vec<_> = taken.iter().map(bool::to_string).collect();
    case.says("expected", &format!("tryPublishToOverflow: {}", taken.join(",")))
}

fn consume_order(case: &Case<'_>) -> Outcome {
    let told = "recvQueue drained first, then at most the overflow size sampled once; exit condition \
                tested before each element; consumer.flush() once if anything consumed";
    case.part("params").says("rule", told)?;
    case.says("expected", "rule")?;
    /// Overflows by one more for each message.
    struct Refill<'a> {
        queue: &'a Queue,
        asked: &'a Cell<usize>,
        messages: Vec<u64>,
        flushed_at: Vec<usize>,
    }
    impl Consumer<u64> for Refill<'_> {
        fn accept(&mut self, message: u64) {
            assert!(self.asked.get() > self.messages.len(), "nobody asked before {message}");
            self.messages.push(message);
            self.queue.try_publish_to_overflow(100 + message).expect("no limit");
        }
        fn flush(&mut self) {
            self.flushed_at.push(self.messages.len());
        }
    }
    let queue = queue(4, BatchSize::fixed(1, 4));
    let mut publisher = queue.publisher();
    for message in [0, 1] {
        publisher.try_publish(message).map_err(|_| "no room")?;
        queue.try_publish_to_overflow(10 + message).map_err(|_| "no limit")?;
    }
    let asked = Cell::new(0);
    let mut refill =
        Refill { queue: &queue, asked: &asked, messages: Vec::new(), flushed_at: Vec::new() };
    let more = || {
        asked.set(asked.get() + 1);
        true
    };
    let taken = queue.consume(&mut refill, more);
    // Each message of the queue makes the overflow longer before that is looked at.
    equal("messages", &refill.messages, &vec![0, 1, 10, 11, 100, 101])?;
    equal("taken and flushed", &(taken, refill.flushed_at), &(6, vec![6]))
}

fn load(case: &Case<'_>) -> Outcome {
    let told = "getQueueLoad = recvQueue.size/capacity (overflow excluded)";
    case.part("params").says("rule", told)?;
    case.says("expected", "rule")?;
    let queue = queue(6, BatchSize::fixed(1, 6));
    for message in 0..2 {
        queue.try_publish_direct(message).map_err(|_| "no room")?;
        queue.try_publish_to_overflow(message).map_err(|_| "no limit")?;
    }
    equal("the load", &queue.load(), &0.25)
}

fn pending_emits(case: &Case<'_>) -> Outcome {
    let told = "when pendingEmits non-empty every further emit is appended to it, even for non-full \
                destinations";
    case.part("params").says("rule", told)?;
    case.says("expected", "no reordering, head-of-line blocking")?;
    let (full, open) = (queue(1, BatchSize::fixed(1, 1)), queue(8, BatchSize::fixed(1, 8)));
    let queues = [&full, &open];
    let send = |to: usize, message| queues[to].try_publish_direct(message);
    let mut pending = PendingEmits::new();
    let sent: Vec<bool> = [(0, 1), (0, 2), (1, 3), (0, 4), (1, 5)]
        .into_iter()
        .map(|(to, message)| pending.emit(to, message, send))
        .collect();
    equal("sent at once", &sent, &vec![true, false, false, false, false])?;
    equal("nobody overtakes", &(open.len(), pending.len()), &(0, 4))?;
    let mut arrived = VecDeque::new();
    while !pending.is_empty() {
        arrived.extend(take_one(&full));
        pending.try_flush(send);
        arrived.extend(drain(&open));
    }
    arrived.extend(take_one(&full));
    equal("in order", &arrived, &VecDeque::from([1, 3, 2, 5, 4]))?;
    // The last message for the full queue must be in that, behind one in the bolt's hands, before the
    // one for the other queue goes.
    let (queues, messages) = (Queues { size: 1, batch: 1, dynamic: false }, 20);
    let done = pressed::overtaken(queues, messages)?;
    equal("nobody overtakes in a topology", &(done >= messages - 2), &true)
}

fn parked(case: &Case<'_>) -> Outcome {
    let micros = case.part("params").count("park_us")? as u64;
    let strategy = WaitStrategy::Park { micros };
    for round in [0, 1, 5_000] {
        let want = match micros {
            0 => (Pause::Spin, 1),
            _ => (Pause::Park(Duration::from_micros(micros)), round + 1),
        };
        equal("idle", &strategy.idle(round), &want)?;
    }
    match micros {
        0 => case.says("expected", "idle(n) returns 1 immediately (busy spin)"),
        _ => case.says("expected", &format!("idle(n) parks {micros}us, returns n+1")),
    }
}

fn progressive(case: &Case<'_>) -> Outcome {
    let params = case.part("params");
    let level = |field: &str| params.count(field).map(|count| count as u32);
    let (level1, level2) = (level("level1")?, level("level2")?);
    let level3_millis = params.count("level3_ms")? as u64;
    let strategy = WaitStrategy::Progressive { level1, level2, level3_millis };
    let conf = Config::new().set(Config::TOPOLOGY_BOLT_WAIT_STRATEGY, "progressive");
    let default = match case.name() {
        "derived_wait_progressive_default_bolt" => WaitStrategy::of_bolt(&conf),
        "derived_wait_progressive_default_spout" => WaitStrategy::of_spout(&conf),
        _ => Ok(strategy),
    };
    equal("the default", &default.map_err(|error| error.to_string())?, &strategy)?;
    let (nano, millis) = (Duration::from_nanos(1), Duration::from_millis(level3_millis));
    for round in (0..level1 + level2 + 3).chain([u32::MAX]) {
        let want = if round < level1 {
            (Pause::Spin, round + 1)
        } else if round < level1 + level2 {
            (Pause::Park(nano), round + 1)
        } else {
            (Pause::Park(millis), round)
        };
        equal("idle", &strategy.idle(round), &want)?;
    }
    if level1 + level2 == 0 {
        return case.says("expected", &format!("always sleep {level3_millis} ms"));
    }
    let told = format!(
        "n<{level1}: return n+1; n<{}: park 1ns, n+1; else sleep {level3_millis}ms, return n (counter \
         saturates)",
        level1 + level2
    );
    case.says("expected", &told)
}
