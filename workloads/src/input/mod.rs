//! Inputs: text that lives as long as the process, replayed as a stream.

mod corpus;
mod generated;
mod keys;
mod sources;
mod text;

pub use corpus::{Corpus, InputError, read_file, sherlock};
pub use generated::{Generated, Vocabulary};
pub use keys::{KeySpec, Keys};
pub use sources::{Disorder, Lines, WordEvents};
pub use text::Text;
