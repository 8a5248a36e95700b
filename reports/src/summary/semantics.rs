//! What a row's numbers are numbers of: the label that every series carries.

use crate::schema::Row;
use crate::text::clean;
use std::fmt;

/// Delivery, acking, checkpointing and time of a row. Rows that differ in any of them do different work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Semantics {
    /// Delivery guarantee: `at least once`.
    pub guarantee: String,
    /// Whether every tuple tree was tracked; `None` where the engine has no such notion.
    pub acking: Option<bool>,
    /// `on`, `off` or `none`; empty if the file does not say.
    pub checkpointing: String,
    /// `event time`, `processing time` or `untimed`; empty if the file does not say.
    pub time: String,
}

impl Semantics {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            guarantee: clean(&row.guarantee),
            acking: row.acking,
            checkpointing: clean(&row.checkpointing),
            time: clean(&row.time),
        }
    }
}

impl fmt::Display for Semantics {
    /// `at least once, acking on, checkpointing off, event time`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.guarantee.is_empty() {
            "no guarantee stated"
        } else {
            &self.guarantee
        })?;
        if let Some(acking) = self.acking {
            f.write_str(if acking { ", acking on" } else { ", acking off" })?;
        }
        match self.checkpointing.as_str() {
            "" => {}
            "none" => f.write_str(", no checkpointing")?,
            on_or_off => write!(f, ", checkpointing {on_or_off}")?,
        }
        if self.time.is_empty() { Ok(()) } else { write!(f, ", {}", self.time) }
    }
}
