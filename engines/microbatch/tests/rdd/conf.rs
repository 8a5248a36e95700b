//! Settings: kinds, units, defaults, and what is refused.

use std::time::Duration;
use weir_microbatch::{ConfError, ContextError, KNOWN_KEYS, SparkConf, SparkContext};

#[test]
fn times() {
    let key = "spark.streaming.blockInterval";
    for (text, ms) in [
        ("200ms", 200),
        ("2s", 2_000),
        ("5min", 300_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("1d", 86_400_000),
        ("3000us", 3),
        ("50", 50),
        (" 7 S ", 7_000),
    ] {
        let conf = SparkConf::new().set(key, text);
        assert_eq!(conf.time(key), Ok(Duration::from_millis(ms)), "{text}");
        let unknown = SparkConf::new().set("my.time", text);
        assert_eq!(unknown.time("my.time"), Ok(Duration::from_millis(ms)), "{text}");
    }
    // Seconds are the unit of this one, under its old name too.
    let new = "spark.streaming.fileStream.minRememberDuration";
    let conf = SparkConf::new().set("spark.streaming.minRememberDuration", 90);
    assert_eq!(conf.time(new), Ok(Duration::from_secs(90)));
    assert_eq!(SparkConf::new().time(new), Ok(Duration::from_secs(60)));
    for text in ["", "-1s", "1.5s", "ms", "5 weeks", "99999999999999999999s", "99999999999999999d"]
    {
        let error = SparkConf::new().set(key, text).time(key).expect_err(text);
        let start =
            format!("{key} must be a time, but got {:?}; write a time as seconds", text.trim());
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

#[test]
fn sizes_numbers_and_truth() {
    for (text, bytes) in [
        ("512", 512),
        ("1b", 1),
        ("64k", 64 << 10),
        ("3mb", 3 << 20),
        ("1g", 1 << 30),
        ("2T", 2 << 40),
        ("1p", 1 << 50),
    ] {
        assert_eq!(
            SparkConf::new().set("my.size", text).size_bytes("my.size"),
            Ok(bytes),
            "{text}"
        );
    }
    for text in ["", "1.5g", "-1", "g", "1e", "99999999p"] {
        assert!(SparkConf::new().set("my.size", text).size_bytes("my.size").is_err(), "{text}");
    }
    for (text, is) in [("true", Some(true)), ("FALSE", Some(false)), ("1", None), ("yes", None)] {
        assert_eq!(SparkConf::new().set("my.flag", text).bool("my.flag").ok(), is, "{text}");
    }
    let conf = SparkConf::new().set("my.count", 7).set("my.name", "seven");
    assert_eq!(conf.number::<u32>("my.count"), Ok(7));
    assert!(conf.number::<u32>("my.name").is_err());
    assert_eq!(conf.number::<u32>("other"), Err(ConfError::NotSet("other".into())));
    assert_eq!(conf.get_or("other", "x"), "x");
    assert_eq!(conf.all().collect::<Vec<_>>(), [("my.count", "7"), ("my.name", "seven")]);
    assert_eq!(conf.clone().set_if_missing("my.count", 8).get("my.count"), Some("7"));
    assert!(!conf.remove("my.count").contains("my.count"));
}

#[test]
fn every_default_is_of_its_keys_kind() {
    let all = KNOWN_KEYS.iter().filter_map(|known| known.default.map(|value| (known.key, value)));
    assert_eq!(SparkConf::new().set_all(all).check(), Ok(()));
}

#[test]
fn contexts() {
    let conf = SparkConf::new().set_app_name("test").set("my.own", "kept");
    assert_eq!(SparkContext::from_conf(&conf).err(), Some(ConfError::NoMaster.into()));
    let sc = SparkContext::from_conf(&conf.clone().set_master("local[2,3]")).expect("a context");
    assert_eq!((sc.workers(), sc.max_failures(), sc.default_parallelism()), (2, 3, 2));
    assert_eq!((sc.app_name(), sc.conf().get("my.own")), (Some("test"), Some("kept")));
    let local = conf.set_master("local[2]").set("spark.default.parallelism", 5);
    let sc = SparkContext::from_conf(&local).expect("a context");
    assert_eq!((sc.max_failures(), sc.default_parallelism()), (1, 5));
    assert_eq!(sc.default_min_partitions(), 2);
    let retried = SparkContext::from_conf(&local.clone().set("spark.task.maxFailures", 4));
    assert_eq!(retried.expect("a context").max_failures(), 4);
    for (key, value) in [
        ("spark.default.parallelism", "0"),
        ("spark.default.parallelism", "many"),
        ("spark.task.maxFailures", "0"),
        ("spark.streaming.unpersist", "maybe"),
        ("spark.streaming.blockInterval", "soon"),
    ] {
        let error = SparkContext::from_conf(&local.clone().set(key, value)).expect_err(key);
        assert!(matches!(error, ContextError::Conf(ConfError::Value { .. })), "{error}");
        assert!(error.to_string().contains(key) && error.to_string().contains(value), "{error}");
    }
}
