//! Counts the words that have come over a TCP connection since the start.

use std::time::Duration;
use weir_microbatch::{SparkConf, StreamingContext};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "localhost".into());
    let port = args.next().map_or(Ok(9999), |port| port.parse())?;

    let conf = SparkConf::new().set_master("local[2]").set_app_name("StatefulNetworkWordCount");
    let ssc = StreamingContext::from_conf(&conf, Duration::from_secs(1))?;
    let checkpoints = tempfile::tempdir()?;
    ssc.checkpoint(checkpoints.path())?;

    let lines = ssc.socket_text_stream(&host, port)?;
    lines
        .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())?
        .map(|word| (word, 1))?
        .update_state_by_key(|ones, count| Some(ones.sum::<u64>() + count.unwrap_or(0)), 2)?
        .print(10)?;

    ssc.start()?;
    Ok(ssc.await_termination()?)
}
