//! The runtime's protocols in all orders in which threads can take their steps, and with all values
//! that the memory model lets them read.
//!
//! Each model is the runtime's own code, as few threads as the protocol needs, and queues of one
//! element. A bound on preemptions is given where there are too many orders otherwise: loom then
//! explores all with so many switches away from a thread that could go on.
//!
//! `scripts/models` runs them.

mod acker;
mod census;
mod ending;
mod limit;
mod queue;
mod stage;

use crate::runtime::task::testing::shared;
use stage::{explore, start};
