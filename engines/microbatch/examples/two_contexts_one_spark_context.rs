//! Two streaming contexts, one after the other, on the same Spark context.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_microbatch::{SparkContext, StopOptions, StreamingContext};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sc = SparkContext::local(2)?;
    for words in [["to", "be", "or"], ["not", "to", "be"]] {
        let ssc = StreamingContext::new(&sc, Duration::from_millis(200))?;
        let batch = sc.parallelize(words.to_vec(), 2)?;
        let queue = Arc::new(Mutex::new(VecDeque::from([batch])));
        ssc.queue_stream(queue)?.print(10)?;
        ssc.start()?;
        ssc.await_termination_or_timeout(Duration::from_millis(300))?;
        ssc.stop(StopOptions { stop_spark_context: false, graceful: true })?;
    }
    println!("{} words in all", sc.parallelize(vec![3, 3], 2)?.reduce(|a, b| a + b)?);
    sc.stop();
    Ok(())
}
