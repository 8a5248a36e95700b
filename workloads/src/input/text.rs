//! A slice of the input.

use std::fmt;
use std::hash::{Hash, Hasher};

/// A piece of the input text: a word or a line, 16 bytes, copied freely.
///
/// It borrows from a corpus that lives as long as the process. Counting references instead would cost
/// two contended atomic operations per line, which is as much as counting all its words.
#[derive(Clone, Copy, Eq, PartialOrd, Ord, Default)]
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

impl PartialEq for Text {
    /// Words are short, and comparing them is most of what a hit in a table costs: up to 16 bytes are
    /// compared as two overlapping words, without a call.
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        if a.len() != b.len() {
            return false;
        }
        match a.len() {
            8..=16 => first::<8>(a) == first::<8>(b) && last::<8>(a) == last::<8>(b),
            4..=7 => first::<4>(a) == first::<4>(b) && last::<4>(a) == last::<4>(b),
            0..=3 => a.iter().zip(b).all(|(x, y)| x == y),
            _ => a == b,
        }
    }
}

#[inline(always)]
fn first<const N: usize>(bytes: &[u8]) -> Option<&[u8; N]> {
    bytes.first_chunk()
}

#[inline(always)]
fn last<const N: usize>(bytes: &[u8]) -> Option<&[u8; N]> {
    bytes.last_chunk()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_that_of_the_text() {
        let text: &'static str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
        let other: &'static str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyZ";
        for length in 0..=30 {
            for start in 0..=22 {
                for (with, at) in [(text, start), (other, start), (text, 0), (other, 22)] {
                    let (a, b) = (&text[start..start + length], &with[at..at + length]);
                    let same = Text::from_static(a) == Text::from_static(b);
                    assert_eq!(same, a == b, "{a:?} {b:?}");
                }
            }
        }
    }
}
