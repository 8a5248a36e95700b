//! `constant-null` and `constant-id-null`: what moving a record costs, in the shape of Storm's own
//! micro-benchmarks. A constant source feeds a last stage that only counts, with an identity stage in
//! between in the second. Counting takes the place of doing nothing, so that a lost record is noticed. There
//! is no loop to compare with: one that only counts has nothing to move.

use crate::{InputError, Settings, Workload};
use std::hint::black_box;
use weir_dataflow::{Aggregate, Engine, Event, EventTime, Flow, Source};

/// The same record over and over.
#[derive(Clone, Copy, Debug)]
struct Constant;

impl Source for Constant {
    type Item = u64;
    #[inline(always)]
    fn record(&self, _: u64, scheduled: EventTime) -> Event<u64> {
        Event { at: scheduled, watermark: scheduled, value: 42 }
    }
    fn label(&self) -> String {
        "constant".into()
    }
}

/// Counts everything under one key.
#[derive(Clone, Copy, Debug)]
struct Null;

impl Aggregate for Null {
    type In = u64;
    type Key = ();
    type Value = u64;
    type State = u64;
    type Out = (u64, u64);
    #[inline(always)]
    fn split(&self, record: u64) -> ((), u64) {
        ((), record)
    }
    #[inline(always)]
    fn update(&self, count: &mut u64, record: u64) {
        black_box(record);
        *count += 1;
    }
    #[inline(always)]
    fn merge(&self, count: &mut u64, other: u64) {
        *count += other;
    }
    fn output(&self, (): &(), count: &u64) -> (u64, u64) {
        (0, *count)
    }
    fn label(&self) -> String {
        "null".into()
    }
}

/// Records of one reading of the endless input.
const ONCE: u64 = 10_000;

macro_rules! constant {
    ($(#[$doc:meta])* $name:ident, $id:literal, $summary:literal, |$source:ident| $flow:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Workload for $name {
            const NAME: &'static str = $id;
            const SUMMARY: &'static str = $summary;
            const RECORDS: &'static str = "tuples";
            const INPUT: Option<&'static str> = Some("one number, over and over");
            const COLUMNS: &'static [&'static str] = &["key", "count"];
            type Key = u64;
            type Value = u64;
            fn new(_: &Settings) -> Result<Self, InputError> {
                Ok(Self)
            }
            fn once(_: &Settings) -> u64 {
                ONCE
            }
            fn build<E: Engine>(self, engine: &E) -> impl Flow<Item = (u64, u64), Engine = E> {
                let $source = engine.source(Constant);
                $flow
            }
        }
    };
}

constant!(
    /// A constant source to a counting stage.
    ConstantNull,
    "constant-null",
    "tuples from a constant source to a stage that only counts",
    |source| source.running(Null)
);

constant!(
    /// A constant source to an identity stage to a counting stage.
    ConstantIdNull,
    "constant-id-null",
    "the same, with an identity stage in between",
    |source| source.map(|record: u64| record).running(Null)
);
