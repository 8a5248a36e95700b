//! What may be said of repeated measurements, and how surely.
//!
//! Nothing here reads a clock, a file or the network, and nothing knows of engines: numbers go in, and
//! intervals, tests and [words](verdict) come out. The same input gives the same output: where chance is
//! needed, the caller gives its seed.
//!
//! The replicate is the **round**: one whole run of a program. Records of one run are not independent of
//! each other, and a million of them say no more about the next run than that one run does.
//!
//! | question | answer |
//! |---|---|
//! | How sure is this median? | [`median::interval`] |
//! | How sure is this mean, ratio or anything else? | [`bootstrap::Bootstrap::interval`] |
//! | The same for a series whose points depend on their neighbours? | [`bootstrap::Bootstrap::series`] |
//! | Do two groups of rounds differ, and by how much? | [`ranks::mann_whitney`], [`shift::between`] |
//! | The same for rounds in pairs? | [`ranks::signed_rank`], [`shift::of_pairs`] |
//! | Does something hold of more rounds than before? | [`counts::fisher`] |
//! | Is the difference large beside the noise? | [`effect`], [`means::between`] |
//! | Is it still one, as one of many? | [`family::false_discovery`] |
//! | Does a series grow? | [`trend::slope`] |
//! | From where on is it steady? | [`steady::settle`] |
//! | What does all that come to? | [`verdict`] |

pub mod bootstrap;
pub mod counts;
pub mod effect;
mod error;
pub mod family;
pub mod interval;
pub mod means;
pub mod median;
pub mod ranks;
pub mod sample;
pub mod shift;
pub mod steady;
pub mod trend;
pub mod verdict;

pub use error::StatisticsError;
