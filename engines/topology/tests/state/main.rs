//! Bolts that keep state, alone and behind one another, and what is left of it after failures.

mod bolts;
mod kills;
mod map;
mod recovery;
mod spout;
mod window_recovery;
mod window_replays;
