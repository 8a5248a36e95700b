//! What runs: executors on threads of their own, the queues between them, the acker.
//!
//! Both forms of the programming model run on it: the typed one ([`crate::typed`]) as it is, and
//! Storm's, with values and fields, by executors that are typed bolts and spouts.
//!
//! # What a queue is
//!
//! A ring for each task that sends to an executor, filled by that task alone and emptied by the executor
//! alone, and a bell that wakes an executor which sleeps (see [`queue`]). Each sender's packets come in its
//! order; senders take turns. An executor takes packets in *gulps*: as many as it can handle in about ten
//! microseconds, and then sends on what they brought about, tells the acks if it is time, and looks at the
//! clock (see [`gulp`]). A task that is slow, or never out of work, does all this in time all the same.
//!
//! # What a queue carries
//!
//! One element is one tuple, a batch of tuples, or a mark. What tuples have in common because one
//! source record caused them (its index, times and tree) is kept once per *run* of tuples, not per
//! tuple; edge ids of the acking tree are derived from the run's base. Every element says how far its
//! sender has got: all that it will ever send for records below this *position* has been sent, and
//! its *watermark* is this. A task that reads from several takes the least. So progress and event
//! time are carried by the data; an explicit mark goes only to queues that have had none for a while.
//!
//! # Why it cannot lock up
//!
//! A topology has no cycle, because a bolt can only subscribe to a stream that is there already. The
//! one cycle of bounded queues is spout, bolts, acker, spout. Its last edge is the spout's inbox. **A
//! spout never waits for room without taking from its inbox at the same time**, and what it takes it
//! keeps in a list that is bounded by the trees it has open. Therefore an acker's send to an inbox
//! always ends; therefore ackers always take; therefore a bolt's send to an acker always ends, and
//! its sends to other bolts do by induction from the last bolts backwards; therefore spouts go on.
//! A task that fails drops its ends of its queues, which its neighbours see as closed; they end too.

pub(crate) mod acker;
pub(crate) mod bolt_executor;
pub(crate) mod census;
pub(crate) mod gulp;
pub(crate) mod inbox;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod packet;
pub(crate) mod progress;
pub(crate) mod queue;
pub(crate) mod rotating;
pub(crate) mod route;
pub(crate) mod spout_executor;
pub(crate) mod sync;
pub(crate) mod task;
pub(crate) mod topology;
pub(crate) mod tracker;
pub(crate) mod trees;
