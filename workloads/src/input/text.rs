//! A slice of the input.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A piece of the input text: a word or a line, 24 bytes, copied freely.
///
/// It borrows from a corpus that lives as long as the process. Counting references instead would cost
/// two contended atomic operations per line, which is as much as counting all its words.
///
/// Its first eight bytes are held inline. A word is seldom longer, so hashing it and finding it in a
/// table touch neither the line it came from, which on another core is a cache miss, nor the line
/// where the table first met it, which is another.
#[derive(Clone, Copy, Default)]
pub struct Text {
    text: &'static str,
    /// The first eight bytes, little-endian, zeros behind a shorter text.
    head: u64,
}

/// Bytes that are held inline.
const HEAD: usize = 8;

impl Text {
    /// A piece of a corpus.
    #[must_use]
    #[inline(always)]
    pub const fn from_static(text: &'static str) -> Self {
        Self { text, head: head_of(text.as_bytes()) }
    }

    /// The text.
    #[must_use]
    #[inline(always)]
    pub const fn as_str(self) -> &'static str {
        self.text
    }

    /// Calls `each` for every word: the maximal runs of characters without the Unicode property
    /// `White_Space`.
    ///
    /// One pass over bytes where the text is ASCII, which is nearly always; the standard library's
    /// character classes where it is not. Both give what [`str::split_whitespace`] gives.
    #[inline(always)]
    pub fn for_each_word(self, mut each: impl FnMut(Self)) {
        if !self.text.is_ascii() {
            self.text.split_whitespace().for_each(|word| each(Self::from_static(word)));
            return;
        }
        let bytes = self.text.as_bytes();
        let mut start = 0;
        while start < bytes.len() {
            let end = start + word_length(&bytes[start..]);
            if start < end {
                each(self.part(start, end));
            }
            start = end + 1;
        }
    }

    /// A part of an ASCII text. Its head is cut from eight bytes of the whole where there are so many.
    #[inline(always)]
    fn part(self, start: usize, end: usize) -> Self {
        let text = &self.text[start..end];
        match self.text.as_bytes()[start..].first_chunk::<HEAD>() {
            Some(bytes) => {
                let kept = 8 * (end - start).min(HEAD) as u32;
                let mask = u64::MAX.checked_shr(64 - kept).unwrap_or(0);
                Self { text, head: u64::from_le_bytes(*bytes) & mask }
            }
            None => Self::from_static(text),
        }
    }
}

/// How many bytes of ASCII there are before the first white space.
///
/// Eight at a time: a byte above the space sets its top bit when 0x5f is added, and in ASCII none has
/// it set before. A word's length then falls out of one count of zeros, without the mispredicted
/// branch at each word's end that a loop over bytes has.
#[inline(always)]
fn word_length(bytes: &[u8]) -> usize {
    const TOPS: u64 = 0x8080_8080_8080_8080;
    const LIFT: u64 = 0x5f5f_5f5f_5f5f_5f5f;
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<HEAD>() {
        let low = !u64::from_le_bytes(*eight).wrapping_add(LIFT) & TOPS;
        if low == 0 {
            at += HEAD;
            continue;
        }
        at += low.trailing_zeros() as usize / 8;
        if is_ascii_space(bytes[at]) {
            return at;
        }
        // A control character that separates nothing.
        at += 1;
    }
    let rest = bytes[at..].iter().position(|byte| is_ascii_space(*byte));
    rest.map_or(bytes.len(), |more| at + more)
}

#[inline(always)]
const fn head_of(bytes: &[u8]) -> u64 {
    let (mut head, mut at) = (0, 0);
    while at < HEAD && at < bytes.len() {
        head |= (bytes[at] as u64) << (8 * at);
        at += 1;
    }
    head
}

/// The ASCII part of `White_Space`: tab, line feed, vertical tab, form feed, carriage return, space.
#[inline(always)]
const fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

impl PartialEq for Text {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        self.head == other.head
            && self.text.len() == other.text.len()
            && (self.text.len() <= HEAD
                || self.text.as_bytes()[HEAD..] == other.text.as_bytes()[HEAD..])
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    /// By bytes.
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(other.text)
    }
}

impl Hash for Text {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The length tells apart texts that end in zeros from shorter ones.
        state.write_u64(self.head);
        state.write_u64(self.text.len() as u64);
        if self.text.len() > HEAD {
            state.write(&self.text.as_bytes()[HEAD..]);
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.text, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_dataflow::hash_of;

    fn words(text: &str) -> Vec<&'static str> {
        let text = Text::from_static(Box::leak(text.to_owned().into_boxed_str()));
        let mut found = Vec::new();
        text.for_each_word(|word| {
            assert_eq!(word, Text::from_static(word.as_str()), "the head is right");
            found.push(word.as_str());
        });
        found
    }

    #[test]
    fn equality_order_and_hash_are_those_of_the_text() {
        const ONE: &str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\0\0";
        const TWO: &str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyZ\0\0";
        for length in 0..=30 {
            for start in 0..=24 {
                for (with, at) in [(ONE, start), (TWO, start), (ONE, 0), (TWO, 22)] {
                    for shorter in 0..=length.min(2) {
                        let (a, b) =
                            (&ONE[start..start + length], &with[at..at + length - shorter]);
                        let (x, y) = (Text::from_static(a), Text::from_static(b));
                        assert_eq!(x == y, a == b, "{a:?} {b:?}");
                        assert_eq!(x.cmp(&y), a.cmp(b), "{a:?} {b:?}");
                        assert!(x != y || hash_of(&x) == hash_of(&y), "{a:?} {b:?}");
                    }
                }
            }
        }
        let (a, b) = (Text::from_static("a"), Text::from_static("a\0"));
        assert!(a != b && hash_of(&a) != hash_of(&b));
    }

    #[test]
    fn every_character_separates_or_not_as_unicode_says() {
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            let want: Vec<&str> =
                text.split(char::is_whitespace).filter(|w| !w.is_empty()).collect();
            assert_eq!(words(&text), want, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn edges() {
        for (text, want) in [
            ("", vec![]),
            (" ", vec![]),
            ("one", vec!["one"]),
            ("  one\ttwo\r\n", vec!["one", "two"]),
            ("\u{b}vt\u{c}ff", vec!["vt", "ff"]),
            ("\u{1c}not\u{1f}space", vec!["\u{1c}not\u{1f}space"]),
            ("naïve\u{a0}café", vec!["naïve", "café"]),
            ("exactly8 more-than-eight x", vec!["exactly8", "more-than-eight", "x"]),
        ] {
            assert_eq!(words(text), want, "{text:?}");
        }
    }
}
