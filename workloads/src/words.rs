//! Words: what lies between Unicode `White_Space`.

use crate::Text;
use weir_dataflow::{Emit, Transform};

/// Calls `each` for every word of `text`: the maximal runs of characters without the Unicode property
/// `White_Space`.
///
/// One pass over bytes where the text is ASCII, which is nearly always; the standard library's
/// character classes where it is not. Both give what [`str::split_whitespace`] gives.
#[inline(always)]
pub fn for_each_word<'a>(text: &'a str, mut each: impl FnMut(&'a str)) {
    if !text.is_ascii() {
        text.split_whitespace().for_each(each);
        return;
    }
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte <= b' ' && is_ascii_space(byte) {
            if start < at {
                each(&text[start..at]);
            }
            start = at + 1;
        }
    }
    if start < bytes.len() {
        each(&text[start..]);
    }
}

/// The ASCII part of `White_Space`: tab, line feed, vertical tab, form feed, carriage return, space.
#[inline(always)]
const fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// Lines into words.
#[derive(Clone, Copy, Debug, Default)]
pub struct SplitWords;

impl Transform for SplitWords {
    type In = Text;
    type Out = Text;
    #[inline(always)]
    fn apply(&mut self, line: Text, out: &mut impl Emit<Text>) {
        for_each_word(line.as_str(), |word| out.emit(Text::from_static(word)));
    }
    fn label(&self) -> String {
        "split".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        for_each_word(text, |word| found.push(word));
        found
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
        ] {
            assert_eq!(words(text), want, "{text:?}");
        }
    }
}
