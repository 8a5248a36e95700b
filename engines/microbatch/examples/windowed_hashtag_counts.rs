//! The ten most frequent hashtags of the last minute, every five seconds.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

use std::time::Duration;
use weir_microbatch::{SparkConf, StreamingContext};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "localhost".into());
    let port = args.next().map_or(Ok(9999), |port| port.parse())?;

    let conf = SparkConf::new().set_master("local[2]").set_app_name("WindowedHashtagCounts");
    let ssc = StreamingContext::from_conf(&conf, Duration::from_secs(1))?;
    // Counts that enter and leave a window are added and taken away: that needs earlier windows.
    let checkpoints = tempfile::tempdir()?;
    ssc.checkpoint(checkpoints.path())?;

    let (window, slide) = (Duration::from_secs(60), Duration::from_secs(5));
    let counts = ssc
        .socket_text_stream(&host, port)?
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())?
        .filter(|word| word.len() > 1 && word.starts_with('#'))?
        .map(|tag| (tag, 1_i64))?
        .reduce_by_key_and_window_filtered(
            |a, b| a + b,
            |a, b| a - b,
            window,
            slide,
            2,
            |_, count| *count > 0,
        )?;
    counts.foreach_rdd(|rdd, time| {
        let mut top = rdd.collect()?;
        top.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
        println!("Popular at {time}, of {} hashtags:", top.len());
        top.iter().take(10).for_each(|(tag, count)| println!("{count:6} {tag}"));
        Ok(())
    })?;

    ssc.start()?;
    Ok(ssc.await_termination()?)
}
