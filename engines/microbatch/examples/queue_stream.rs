//! Counts numbers by their last digit, out of a queue of RDDs that is filled while the context runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_microbatch::{SparkContext, StopOptions, StreamingContext};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sc = SparkContext::local(2)?;
    let ssc = StreamingContext::new(&sc, Duration::from_secs(1))?;
    let queue = Arc::new(Mutex::new(VecDeque::new()));
    let numbers = ssc.queue_stream(Arc::clone(&queue))?;
    numbers.map(|n: u64| (n % 10, 1))?.reduce_by_key(|a, b| a + b, 0)?.print(10)?;

    ssc.start()?;
    for _ in 0..5 {
        let numbers = sc.parallelize((1..=1_000).collect(), 10)?;
        queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(numbers);
        ssc.await_termination_or_timeout(Duration::from_secs(1))?;
    }
    Ok(ssc.stop(StopOptions { graceful: true, ..StopOptions::default() })?)
}
