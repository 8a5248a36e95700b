//! The search against engines whose limit is known, and its parts against tables.

mod rules;
mod simulated;
mod timed;
