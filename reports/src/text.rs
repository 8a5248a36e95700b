//! Text that may come from anybody: a result file can be edited, sent or made up, and its strings go
//! to terminals, pages and charts.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Makes every character that could command a terminal, reorder a line or break an XML document
/// visible as an escape, such as `\u{1b}`. What is left still needs HTML escaping in HTML.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// Control characters, marks that change the direction of text or show nothing, and code points that
/// XML forbids.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns that a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text, cut to so many columns; a cut is marked with `~`, which every terminal has.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let more = c.width().unwrap_or(0);
        if used + more + 1 > columns {
            break;
        }
        used += more;
        out.push(c);
    }
    if columns > 0 {
        out.push('~');
    }
    out
}

/// Breaks a text into lines of at most so many columns, at spaces where there are any. All lines but
/// the first begin with `indent`.
pub(crate) fn wrap(text: &str, columns: usize, indent: &str) -> Vec<String> {
    let columns = columns.max(width(indent) + 8);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut empty = true;
    for word in text.split(' ') {
        let mut word = word.to_owned();
        loop {
            let space = usize::from(!empty);
            if width(&line) + space + width(&word) <= columns {
                if !empty {
                    line.push(' ');
                }
                line.push_str(&word);
                empty = false;
                break;
            }
            if !empty {
                lines.push(std::mem::replace(&mut line, indent.to_owned()));
                empty = true;
                continue;
            }
            // A single word that is longer than a line is cut where the line ends.
            let head = head_of(&word, columns - width(&line));
            line.push_str(head);
            let rest = word[head.len()..].to_owned();
            lines.push(std::mem::replace(&mut line, indent.to_owned()));
            word = rest;
        }
    }
    if !empty {
        lines.push(line);
    }
    lines
}

fn head_of(word: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in word.char_indices() {
        used += c.width().unwrap_or(0);
        // At least one character, or the caller would never end.
        if used > columns && at > 0 {
            return &word[..at];
        }
    }
    word
}

/// A name for files and anchors: letters, digits, `-` and `_`.
pub(crate) fn slug(name: &str) -> String {
    let slug: String = name
        .chars()
        .take(60)
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' })
        .collect();
    if slug.is_empty() { "workload".to_owned() } else { slug }
}

/// The text with a capital at its start.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_characters_become_visible() {
        for (hostile, want) in [
            ("plain text", "plain text"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}cod.exe", "\\u{202e}cod.exe"),
            ("\u{ffff}\0", "\\u{ffff}\\u{0}"),
            ("Zürich 東京", "Zürich 東京"),
        ] {
            assert_eq!(clean(hostile), want);
        }
    }

    #[test]
    fn cutting_and_naming() {
        assert_eq!(fit("microbatch 100ms", 10), "microbatc~");
        assert_eq!(fit("東京都", 4), "東~");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(slug("../../etc/Word Count"), "------etc-word-count");
        assert_eq!(slug(""), "workload");
        assert_eq!(wrap("one two three", 9, "  "), ["one two", "  three"]);
    }

    proptest! {
        #[test]
        fn no_line_is_too_long(text: String, columns in 12usize..120) {
            for line in wrap(&clean(&text), columns, "  ") {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
            prop_assert!(width(&fit(&clean(&text), columns)) <= columns);
        }
    }
}
