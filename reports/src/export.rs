//! A result in forms that other tools read. The histogram log has a module of its own, [`hlog`](crate::hlog).

mod csv;
mod hgrm;

pub(crate) use csv::Lines;
pub use csv::{runs, series};
pub use hgrm::{Hgrm, distribution, hgrm};
