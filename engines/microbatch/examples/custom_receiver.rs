//! Counts the words of lines that a receiver of one's own takes in: it follows a file as it grows.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;
use weir_microbatch::receiver::{Receiver, ReceiverError, ReceiverHandle};
use weir_microbatch::{SparkConf, StreamingContext};

struct Follow {
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Receiver<String> for Follow {
    fn on_start(&mut self, handle: ReceiverHandle<String>) -> Result<(), ReceiverError> {
        let failed = |error: std::io::Error| ReceiverError::Failed(error.to_string());
        let mut lines = BufReader::new(File::open(&self.path).map_err(failed)?);
        let follow = move || {
            let mut line = String::new();
            while !handle.is_stopped() {
                match lines.read_line(&mut line) {
                    Err(error) => return handle.restart("Cannot read", &error.to_string()),
                    Ok(_) if line.ends_with('\n') => {
                        let whole = std::mem::take(&mut line).trim_end().to_owned();
                        if let Err(error) = handle.store(whole) {
                            return handle.restart("Cannot store", &error.to_string());
                        }
                    }
                    // The rest of the line has not been written yet.
                    Ok(_) => handle.clock().sleep_until(handle.clock().now_ns() + 50_000_000),
                }
            }
        };
        let thread = std::thread::Builder::new().name("follow".into());
        self.thread = Some(thread.spawn(follow).map_err(failed)?);
        Ok(())
    }

    fn on_stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It catches nothing: what it panicked with has been printed.
            let _ = thread.join();
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: custom_receiver FILE")?;
    let conf = SparkConf::new().set_master("local[2]").set_app_name("CustomReceiver");
    let ssc = StreamingContext::from_conf(&conf, Duration::from_secs(1))?;
    let lines = ssc.receiver_stream(Follow { path: path.into(), thread: None })?;
    lines
        .flat_map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())?
        .map(|word| (word, 1))?
        .reduce_by_key(|a, b| a + b, 0)?
        .print(10)?;

    ssc.start()?;
    Ok(ssc.await_termination()?)
}
