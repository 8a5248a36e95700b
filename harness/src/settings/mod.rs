//! Settings: one table from which flags, environment variables, TOML keys, help texts and the list in
//! every result file are made.
//!
//! A value is found in this order: flag, `--set`, environment, file, default. [`resolve`] finds the
//! texts and remembers where each came from; [`Config`] gives them meaning.

mod config;
mod resolve;
mod table;
mod uses;

pub use config::{Config, ConfigError, EngineKind, Input, Parallelism, RateChoice};
pub use resolve::{Layers, Origin, ResolveError, Resolved, Value, resolve};
pub use table::{Def, TABLE, find};
pub use uses::without_effect;
