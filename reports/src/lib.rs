//! The result schema, and the tables, charts and pages made from it. Reports see results only:
//! nothing here knows an engine, a workload or the harness.
//!
//! A [`schema::ResultFile`] goes to disk with [`save`] and comes back with [`load`]. A [`Summary`]
//! works out what it says; [`Answer`], [`terminal`], [`chart`], [`page`] and [`hlog`] each show that,
//! and [`write_all`] writes a folder with all of them.

mod answer;
mod bundle;
pub mod chart;
mod classic;
pub mod compare;
mod contenders;
mod document;
pub mod export;
mod file;
pub mod fitness;
pub mod histogram;
pub mod hlog;
pub mod page;
pub mod schema;
pub mod search;
pub mod selftest;
pub mod summary;
pub mod sweep;
pub mod terminal;
pub mod testing;
pub mod text;
pub mod units;

pub use answer::Answer;
pub use bundle::{Written, write_all};
pub use classic::{Classic, ClassicRow};
pub use document::{Document, load_document, parse_document};
pub use file::{FileError, MOST_BYTES, kind_of, load, parse, save, write_whole};
pub use summary::Summary;

#[cfg(test)]
mod tests;
