//! Made-up results for tests and for trying a report without a run. The numbers are plausible and
//! mean nothing.

mod example;
mod hostile;

pub use example::{example, steady};
pub use hostile::hostile;
