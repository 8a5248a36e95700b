//! Engines as the harness drives them: one object each, with every workload compiled in, and the
//! verdict on what they leave behind.
//!
//! Engines and workloads are generic, so that the compiler sees through a whole run, and what is
//! generic is compiled where it is used. [`engines`] is that place, and the only one: whoever takes
//! its targets from there compiles nothing again.

pub mod altered;
pub mod engines;
pub mod faults;
pub mod null;
pub mod slowed;
pub mod target;
pub mod verdict;
