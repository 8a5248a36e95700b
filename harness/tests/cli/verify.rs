//! `weir verify --emit` against a count of its own.

use crate::csv;
use crate::process::Place;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Every character with the Unicode property `White_Space`, as of Unicode 16: written out, so that
/// neither the command nor this test is right only because both ask the standard library.
const WHITE_SPACE: [char; 25] = [
    '\u{9}', '\u{a}', '\u{b}', '\u{c}', '\u{d}', '\u{20}', '\u{85}', '\u{a0}', '\u{1680}',
    '\u{2000}', '\u{2001}', '\u{2002}', '\u{2003}', '\u{2004}', '\u{2005}', '\u{2006}', '\u{2007}',
    '\u{2008}', '\u{2009}', '\u{200a}', '\u{2028}', '\u{2029}', '\u{202f}', '\u{205f}', '\u{3000}',
];

/// Words and how often each occurs, sorted by their bytes.
fn count(text: &str) -> BTreeMap<&str, u64> {
    let mut counts = BTreeMap::new();
    let mut begin = None;
    for (at, c) in text.char_indices() {
        if !c.is_whitespace() {
            begin.get_or_insert(at);
        } else if let Some(begin) = begin.take() {
            *counts.entry(&text[begin..at]).or_default() += 1;
        }
    }
    if let Some(begin) = begin {
        *counts.entry(&text[begin..]).or_default() += 1;
    }
    counts
}

/// Runs the command over a text and holds the rows that it writes against our own count.
#[track_caller]
fn check(name: &str, text: &str) {
    let place = Place::new();
    let input = place.file("input.txt", text);
    let emit = place.join("out.csv");
    let fixed = ["verify", "word-count", "--engine", "topology,microbatch", "--input"];
    let mut arguments: Vec<&std::ffi::OsStr> = fixed.iter().map(AsRef::as_ref).collect();
    arguments.extend([input.as_os_str(), "--emit".as_ref(), emit.as_os_str()]);
    let said = place.weir(arguments).ok();
    assert!(said.lines().count() >= 2 && said.lines().all(|line| line.contains(" ok ")), "{said}");
    let rows = csv::read(&std::fs::read(&emit).expect("rows")).expect("RFC 4180");
    let want = count(text);
    assert_eq!(rows.len(), want.len(), "{name}");
    for (row, (word, count)) in rows.iter().zip(&want) {
        assert_eq!(*row, [(*word).to_owned(), count.to_string()], "{name}");
    }
    assert_eq!(place.names(), ["input.txt", "out.csv"], "nothing else is left behind");
}

#[test]
fn white_space_is_what_unicode_says() {
    let found: Vec<char> = ('\0'..=char::MAX).filter(|c| c.is_whitespace()).collect();
    assert_eq!(found, WHITE_SPACE);
}

#[test]
fn rows_equal_an_independent_count() {
    let spaced: String = WHITE_SPACE.iter().map(|c| format!("a{c}b{c}{c}\u{e9}t\u{e9}")).collect();
    // Look like white space and are none: separators of ASCII, zero-width ones, Hangul filler, BOM.
    let unspaced =
        "a\u{1c}b a\u{1f}b a\u{200b}b a\u{200d}b a\u{2060}b a\u{3164}b a\u{feff}b \u{180e}";
    let quoted = "say \"yes\" , \"\" a,b \"c\",\"d\" ,,, \"\"\" 'e' =1+1 \\ ; a|b";
    let real = include_str!("../../../workloads/data/sherlock.txt");
    let rows: &[(&str, &str)] = &[
        ("every white space", &spaced),
        ("white space at the ends", &format!("{spaced}{}", WHITE_SPACE.iter().collect::<String>())),
        ("no white space", unspaced),
        ("quotes and commas", quoted),
        ("empty", ""),
        ("a line feed", "\n"),
        ("only white space", " \t\r\n\n\u{a0}\u{2003}\r\n \u{3000}"),
        ("CRLF", "one two\r\ntwo three\r\n"),
        ("lone CR", "one\rtwo\r\rthree\r"),
        ("CR CR LF", "one\r\r\ntwo\r"),
        ("no final newline", "one two\ntwo"),
        ("one word", "word"),
        ("BOM", "\u{feff}one two\n\u{feff}one one\n"),
        ("NUL", "a\0b \0 \0\0 a\0b\n\0"),
        ("other control characters", "\u{1}\u{7f} \u{1b}[31m \u{8}"),
        ("composed and not", "\u{e9} e\u{301} \u{e9}"),
        ("beyond the first plane", "\u{1f30a} \u{1f30a}\u{1f30a} \u{10ffff} \u{1f30a}"),
        ("byte order, not alphabet", "b B a A \u{e4} z \u{ff} \u{100} \u{ffff} \u{10000}"),
        ("real text", real),
        ("real text with CRLF", &real.replace('\n', "\r\n")),
        ("real text on one line", &real.replace('\n', " ")),
    ];
    for (name, text) in rows {
        check(name, text);
    }
}

#[test]
fn a_line_of_50_megabytes() {
    // One record that becomes about eight million.
    const BYTES: usize = 50 << 20;
    let mut line = String::with_capacity(BYTES + 64);
    let mut number = 0u64;
    while line.len() < BYTES {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (word, space) = (number >> 52, WHITE_SPACE[(number >> 40) as usize % 25]);
        // All but the characters that would end the line.
        let space = if space == '\n' { ' ' } else { space };
        let _ = write!(line, "w{word}{space}");
    }
    check("50 MB", &line);
}

#[test]
fn a_million_distinct_words() {
    let mut text = String::new();
    for number in 0..1_000_000u32 {
        // An odd multiplier permutes: no word comes twice, and none in order.
        let end = if number % 10 == 9 { '\n' } else { ' ' };
        let _ = write!(text, "{:x}{end}", number.wrapping_mul(0x9E37_79B1));
    }
    assert_eq!(count(&text).len(), 1_000_000);
    check("a million words", &text);
}

#[test]
fn other_workloads_write_their_rows() {
    let place = Place::new();
    let input = place.file("input.txt", "to be or not to be that is the question\n".repeat(500));
    let input = input.to_str().expect("a plain path");
    for (workload, columns) in [("word-count", 2), ("stateful", 2), ("windowed", 3)] {
        let engines = ["topology", "microbatch", "trident", "oracle", "loop"];
        let emit = |engine: &str| {
            let out = place.join("rows.csv");
            let out = out.to_str().expect("a plain path");
            let arguments = ["verify", workload, "--engine", engine, "--input", input];
            place
                .weir(arguments.into_iter().chain(["--window=2ms", "--slide=1ms", "--emit", out]))
                .ok();
            std::fs::read(out).expect("rows")
        };
        let files: Vec<Vec<u8>> = engines.iter().map(|engine| emit(engine)).collect();
        let rows = csv::read(&files[0]).expect("RFC 4180");
        assert!(!rows.is_empty() && rows.iter().all(|row| row.len() == columns), "{rows:?}");
        for (engine, file) in engines.iter().zip(&files) {
            assert!(*file == files[0], "{workload}: the rows of {engine} differ");
        }
    }
}

#[test]
fn every_workload_takes_an_empty_file() {
    let place = Place::new();
    for text in ["", "\n", " \u{a0}\n"] {
        let input = place.file("input.txt", text);
        let input = input.to_str().expect("a plain path");
        let said = place.weir(["verify", "--input", input]).ok();
        assert!(said.lines().all(|line| line.contains(" ok ")), "{text:?}: {said}");
    }
}
