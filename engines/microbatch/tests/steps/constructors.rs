//! StreamingContextSuite: how a context is made.

use std::time::Duration;
use weir_microbatch::{SparkConf, StreamingContext};

const INTERVAL: Duration = Duration::from_millis(500);

#[test]
fn from_no_conf_constructor() {
    let ssc = StreamingContext::from_master("local[2]", "a test", INTERVAL).expect("a context");
    let sc = ssc.spark_context();
    assert_eq!(sc.conf().get("spark.master"), Some("local[2]"));
    assert_eq!(sc.conf().get("spark.app.name"), Some("a test"));
    assert_eq!((sc.workers(), sc.app_name()), (2, Some("a test")));
    StreamingContext::from_master("elsewhere", "a test", INTERVAL).expect_err("no such master");
}

#[test]
fn from_conf_with_settings() {
    let conf = SparkConf::new().set_master("local[2]").set("spark.dummyTimeConfig", "10s");
    let ssc = StreamingContext::from_conf(&conf, INTERVAL).expect("a context");
    let time = ssc.spark_context().conf().time("spark.dummyTimeConfig");
    assert_eq!(time, Ok(Duration::from_secs(10)));
}
