//! Running topologies in this process.

mod complete;
mod counting;
mod feeder;
mod launch;
mod lifecycle;
mod local;
mod running;
mod site;

pub use complete::{Completed, MockedSources};
pub use feeder::{FeederSpout, FeederStatus, FixedTupleSpout};
pub use local::{LocalCluster, SubmitOptions};
pub use running::{KillOptions, RunningTopology, TopologyStatus, TopologySummary};
