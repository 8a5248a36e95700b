//! A slice of the input.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A piece of the input text: a word or a line, 16 bytes, copied freely.
///
/// It borrows from a corpus that lives as long as the process. Counting references instead would cost
/// two contended atomic operations per line, which is as much as counting all its words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Text(&'static str);

impl Text {
    /// A piece of a corpus.
    #[must_use]
    #[inline(always)]
    pub const fn from_static(text: &'static str) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    #[inline(always)]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Hash for Text {
    /// The bytes alone: a key that is one text needs no terminator.
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.as_bytes());
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
