//! The workloads, one file each, their inputs, and the registry.
//!
//! To add one: write a file with a type that implements [`Workload`], and add its name to the
//! `registry!` line below. Every engine, check, chart and command then works with it.
//! [`TopWords`] is the worked example.

mod constant;
mod input;
mod keyed_state;
mod registry;
mod row;
mod stateful;
mod top_words;
mod windowed;
mod word_count;
mod words;
mod workload;

pub use constant::{ConstantIdNull, ConstantNull};
pub use input::{
    Corpus, Disorder, Generated, InputError, KeySpec, Keys, Lines, Text, Vocabulary, WordEvents,
    read_file, sherlock,
};
pub use keyed_state::KeyedState;
pub use registry::{Described, UnknownWorkload, Visit};
pub use row::Field;
pub use stateful::Stateful;
pub use top_words::TopWords;
pub use windowed::Windowed;
pub use word_count::WordCount;
pub use words::SplitWords;
pub use workload::{OutputKind, Pull, Settings, Workload};

registry::registry!(
    WordCount,
    Stateful,
    Windowed,
    TopWords,
    ConstantNull,
    ConstantIdNull,
    KeyedState
);
