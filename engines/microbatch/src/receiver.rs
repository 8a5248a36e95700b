//! Receivers: code that takes records in from outside, and what stores them.
//!
//! ```text
//! Receiver ─ store ─> BlockGenerator ─> BlockHandler ─> (log,) BlockStore ─> tracker
//!          ─ store_many ──────────────────────┘
//! ReceiverSupervisor: starts, restarts and stops the receiver
//! ```

mod api;
mod block_generator;
mod block_store;
mod generators;
mod raw_socket;
mod sink;
mod socket;
mod supervisor;

pub use api::{ReceivedBlock, Receiver, ReceiverError, ReceiverHandle, ReceiverSink};
pub use block_generator::{BlockGenerator, BlockGeneratorError, BlockGeneratorListener};
pub use block_store::{BlockHandler, BlockStore, Codec, StorageLevel, StoreError};
pub use generators::BlockGenerators;
pub use raw_socket::RawSocketReceiver;
pub use sink::{BlockReports, StoringSink};
pub use socket::{ConvertingSocketReceiver, SocketReceiver};
pub use supervisor::{ReceiverState, ReceiverSupervisor};
