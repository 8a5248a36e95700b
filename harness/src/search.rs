//! The highest rate that an engine sustains under a service level.
//!
//! A search is a series of **probes**: isolated runs at a constant rate, open loop, each on a fresh engine,
//! warmed up, measured, drained, and judged by the oracle. A [`Searcher`] decides from what the probes said
//! which rate comes next; it knows neither engines nor time. A probe holds if its
//! [backlog](backlog::growth) does not grow, its latency meets the [level](level::Level), and its output is
//! right. What is found is to be measured by a run of its own: the data of a search are those of short runs
//! on both sides of the boundary.
//!
//! "Sustainable" is Karimov et al., "Benchmarking Distributed Stream Data Processing Systems", ICDE 2018:
//! the highest load that is processed without a backlog that grows on and on. That the trend of the backlog
//! decides, and that probes are isolated from each other, is Henning and Hasselbring, "Theodolite: Scalability
//! Benchmarking of Distributed Stream Processing Engines", Big Data Research 25 (2021).

pub mod backlog;
pub mod level;
pub mod probe;
pub mod searcher;
pub mod session;

pub use level::Level;
pub use searcher::{Conclusion, Limits, Next, Outcome, Searcher, Step};
pub use session::{Search, SearchEvent, SearchSettings};

#[cfg(test)]
mod tests;
