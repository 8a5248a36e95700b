//! Counts the words of each batch into a file, and goes on where it was when it is started again.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use weir_microbatch::{JobError, SparkConf, StreamingContext, StreamingError};

const USAGE: &str =
    "usage: recoverable_network_word_count HOST PORT CHECKPOINT_DIRECTORY OUTPUT_FILE";

/// The program: called when it is started for the first time, and when it goes on.
fn create(
    host: &str,
    port: u16,
    checkpoints: &str,
    output: &str,
) -> Result<StreamingContext, StreamingError> {
    let conf = SparkConf::new().set_master("local[2]").set_app_name("RecoverableNetworkWordCount");
    let ssc = StreamingContext::from_conf(
        &conf.set("spark.streaming.receiver.writeAheadLog.enable", true),
        Duration::from_secs(1),
    )?;
    ssc.checkpoint(checkpoints)?;

    let lines = ssc.socket_text_stream(host, port)?;
    let counts = lines
        .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())?
        .map(|word| (word, 1))?
        .reduce_by_key(|a, b| a + b, 0)?;
    let output = PathBuf::from(output);
    counts.foreach_rdd(move |rdd, time| {
        let line = format!("Counts at time {time}: {:?}\n", rdd.collect()?);
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(&output);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|error| {
            JobError::Output(format!("cannot write {}: {error}", output.display()))
        })
    })?;
    Ok(ssc)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, checkpoints, output] = args.as_slice() else { return Err(USAGE.into()) };
    let port = port.parse()?;
    let ssc =
        StreamingContext::get_or_create(checkpoints, || create(host, port, checkpoints, output))?;
    ssc.start()?;
    Ok(ssc.await_termination()?)
}
