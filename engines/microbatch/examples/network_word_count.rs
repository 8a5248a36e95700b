//! Counts the words that come over a TCP connection, every second.

use std::time::Duration;
use weir_microbatch::{DStream, SparkConf, StreamingContext, StreamingError};

/// How often every word of a batch was in it.
pub(crate) fn word_counts(
    lines: &DStream<String>,
) -> Result<DStream<(String, u64)>, StreamingError> {
    let words = lines.flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())?;
    words.map(|word| (word, 1))?.reduce_by_key(|a, b| a + b, 0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "localhost".into());
    let port = args.next().map_or(Ok(9999), |port| port.parse())?;

    let conf = SparkConf::new().set_master("local[2]").set_app_name("NetworkWordCount");
    let ssc = StreamingContext::from_conf(&conf, Duration::from_secs(1))?;
    let lines = ssc.socket_text_stream(&host, port)?;
    word_counts(&lines)?.print(10)?;

    ssc.start()?;
    Ok(ssc.await_termination()?)
}
